"""Image files: which there are in a folder, what each holds, and one image read from them.

Files are data and nothing else: none is ever unpickled.
"""

import shutil
import warnings
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from ..errors import DataError

KINDS = {
    "npy": (".npy",),
    "npz": (".npz",),
    "FITS": (".fits", ".fit", ".fits.gz", ".fit.gz"),
}
ZARR = "Zarr v3 group with an array images"
MAX_BANDS = 13  # of Sentinel-2, which nobody exceeds: an axis that is longer counts images, or pixels
SMALLEST = 8  # pixels along an edge


class Layout(NamedTuple):
    """What the axes of an array of images are."""

    stack: tuple  # lengths of the leading axes, which count images: (), (n,) or (n, views)
    bands: int
    height: int
    width: int
    bands_last: bool

    @property
    def count(self):
        """Images in the array; each view is one."""
        return int(np.prod(self.stack, dtype=int))


@dataclass(frozen=True)
class Source:
    """Where images are read from."""

    path: Path
    kind: str  # of KINDS, or ZARR
    place: object  # the name of the array in an .npz, the number of the HDU, the open array of a Zarr group
    layout: Layout


def find(root):
    """The image files and Zarr groups below a folder (or the group that it is), sorted, as (path, class or None).

    The class is the name of the sub-folder of `root`. Names that begin with a dot are left out.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"pretrain.data.path: there is no folder {root}")
    found = [root] if _is_zarr(root) else list(_walk(root, {root.resolve()}))
    if not found:
        endings = ", ".join(e for endings in KINDS.values() for e in endings)
        raise DataError(f"pretrain.data.path: {root} holds no image; expected files in {endings} or a {ZARR}")
    parts = [path.relative_to(root).parts for path in found]
    return [(path, names[0] if len(names) > 1 else None) for path, names in zip(found, parts, strict=True)]


def _walk(folder, seen):
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and not _is_zarr(path):
            if path.resolve() not in seen:  # links may lead in circles
                yield from _walk(path, seen | {path.resolve()})
        elif path.is_dir() or _kind(path):
            yield path


def _is_zarr(path):
    return (path / "zarr.json").is_file()


def _kind(path):
    return next((kind for kind, endings in KINDS.items() if path.name.lower().endswith(endings)), None)


def look(path):
    """The `Source` of a file, from its header alone. Raises: DataError if it holds no image, or Python objects."""
    kind, header = (ZARR, path / "images" / "zarr.json") if path.is_dir() else (_kind(path), path)
    try:
        state = header.stat()
    except OSError as error:
        raise _unreadable(path, kind, error) from None
    return _look(path, kind, (state.st_mtime_ns, state.st_size))


@lru_cache(maxsize=1_000_000)  # a training opens its folder several times, and a header may take a millisecond
def _look(path, kind, state):
    try:
        place, shape, dtype = _HEADERS[kind](path)
    except Exception as error:  # broken files raise anything from OSError to zlib's own
        raise _unreadable(path, kind, error) from None
    if dtype.hasobject:
        raise DataError(f"{path}: holds Python objects (a pickle), which are never opened; save plain numbers")
    if dtype.kind not in "fiub":
        raise DataError(f"{path}: holds {dtype}, expected real numbers")
    layout = layout_of(shape)
    if layout is None:
        raise DataError(
            f"{path}: an array of shape {tuple(shape)} is no image; expected (height, width), (bands, height, width), "
            f"(height, width, bands) or a stack of these, of {SMALLEST} pixels or more and at most {MAX_BANDS} bands"
        )
    return Source(path, kind, place, layout)


def layout_of(shape):
    """`Layout` of an array: (h, w), (bands, h, w), (h, w, bands), (n, h, w), (n, bands, h, w), (n, h, w, bands) or
    (n, views, bands, h, w); None if it is none of them. Of several readings the first counts, e.g. 3 planes are bands.
    """
    stack, rest = (), tuple(shape)
    if len(rest) > 3 or (len(rest) == 3 and min(rest[0], rest[2]) > MAX_BANDS):
        axes = max(1, len(rest) - 3)
        stack, rest = rest[:axes], rest[axes:]
    if len(rest) == 2:
        rest = (1, *rest)
    if len(rest) != 3 or len(stack) > 2:
        return None
    bands_last = rest[0] > MAX_BANDS
    bands, height, width = (rest[2], *rest[:2]) if bands_last else rest
    if not 1 <= bands <= MAX_BANDS or min(height, width) < SMALLEST or not all(stack):
        return None
    return Layout(stack, bands, height, width, bands_last)


def read(source, number, unpacked=None):
    """Image `number` of a source: float32 (bands, height, width), native; pixels that are not finite are NaN.

    unpacked: path of `unpack`, to be read instead of an .npz archive. Raises: DataError for a damaged file.
    """
    layout = source.layout
    index = tuple(int(i) for i in np.unravel_index(number, layout.stack)) if layout.stack else ()
    try:
        with _opened(source, unpacked) as array, np.errstate(over="ignore"):
            image = np.array(array[(*index, ...)], dtype=np.float32)
    except Exception as error:  # as above
        raise _unreadable(source.path, source.kind, error) from None
    if image.ndim == 2:
        image = image[None]
    elif layout.bands_last:
        image = np.ascontiguousarray(np.moveaxis(image, -1, 0))
    image[~np.isfinite(image)] = np.nan
    return image


def unpack(source, path):
    """Copy the array of an .npz to an .npy file, of which single images can be read."""
    try:
        with zipfile.ZipFile(source.path) as archive, archive.open(source.place) as packed, open(path, "wb") as plain:
            shutil.copyfileobj(packed, plain, 1 << 20)
    except Exception as error:  # as above
        raise _unreadable(source.path, source.kind, error) from None


@contextmanager
def _opened(source, unpacked):
    """An object that gives arrays when indexed, without reading more than that where the format allows it."""
    if source.kind == "FITS":
        with fits.open(source.path, memmap=False) as hdus:
            yield hdus[source.place].section
    elif source.kind == ZARR:
        yield source.place
    elif source.kind == "npz" and unpacked is None:
        with np.load(source.path, allow_pickle=False) as archive:
            yield archive[source.place.removesuffix(".npy")]
    else:
        yield np.load(unpacked or source.path, mmap_mode="r", allow_pickle=False)


def _npy_header(path):
    with open(path, "rb") as file:
        shape, dtype = _array_header(file)
        if not dtype.hasobject and file.tell() + dtype.itemsize * np.prod(shape, dtype=int) > path.stat().st_size:
            raise ValueError("it was cut short")
    return "", shape, dtype


def _npz_header(path):
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.endswith(".npy")]
        chosen = next((n for n in ("images.npy", "image.npy") if n in names), names[0] if names else None)
        if chosen is None:
            raise ValueError("it holds no array")
        with archive.open(chosen) as file:
            return chosen, *_array_header(file)


def _array_header(file):
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(file)
    if version not in readers:  # the third is for names of columns, which images do not have
        raise ValueError(f"version {version} is not for images")
    shape, _, dtype = readers[version](file)
    return shape, dtype


def _fits_header(path):
    with warnings.catch_warnings(action="ignore", category=AstropyWarning), fits.open(path, memmap=False) as hdus:
        for number, hdu in enumerate(hdus):
            if hdu.is_image and len(hdu.shape) and np.prod(hdu.shape):
                plain = not isinstance(hdu, fits.CompImageHDU) and not path.name.lower().endswith(".gz")
                if plain and hdu.fileinfo()["datLoc"] + hdu.size > path.stat().st_size:
                    raise ValueError("it was cut short")
                return number, hdu.shape, np.dtype(float)
    raise ValueError("it holds no image")


def _zarr_header(path):
    import zarr  # takes half a second, which those without a Zarr group need not wait for

    # Version 2 could name pickle as a codec.
    images = zarr.open_group(str(path), mode="r", zarr_format=3)["images"]
    if not isinstance(images, zarr.Array):
        raise TypeError("images is no array")
    return images, images.shape, images.dtype


_HEADERS = {"npy": _npy_header, "npz": _npz_header, "FITS": _fits_header, ZARR: _zarr_header}


def _unreadable(path, kind, error):
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return DataError(f"{path}: cannot be read as {kind} ({reason})")
