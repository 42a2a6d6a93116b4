"""Whether a folder of training images is still the one that a training began with: noticed without reading it all."""

import hashlib
import json
import os
import zlib
from pathlib import Path

from ..errors import DataError

SAMPLED_FILES = 32  # files of which some bytes are read, spread evenly over the sorted names
SAMPLES = 96  # pieces that are read in all, at least three of a file
PIECE = 4096  # bytes


def facts_of(images):
    """What is remembered of the images of an `ssl.folder.ImageFolder`, as JSON values.

    Names and sizes of all files, and a checksum of some bytes of a few of them: so a file that was added, removed,
    renamed or cut is noticed, as are images that were processed anew; one changed value among many may not be.

    Raises: DataError for a file that cannot be read any more.
    """
    try:
        files = [file for path in images.paths for file in _files_of(path)]
        sizes = [file.stat().st_size for file in files]
        names = [os.path.relpath(file, images.root) for file in files]
        return {
            "files": len(files),
            "images": len(images),
            "bytes": sum(sizes),
            "names": _digest(sorted(names)),
            "sizes": _digest(sorted(zip(names, sizes, strict=True))),
            "content": _checksum(list(zip(files, sizes, strict=True))),
        }
    except OSError as error:
        raise DataError(f"pretrain.data.path: {error.filename} cannot be read ({error.strerror})") from None


def difference(then, now):
    """In words, the first thing in which two folders differ by their `facts_of`; "" if they are the same."""
    for what in ("files", "images"):
        if then[what] != now[what]:
            return f"{now[what]} {what}, were {then[what]}"
    if then["names"] != now["names"]:
        return f"{now['files']} files as before, but not of the same names"
    if then["sizes"] != now["sizes"]:
        return f"files of the same names, but of other sizes ({now['bytes']} bytes in all, were {then['bytes']})"
    if then["content"] != now["content"]:
        return "files of the same names and sizes, but with other content"
    return ""


def refusal(path, then, now):
    """Why a training does not go on, in a sentence; "" if its images are the same.

    path: of the folder. then: `facts_of` the folder when the training began, None if they are not known. now: of it.
    """
    differing = difference(then, now) if then else ""
    if not differing:
        return ""
    return (
        f"pretrain.data.path: {path} is not as it was when the training began: {differing}; put it back, or use "
        "--overwrite to start again, or name=... for a run of its own"
    )


def _files_of(path):
    """The file, or those of a Zarr group."""
    path = Path(path)
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def _digest(values):
    return hashlib.sha256(json.dumps(values).encode(errors="surrogateescape")).hexdigest()[:16]


def _checksum(files):
    """Of pieces of some files; files: pairs (path, bytes)."""
    chosen = [files[k * len(files) // SAMPLED_FILES] for k in range(SAMPLED_FILES)]
    chosen = list(dict.fromkeys(chosen))
    pieces, found = max(3, SAMPLES // max(len(chosen), 1)), 0
    for path, size in chosen:
        with open(path, "rb") as file:
            for k in range(pieces):
                file.seek(max(0, size - PIECE) * k // (pieces - 1))
                found = zlib.crc32(file.read(PIECE), found)
    return found
