"""The light of a lens galaxy, fitted to an image that has its arcs in, to be taken off where a file brings no model.

photutils fits the shapes of isophotes (Jedrzejewski 1987). The brightness along the radius of these ellipses is a sum
of Gaussians of positive amplitude (Cappellari 2002), which falls monotonically and smoothly: it bridges radii at which
arcs hide the galaxy, and cannot follow a ring. Arcs are found as what stays above the model, and both are fitted again
without them. Nothing is tuned to a survey: thresholds are in units of the scatter, lengths in pixels or factors.
"""

import logging
import warnings
from contextlib import contextmanager

import numpy as np
from scipy import ndimage
from scipy.optimize import nnls

from ...errors import DataError
from ...extras import need

ROUNDS, STEPS = 3, 5  # fits of the shapes of isophotes; of the brightness and the arcs, for each
CENTRE = 0.2  # arcsec: within it nothing is taken for an arc, as errors of the model are largest there
LEAST = 2.0  # pixels: the same where pixels are large
SMOOTHED = 1.0  # pixels, of a Gaussian in which arcs are looked for
FOUND, GROWN = 3.0, 1.5  # times the scatter: where an arc is, and how far it reaches around that place
CLEAN = 25.0  # per cent of the pixels of a ring that are taken to show no arc
SHAPES = 0.3  # of ln(radius), of a Gaussian over which ellipticities are averaged
RINGS = 40  # of equal width in ln(radius + 1 pixel)
WIDTHS = 1.4  # factor between the widths of two Gaussians of the brightness
ACCURACY = 0.005  # of the brightness: no model is better than that
UNSURE = 0.02  # of the brightness: by so much a model is wrong where there is no arc
OUTER = 0.8  # of half the image's shorter side: isophotes beyond are not fitted
BRIGHT = 5.0  # times the noise of a pixel: of the centre, for there to be a galaxy


def fit_light(image, noise, good, pixel_scale):
    """The lens galaxy's light.

    Args:
        image: float (rows, columns), with the galaxy within a few pixels of the centre and the sky subtracted.
        noise: rms of each pixel, in the unit of the image. good: bool, pixels that can be used. pixel_scale: arcsec.

    Returns: float64 (rows, columns), in the unit of the image, everywhere finite.
    Raises: DataError where no galaxy stands out in the centre, or no ellipse can be fitted. MissingExtra without
        photutils.
    """
    need("real", "Fitting the light of lenses")
    image, noise = np.where(good, image, 0.0), np.where(good, noise, 0.0)
    _check_galaxy(image, noise, good)
    smooth_noise = _smooth(noise**2) ** 0.5 / np.sqrt(4 * np.pi) / SMOOTHED
    used = good & ~_unlike_opposite(image, noise, good)
    filled = np.where(used, image, np.where(good[::-1, ::-1], image[::-1, ::-1], 0.0))
    centre, start = _centre(filled)
    centre_only = max(LEAST, CENTRE / pixel_scale)
    for _ in range(ROUNDS):
        radius = _elliptical_radius(image.shape, centre, _isophotes(filled, centre, start, used))
        rings = _rings(radius)
        for _ in range(STEPS):
            light = _falling(radius, *_brightness(image, noise, used, radius, rings))
            residual = _smooth(np.where(good, image - light, 0.0))
            arcs = _arcs(residual, np.hypot(smooth_noise, UNSURE * light), good, rings, radius > centre_only)
            used = good & ~arcs
        filled = np.where(used, image, light)  # photutils is ten times as slow on masked arrays
    return light


def _smooth(image):
    return ndimage.gaussian_filter(image, SMOOTHED, mode="nearest")


def _distance(shape):
    """Pixels from the centre of the array."""
    y, x = (np.arange(n) - (n - 1) / 2 for n in shape)
    return np.hypot(x[None], y[:, None])


def _check_galaxy(image, noise, good):
    """DataError without a galaxy in the centre."""
    distance = _distance(image.shape)
    inner = good & (distance <= 3)
    outer = good & (distance > 0.35 * min(image.shape))
    if min(image.shape) < 24 or inner.sum() < 5 or outer.sum() < 20:
        raise DataError("too few pixels are valid to fit the light of the lens galaxy")
    if np.median(image[inner]) - np.median(image[outer]) < BRIGHT * np.median(noise[inner]):
        raise DataError("no galaxy stands out in its centre, so no light of one was fitted")


def _unlike_opposite(image, noise, good):
    """Where the image is brighter than the pixel on the other side of the centre: arcs, of which few are opposite."""
    opposite, both = image[::-1, ::-1], good & good[::-1, ::-1]
    difference = _smooth(np.where(both, image - opposite, 0.0))
    scatter = _smooth(noise**2 + noise[::-1, ::-1] ** 2) ** 0.5 / np.sqrt(4 * np.pi) / SMOOTHED
    off_centre = 0.1 * np.abs(np.minimum(image, opposite))  # a steep galaxy differs, too, if it lies half a pixel off
    return both & (difference > FOUND * scatter + off_centre) & (_distance(image.shape) > 5)


@contextmanager
def _quiet():
    """Without the words of photutils on ellipses that it cannot fit, of which some are in every image."""
    logger = logging.getLogger("astropy")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def _fit_ellipses(image, geometry, **settings):
    """photutils' isophotes with a semi-major axis of a pixel and more; DataError without three of them."""
    from photutils.isophote import Ellipse, EllipseGeometry

    x, y, length, ellipticity, angle = geometry
    begin = EllipseGeometry(x0=x, y0=y, sma=length, eps=ellipticity, pa=angle)
    try:
        with _quiet():
            found = Ellipse(image, geometry=begin).fit_image(
                sma0=length, minsma=0.9, step=0.12, sclip=3.0, n_clip=3, minit=6, maxit=30, **settings
            )
    except Exception as error:  # photutils fails in many ways where there is nothing to fit
        raise DataError(f"no ellipses can be fitted to the light of the lens galaxy ({error})") from None
    valid = [one for one in found if one.sma >= 1 and one.valid and np.isfinite([one.eps, one.pa]).all()]
    if len(valid) < 3:
        raise DataError("no ellipses can be fitted to the light of the lens galaxy, which is expected in its centre")
    return valid


def _centre(image):
    """The centre (x, y) of the galaxy, and the ellipticity and angle of its inner isophotes."""
    y, x = ((n - 1) / 2 for n in image.shape)
    inner = _fit_ellipses(image, (x, y, min(6.0, x / 4, y / 4), 0.2, 0.5), maxsma=8.0)
    centre = np.median([one.x0 for one in inner]), np.median([one.y0 for one in inner])
    return centre, (max(inner[-1].eps, 0.05), inner[-1].pa)


def _isophotes(image, centre, start, used):
    """Semi-major axes [pixels] and the components of ellipticity (1 - b/a) (cos 2 phi, sin 2 phi) of isophotes.

    Each is an average over its neighbours, in which an ellipse counts less where much of it is hidden.
    """
    half = (min(image.shape) - 1) / 2
    begin = (*centre, min(8.0, half / 4), *start)
    found = _fit_ellipses(image, begin, maxsma=OUTER * half, fix_center=True)
    axes = np.log([one.sma for one in found])
    shown = np.array([_share(one, used) for one in found])
    weights = np.exp(-0.5 * ((axes[:, None] - axes) / SHAPES) ** 2) * (shown**2 + 1e-3)
    weights /= weights.sum(1, keepdims=True)
    flattening, twice = np.array([one.eps for one in found]), 2 * np.array([one.pa for one in found])
    return np.exp(axes), weights @ (flattening * np.cos(twice)), weights @ (flattening * np.sin(twice))


def _share(isophote, used):
    """Fraction of an isophote on pixels that are used."""
    x, y = isophote.sampled_coordinates()
    rows, columns = (
        np.clip(np.rint(values).astype(int), 0, n - 1) for values, n in zip((y, x), used.shape, strict=True)
    )
    return used[rows, columns].mean()


def _elliptical_radius(shape, centre, isophotes):
    """The semi-major axis [pixels] of the isophote through each pixel."""
    axes, cosines, sines = isophotes
    y, x = np.indices(shape, dtype=float)
    x, y = x - centre[0], y - centre[1]
    radius = np.hypot(x, y)
    for _ in range(8):  # the shape depends on the radius, though little
        along, across = np.interp(radius, axes, cosines), np.interp(radius, axes, sines)
        angle, ratio = np.arctan2(across, along) / 2, 1 - np.minimum(np.hypot(along, across), 0.9)
        major = x * np.cos(angle) + y * np.sin(angle)
        minor = y * np.cos(angle) - x * np.sin(angle)
        radius = np.hypot(major, minor / ratio)
    return radius


def _rings(radius):
    """Numbers of the pixels (of the flat image) of each ring."""
    place = np.log1p(radius.ravel())
    number = np.minimum(place / place.max() * RINGS, RINGS - 1).astype(int)
    order = np.argsort(number, kind="stable")
    return np.split(order, np.cumsum(np.bincount(number, minlength=RINGS))[:-1])


def _brightness(image, noise, used, radius, rings):
    """Radius [pixels], brightness and its error of each ring with pixels that are used."""
    found = []
    for ring in rings:
        ring = ring[used.ravel()[ring]]
        if len(ring) >= 3:
            typical = np.median(image.ravel()[ring])
            error = 1.25 * np.sqrt(np.mean(noise.ravel()[ring] ** 2) / len(ring))  # of a median
            squared = np.mean(radius.ravel()[ring] ** 2)
            found.append((np.sqrt(squared), typical, np.hypot(error, ACCURACY * typical)))
    if len(found) < 5:
        raise DataError("too few pixels are valid to fit the light of the lens galaxy")
    return np.array(found).T


def _falling(radius, radii, brightness, errors):
    """The brightness at each radius by a sum of positive Gaussians that is fitted to rings."""
    count = int(np.log(radius.max() / 0.6) / np.log(WIDTHS)) + 1
    widths = np.geomspace(0.6, radius.max(), count)
    gaussians = np.exp(-0.5 * (radii[:, None] / widths) ** 2)
    amplitudes, _ = nnls(gaussians / errors[:, None], brightness / errors)
    chosen = np.flatnonzero(amplitudes)
    return sum((amplitudes[k] * np.exp(-0.5 * (radius / widths[k]) ** 2) for k in chosen), np.zeros(radius.shape))


def _arcs(residual, noise, good, rings, outside):
    """Where a smoothed residual shows an arc, bool.

    In each ring, residuals are judged against its fainter pixels, so that a model which is too faint as a whole does
    not have a whole ring taken for an arc.
    """
    residual, scatter = residual.copy(), noise.copy()
    for ring in rings:
        there = ring[good.ravel()[ring]]
        if len(there) > 8:
            faintest, faint = np.percentile(residual.ravel()[there], [5, CLEAN])
            width = (faint - faintest) / 0.97  # 5 and 25 per cent of a normal distribution: -1.645 and -.674
            scatter.ravel()[ring] = np.maximum(scatter.ravel()[ring], width)
            residual.ravel()[ring] -= max(0.0, faint + 0.674 * width)
    arcs = ndimage.binary_propagation(
        outside & (residual > FOUND * scatter), mask=outside & (residual > GROWN * scatter)
    )
    return ndimage.binary_dilation(arcs)
