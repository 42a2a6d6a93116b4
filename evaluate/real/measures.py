"""What can be measured on images of lenses without a network: sky, noise, brightness, place; the same for real and
simulated ones, so that the simulated ones say what is usual.

Images are in units of their noise, (n, rows, columns), on the network's pixels. A box is the part that was observed.
"""

import numpy as np

from ...files.values import box_of

CORNER = 6  # corners and edges are a side over this wide
SIGNIFICANT = 5.0  # times the noise: no fluctuation of the noise


def smoothed(images):
    """Signal to noise in 3 x 3 pixels around each pixel (fewer at the edge), float32, the shape of `images`."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    rows = padded[:, 2:] + padded[:, 1:-1] + padded[:, :-2]
    return (rows[:, :, 2:] + rows[:, :, 1:-1] + rows[:, :, :-2]) / 3


def corners(images, observed):
    """Median level in each of the four corners of the observed box, (n, 4); NaN for a masked one.

    A corner is CORNER of a side wide: where a lens at the centre has the least light.
    """
    part = np.where(observed, images, np.nan)[:, *box_of(observed)]
    width = max(3, min(part.shape[1:]) // CORNER)
    patches = (part[:, rows, columns] for rows in _ends(width) for columns in _ends(width))
    return np.stack([_median(patch.reshape(len(images), -1)) for patch in patches], axis=1)


def scatter(images, observed):
    """Rms of the pixels at the edge of the observed box, (n,), 1 where the noise is what it is said to be.

    The least over the four sides of the median absolute difference of pixels two apart: slopes drop out, and arcs that
    reach some of the sides do not count.
    """
    part = np.where(observed, images, np.nan)[:, *box_of(observed)]
    width = max(3, min(part.shape[1:]) // CORNER)
    strips = [part[:, end] for end in _ends(width)] + [part[:, :, end].swapaxes(1, 2) for end in _ends(width)]
    apart = [np.abs(strip[:, :, 2:] - strip[:, :, :-2]).reshape(len(images), -1) for strip in strips]
    with np.errstate(invalid="ignore"):
        return 1.4826 * np.fmin.reduce([_median(of) for of in apart]) / np.sqrt(2)


def _ends(width):
    return slice(None, width), slice(-width, None)


def centre_over_rest(smooth, radius):
    """The brightest place nearer to the centre than `radius` pixels over the brightest one elsewhere, (n,)."""
    inner = _radius(smooth) < radius
    return smooth[:, inner].max(1) / np.maximum(smooth[:, ~inner].max(1), SIGNIFICANT)


def border(smooth, box):
    """The brightest place of the two outermost pixels of a box, (n,)."""
    part = smooth[:, *box]
    edge = np.ones(part.shape[1:], bool)
    edge[2:-2, 2:-2] = False
    return part[:, edge].max(1)


def ring_offset(smooth):
    """Distance in pixels from the centre to that of the circle through the bright places, (n,); NaN without any.

    The circle that is closest to the pixels above SIGNIFICANT in the sense of Kasa (1976), each weighted with the root
    of its excess; a little pull to the centre decides where a short arc leaves the circle open.
    """
    n, height, width = smooth.shape
    y, x = (np.arange(k) - (k - 1) / 2 for k in (height, width))
    x, y = (a.ravel() for a in np.meshgrid(x, y))
    design = np.stack([2 * x, 2 * y, np.ones_like(x)], axis=1)
    weights = np.sqrt(np.clip(smooth.reshape(n, -1) - SIGNIFICANT, 0, None))
    out = np.full(n, np.nan)
    for k, w in enumerate(weights):
        if np.count_nonzero(w) >= 6:
            pull = np.diag([1e-3, 1e-3, 0]) * w.sum()
            a, b, _ = np.linalg.solve(design.T @ (design * w[:, None]) + pull, design.T @ (w * (x**2 + y**2)))
            out[k] = np.hypot(a, b)
    return out


def sharpness(images, smooth, observed):
    """The largest ratio of a pixel above 10 to its 3 x 3 surroundings, (n,): what no point-spread function leaves.

    Pixels at the border of what was observed do not count, as a part of their surroundings is missing.
    """
    whole = smoothed(observed[None].astype(float))[0] > 2.99
    bright = (images > 2 * SIGNIFICANT) & whole
    return np.where(bright, images / np.maximum(smooth, 1.0), 0.0).max((1, 2))


def _radius(images):
    y, x = (np.arange(k) - (k - 1) / 2 for k in images.shape[1:])
    return np.hypot(x[None], y[:, None])


def _median(values):
    """Median of each row without its NaN, or NaN where there is nothing else; numpy's nanmedian is 10 times as slow."""
    ordered = np.sort(values, axis=1)  # NaN come last
    known = np.count_nonzero(~np.isnan(values), axis=1)
    rows = np.arange(len(values))
    lower, upper = (ordered[rows, np.maximum(k, 0) // 2] for k in (known - 1, known))
    return (lower + upper) / 2
