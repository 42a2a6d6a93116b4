"""Navarro-Frenk-White halo (NFW): the deflection of a ray.

rho ~ 1 / (x (1 + x)^2), x = r / Rs, and with F(x) = arccosh(1/x) / sqrt(1 - x^2), beyond x = 1 arccos(1/x) /
sqrt(x^2 - 1), alpha = alpha_Rs / (1 - ln 2) (ln(x/2) + F) / x (Bartelmann 1996, arXiv:astro-ph/9602053). lenstronomy's
conventions: Rs [arcsec], the deflection alpha_Rs [arcsec] at Rs, and a deflection linear in r below r = 1e-6 Rs or
1e-8 arcsec (less than 1e-6 alpha_Rs off there).

As written, ln(x/2) + F cancels near the centre and F is 0/0 at x = 1. With A(t) = atan(sqrt t) / sqrt t, which is
smooth through t = 0, F = 2 / (1 + x) A((x - 1) / (x + 1)), used for large x. For small x, with c = sqrt(1 - x^2) and
s = (1 - c) / (3 + c), (ln(x/2) + F) / x^2 = (ln(2/x) - 2 A(-s^2) / (3 + c)) / (c (1 + c)).
"""

import math

from .declaration import CENTRE, MassProfile, ProfileParameter
from .scalar import LN_2, atan_ratio, log2, per_ray, per_system, real

SPLIT = 0.5  # x^2 where one form takes over from the other


@per_system
def strength(Rs, alpha_Rs):
    """The factor between (ln(x/2) + F) / x^2 and alpha / r."""
    return alpha_Rs / (Rs * (1.0 - LN_2))


@per_system
def constants(row, out):
    """Fill `out` with what every ray needs, from `row` = (Rs, alpha_Rs, center_x, center_y)."""
    out[0], out[1] = row[2], row[3]
    out[2] = 1.0 / row[0]
    out[3] = strength(row[0], row[1])
    out[4] = max(1e-6, 1e-8 / row[0]) ** 2


@per_ray
def mass_and_F(u):
    """(ln(x/2) + F) / x^2 and F for u = x^2 > 0."""
    one, two = real(u, 1.0), real(u, 2.0)
    inside = u < real(u, SPLIT)
    log = real(u, 0.5 * LN_2) * (two - log2(u))  # ln(2/x)
    root = math.sqrt(one - u if inside else u)  # c, or x
    inverse = one / (root + (real(u, 3.0) if inside else one))
    t = (root - one) * inverse
    a = two * inverse * atan_ratio(-t * t if inside else t)
    mass = (log - a if inside else a - log) / (root * (one + root) if inside else u)
    return mass, (log + u * mass if inside else a)


@per_ray
def deflection(x, y, p):
    """alpha_x, alpha_y [arcsec] of one ray, `p` from `constants`."""
    dx, dy = x - p[0], y - p[1]
    v, w = p[2] * dx, p[2] * dy
    mass, _ = mass_and_F(max(v * v + w * w, p[4]))
    a = p[3] * mass
    return a * dx, a * dy


RS = ProfileParameter("Rs", "scale radius, where the density falls as r^-2", "arcsec", "R_s", low=1e-5, high=1000)
ALPHA_RS = ProfileParameter("alpha_Rs", "deflection at Rs", "arcsec", r"\alpha_{R_s}", low=0, high=100)
PROFILE = MassProfile(
    name="NFW",
    meaning="Navarro-Frenk-White halo",
    parameters=(RS, ALPHA_RS, *CENTRE),
    constants=constants,
    deflection=deflection,
)
