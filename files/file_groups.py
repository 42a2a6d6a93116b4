"""Which files of a folder hold one lens: an image with its noise map, mask or PSF beside it, or a file a band."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from ..errors import DataError
from .parts import role_of_file
from .roles import COMPANIONS, FILTER, KINDS, band_of
from .suffixes import FITS, data_files, has_suffix, stem, visible

WORDS = sorted({word for kind in ("image", "psf", *COMPANIONS) for word in KINDS[kind]}, key=len, reverse=True)
ROLE = re.compile(
    r"(?<![A-Za-z0-9])(NOISE_MAP|WEIGHT_MAP|RMS_MAP|INV_VAR|LENS_LIGHT|BAD_PIX(?:ELS?)?|VAR_POISSON|VAR_RNOISE|VAR_FLAT|"
    + "|".join(WORDS)
    + r")(?![A-Za-z0-9])",
    re.IGNORECASE,
)
SHOWN = 5  # suffixes that are counted one by one
SPLITS = ("train", "training", "val", "valid", "validation", "dev", "test", "testing")  # folders that are no classes


class LensFiles(NamedTuple):
    """The files of one lens."""

    name: str
    files: tuple[Path, ...]


def lenses_of(folder, bands=1):
    """The list of `LensFiles` of a folder, by name, and the paths of what lies there and is not read.

    Files belong together if their names differ in one word that says what they are, such as a_sci.fits and a_wht.fits,
    or a.fits and a.weight.fits; for several bands also if they differ in the band, such as a_g.fits and a_r.fits. A
    sub-folder with an image.fits or data.fits, noise_map.fits and so on is one lens of the sub-folder's name, and so is
    the folder itself. Companions without an image are lenses of their own, for the reader to refuse.

    bands: how many bands are wanted, or their names. Raises: DataError if there is no folder or no FITS file.
    """
    folder = Path(folder).expanduser()
    inner = _lens_folders(folder) if folder.is_dir() else []
    try:
        paths = data_files(folder, FITS, "FITS cut-outs of lenses")
    except DataError:
        if not inner:
            raise
        paths = []
    found = group(paths, folder.resolve().name, bands) + inner
    read = {path for lens in found for path in lens.files} | {path.parent for lens in inner for path in lens.files}
    others = [path for path in visible(folder) if path not in read] if folder.is_dir() else []
    return sorted(found, key=lambda lens: lens.files[0]), others


def counted(paths):
    """Paths in words, a count of each suffix: "3 .csv, 1 folder"; "nothing" without any."""
    kinds = Counter("folder" if path.is_dir() else "".join(path.suffixes[-2:]).lower() or "no suffix" for path in paths)
    named = [f"{n} {kind}" for kind, n in kinds.most_common(SHOWN)]
    return ", ".join(named + (["..."] if len(kinds) > SHOWN else [])) or "nothing"


def _lens_folders(folder):
    """A `LensFiles` for each sub-folder whose FITS files are one lens."""
    out = []
    for inner in visible(folder):
        if inner.is_dir() and not has_suffix(inner, FITS):
            try:
                paths = [path for path in visible(inner) if has_suffix(path, FITS)]
            except OSError:
                continue
            lenses = group(paths, inner.name)
            if len(lenses) == 1:
                out.append(LensFiles(inner.name, lenses[0].files))
    return out


def group(paths, folder_name, bands=1):
    """The list of `LensFiles` that files make up. folder_name: of a lens whose files are called data.fits and so on."""
    bases = {path: _base(path) for path in paths}
    together = {}
    for path in paths:
        together.setdefault(bases[path].lower(), []).append(path)
    out = []
    for members in together.values():
        kinds = [role_of_file(path)[0] for path in members]
        images = [kind for kind in kinds if kind not in (*COMPANIONS, "psf")]
        if len(members) > 1 and 0 < len(images) < len(members):
            out.append(LensFiles(bases[members[0]] or folder_name, tuple(members)))
        else:
            out += [LensFiles(stem(path), (path,)) for path in members]
    several = bands if isinstance(bands, int) else len(bands)
    return out if several == 1 else _with_bands(out, () if isinstance(bands, int) else bands)


def _base(path):
    """A file's name without its suffix and the word that says what it is; the whole name if it has none."""
    name = stem(path)
    found = list(ROLE.finditer(name))
    if not found or not role_of_file(path)[0]:
        return name
    start, end = found[-1].span()
    left, right = name[:start].rstrip(" ._-"), name[end:].lstrip(" ._-")
    return "_".join(filter(None, (left, right)))


def _with_bands(lenses, names):
    """Lenses whose names differ only in the band at the end, or at the start, as one."""
    own = {band_of(name) for name in names}
    together = {}
    for lens in lenses:
        name = lens.name if len(lens.files) > 1 else _base(lens.files[0])
        words = re.split(r"[ ._-]", name)
        at = next((k for k in (-1, 0) if words[k].upper() in own or FILTER.fullmatch(words[k].upper())), None)
        if at is None or len(words) == 1:
            together[lens.name, None] = [lens]
        else:
            start = name[: -len(words[-1])] if at else name[len(words[0]) :]
            together.setdefault((start.strip(" ._-"), "band"), []).append(lens)
    return [
        LensFiles(base if len(members) > 1 else members[0].name, tuple(path for lens in members for path in lens.files))
        for (base, _), members in together.items()
    ]
