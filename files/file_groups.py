"""Which files of a folder hold one lens: an image with its noise map, mask or PSF beside it, or a file a band."""

import os
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from ..errors import DataError
from .paths import usable
from .roles import FILTER, KINDS, band_of, role_of
from .suffixes import FITS, data_files, has_suffix, stem, visible

WORDS = sorted({word for words in KINDS.values() for word in words}, key=len, reverse=True)
ROLE = re.compile(
    r"(?<![A-Za-z0-9])(NOISE_MAP|WEIGHT_MAP|RMS_MAP|INV_VAR|LENS_LIGHT|BAD_PIX(?:ELS?)?|VAR_POISSON|VAR_RNOISE|VAR_FLAT|"
    + "|".join(WORDS)
    + r")(?![A-Za-z0-9])",
    re.IGNORECASE,
)
PRODUCT = re.compile(r"[ ._-](DRZ|DRC|DRW|I2D|FLT|FLC|COADD|MOSAIC)$", re.IGNORECASE)  # ends of an image's own name
SHOWN = 5  # suffixes that are counted one by one
SPLITS = ("train", "training", "val", "valid", "validation", "dev", "test", "testing")  # folders that are no classes


class LensFiles(NamedTuple):
    """The files of one lens."""

    name: str
    files: tuple[Path, ...]


def lenses_of(images, bands=1):
    """The list of `LensFiles` of a folder, of a file, or of a list of both; and the paths of what lies there, not read.

    Files that are named one by one belong together as those of a folder do. Raises: DataError as `lenses_in`, and for a
    file that is not there or no FITS file.
    """
    places = [usable(p) for p in (images if isinstance(images, list | tuple) else [images])]
    folders = [p for p in places if p.is_dir() or (len(places) == 1 and not has_suffix(p, FITS))]
    named = [p for p in dict.fromkeys(places) if p not in folders]
    for path in named:
        if not path.exists():
            raise DataError(f"There is no file {path}: expected a FITS cut-out of a lens, or a folder of them.")
        if not has_suffix(path, FITS):
            raise DataError(f"{path} does not end in {', '.join(FITS)}: expected a FITS cut-out of a lens.")
    found = group(named, named[0].resolve().parent.name, bands) if named else []
    others = []
    for folder in dict.fromkeys(folders):
        inside, beside = lenses_in(folder, bands)
        found, others = found + inside, others + beside
    return found, [path for path in others if path not in named]


def lenses_in(folder, bands=1):
    """The list of `LensFiles` of a folder, by name, and the paths of what lies there and is not read.

    Files belong together if their names differ in one word that says what they are, such as a_sci.fits and a_wht.fits,
    or a.fits and a.weight.fits, or a_drz.fits and a_wht.fits; for several bands also if they differ in the band, such
    as a_g.fits and a_r.fits. A sub-folder with an image.fits or data.fits, noise_map.fits and so on is one lens of the
    sub-folder's name, and so is the folder itself; a sub-folder with one image is a lens, too, unless images lie beside
    it. Companions without an image are lenses of their own, for the reader to refuse.

    bands: how many bands are wanted, or their names. Raises: DataError if there is no folder or no FITS file.
    """
    folder = usable(folder)
    inner = _lens_folders(folder, bands) if folder.is_dir() else []
    try:
        paths = data_files(folder, FITS, "FITS cut-outs of lenses, or a sub-folder with the files of each lens")
        inner = [lens for lens in inner if len(lens.files) > 1]
    except DataError:
        if not inner:
            raise
        paths = []
    found = group(paths, folder.resolve().name, bands) + inner
    read = {path for lens in found for path in lens.files} | {path.parent for lens in inner for path in lens.files}
    others = [path for path in visible(folder) if path not in read] if folder.is_dir() else []
    return sorted(found, key=lambda lens: lens.files[0]), others


def name_of(images):
    """A name for some images: that of their folder, or of a single file (or the first of several folders' files)."""
    paths = [usable(path).resolve() for path in (images if isinstance(images, list | tuple) else [images])]
    together = len(paths) > 1 and len({path.parent for path in paths}) == 1
    first = paths[0].parent if together and paths[0].is_file() and paths[0].parent.name else paths[0]
    return first.name if first.is_dir() else stem(first)


def in_words(images):
    """Images as a sentence names them: "my_lenses", or "a.fits and 3 more"."""
    images = list(images) if isinstance(images, list | tuple) else [images]
    return str(images[0]) + (f" and {len(images) - 1} more" if len(images) > 1 else "")


def counted(paths):
    """Paths in words, a count of each suffix: "3 .csv, 1 folder"; "nothing" without any."""
    kinds = Counter(
        "folder" if os.path.isdir(path) else "".join(path.suffixes[-2:]).lower() or "no suffix" for path in paths
    )
    named = [f"{n} {kind}{'s' * (kind == 'folder' and n > 1)}" for kind, n in kinds.most_common(SHOWN)]
    return ", ".join(named + (["..."] if len(kinds) > SHOWN else [])) or "nothing"


def _lens_folders(folder, bands):
    """A `LensFiles` for each sub-folder whose FITS files are one lens."""
    out = []
    for inner in visible(folder):
        if inner.is_dir() and not has_suffix(inner, FITS) and role_of(inner.name).kind in ("", "image"):
            try:
                paths = [path for path in visible(inner) if has_suffix(path, FITS)]
            except OSError:
                continue
            lenses = group(paths, inner.name, bands)
            if len(lenses) == 1:
                out.append(LensFiles(inner.name, lenses[0].files))
    return out


def group(paths, folder_name, bands=1):
    """The list of `LensFiles` that files make up. folder_name: of a lens whose files are called data.fits and so on."""
    images = {path for path in paths if _is_image(path)}
    together = {}
    for path in paths:
        together.setdefault(PRODUCT.sub("", _base(path)).lower(), []).append(path)
    if len(images) == 1 and any(_base(path) == "" for path in paths):
        together = {"": list(paths)}  # noise_map.fits belongs to the only image, whatever that is called
    out = []
    for members in together.values():
        first = next((path for path in members if path in images), None)
        if first is not None and any(path not in images for path in members):
            out.append(LensFiles(_base(first) or folder_name, tuple(members)))
        else:
            out += [LensFiles(stem(path), (path,)) for path in members]
    several = bands if isinstance(bands, int) else len(bands)
    return out if several == 1 else _with_bands(out, () if isinstance(bands, int) else bands, folder_name)


def _is_image(path):
    """Whether a file's name does not say that it is something else than an image."""
    return role_of(stem(path)).kind in ("", "image")


def _base(path):
    """A file's name without its suffix and the word that says what it is; the whole name if it has none."""
    name = stem(path)
    found = list(ROLE.finditer(name))
    if not found or not role_of(name).kind:
        return name
    start, end = found[-1].span()
    left, right = name[:start].rstrip(" ._-"), name[end:].lstrip(" ._-")
    return "_".join(filter(None, (left, right)))


def _with_bands(lenses, names, folder_name):
    """Lenses whose names differ only in the band, at the end, at the start or within, as one."""
    own = {band_of(name) for name in names}
    together = {}
    for lens in lenses:
        name = lens.name if len(lens.files) > 1 else _base(lens.files[0])
        words = re.split(r"([ ._-])", name)  # with what lies between them
        places = [len(words) - 1, 0, *range(len(words) - 3, 0, -2)]
        at = next((k for k in places if words[k].upper() in own or FILTER.fullmatch(words[k].upper())), None)
        if at is None:
            together[lens.name, None] = [lens]
        else:
            left, right = "".join(words[:at]).strip(" ._-"), "".join(words[at + 1 :]).strip(" ._-")
            together.setdefault(("_".join(filter(None, (left, right))), "band"), []).append(lens)
    out = []
    for (base, _), members in together.items():
        files = tuple(path for lens in members for path in lens.files)
        out.append(LensFiles((base or folder_name) if len(members) > 1 else members[0].name, files))
    return out
