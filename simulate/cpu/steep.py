"""Which pixels need more than one ray: where the image is steep, and where the centre of a component may be.

An image goes through row by row, with the rows below and above; an edge pixel is its own neighbour. What counts as
steep is for `refinement` to say.
"""

import numpy as np
from numba import njit

from .. import refinement
from ..core.numerics import real, row_function
from . import light


@njit
def flag(image, galaxy, beta, tolerance, core, border):
    """Find the pixels that need more rays, and correct the others for their curvature, to 4th order.

    Args:
        image: (pixels,), surface brightness by one ray each; changed, 0 where a pixel is flagged. galaxy: its
            `light.Light`. beta: (2, pixels), where the rays fall [arcsec]. tolerance: of the peak.
            core: of the PSF, see `refinement.seen`. border: of the limit in pixels at the border, 1 or
            `refinement.BORDER`.

    Returns: uint8 (pixels,), 1 where flagged; the highest of the other pixels; the peak that counts behind the PSF over
        the image's own; and a copy of the image as it was given.
    """
    size, zero = int(np.sqrt(image.size) + 0.5), real(image[0], 0.0)
    raw, curved = image.copy().reshape(size, size), np.empty((size, size), image.dtype)
    corrected, flagged = image.reshape(size, size), np.empty((size, size), np.uint8)
    highest, highest_seen = np.zeros(size, image.dtype), np.zeros(size, image.dtype)
    for i in range(size):
        _lift_to_capped((raw[i], raw[max(i - 1, 0)], raw[min(i + 1, size - 1)]), core, highest, highest_seen)
    peak = highest_seen.max()
    factor = peak / max(highest.max(), real(zero, 1e-30)) if peak > zero else real(zero, 1.0)
    limit = refinement.curvature_limit(peak, tolerance)
    for i in range(size):
        _correct(raw[i], raw[max(i - 1, 0)], raw[min(i + 1, size - 1)], corrected[i], curved[i])
    for i in range(size):
        _flag_steep(curved[i], curved[max(i - 1, 0)], curved[min(i + 1, size - 1)], limit, flagged[i])
    if border < 1.0:
        _flag_border(curved, border * limit, flagged)
    x, y = beta[0].reshape(size, size), beta[1].reshape(size, size)
    for k in range(galaxy.profiles.size):
        centre_x, centre_y, present = light.centre(galaxy, k)
        if present:
            for i in range(size):
                below, above = max(i - 1, 0), min(i + 1, size - 1)
                rays_x, rays_y = (x[i], x[below], x[above], centre_x), (y[i], y[below], y[above], centre_y)
                _flag_centre(rays_x, rays_y, flagged[i])
    highest[:] = zero
    for i in range(size):
        _clear(flagged[i], corrected[i])
        _lift(corrected[i], highest)
    return flagged.reshape(size * size), highest.max(), factor, raw


@row_function
def _lift(row, highest):
    """Raise each column's `highest` to its pixel: a running maximum along a row would not vectorise."""
    for j in range(row.size):
        highest[j] = max(highest[j], row[j])


@row_function
def _lift_to_capped(rows, core, highest, highest_seen):
    """Raise each column's `highest` to its pixel, no pixel counted higher than its highest neighbour; and as seen.

    rows: this one, the one below and the one above. core: see `refinement.seen`.
    """
    here, below, above = rows
    last = here.size - 1
    left, middle, right = here[: max(last - 1, 0)], here[1:], here[2:]
    low, high, to, to_seen = below[1:], above[1:], highest[1:], highest_seen[1:]
    for j in range(last - 1):
        capped = refinement.capped(left[j], middle[j], right[j], low[j], high[j])
        to[j] = max(to[j], capped)
        to_seen[j] = max(to_seen[j], refinement.seen(left[j], capped, right[j], low[j], high[j], core))
    for j in range(0, last + 1, max(last, 1)):
        left_edge, right_edge = here[max(j - 1, 0)], here[min(j + 1, last)]
        capped = refinement.capped(left_edge, here[j], right_edge, below[j], above[j])
        highest[j] = max(highest[j], capped)
        seen = refinement.seen(left_edge, capped, right_edge, below[j], above[j], core)
        highest_seen[j] = max(highest_seen[j], seen)


@row_function
def _correct(here, below, above, corrected, curved):
    """Pixels of a row corrected for the curvature across them, and that curvature."""
    last = here.size - 1
    left, middle, right = here[: max(last - 1, 0)], here[1:], here[2:]
    low, high, to, bent = below[1:], above[1:], corrected[1:], curved[1:]
    for j in range(last - 1):
        bent[j] = refinement.curvature(left[j], middle[j], right[j], low[j], high[j])
        to[j] = refinement.corrected(left[j], middle[j], right[j], low[j], high[j])
    for j in range(0, last + 1, max(last, 1)):
        left_edge, right_edge = here[max(j - 1, 0)], here[min(j + 1, last)]
        curved[j] = refinement.curvature(left_edge, here[j], right_edge, below[j], above[j])
        corrected[j] = refinement.corrected(left_edge, here[j], right_edge, below[j], above[j])


@row_function
def _flag_steep(here, below, above, limit, flagged):
    """Flag the pixels of a row that are steep; here, below, above: curvatures."""
    last = here.size - 1
    left, middle, right = here[: max(last - 1, 0)], here[1:], here[2:]
    low, high, to = below[1:], above[1:], flagged[1:]
    for j in range(last - 1):
        to[j] = np.uint8(refinement.is_steep(left[j], middle[j], right[j], low[j], high[j], limit))
    for j in range(0, last + 1, max(last, 1)):
        left_edge, right_edge = here[max(j - 1, 0)], here[min(j + 1, last)]
        flagged[j] = np.uint8(refinement.is_steep(left_edge, here[j], right_edge, below[j], above[j], limit))


@row_function
def _flag_border(curved, limit, flagged):
    """Flag the pixels at the border that are steeper than a limit of their own."""
    last = curved.shape[0] - 1
    for i in range(last + 1):
        for far in (0, last):
            flagged[i, far] = np.uint8(flagged[i, far] | np.uint8(curved[i, far] > limit))
            flagged[far, i] = np.uint8(flagged[far, i] | np.uint8(curved[far, i] > limit))


@row_function
def _flag_centre(rays_x, rays_y, flagged):
    """Flag the pixels that, or whose neighbours, may hold a centre, whatever their rays see.

    rays_x, rays_y: (where the rays of this row, of the one below and of the one above fall, and the centre).
    """
    x, x_below, x_above, centre_x = rays_x
    y, y_below, y_above, centre_y = rays_y
    last = x.size - 1
    x_left, x_middle, x_right = x[: max(last - 1, 0)], x[1:], x[2:]
    y_left, y_middle, y_right = y[: max(last - 1, 0)], y[1:], y[2:]
    x_low, x_high, y_low, y_high, to = x_below[1:], x_above[1:], y_below[1:], y_above[1:], flagged[1:]
    for j in range(last - 1):
        near_x = refinement.may_hold_centre(x_left[j], x_middle[j], x_right[j], x_low[j], x_high[j], centre_x)
        near_y = refinement.may_hold_centre(y_left[j], y_middle[j], y_right[j], y_low[j], y_high[j], centre_y)
        to[j] = np.uint8(to[j] | np.uint8(near_x & near_y))
    for j in range(0, last + 1, max(last, 1)):
        left, right = max(j - 1, 0), min(j + 1, last)
        near_x = refinement.may_hold_centre(x[left], x[j], x[right], x_below[j], x_above[j], centre_x)
        near_y = refinement.may_hold_centre(y[left], y[j], y[right], y_below[j], y_above[j], centre_y)
        flagged[j] = np.uint8(flagged[j] | np.uint8(near_x & near_y))


@row_function
def _clear(flagged, row):
    """Set the flagged pixels of a row to 0."""
    zero = real(row[0], 0.0)
    for j in range(row.size):
        row[j] = zero if flagged[j] else row[j]
