"""Pairs of LenSiam (Chang+ 2023): FITS cubes of two images of a lens with two sources, labels in the header."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from . import fits
from .image_sets import ImageSet, look_at, split_numbers
from .pixel_scale import header_pixel_scale, number
from .suffixes import FITS, has_suffix
from .units import rate_factor
from .unreadable import Unreadable
from .values import is_padding, without_absurd

KIND = "LenSiam pairs"
SMALLEST = 8  # pixels along an edge
NAMES = (  # labels that may stand in a header, whose keys know no small letters
    *("theta_E", "gamma", "e1", "e2", "center_x", "center_y", "gamma1", "gamma2", "z_lens", "z_source"),
    *("source_x", "source_y", "R_sersic", "n_sersic", "mag", "sigma_v", "seed", "index"),
)
LABELS = {name.upper(): name for name in NAMES}
OF_A_LENS = ("THETA_E", "E1", "E2", "GAMMA")  # one of these tells a pair from a cube of two bands


class Pair(NamedTuple):
    """A file of a pair."""

    path: object
    hdu: int
    last: bool  # the views are the last axis
    shape: tuple  # (height, width)
    labels: dict[str, float]
    headers: tuple


@dataclass(frozen=True)
class ReadPairs:
    """Reads pair by pair; goes into other processes."""

    places: tuple  # (path, hdu, last, factor)

    def __call__(self, index):
        path, hdu, last, factor = self.places[index]
        cube = np.array(fits.read(path, hdu)[0], dtype=float)
        cube = without_absurd(np.moveaxis(cube, -1, 0) if last else cube)
        for image in cube:
            image[is_padding(image)] = np.nan
        with np.errstate(over="ignore"):
            return (cube * factor).astype(np.float32)[:, None]


def recognise(place):
    """The `ImageSet` of a folder of pairs, or None for any other `dataset_layouts.Contents`."""
    if not place.images or not all(has_suffix(path, FITS) for path in place.images):
        return None
    try:
        first = look(place.images[0])
    except DataError:
        return None
    pairs = look_at(place.images, look)
    shapes = {pair.shape: pair.path for pair in pairs}
    if len(shapes) > 1:
        (one, of), (two, other) = list(shapes.items())[:2]
        raise DataError(f"{place.path}: pairs of one shape are expected; {of.name} has {one}, {other.name} has {two}")
    names = [pair.path.name if place.path.is_file() else pair.path.relative_to(place.path).as_posix() for pair in pairs]
    known = list(dict.fromkeys(name for pair in pairs for name in pair.labels))
    labels = {name: np.array([pair.labels.get(name, np.nan) for pair in pairs]) for name in known}
    try:
        scale = header_pixel_scale(first.headers)
    except DataError:
        scale = None
    height, width = first.shape
    return ImageSet(
        path=place.path,
        kind=KIND,
        what=f"pairs of LenSiam: FITS cubes of two {height} x {width} images of one lens with two sources",
        names=names,
        views=2,
        bands=("",),
        height=height,
        width=width,
        read=ReadPairs(tuple((p.path, p.hdu, p.last, rate_factor(p.headers)) for p in pairs)),
        pixel_scale=scale,
        labels=labels,
        splits=split_numbers(names),
        notes=tuple(place.notes),
    )


def look(path):
    """The `Pair` of a file, from its header. Raises: DataError if it holds no such cube, or no label."""
    images = [image for image in fits.look(path) if len(image.shape) == 3]
    if not images:
        raise Unreadable(path, "a pair of LenSiam", "it holds no cube of two images")
    image = images[0]
    if 2 not in (image.shape[0], image.shape[2]) or min(sorted(image.shape)[1:]) < SMALLEST:
        raise Unreadable(path, "a pair of LenSiam", f"its shape {image.shape} is no cube of two images")
    if any(str(key).startswith("BAND") for header in image.headers for key in header):
        raise Unreadable(path, "a pair of LenSiam", "its header names bands")
    last = image.shape[2] == 2 and image.shape[0] != 2
    labels = _labels(image.headers)
    if not any(key in header for header in image.headers for key in OF_A_LENS):
        raise Unreadable(path, "a pair of LenSiam", f"its header has no {', '.join(OF_A_LENS)}")
    return Pair(path, image.hdu, last, image.shape[:2] if last else image.shape[1:], labels, image.headers)


def _labels(headers):
    """The labels of a header: keys of `LABELS`, and those too long for a plain key."""
    found = {}
    for header in headers:
        for key in header:
            name = LABELS.get(key.upper()) or (key if len(key) > 8 else None)
            value = None if name is None else number(header, key)
            if value is not None:
                found.setdefault(name, value)
    return found
