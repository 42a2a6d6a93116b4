"""What files say of each image beside its pixels: inverse variance, point-spread function, unit, and the pixels' place.

The inverse variance is 1 / (background^2 + flux / (exposure time x electrons per count)), the noise model of
`detector.noise` at the flux of the noisy image itself, where that is positive: as surveys estimate it, who do not know
the noise-free flux either. A lost pixel, and one without any noise, has 0.
"""

import functools
import math

import numpy as np

from ..detector.instrument import FWHM_PER_SIGMA
from ..detector.pixel_noise import variance
from ..detector.psf import moffat_kernels
from ..packing import noise_levels
from ..render import subtracted_light
from ..systems.draw import by_grid
from .samples import image_names

_FINER = 8  # steps a pixel in which a kernel is looked at for its width
_UNITS = {"double_poisson": "count", "clipped_over_peak": ""}  # of images with a defect; else counts/s


def flux_unit(scene):
    """The unit of a scene's images, as astropy reads it: electron/s or adu/s; count and "" with some defects."""
    observation = scene.config.observation
    rate = "electron/s" if observation.data_count_unit == "e-" else "adu/s"
    return _UNITS.get(observation.defect, rate)


def has_noise_model(scene):
    """Whether there is noise, that of the instrument; a defect of a published dataset has none that could be told."""
    return scene.config.observation.noise and scene.config.observation.defect is None


def inverse_variance(samples):
    """Of every pixel, by the name of its array: float32 as the images, in 1 / unit^2; 0 where a pixel is lost."""
    out = {}
    for name, (grid, systems) in zip(image_names(samples.scene), by_grid(samples.scene, samples.systems), strict=True):
        images = samples.images[name]
        background, exposure, gain = (a.reshape(images.shape[:3]) for a in noise_levels(grid, systems))
        background = background.copy()
        for b, instrument in enumerate(grid.bands.values()):
            if instrument.sky is not None:
                background[:, :, b] = np.nanstd(instrument.sky.pixels)
        levels = (a.astype(np.float32)[..., None, None] for a in (background**2, 1.0 / (exposure * gain)))
        taken = subtracted_light(grid, systems)  # its noise is left in the image
        flux = images if taken is None else images + taken
        own = variance(np.maximum(flux, 0.0), *levels)
        known = own > 0.0  # False for NaN
        known &= ~samples.masks[mask_of(name)] if samples.masks else True
        out[name] = np.divide(1.0, own, out=np.zeros_like(own), where=known)
    return out


def psf_widths(scene, systems):
    """Full width at half maximum of every image's PSF [arcsec], float64 (n, v, b); 0 without a PSF."""
    out = systems.optics["fwhm"].copy()
    for b, instrument in enumerate(scene.bands.values()):
        if instrument.psf_kind == "pixel":
            widths = np.array([_width(kernel) for kernel in instrument.kernels])
            finer = instrument.pixel_scale / instrument.supersampling
            out[..., b] = widths[systems.optics["kernel"][..., b].astype(int)] * finer
    return out


def _width(kernel):
    """The full width at half maximum of a kernel [its pixels]: the diameter of the circle with the same area."""
    from scipy.interpolate import RectBivariateSpline

    if len(kernel) < 4:
        return 1.0
    at = np.arange(len(kernel))
    fine = np.linspace(0, len(kernel) - 1, (len(kernel) - 1) * _FINER + 1)
    values = RectBivariateSpline(at, at, kernel)(fine, fine)
    return 2.0 * math.sqrt(np.count_nonzero(values > values.max() / 2) / math.pi) / _FINER


def psf_kernels(scene):
    """A function of band number, FWHM [arcsec], beta and kernel number that gives a PSF: float64 (k, k), its sum 1.

    As it is applied: on pixels finer by the instrument's `supersampling`; of one that acts on where in a pixel the
    light lies, the image of a point source in the middle of a pixel.
    """
    instruments = list(scene.bands.values())
    adaptive = scene.config.image.rays == "adaptive"

    @functools.lru_cache(4096)
    def kernel(band, fwhm, beta, number):
        instrument = instruments[band]
        scale = instrument.pixel_scale / instrument.supersampling
        if instrument.psf_kind == "gaussian":
            within = adaptive and instrument.within_pixels
            return _gaussian(fwhm / FWHM_PER_SIGMA / scale, instrument.truncation, within)
        if instrument.psf_kind == "moffat":
            return moffat_kernels(np.array([fwhm]), np.array([beta]), scale, instrument.psf_size)[0]
        return instrument.kernels[int(number)] if instrument.psf_kind == "pixel" else np.ones((1, 1))

    return kernel


def _gaussian(sigma, truncation, within):
    """A Gaussian of `sigma` pixels out to `truncation` sigma; within: integrated over each pixel, else sampled."""
    from scipy.special import erf

    radius = max(int(truncation * sigma + 0.5), 1 if within else 0)
    at = np.arange(-radius, radius + 1)
    if within:
        line = np.diff(erf((np.arange(-radius, radius + 2) - 0.5) / (sigma * math.sqrt(2.0))))
    else:
        line = np.exp(-0.5 * (at / sigma) ** 2)
    line /= line.sum()
    return np.outer(line, line)


def pixel_centres(num_pix, pixel_scale):
    """The places of the pixels along an axis [arcsec] from the middle of the image, float64 (num_pix,)."""
    return (np.arange(num_pix) - (num_pix - 1) / 2) * pixel_scale


def mask_of(array):
    """The name of the array of lost pixels that belongs to an array of images."""
    return array.replace("images", "mask", 1)
