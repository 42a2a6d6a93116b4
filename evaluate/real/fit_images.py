"""Images of real lenses as a fit takes them: on the file's own pixels, with its noise, PSF and subtracted light.

A network sees images on its own pixels, which blurs them a little; a fit has a PSF to a pixel's fraction. So pixels are
only added, as far as they stay no larger than the network's.
"""

from typing import NamedTuple

import numpy as np

from ...errors import DataError
from ...files.values import is_flux, is_padding
from .cutouts import MIN_COVERED, check_field, input_scale, sky_noise

SAME = 0.01  # of a pixel's size, by which scales may differ
EDGE = 0.15  # of a side: of the frame where noise is measured, if no file shows more than the fit
FACTORS = (0.3, 3.0)  # that a measured noise may be of a noise map's
FROM_MAD = 1.4826
FEWEST = 30  # pixels, or pairs of them, from which noise is measured
CLIPPED = 4.0  # times the scatter, beyond which a pixel holds more than noise
BROADEST = 2.5


class FitImage(NamedTuple):
    """One image for a fit; arrays are float64 (n, n), fluxes in the unit of the file."""

    name: str
    image: np.ndarray  # without the light that was subtracted; 0 where not good
    noise: np.ndarray  # rms of a pixel, as measured; positive
    good: np.ndarray  # bool
    light: np.ndarray | None  # the lens's light that was subtracted
    kernel: np.ndarray | None  # PSF (k, k) on pixels finer by `fine`; None: the file has none
    fine: int
    pixel_scale: float  # arcsec
    middle: tuple  # of these pixels, x and y from the middle of the file's array [arcsec]
    noise_factor: float  # the noise over that of the noise map
    broad: float  # rms of noise over many pixels, over that of independent ones: more than 1 where neighbours correlate


def fit_image(name, planes, kernel, largest_pixel, field, input_pixel_scale=None):
    """The `FitImage` of a lens that was read as `files.cutout_layout.Planes`, of one band.

    Args: kernel: PSF on the file's pixels, or None. largest_pixel: that pixels are added up to [arcsec]. field: side of
        what is fitted [arcsec]. input_pixel_scale: of the file [arcsec]; None: as its header says.

    Raises: DataError, a sentence about "it", without a pixel scale or a good pixel, for one that shows too little, and
        where no noise came with it and none can be measured.
    """
    scale = input_scale(planes.headers, input_pixel_scale)
    check_field(planes.image.shape, scale, field / largest_pixel, largest_pixel)
    image, good = planes.image, planes.good
    if planes.light is not None:
        good = good & is_flux(planes.light)
        image = image - np.where(good, planes.light, 0.0)
    noise = planes.noise
    if noise is None:
        good = good & ~is_padding(image)
        noise = np.full(image.shape, sky_noise(image, good))
    fine = max(int(largest_pixel / scale + SAME), 1)
    sides = [side // fine * fine for side in image.shape]
    rows, columns = (
        slice((side - own) // 2, (side - own) // 2 + own) for side, own in zip(image.shape, sides, strict=True)
    )
    part = np.s_[rows, columns]
    image, variance, good_share = (
        added(np.where(good[part], values, 0.0), fine)
        for values in (image[part], noise[part] ** 2, np.ones_like(image[part]))
    )
    good_share = good_share / fine**2
    known = good_share >= MIN_COVERED
    if not known.any():
        raise DataError("not one pixel is valid: all are masked, not finite or without a usable noise.")
    more = np.divide(1.0, good_share, out=np.zeros_like(good_share), where=known)
    image, noise = image * more, np.sqrt(variance) * more
    n = min(round(field / (fine * scale)), *image.shape)
    factor, broad = noise_beside(image, noise, known, n)
    cut = tuple(_middle_part(side, n) for side in image.shape)
    middle = tuple(  # x along columns
        (whole.start + fine * (own.start + n / 2) - side / 2) * scale
        for whole, own, side in ((columns, cut[1], planes.image.shape[1]), (rows, cut[0], planes.image.shape[0]))
    )
    light = planes.light
    if light is not None:
        light = added(np.where(is_flux(light), light, 0.0)[part], fine)[cut]
    image, noise, known = image[cut], noise[cut], known[cut]
    if not known.any():
        raise DataError("not one pixel near the lens is valid: all are masked, not finite or without a usable noise.")
    noise = np.where(known, noise, np.median(noise[known])) * factor
    image = np.where(known, image, 0.0)
    return FitImage(name, image, noise, known, light, kernel, fine, fine * scale, middle, factor, broad)


def _middle_part(side, n):
    """The n pixels in the middle of a side; where there is no middle, half a pixel low."""
    return slice((side - n) // 2, (side - n) // 2 + n)


def added(image, fine):
    """An image with fine x fine pixels added to one."""
    rows, columns = (side // fine for side in image.shape)
    return image.reshape(rows, fine, columns, fine).sum(axis=(1, 3))


def noise_beside(image, noise, good, n):
    """What the noise around the middle n x n pixels is: its scatter over the noise given, and how broad it is.

    The first is 1 where noise maps are right. The second is the rms of its sum over many pixels, over that of
    independent ones: with correlations r of neighbours in a row and d along diagonals, sqrt(1 + 4 r + 4 d). Where fewer
    than a fair number of pixels lie there, those at the image's own edge count.
    """
    rows, columns = (np.abs(np.arange(side) - 0.5 * (side - 1)) for side in image.shape)
    beside = np.maximum(rows[:, None], columns)
    outside = good & (beside > 0.5 * n)
    if outside.sum() < 4 * n:
        outside = good & (beside > (0.5 - EDGE) * min(image.shape))
    if outside.sum() < FEWEST:
        return 1.0, 1.0
    pulls = np.divide(image, noise, out=np.full(image.shape, np.nan), where=outside)
    pulls -= np.nanmedian(pulls)
    scatter = FROM_MAD * np.nanmedian(np.abs(pulls))
    if not scatter > 0:
        return 1.0, 1.0
    pulls[np.abs(pulls) > CLIPPED * scatter] = np.nan
    variance = np.nanmean(pulls**2)
    pairs = (
        (pulls[:, 1:], pulls[:, :-1]),
        (pulls[1:], pulls[:-1]),
        (pulls[1:, 1:], pulls[:-1, :-1]),
        (pulls[1:, :-1], pulls[:-1, 1:]),
    )
    products = [one * other for one, other in pairs]
    correlations = [np.nanmean(p) / variance if np.isfinite(p).sum() >= FEWEST else 0.0 for p in products]
    broad = np.sqrt(max(1.0 + 2.0 * sum(correlations), 1.0))
    return float(np.clip(scatter, *FACTORS)), float(min(broad, BROADEST))
