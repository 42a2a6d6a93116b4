"""Hernquist sphere (HERNQUIST), the mass of an elliptical galaxy's stars: the deflection of a ray.

rho ~ 1 / (x (1 + x)^3), x = r / Rs, and with the F(x) of `nfw` alpha = 2 sigma0 Rs x (1 - F) / (x^2 - 1) (Hernquist
1990, ApJ 356, 359; Keeton 2001, arXiv:astro-ph/0102341, eq. 51). lenstronomy's conventions: Rs [arcsec], the
dimensionless sigma0, with which the deflection at Rs is 2/3 sigma0 Rs, and a deflection linear in r below 1e-5 arcsec
or r = 1e-5 Rs (less than 1e-5 sigma0 Rs off there).

As written, (1 - F) / (x^2 - 1) is 0/0 at x = 1. With t = (x - 1) / (x + 1) and A(t) = atan(sqrt t) / sqrt t it equals
(1 + 2 B / (1 + x)) / (1 + x)^2, where B(t) = (1 - A) / t = 1/3 - t/5 + t^2/7 - ... is smooth. Where t is small that is
summed, elsewhere B follows from F = 2 A / (1 + x).
"""

import math

from .declaration import CENTRE, MassProfile, ProfileParameter
from .nfw import RS, SPLIT, mass_and_F
from .scalar import per_ray, per_system, real

NEAR = 0.2  # |t| below which B is summed: fifteen terms leave 1e-12 of it
MIN_RADIUS = 1e-5  # arcsec, and scale radii: lenstronomy's


@per_system
def constants(row, out):
    """Fill `out` with what every ray needs, from `row` = (sigma0, Rs, center_x, center_y)."""
    out[0], out[1] = row[2], row[3]
    out[2] = 1.0 / row[1]
    out[3] = 2.0 * row[0]
    out[4] = max(MIN_RADIUS, MIN_RADIUS / row[1]) ** 2


@per_ray
def _sum(t):
    """B(t) near t = 0."""
    b = real(t, 1.0 / 31.0)
    b = real(t, 1.0 / 29.0) - t * b
    b = real(t, 1.0 / 27.0) - t * b
    b = real(t, 1.0 / 25.0) - t * b
    b = real(t, 1.0 / 23.0) - t * b
    b = real(t, 1.0 / 21.0) - t * b
    b = real(t, 1.0 / 19.0) - t * b
    b = real(t, 1.0 / 17.0) - t * b
    b = real(t, 1.0 / 15.0) - t * b
    b = real(t, 1.0 / 13.0) - t * b
    b = real(t, 1.0 / 11.0) - t * b
    b = real(t, 1.0 / 9.0) - t * b
    b = real(t, 1.0 / 7.0) - t * b
    b = real(t, 1.0 / 5.0) - t * b
    return real(t, 1.0 / 3.0) - t * b


@per_ray
def deflection(x, y, p):
    """alpha_x, alpha_y [arcsec] of one ray, `p` from `constants`."""
    one, two = real(x, 1.0), real(x, 2.0)
    dx, dy = x - p[0], y - p[1]
    v, w = p[2] * dx, p[2] * dy
    u = max(v * v + w * w, p[4])
    _, F = mass_and_F(u)
    root = math.sqrt(u)
    up = one / (one + root)
    t = (root - one) * up
    near, inside = abs(t) < real(x, NEAR), u < real(x, SPLIT)
    b = _sum(t) if near else (one - F / (two * up)) / (one if near else t)
    f = (F - one) / (one - u if inside else one) if inside else (one + two * b * up) * up * up
    a = p[3] * f
    return a * dx, a * dy


PROFILE = MassProfile(
    name="HERNQUIST",
    meaning="Hernquist sphere, e.g. the stars of an elliptical galaxy",
    parameters=(
        ProfileParameter(
            "sigma0", "strength: the deflection at Rs is 2/3 sigma0 Rs", "-", r"\sigma_0", low=0, high=1000
        ),
        RS._replace(meaning="scale radius; half of the projected mass lies within 1.8153 Rs"),
        *CENTRE,
    ),
    constants=constants,
    deflection=deflection,
)
