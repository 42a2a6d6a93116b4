"""Elliptical power law (EPL) and its isothermal case (SIE): the deflection of a ray.

kappa = (3 - gamma) / 2 * (theta_E / sqrt(q x^2 + y^2 / q))^(gamma - 1), in the frame of the major axis. Deflection by
the series of Tessore & Metcalf 2015 (arXiv:1507.01819, eq. 23), lenstronomy's conventions: theta_E [arcsec] on the
intermediate axis, e1 = (1-q)/(1+q) cos 2phi, e2 = (1-q)/(1+q) sin 2phi.

The series sum_n a_n z^n on the unit circle, z = exp(2i phi), is summed by Clenshaw's recurrence: two fused
multiply-adds a term. The work on a ray comes in short pieces, so that a processor can overlap many rays in each.
"""

import math

from numba import njit

from ..numerics import MAX_ELLIPTICITY, exp2, like, log2, ray_function

PARAMETERS = ("theta_E", "gamma", "e1", "e2", "center_x", "center_y")
MAX_TERMS = 400


@njit
def constants(row, out):
    """Fill `out` with what every ray of this lens needs, from `row` = (theta_E, gamma, e1, e2, center_x, center_y)."""
    theta_E, gamma, e1, e2 = row[0], row[1], row[2], row[3]
    f = min(math.sqrt(e1 * e1 + e2 * e2), MAX_ELLIPTICITY)
    q = (1.0 - f) / (1.0 + f)
    phi = 0.5 * math.atan2(e2, e1)
    out[0], out[1] = row[4], row[5]
    out[2], out[3] = math.cos(phi), math.sin(phi)
    out[4] = q
    out[5] = 0.5 * (gamma - 1.0)  # the power of (b / R)^2
    out[6] = theta_E * theta_E * q  # b^2
    out[7] = math.log2(2.0 / (1.0 + q))


@njit
def series(row, tolerance, coefficients):
    """Fill `coefficients` with a_1, a_2, ... down to `tolerance` and return their number, a multiple of four."""
    f = min(math.sqrt(row[2] * row[2] + row[3] * row[3]), MAX_ELLIPTICITY)
    t = row[1] - 1.0
    a, n = 1.0, 0
    while n < MAX_TERMS and (abs(a) > tolerance or n % 4 != 0):
        n += 1
        a *= -f * (2.0 * n - (2.0 - t)) / (2.0 * n + (2.0 - t))
        coefficients[n - 1] = a
    return n


@ray_function
def ellipse(x, y, p):
    """Elliptical coordinates (zx, zy) of a position, 1 / (zx^2 + zy^2), and cos and sin of twice the angle."""
    dx, dy = x - p[0], y - p[1]
    zx = p[4] * (p[2] * dx + p[3] * dy)
    zy = p[2] * dy - p[3] * dx
    inverse = like(x, 1.0) / max(zx * zx + zy * zy, like(x, 1e-18))
    return zx, zy, inverse, (zx * zx - zy * zy) * inverse, like(x, 2.0) * zx * zy * inverse


@ray_function
def log2_power(inverse, p):
    """log2 of 2 / (1 + q) (b/R)^(gamma - 1), from 1/R^2."""
    return p[5] * log2(p[6] * inverse) + p[7]


@ray_function
def clenshaw4(r, b1, b2, a4, a3, a2, a1):
    """Four steps of b_n = a_n + r b_(n+1) - b_(n+2), highest coefficient first; returns the last two values of b."""
    b = a4 + (r * b1 - b2)
    c = a3 + (r * b - b1)
    d = a2 + (r * c - b)
    return a1 + (r * d - c), d


@ray_function
def deflection(zx, zy, log2_power, cos2, sin2, b1, b2, p):
    """alpha_x, alpha_y from the pieces above and the summed series S = 1 + z b_1 - b_2."""
    real, imag = like(zx, 1.0) - b2 + cos2 * b1, sin2 * b1
    scale = exp2(log2_power)
    u = scale * (zx * real - zy * imag)
    v = scale * (zx * imag + zy * real)
    return p[2] * u - p[3] * v, p[3] * u + p[2] * v
