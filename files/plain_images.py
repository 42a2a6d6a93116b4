"""Reading all images of a file that holds nothing else, such as PSF kernels or patches of sky."""

from ..errors import DataError
from . import arrays, fits, roles
from .suffixes import NPY, NPZ, has_suffix
from .unreadable import Unreadable


def read_images(path, role):
    """The images of a file, a list of float64 (rows, columns), NaN where a value is absurd.

    Args:
        path: a FITS file, whose extension of the role is read, or else its first image; an .npy file; or an .npz file,
            all of whose arrays are read. Each holds an image or a cube of them, (images, rows, columns).
        role: of `roles.ROLES`.

    Raises: DataError if the file cannot be read or holds something else.
    """
    return [image for array in _arrays(path, role) for image in (array if array.ndim == 3 else [array])]


def _arrays(path, role):
    if has_suffix(path, NPY + NPZ):
        found = [arrays.read(path, name) for name in arrays.names(path)]
        if not found:
            raise Unreadable(path, "npz", "it holds no array")
    else:
        image = roles.chosen(fits.look(path), role)
        if image is None:
            raise Unreadable(path, "FITS", "it holds no image")
        found = fits.read(path, image.hdu)
    for array in found:
        if array.ndim not in (2, 3) or array.size == 0 or array.dtype.kind not in "fiub":
            raise DataError(
                f"{path} holds an array of shape {array.shape} of {array.dtype}: expected numbers, an image or a cube"
            )
    return [roles.without_absurd(array.astype(float)) for array in found]
