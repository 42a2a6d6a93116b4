"""Kernels of point-spread functions for fits, on pixels finer than the image's."""

import numpy as np

from ...simulate.detector import psf
from ...simulate.detector.instrument import FWHM_PER_SIGMA
from ...simulate.selection import draw
from ...simulate.systems.draw import Views

LEFT_OUT = 3e-3  # of a kernel, as no file's PSF is known better
REACH = 4.0  # FWHM: half of a kernel
FINE = 2  # pixels of a kernel along a pixel
MEDIAN_OF = 64  # systems


def plainer(kernel):
    """A kernel as the sum of the few products of a row and a column that are all but `LEFT_OUT` of it."""
    left, values, right = np.linalg.svd(kernel)
    kept = int(np.searchsorted(np.cumsum(values**2) / np.sum(values**2), 1.0 - LEFT_OUT**2)) + 1
    out = (left[:, :kept] * values[:kept]) @ right[:kept]
    return out / out.sum()


def usual_kernel(scene, pixel_scale):
    """The median PSF of a scene as `kernel_of` gives it, for a file without its own."""
    optics = draw(scene, np.arange(MEDIAN_OF), Views()).optics
    fwhm, beta = (float(np.median(optics[name])) for name in ("fwhm", "beta"))
    return kernel_of(scene.instrument, {"fwhm": fwhm, "beta": beta, "kernel": 0}, pixel_scale)


def kernel_of(instrument, optics, pixel_scale):
    """The PSF of an image, float64 (k, k) with a sum of 1, and how many of its pixels lie along one of the image's.

    Args: instrument: `simulate.detector.instrument.Instrument`. optics: fwhm [arcsec], beta and number of the kernel.
        pixel_scale: of the image [arcsec]; of a kernel from a file the nearest whole number of pixels counts.
    """
    if instrument.psf_kind == "none":
        return np.ones((1, 1)), 1
    if instrument.psf_kind == "pixel":
        fine = max(round(pixel_scale / instrument.pixel_scale * instrument.supersampling), 1)
        return instrument.kernels[int(optics["kernel"])], fine
    pixel, fwhm = pixel_scale / FINE, optics["fwhm"]
    size = 2 * int(np.ceil(REACH * fwhm / pixel)) + 1
    if instrument.psf_kind == "moffat":
        return psf.moffat_kernels(fwhm, optics["beta"], pixel, size)[0], FINE
    along = np.exp(-0.5 * ((np.arange(size) - size // 2) * pixel * FWHM_PER_SIGMA / max(fwhm, 1e-9)) ** 2)
    kernel = along[:, None] * along
    return kernel / kernel.sum(), FINE
