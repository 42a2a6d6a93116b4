"""Reading all images of a file that holds nothing else, such as PSF kernels or patches of sky."""

import numpy as np

from ..errors import DataError
from . import arrays, fits
from .cutout_layout import read_planes
from .roles import role_of, role_of_image
from .suffixes import NPY, NPZ, has_suffix
from .unreadable import Unreadable
from .values import is_padding, without_absurd


def read_images(path, role):
    """The images of a file, a list of float64 (rows, columns), NaN where a pixel is bad or missing.

    Args:
        path: a FITS file, an .npy file, or an .npz file, all of whose images are read. Each holds an image or a cube of
            them, (images, rows, columns).
        role: "psf", whose extension of a FITS file is read, or else its only image; or "image", which is found as that
            of a lens is, with its bad pixels and its border of zeros left out.

    Raises: DataError if the file cannot be read, holds something else, or several images of unknown names.
    """
    found = [image for array in _arrays(path, role) for image in (array if array.ndim == 3 else [array])]
    if role == "image":
        found = [np.where(is_padding(image), np.nan, image) for image in found]
    return found


def _arrays(path, role):
    if has_suffix(path, NPY + NPZ):
        names = arrays.names(path)
        named = [name for name in names if role_of(name).kind == "psf"]
        if role == "image":
            named = [name for name in names if role_of(name).kind in ("", "image")]  # masks and PSFs may lie beside
        found = [arrays.read(path, name) for name in named or names]
        if len(found) > 1:
            found = [array for array in found if array.ndim > 1] or found  # names and sizes may lie beside
        if not found:
            raise Unreadable(path, "npz", "it holds no array")
    elif role == "psf":
        found = fits.read(path, _psf(path))
    else:
        return [_image(path)]
    for array in found:
        if array.ndim not in (2, 3) or array.size == 0 or array.dtype.kind not in "fiub":
            raise DataError(
                f"{path} holds an array of shape {array.shape} of {array.dtype}: expected numbers, an image or a cube"
            )
    return [without_absurd(array.astype(float)) for array in found]


def _psf(path):
    """Number of the HDU of the PSF."""
    images = fits.look(path)
    by_kind = {kind: [image for image in images if role_of_image(image).kind == kind] for kind in ("psf", "image")}
    found = by_kind["psf"] or by_kind["image"] or images
    if not found:
        raise Unreadable(path, "FITS", "it holds no image")
    if len(found) > 1:
        raise DataError(
            f"{path} holds several images, {', '.join(i.name or 'one without a name' for i in found)}: expected one "
            "called PSF"
        )
    return found[0].hdu


def _image(path):
    try:
        planes = read_planes(path, bands=None)
    except DataError as error:
        raise DataError(f"{path}: {str(error).removeprefix('it ').rstrip('.')}") from None
    return np.where(planes.good, planes.image, np.nan)
