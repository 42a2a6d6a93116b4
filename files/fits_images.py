"""Images in FITS files to train on: an image, a cube of bands, a stack of images or an extension for each band.

A file's bad pixels, by its mask, its weight or its noise, are NaN.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from . import bad_pixels, fits
from .cutout_layout import ZERO_IS_BAD, find_layout, flags_of_mask
from .units import rate_factor
from .unreadable import Unreadable
from .values import is_noise, without_absurd


class Plane(NamedTuple):
    """An image HDU, and the HDUs that say which of its pixels are bad."""

    hdu: int
    bad: tuple  # pairs of the number of an HDU and what it is: `bad_pixels.Flags`, "weight" or "rms"
    factor: float  # for counts/s


class Place(NamedTuple):
    """Where the images of a file are."""

    planes: tuple[Plane, ...]  # one for each band that is an extension of its own, else one
    stacked: bool  # each plane is a band


def look(path):
    """The `Place` of a file's images, the shape of their array, and words on what is used and what is not.

    Raises: DataError for a file that cannot be read, holds no image, or several whose names say nothing.
    """
    try:
        layout = find_layout(path, bands=None)
    except Unreadable:
        raise
    except DataError as error:
        raise DataError(f"{path}: {str(error).rstrip('.')}") from None
    first = layout.bands[0].image
    one = all(band.image.hdu == first.hdu for band in layout.bands)
    bands = layout.bands[:1] if one else layout.bands
    planes, words, ignored = [], [], []
    for band in bands:
        bad = []
        for part in band.companions["mask"]:
            flags = flags_of_mask(part, band)
            bad.append((part, flags, bad_pixels.describe(part.name, flags)))
        bad += [(part, "weight", f"{part.name} where 0") for kind in ZERO_IS_BAD for part in band.companions[kind]]
        bad += [(part, "rms", f"{part.name} where it is no noise") for part in band.companions["rms"]]
        bad = [(part, rule, said) for part, rule, said in bad if part.axes == band.image.axes]
        words += [said for _, _, said in bad]
        rules = tuple((part.hdu, rule) for part, rule, _ in bad)
        planes.append(Plane(band.image.hdu, rules, rate_factor(band.image.headers)))
        known = {part.name for part, _, _ in bad}
        ignored += [part.name for parts in band.companions.values() for part in parts if part.name not in known]
    names = dict.fromkeys(band.image.name for band in bands)
    used = f"image {', '.join(names)}" + (f"; bad pixels {', '.join(dict.fromkeys(words))}" if words else "")
    ignored = dict.fromkeys([*ignored, *layout.ignored])
    shape = first.axes if one else (len(bands), *first.shape)
    return Place(tuple(planes), not one), shape, used + (f"; not used: {', '.join(ignored)}" if ignored else "")


def read(path: Path, place, index):
    """A part of the array of a file's images, by an index as for arrays; NaN where a pixel is bad.

    Raises: Unreadable (a DataError) if the file cannot be read.
    """
    wanted = [(hdu, index) for plane in place.planes for hdu in (plane.hdu, *(hdu for hdu, _ in plane.bad))]
    held = iter(fits.sections(path, *wanted))
    images = []
    for plane in place.planes:
        image = without_absurd(np.array(next(held), dtype=float))
        for _, rule in plane.bad:
            image[_is_bad(np.asarray(next(held)), rule)] = np.nan
        images.append(image * plane.factor)
    return np.stack(images) if place.stacked else images[0]


def _is_bad(values, rule):
    if rule == "weight":
        return ~(values > 0)
    if rule == "rms":
        return ~is_noise(values)
    return bad_pixels.is_bad(values, rule)
