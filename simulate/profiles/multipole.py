"""Circular multipole (MULTIPOLE) of order m, with lenstronomy's potential and conventions.

psi = r a_m / (1 - m^2) cos(m (phi - phi_m)), and for m = 1 r ln(r / r_E) a_m / 2 cos(phi - phi_m)
(Xu et al. 2013, arXiv:1307.4220, appendix B3): lengths in arcsec, phi_m in rad, r_E is used for m = 1 only. On the
centre itself, which has no direction, only the logarithm of m = 1 deflects, taken at 1e-6 arcsec as in lenstronomy;
lenstronomy gives that one ray the deflection of the x axis, too, up to a_m m / (m^2 - 1), half of a_m for m = 1.

With z = exp(i phi) and w = z^m exp(-i m phi_m), alpha_x + i alpha_y = z (A Re w - i B Im w), to which m = 1
adds a_m / 2 exp(i phi_m) ln(r / r_E). The power is by repeated squaring: neither an angle nor a loop over m.
"""

import math

import numpy as np

from .declaration import CENTRE, MassProfile, ProfileParameter
from .scalar import LN_2, log2, per_ray, per_system, real

MAX_M = 15  # four binary digits
MIN_R2 = 1e-30  # arcsec^2, for the direction
MIN_LOG_R2 = 1e-12  # arcsec^2, for the logarithm


@per_system
def constants(row, out):
    """Fill `out` with what every ray needs, from `row` = (m, a_m, phi_m, center_x, center_y, r_E)."""
    m, a_m, phi_m = row[0], row[1], row[2]
    out[0], out[1] = row[3], row[4]
    out[2] = m
    out[3], out[4] = math.cos(m * phi_m), math.sin(m * phi_m)
    if m == 1.0:
        out[5], out[6] = 0.5 * a_m, 0.0
        factor = 0.25 * LN_2 * a_m  # ln(r / r_E) is half of ln 2 log2((r / r_E)^2)
        out[7], out[8] = factor * math.cos(phi_m), factor * math.sin(phi_m)
    else:
        out[5] = a_m / (1.0 - m * m)
        out[6] = m * out[5]
        out[7], out[8] = 0.0, 0.0
    out[9] = 1.0 / (row[5] * row[5])


@per_ray
def _times(a, b, c, d):
    """(a + i b) (c + i d)."""
    return a * c - b * d, a * d + b * c


@per_ray
def deflection(x, y, p):
    """alpha_x, alpha_y [arcsec] of one ray, `p` from `constants`."""
    one, two = real(x, 1.0), real(x, 2.0)
    dx, dy = x - p[0], y - p[1]
    r2 = dx * dx + dy * dy
    inverse = one / math.sqrt(max(r2, real(x, MIN_R2)))
    c, s = dx * inverse, dy * inverse
    m = np.int32(p[2])
    # conj(exp(i m phi_m)) z^m, one binary digit of m after the other
    re, im = p[3], -p[4]
    a, b = c, s
    u, v = _times(re, im, a, b)
    re, im = (u, v) if m & 1 else (re, im)
    a, b = a * a - b * b, two * a * b
    u, v = _times(re, im, a, b)
    re, im = (u, v) if m & 2 else (re, im)
    a, b = a * a - b * b, two * a * b
    u, v = _times(re, im, a, b)
    re, im = (u, v) if m & 4 else (re, im)
    a, b = a * a - b * b, two * a * b
    u, v = _times(re, im, a, b)
    re, im = (u, v) if m & 8 else (re, im)
    re, im = p[5] * re, p[6] * im
    log = log2(max(r2, real(x, MIN_LOG_R2)) * p[9])
    return c * re + s * im + p[7] * log, s * re - c * im + p[8] * log


PROFILE = MassProfile(
    name="MULTIPOLE",
    meaning="circular multipole, a deformation of the isodensity lines",
    parameters=(
        ProfileParameter("m", "order, a whole number: 3 and 4 are common", "-", "m", low=1, high=MAX_M, whole=True),
        ProfileParameter(
            "a_m", "strength; a_m / theta_E deforms the isodensity lines by that fraction", "arcsec", "a_m"
        ),
        ProfileParameter("phi_m", "orientation", "rad", r"\phi_m", 0.0),
        *CENTRE,
        ProfileParameter(
            "r_E",
            "reference radius of m = 1; without effect for other m",
            "arcsec",
            "r_E",
            1.0,
            low=1e-6,
            high=100,
        ),
    ),
    constants=constants,
    deflection=deflection,
)
