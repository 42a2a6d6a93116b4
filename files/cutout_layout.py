"""Cut-outs of lenses in FITS files: the image with its noise, mask and model of the lens light, by their names."""

import numpy as np

from ..errors import DataError
from . import fits
from .roles import ROLES, chosen, named
from .unreadable import Unreadable

PARTS = ("noise", "mask", "light")  # roles of what may lie beside the image


def read_planes(path):
    """The arrays of a cut-out by role, and the headers that describe its image.

    Args: path: of a FITS file. The roles and the names of their extensions are those of `roles.ROLES`; without an
        extension of the image's name, the first image counts.

    Returns:
        {role: float64 (rows, columns)} with "image" and what there is of "noise", "mask" and "light", in counts/s but
        for the mask; and a tuple of headers, the image's first.

    Raises: DataError, a sentence about "it", if the file cannot be read, holds no 2-D image, or shapes differ.
    """
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
    return {role: np.asarray(plane, dtype=np.float64) for role, plane in zip(found, planes, strict=True)}, image.headers
