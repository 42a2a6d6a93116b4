"""The point-spread function that came with the image of a lens, by its name."""

import numpy as np

from . import fits
from .bands import wanted_bands
from .parts import parts_of
from .roles import band_of
from .values import is_flux


def psf_of(files, bands=1):
    """The kernel in the files of a lens, float64 (k, k) with k odd and a sum of 1; None without one that can be used.

    Args: files: paths, as for `cutout_layout.read_planes`. bands: as there; the kernel is that of the first, or else
        one of no band, or else any.

    A kernel with even sides, or sides that differ by one, loses rows or columns at its ends, so that its brightest
    pixel comes to the middle; one that is not square, not finite or has no light counts as none.

    Raises: Unreadable (a DataError).
    """
    wanted = wanted_bands(bands) or ()
    parts = [part for part in parts_of(list(files), wanted) if part.kind == "psf"]
    ranks = [*(band_of(name) for name in wanted[:1] if name), ""]
    for part in sorted(parts, key=lambda part: ranks.index(part.band) if part.band in ranks else len(ranks)):
        (kernel,) = fits.read(part.path, part.hdu)
        kernel = kernel if part.plane is None else kernel[part.plane]
        if (found := usable_kernel(kernel)) is not None:
            return found
    return None


def usable_kernel(kernel):
    """A kernel as `psf_of` gives it, or None."""
    if kernel.ndim != 2 or abs(kernel.shape[0] - kernel.shape[1]) > 1:
        return None
    kernel = kernel.astype(float)
    if not is_flux(kernel).all() or not kernel.sum() > 0:
        return None
    side = min(kernel.shape)
    side -= 1 - side % 2
    brightest = np.unravel_index(np.argmax(kernel), kernel.shape)
    rows, columns = (
        slice(first := min(max(at - side // 2, 0), length - side), first + side)
        for at, length in zip(brightest, kernel.shape, strict=True)
    )
    kernel = kernel[rows, columns]
    return kernel / kernel.sum() if kernel.sum() > 0 else None
