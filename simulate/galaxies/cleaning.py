"""Cleaning images of galaxies: sky and neighbours removed, the galaxy centred in a square stamp of one size.

Images here are float64 arrays of shape (bands, rows, columns).
"""

import numpy as np
from scipy import ndimage

LARGEST = 256  # pixels: 7.7 arcsec at HST's .03 arcsec
SMALLEST = 10  # pixels: less cannot hold a galaxy, a taper and a ring of zeros
SMOOTHING = 3.0  # pixels: sigma with which the sky is smoothed to find where the galaxy ends
THRESHOLD = 2.5  # of the rms of the smoothed sky: fainter than that it is not the galaxy's
COARSEST = 4.0  # pixels: sigma of the smoothest image that a clean image is mixed from
FINER = ((2.0, 5.0), (1.0, 8.0), (0.0, 10.0))  # sigma of the others, signal to noise where they get half the weight
FEATHER = 4.0  # pixels: sigma with which the light ends beyond the threshold
FLUX_KEPT = 0.98  # a galaxy is binned rather than cropped when a crop would keep less than this


def clean(image, noise_mean=float("nan")):
    """The light of the galaxy in the middle of a cut-out, without sky, noise beyond it, and neighbours.

    The sky is the median of the border or, where that agrees within the noise, the catalogue's. The galaxy is the
    connected region, at the middle, where the smoothed image stands out of the smoothed sky; inside, details below the
    noise are removed, and beyond, the light fades. Several bands share one region, found in their sum.

    Args:
        image: shape (bands, rows, columns) or (rows, columns), any unit; pixels that are not finite in every band are
            filled from those around them.
        noise_mean: the catalogue's NOISE_MEAN in the unit of the image; NaN: none.
    Returns: an array of that shape, >= 0, in the unit of the image and not normalised; None if there is no galaxy.
    """
    if image.ndim == 2:
        light = clean(image[None], noise_mean)
        return None if light is None else light[0]
    good = np.isfinite(image).all(0)
    border = _border(good.shape) & good
    if good.mean() < 0.5 or border.sum() < 10:
        return None
    rms = [_rms(band[border]) for band in image]
    sky = [np.median(band[border]) for band in image]
    sky = [noise_mean if abs(noise_mean - s) < r else s for s, r in zip(sky, rms, strict=True)]  # large galaxies reach
    image = np.where(good, image - np.array(sky)[:, None, None], 0.0)  # the border, and its median is not the sky
    coverage = np.maximum(_blurred(good.astype(float), SMOOTHING), 1e-3)
    image = np.array([np.where(good, band, _blurred(band, SMOOTHING) / coverage) for band in image])
    weights = 1.0 / np.array(rms) if min(rms) > 0.0 else np.ones(len(image))
    smooth = _blurred(np.where(good, np.tensordot(weights, image, 1), 0.0), SMOOTHING) / coverage
    # The noise is measured after smoothing: neighbouring pixels of drizzled images are correlated, so the catalogue's
    # variance of one pixel does not tell what smoothing leaves.
    noise = _rms(smooth[border])
    significant = smooth > max(THRESHOLD * noise, 1e-4 * smooth.max())
    galaxy = _middle_region(significant, smooth, noise)
    if galaxy is None:
        return None
    # Light ends softly: what lies just beyond the threshold is still the galaxy's, unless it is a neighbour's.
    weight = np.exp(-0.5 * (ndimage.distance_transform_edt(~galaxy) / FEATHER) ** 2)
    weight[(weight < 0.01) | (significant & ~galaxy)] = 0.0
    weight = ndimage.gaussian_filter(weight, 1.0, truncate=3.0) * _edge(good.shape)
    return np.array([np.maximum(_denoised(band, border), 0.0) for band in image]) * weight


def _blurred(image, sigma):
    return ndimage.gaussian_filter(image, sigma, mode="nearest")


def _denoised(image, border):
    """The image, smoothed the more the fainter it is: over 4 pixels where it sinks into the noise, not where bright.

    Every step to a finer image goes as far as the light found so far exceeds the noise, measured in the border, of it.
    """
    light = _blurred(image, COARSEST)
    for sigma, trusted in FINER:
        finer = _blurred(image, sigma)
        trust = light**2 / (light**2 + (trusted * _rms(finer[border])) ** 2 + 1e-300)
        light += trust * (finer - light)
    return light


def _border(shape):
    """True within 1/16 of the side from the edge, at least three pixels."""
    width = max(3, min(shape) // 16)
    border = np.ones(shape, bool)
    border[width:-width, width:-width] = False
    return border


def _rms(values):
    return 1.4826 * np.median(np.abs(values - np.median(values)))


def _middle_region(significant, smooth, noise):
    """The connected significant region that covers the middle of the image, or the brightest one near it; or None."""
    opened = ndimage.binary_opening(significant, iterations=2)  # cuts off tendrils of noise and bridges to neighbours
    labels, count = ndimage.label(opened)
    if count == 0:
        return None
    rows, columns = np.indices(smooth.shape)
    away = np.hypot(rows - 0.5 * (smooth.shape[0] - 1), columns - 0.5 * (smooth.shape[1] - 1))
    near = away < max(3.0, min(smooth.shape) / 8)
    light = np.bincount(labels[near], weights=smooth[near], minlength=count + 1)
    light[0] = 0.0
    region = labels == np.argmax(light)
    # Specks of noise pass 2 sigma somewhere in most images; a galaxy has a peak of 5 sigma.
    if not light.any() or smooth[region].max() <= 5.0 * noise:
        return None
    return ndimage.binary_fill_holes(region)


def _centroid(image):
    """Row and column of the centroid of the light of all bands."""
    image = image.sum(0)
    total = image.sum()
    return np.array((image.sum(1) @ np.arange(image.shape[0]), image.sum(0) @ np.arange(image.shape[1]))) / total


def extent(image):
    """Side of the square about the centroid that holds all light, with a ring of zeros around it: even, >= 10."""
    reach = 0.0
    for axis, centre in enumerate(_centroid(image)):
        lit = np.flatnonzero(image.any((0, 2 - axis)))
        reach = max(reach, centre - lit[0], lit[-1] - centre)
    return max(2 * int(np.ceil(reach)) + 4, SMALLEST)


def centred(image, size):
    """An image >= 0 with light in every band, its centroid in the middle of size x size pixels, with an edge of zeros.

    Returns: float64 (bands, size, size), each band with sum 1; and the binning that made the galaxy fit, 1 for none.
    """
    binning = 1
    while True:
        binned = _binned(image, binning)
        total, centre = binned.sum(), _centroid(binned)
        # The first shift centres what is cropped or clipped only roughly; the second one settles it.
        for _ in range(2):
            shift = centre - 0.5 * (size - 1)
            stamp = np.array([_shifted(band, shift, size) for band in binned]) * _edge((size, size))
            if stamp.sum() < FLUX_KEPT * total:
                break
            centre = centre + _centroid(stamp) - 0.5 * (size - 1)
        else:
            return stamp / stamp.sum((1, 2), keepdims=True), binning
        binning += 1


def _shifted(band, shift, size):
    moved = ndimage.affine_transform(band, (1.0, 1.0), shift, (size, size), order=3, mode="grid-constant")
    return np.maximum(moved, 0.0)


def _binned(image, n):
    """Sums over n x n pixels; rows and columns of zeros complete the last ones."""
    if n == 1:
        return image
    image = np.pad(image, [(0, 0), *((0, -side % n) for side in image.shape[1:])])
    bands, rows, columns = image.shape
    return image.reshape(bands, rows // n, n, columns // n, n).sum((2, 4))


def _edge(shape):
    """Weights that fall from one to zero over the last pixels, zero on the outermost ring."""
    ramps = [np.minimum(np.arange(side), np.arange(side)[::-1]) / max(2.0, side / 16) for side in shape]
    return np.outer(*(np.minimum(ramp, 1.0) for ramp in ramps))
