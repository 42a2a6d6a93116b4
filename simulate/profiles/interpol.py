"""A galaxy image as light (INTERPOL): bilinear surface brightness of a square stamp, zero outside.

lenstronomy's conventions: `scale` [arcsec] is the stamp's pixel, `phi_G` [rad] turns the position into the stamp's
frame, one ring of zeros surrounds the stamp, and `amp` times the stamp is in counts/s/arcsec^2.
"""

import math

import numpy as np
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
def brightness(x, y, p, stamp, side):
    """Surface brightness at one position; `stamp` is a side x side image as one row, zero on its outermost pixels."""
    dx, dy = x - p[0], y - p[1]
    zero, one, edge = like(x, 0.0), like(x, 1.0), like(x, side - 1)
    column = min(max(p[4] + p[2] * dx + p[3] * dy, zero), edge)  # beyond the edge is the ring of zeros
    row = min(max(p[4] + p[2] * dy - p[3] * dx, zero), edge)
    j, i = min(np.int32(column), side - np.int32(2)), min(np.int32(row), side - np.int32(2))
    s, t = column - like(x, j), row - like(x, i)
    first = np.int32(i * side) + j
    # unsigned: numba would otherwise test each index for being negative, and the loop would not vectorise
    low = stamp[np.uint32(first)] * (one - s) + stamp[np.uint32(first + np.int32(1))] * s
    above = first + side
    high = stamp[np.uint32(above)] * (one - s) + stamp[np.uint32(above + np.int32(1))] * s
    return p[5] * (low * (one - t) + high * t)
