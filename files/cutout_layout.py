"""Cut-outs of lenses in image files: the image with its noise, good pixels and model of the lens light, by name."""

from typing import NamedTuple

import numpy as np

from ..errors import DataError
from . import fits
from .roles import ROLES, chosen, is_flux, is_noise, named
from .unreadable import Unreadable

PARTS = ("noise", "mask", "light")  # roles of what may lie beside the image


class Planes(NamedTuple):
    """What was read of one lens. Arrays are (rows, columns), or (bands, rows, columns) where several were asked for."""

    image: np.ndarray  # float64, in the unit of the file (counts/s where it can be had); any number where not good
    noise: np.ndarray | None  # float64, rms in the unit of the image; None if there is none; any number where not good
    good: np.ndarray  # bool: a flux, in no mask, and with a usable noise if there is one
    light: np.ndarray | None  # float64, a model of the lens galaxy in the unit of the image; None if there is none
    headers: tuple  # that describe the image: of the first band's image, then of its file
    used: str  # a sentence that says what was used for what
    ignored: tuple[str, ...]  # names of what was not used


def read_planes(files, bands=1):
    """The `Planes` of one lens.

    Args:
        files: path of a file, or paths of several files that hold one lens.
        bands: how many bands are wanted, or their names.

    Raises: DataError, a sentence about "it", if a file cannot be read, holds no such image, or shapes differ.
    """
    path = files
    try:
        images = fits.look(path)
        image = chosen(images, "image")
        if image is None:
            raise DataError(f"it holds no image: expected an extension {ROLES['image'][0]} or one 2-D image.")
        if len(image.shape) != 2:
            raise DataError(f"its image has {len(image.shape)} axes, shape {image.shape}: expected a 2-D image.")
        found = {"image": image} | {role: named(images, role) for role in PARTS if named(images, role)}
        for role, part in found.items():
            if part.shape != image.shape:
                raise DataError(
                    f"its {role} ({part.name}) has shape {part.shape}: expected {image.shape} as the image."
                )
        planes = fits.read(path, *(part.hdu for part in found.values()))
    except Unreadable as error:
        raise DataError(f"it cannot be read as FITS ({error.reason}).") from None
    held = {role: np.asarray(plane, dtype=np.float64) for role, plane in zip(found, planes, strict=True)}
    good = is_flux(held["image"])
    if "mask" in held:
        good &= held["mask"] == 0
    if "noise" in held:
        good &= is_noise(held["noise"])
    ignored = tuple(part.name for part in images if part not in found.values())
    used = ", ".join(f"{role} {part.name or 'the first image'}" for role, part in found.items())
    return Planes(held["image"], held.get("noise"), good, held.get("light"), image.headers, used, ignored)
