"""A galaxy image as light (INTERPOL): bilinear surface brightness of a square stamp, zero outside.

lenstronomy's conventions: `scale` [arcsec] is the stamp's pixel, `phi_G` [rad] turns the position into the stamp's
frame, one ring of zeros surrounds the stamp, and `amp` times the stamp is in counts/s/arcsec^2. A `parity` of -1
mirrors the stamp left to right.
"""

import math

import numpy as np

from .declaration import CENTRE, MAGNITUDE, LightProfile, ProfileParameter
from .scalar import per_ray, per_system, real


@per_system
def constants(row, size, out):
    """Fill `out` from `row` = PROFILE.columns; stamps are size x size pixels."""
    x, y, middle, parity = row[1], row[2], 0.5 * (size - 1), row[6]
    cosine, sine = math.cos(row[3]) / row[4], math.sin(row[3]) / row[4]
    out[0], out[1] = x, y
    out[2], out[3], out[4] = parity * cosine, parity * sine, middle - parity * (cosine * x + sine * y)
    out[5], out[6], out[7] = -sine, cosine, middle + sine * x - cosine * y
    out[8] = row[0]


@per_ray
def place(x, y, p, side):
    """Where a position lies on a stamp of side x side pixels: its lower left pixel, and how far beyond it (s, t).

    Beyond the edge it is put on the edge, which is zero. The pixel is -1 where that makes the light zero for certain.
    """
    column, row = p[2] * x + (p[3] * y + p[4]), p[5] * x + (p[6] * y + p[7])
    zero, edge, last = real(x, 0.0), real(x, side - 1), real(x, side - 2)
    outside = (min(column, row) <= zero) | (max(column, row) >= edge)
    column, row = min(max(column, zero), edge), min(max(row, zero), edge)
    j, i = min(real(x, np.int32(column)), last), min(real(x, np.int32(row)), last)
    first = np.int32(i * real(x, side) + j)  # exact in float32 for stamps of up to 4096 pixels on a side
    return np.int32(-1) if outside else first, column - j, row - i


@per_ray
def brightness(first, s, t, p, stamp, side):
    """Surface brightness from `place`; `stamp` is a side x side image as one row, zero on its outermost pixels."""
    low = np.uint64(first)  # unsigned: numba would otherwise test each index for being negative
    high = low + np.uint64(side)
    left = stamp[low] + t * (stamp[high] - stamp[low])
    right = stamp[low + np.uint64(1)] + t * (stamp[high + np.uint64(1)] - stamp[low + np.uint64(1)])
    return p[8] * (left + s * (right - left))


PROFILE = LightProfile(
    name="INTERPOL",
    meaning="an image of a galaxy",
    parameters=(
        MAGNITUDE._replace(meaning="total, without lensing; empty: the catalogue's own", default=None),
        ProfileParameter(
            "R_half",
            "half-light radius to scale to; empty: the catalogue's own pixel scale",
            "arcsec",
            "R_{1/2}",
            None,
            low=1e-3,
            high=100,
        ),
        ProfileParameter("phi_G", "rotation of the image", "rad", r"\phi_G", {"uniform": (0.0, 2.0 * math.pi)}),
        *CENTRE,
    ),
    constants=constants,
    brightness=brightness,
    rays="stamp",
    columns=("amp", "center_x", "center_y", "phi_G", "scale", "stamp", "parity"),
)
