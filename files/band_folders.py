"""Folders of bands: in each the files of all systems, by number, as in the Lens Finding Challenge."""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from ..errors import DataError
from . import image_files
from .image_sets import ImageSet, facts, look_at
from .roles import role_of
from .suffixes import FITS, has_suffix, stem

NUMBER = re.compile(r"(.*?)[-_.]?(\d+)$")
BAND = re.compile(r"band[-_ ]?\d+", re.IGNORECASE)
SHOWN = 3


@dataclass(frozen=True)
class ReadBands:
    """Reads system by system, a file a band; goes into other processes."""

    sources: tuple  # of each system a tuple of `image_files.Source`

    def __call__(self, index):
        return np.concatenate([image_files.read(source, 0) for source in self.sources[index]])[None]


def recognise(place):
    """The `ImageSet` of two or more folders of bands, or None for any other `dataset_layouts.Contents`.

    Bands with pixels of another size than the first's are left out, which is said. Raises: DataError if a system
    lacks a band, naming the first ones.
    """
    folders = {}
    for path in place.images:
        found = NUMBER.fullmatch(stem(path))
        if not has_suffix(path, FITS) or path.parent == place.path or found is None:
            return None
        folders.setdefault(path.parent, {})[found[2]] = path
    bands = {folder: _band(folder, files) for folder, files in folders.items()}
    if len(folders) < 2 or len({folder.parent for folder in folders}) > 1 or None in bands.values():
        return None
    first = next(iter(folders.values()))
    for folder, files in folders.items():
        odd = sorted(set(first) ^ set(files))
        if odd:
            raise DataError(
                f"{place.path}: {len(odd):,} systems are not in all folders of bands, e.g. {', '.join(odd[:SHOWN])} "
                f"({folder.name} differs from the first)"
            )
    numbers = sorted(first, key=int)
    looked = {folder: look_at([files[number] for number in numbers]) for folder, files in folders.items()}
    shapes = {
        folder: Counter(s.layout[2:4] for s in sources).most_common(1)[0][0] for folder, sources in looked.items()
    }
    finest = max(shapes.values())
    used = [folder for folder, shape in shapes.items() if shape == finest]
    coarse = [folder.name for folder in folders if folder not in used]
    height, width = finest
    _, scale = facts(looked[used[0]][0])
    names = tuple(bands[folder] for folder in used)
    coarser = [f"{', '.join(coarse)}: not read, as its pixels are not those of {used[0].name}"] if coarse else []
    return ImageSet(
        path=place.path,
        kind="folders of bands",
        what=f"a folder for each of {len(folders)} bands, with a FITS file a system, as in the Lens Finding Challenge",
        names=[first[number].relative_to(place.path).as_posix() for number in numbers],
        views=1,
        bands=names,
        height=height,
        width=width,
        read=ReadBands(tuple(zip(*(looked[folder] for folder in used), strict=True))),
        pixel_scale=scale,
        notes=(*place.notes, *coarser),
    )


def _band(folder, files):
    """The name of the band of a folder, or None if it does not look like one."""
    if BAND.fullmatch(folder.name):
        words = {NUMBER.fullmatch(stem(path))[1] for path in files.values()}
        band = role_of(words.pop()).band if len(words) == 1 else ""
        return band or folder.name
    return role_of(folder.name).band or None
