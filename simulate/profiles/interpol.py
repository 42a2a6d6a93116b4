"""A galaxy image as light (INTERPOL): bilinear surface brightness of a square stamp, zero outside.

lenstronomy's conventions: `scale` [arcsec] is the stamp's pixel, `phi_G` [rad] turns the position into the stamp's
frame, one ring of zeros surrounds the stamp, and `amp` times the stamp is in counts/s/arcsec^2. A `parity` of -1
mirrors the stamp left to right.
"""

import math

import numpy as np
from numba import njit

from ..numerics import like, ray_function

PARAMETERS = ("amp", "center_x", "center_y", "phi_G", "scale", "stamp", "parity")


@njit
def constants(row, size, out):
    """Fill `out` from `row` = PARAMETERS; stamps are size x size pixels."""
    out[0], out[1] = row[1], row[2]
    out[2], out[3] = math.cos(row[3]) / row[4], math.sin(row[3]) / row[4]
    out[4] = 0.5 * (size - 1)
    out[5] = row[0]
    out[6] = row[6]


@ray_function
def place(x, y, p, side):
    """Where a position lies on a stamp of side x side pixels: its lower left pixel, and how far beyond it (s, t).

    Beyond the edge it is put on the edge, which is zero. The pixel is -1 where that makes the light zero for certain.
    """
    dx, dy = x - p[0], y - p[1]
    zero, edge = like(x, 0.0), like(x, side - 1)
    column, row = p[4] + p[6] * (p[2] * dx + p[3] * dy), p[4] + p[2] * dy - p[3] * dx
    outside = (min(column, row) <= zero) | (max(column, row) >= edge)
    column, row = min(max(column, zero), edge), min(max(row, zero), edge)
    j, i = min(np.int32(column), side - np.int32(2)), min(np.int32(row), side - np.int32(2))
    first = np.int32(i * side) + j
    return np.int32(-1) if outside else first, column - like(x, j), row - like(x, i)


@ray_function
def brightness(first, s, t, p, stamp, side):
    """Surface brightness from `place`; `stamp` is a side x side image as one row, zero on its outermost pixels."""
    one = like(s, 1.0)
    # unsigned: numba would otherwise test each index for being negative
    low = stamp[np.uint32(first)] * (one - s) + stamp[np.uint32(first + np.int32(1))] * s
    above = first + side
    high = stamp[np.uint32(above)] * (one - s) + stamp[np.uint32(above + np.int32(1))] * s
    return p[5] * (low * (one - t) + high * t)
