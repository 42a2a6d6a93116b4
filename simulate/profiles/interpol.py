"""A galaxy image as light (INTERPOL): bilinear surface brightness of a square stamp, zero outside.

lenstronomy's conventions: `scale` [arcsec] is the stamp's pixel, `phi_G` [rad] turns the position into the stamp's
frame, one ring of zeros surrounds the stamp, and `amp` times the stamp is in counts/s/arcsec^2.
"""

import math

from numba import njit

from ..numerics import like, ray_function

PARAMETERS = ("amp", "center_x", "center_y", "phi_G", "scale", "stamp")


@njit
def constants(row, size, out):
    """Fill `out` from `row` = (amp, center_x, center_y, phi_G, scale, stamp number); stamps are size x size pixels."""
    out[0], out[1] = row[1], row[2]
    out[2], out[3] = math.cos(row[3]) / row[4], math.sin(row[3]) / row[4]
    out[4] = 0.5 * (size - 1)
    out[5] = row[0]


@ray_function
def brightness(x, y, p, stamp):
    """Surface brightness at one position; `stamp` is the (size, size) image, zero on its outermost ring of pixels."""
    dx, dy = x - p[0], y - p[1]
    zero, edge = like(x, 0.0), like(x, stamp.shape[0] - 1)
    column = min(max(p[4] + p[2] * dx + p[3] * dy, zero), edge)  # beyond the edge is the ring of zeros
    row = min(max(p[4] + p[2] * dy - p[3] * dx, zero), edge)
    j, i = min(int(column), stamp.shape[1] - 2), min(int(row), stamp.shape[0] - 2)
    s, t = column - like(x, j), row - like(x, i)
    one = like(x, 1.0)
    low = stamp[i, j] * (one - s) + stamp[i, j + 1] * s
    high = stamp[i + 1, j] * (one - s) + stamp[i + 1, j + 1] * s
    return p[5] * (low * (one - t) + high * t)
