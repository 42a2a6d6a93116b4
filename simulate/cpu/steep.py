"""Which pixels one ray does not describe: where the image is steep, and where the centre of a component may be.

An image goes through row by row, with the rows below and above; an edge pixel is its own neighbour.
"""

import numpy as np
from numba import njit

from ..core.numerics import like, ray_function, row_function
from . import light

UNSEEN = 0.4  # of the tolerance: the curvature from pixel to pixel below which a pixel keeps its one ray


@njit
def flag(image, one, beta, tolerance):
    """Find the pixels that need more rays, and correct the others for their curvature, to 4th order.

    Args:
        image: (pixels,), surface brightness by one ray each; changed, 0 where a pixel is flagged. one: the
            `light.Light`. beta: (2, pixels), where the rays fall [arcsec]. tolerance: of the peak.

    Returns: uint8 (pixels,), 1 where flagged, and the highest of the other pixels.
    """
    size, zero = int(np.sqrt(image.size) + 0.5), like(image[0], 0.0)
    raw, curved = image.copy().reshape(size, size), np.empty((size, size), image.dtype)
    corrected, flagged = image.reshape(size, size), np.empty((size, size), np.uint8)
    highest = np.zeros(size, image.dtype)
    for i in range(size):
        _lift_to_neighbours(raw[i], raw[max(i - 1, 0)], raw[min(i + 1, size - 1)], highest)
    limit = like(image[0], UNSEEN * 24.0 * tolerance) * highest.max()
    for i in range(size):
        _correct(raw[i], raw[max(i - 1, 0)], raw[min(i + 1, size - 1)], corrected[i], curved[i])
    for i in range(size):
        _flag_steep(curved[i], curved[max(i - 1, 0)], curved[min(i + 1, size - 1)], limit, flagged[i])
    x, y = beta[0].reshape(size, size), beta[1].reshape(size, size)
    for k in range(one.kinds.size):
        centre_x, centre_y, present = light.centre(one, k)
        if present:
            for i in range(size):
                below, above = max(i - 1, 0), min(i + 1, size - 1)
                of_x, of_y = (x[i], x[below], x[above], centre_x), (y[i], y[below], y[above], centre_y)
                _flag_centre(of_x, of_y, flagged[i])
    highest[:] = zero
    for i in range(size):
        _clear(flagged[i], corrected[i])
        _lift(corrected[i], highest)
    return flagged.reshape(size * size), highest.max()


@row_function
def _lift(row, highest):
    """The higher one of each column: a running maximum along a row would not vectorise."""
    for j in range(row.size):
        highest[j] = max(highest[j], row[j])


@row_function
def _lift_to_neighbours(here, below, above, highest):
    """The same, no pixel counted higher than its highest neighbour: a ray on a cusp says too much."""
    last = here.size - 1
    left, middle, right = here[: max(last - 1, 0)], here[1:], here[2:]
    low, high, to = below[1:], above[1:], highest[1:]
    for j in range(last - 1):
        to[j] = max(to[j], min(middle[j], max(max(left[j], right[j]), max(low[j], high[j]))))
    for j in range(0, last + 1, max(last, 1)):
        beside = max(max(here[max(j - 1, 0)], here[min(j + 1, last)]), max(below[j], above[j]))
        highest[j] = max(highest[j], min(here[j], beside))


@ray_function
def _bend(left, here, right, below, above):
    """A pixel corrected for the curvature across it, and that curvature."""
    part, two, zero = like(here, 1.0 / 24.0), like(here, 2.0), like(here, 0.0)
    across, up = left - two * here + right, below - two * here + above
    return max(here + part * (across + up), zero), abs(across) + abs(up)


@row_function
def _correct(here, below, above, corrected, curved):
    last = here.size - 1
    left, middle, right = here[: max(last - 1, 0)], here[1:], here[2:]
    low, high, to, bent = below[1:], above[1:], corrected[1:], curved[1:]
    for j in range(last - 1):
        to[j], bent[j] = _bend(left[j], middle[j], right[j], low[j], high[j])
    for j in range(0, last + 1, max(last, 1)):
        left_one, right_one = here[max(j - 1, 0)], here[min(j + 1, last)]
        corrected[j], curved[j] = _bend(left_one, here[j], right_one, below[j], above[j])


@row_function
def _flag_steep(here, below, above, limit, flagged):
    """Flag a pixel with a curvature that one ray cannot see, or half of it beside: its own may vanish for a moment."""
    last, half = here.size - 1, like(limit, 0.5)
    left, middle, right = here[: max(last - 1, 0)], here[1:], here[2:]
    low, high, to = below[1:], above[1:], flagged[1:]
    for j in range(last - 1):
        beside = max(max(left[j], right[j]), max(low[j], high[j]))
        to[j] = np.uint8(max(middle[j], half * beside) > limit)
    for j in range(0, last + 1, max(last, 1)):
        beside = max(max(here[max(j - 1, 0)], here[min(j + 1, last)]), max(below[j], above[j]))
        flagged[j] = np.uint8(max(here[j], half * beside) > limit)


@ray_function
def _near(left, here, right, below, above, centre):
    """Along one axis of the source plane: whether a pixel, or one beside it, may hold the centre."""
    return abs(here - centre) <= abs(right - left) + abs(above - below)


@row_function
def _flag_centre(of_x, of_y, flagged):
    """Flag the pixels that, or whose neighbours, may hold a centre, whatever their rays see.

    of_x, of_y: (where the rays of this row, of the one below and of the one above fall, and the centre).
    """
    x, x_below, x_above, centre_x = of_x
    y, y_below, y_above, centre_y = of_y
    last = x.size - 1
    x_left, x_middle, x_right = x[: max(last - 1, 0)], x[1:], x[2:]
    y_left, y_middle, y_right = y[: max(last - 1, 0)], y[1:], y[2:]
    x_low, x_high, y_low, y_high, to = x_below[1:], x_above[1:], y_below[1:], y_above[1:], flagged[1:]
    for j in range(last - 1):
        near_x = _near(x_left[j], x_middle[j], x_right[j], x_low[j], x_high[j], centre_x)
        near_y = _near(y_left[j], y_middle[j], y_right[j], y_low[j], y_high[j], centre_y)
        to[j] = np.uint8(to[j] | np.uint8(near_x & near_y))
    for j in range(0, last + 1, max(last, 1)):
        left, right = max(j - 1, 0), min(j + 1, last)
        near_x = _near(x[left], x[j], x[right], x_below[j], x_above[j], centre_x)
        near_y = _near(y[left], y[j], y[right], y_below[j], y_above[j], centre_y)
        flagged[j] = np.uint8(flagged[j] | np.uint8(near_x & near_y))


@row_function
def _clear(flagged, row):
    zero = like(row[0], 0.0)
    for j in range(row.size):
        row[j] = zero if flagged[j] else row[j]
