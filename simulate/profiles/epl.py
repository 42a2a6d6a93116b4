"""Elliptical power law (EPL) and its isothermal case (SIE): the deflection of a ray.

kappa = (3 - gamma) / 2 * (theta_E / sqrt(q x^2 + y^2 / q))^(gamma - 1), in the frame of the major axis. Deflection by
the series of Tessore & Metcalf 2015 (arXiv:1507.01819, eq. 23), lenstronomy's conventions: theta_E [arcsec] on the
intermediate axis, e1 = (1-q)/(1+q) cos 2phi, e2 = (1-q)/(1+q) sin 2phi.

The series S = sum_n a_n exp(2i n phi), a_0 = 1, goes through Clenshaw's recurrence b_n = a_n + r b_(n+1) - b_(n+2) with
r = 2 cos 2phi: a fused multiply-add and an addition a term. As S = 1 - b_2 + exp(2i phi) b_1 and cos 3phi = cos phi
(r - 1), sin 3phi = sin phi (r + 1), the wanted exp(i phi) S is cos phi (b_0 - b_1) + i sin phi (b_0 + b_1): no angle is
ever needed. The work on a ray comes in short pieces, so that a processor can overlap many rays in each.
"""

import math

from .declaration import CENTRE, ELLIPTICITY, MassProfile, ProfileParameter
from .scalar import exp2, log2, per_ray, per_system, real

# Above what `limits` lets through: it only keeps the series finite, which takes 375 terms here in float64.
LARGEST_F = 0.91
MAX_TERMS = 400
SINGLE, DOUBLE = 3e-8, 1e-15  # tolerances of the series for float32 and float64


@per_system
def constants(row, out):
    """Fill `out` with what every ray of this lens needs, from `row` = (theta_E, gamma, e1, e2, center_x, center_y)."""
    theta_E, gamma, e1, e2 = row[0], row[1], row[2], row[3]
    f = min(math.sqrt(e1 * e1 + e2 * e2), LARGEST_F)
    q = (1.0 - f) / (1.0 + f)
    phi = 0.5 * math.atan2(e2, e1)
    out[0], out[1] = row[4], row[5]
    out[2], out[3] = math.cos(phi), math.sin(phi)
    out[4], out[5] = q * out[2], q * out[3]
    out[6] = 0.5 * (gamma - 1.0)  # the power of (b / R)^2, b^2 = q theta_E^2
    log2_b2 = math.log2(q * theta_E * theta_E) if theta_E != 0.0 else -1e9
    out[7] = out[6] * log2_b2 + math.log2(2.0 / (1.0 + q))


@per_system
def series(row, tolerance, coefficients):
    """Fill `coefficients` with a_1, a_2, ... down to `tolerance` and return their number, which is even."""
    f = min(math.sqrt(row[2] * row[2] + row[3] * row[3]), LARGEST_F)
    t = row[1] - 1.0
    a, n = 1.0, 0
    while n < MAX_TERMS and (abs(a) > tolerance or n % 2 != 0):
        n += 1
        a *= -f * (2.0 * n - (2.0 - t)) / (2.0 * n + (2.0 - t))
        coefficients[n - 1] = a
    return n


@per_ray
def ellipse(x, y, p):
    """Elliptical coordinates (zx, zy) of a position, log2 of 2 / (1 + q) (b/R)^(gamma - 1), and r."""
    dx, dy = x - p[0], y - p[1]
    zx, zy = p[4] * dx + p[5] * dy, p[2] * dy - p[3] * dx
    zx2 = zx * zx
    inverse = real(x, 1.0) / max(zx2 + zy * zy, real(x, 1e-18))
    return zx, zy, p[6] * log2(inverse) + p[7], real(x, 4.0) * (zx2 * inverse) - real(x, 2.0)


@per_ray
def clenshaw2(r, b1, b2, a2, a1):
    """Two steps of b_n = a_n + r b_(n+1) - b_(n+2), highest coefficient first; returns the last two values of b."""
    b = a2 + (r * b1 - b2)
    return a1 + (r * b - b1), b


@per_ray
def deflection(zx, zy, log2_power, r, b1, b2, p):
    """alpha_x, alpha_y [arcsec] of one ray, from `ellipse` and the recurrence of `clenshaw2` down to b_1 and b_2."""
    scale, b0 = exp2(log2_power), real(zx, 1.0) + (r * b1 - b2)
    u, v = scale * zx * (b0 - b1), scale * zy * (b0 + b1)
    return p[2] * u - p[3] * v, p[3] * u + p[2] * v


THETA_E = ProfileParameter(
    "theta_E", "Einstein radius on the intermediate axis", "arcsec", r"\theta_E", low=0, high=100
)
GAMMA = ProfileParameter(
    "gamma",
    "logarithmic slope of the 3D mass density (2 = isothermal)",
    "-",
    r"\gamma",
    2.0,
    low=1.05,
    high=2.95,
)
PROFILE = MassProfile(
    name="EPL",
    meaning="elliptical power law",
    parameters=(THETA_E, GAMMA, *ELLIPTICITY, *CENTRE),
    constants=constants,
    deflection=deflection,
    rays="series",
)
