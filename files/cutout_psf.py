"""The point-spread function that came with the image of a lens, by its name."""

from . import fits
from .bands import wanted_bands
from .parts import parts_of
from .values import is_flux


def psf_of(files, bands=1):
    """The kernel in the files of a lens, float64 (k, k) with k odd and a sum of 1; None without one that can be used.

    Args: files: paths, as for `cutout_layout.read_planes`. bands: as there; the kernel is that of the first.

    A kernel of even sides loses its last row or column; one that is not square, not finite or has no light counts as
    none. Raises: Unreadable (a DataError).
    """
    wanted = wanted_bands(bands) or ()
    parts = [part for part in parts_of(list(files), wanted) if part.kind == "psf"]
    first = {str(name).upper() for name in wanted[:1]} | {""}
    for part in sorted(parts, key=lambda part: part.band not in first):
        (kernel,) = fits.read(part.path, part.hdu)
        kernel = kernel if part.plane is None else kernel[part.plane]
        if (found := usable_kernel(kernel)) is not None:
            return found
    return None


def usable_kernel(kernel):
    """A kernel as `psf_of` gives it, or None."""
    kernel = kernel.astype(float)
    side = min(kernel.shape)
    side -= 1 - side % 2
    if abs(kernel.shape[0] - kernel.shape[1]) > 1 or side < 1:
        return None
    kernel = kernel[:side, :side]
    if not is_flux(kernel).all() or not kernel.sum() > 0:
        return None
    return kernel / kernel.sum()
