"""Truncated Navarro-Frenk-White halo (TNFW): the deflection of a ray.

rho_NFW / (1 + (r / r_trunc)^2), Baltz, Marshall & Oguri 2009 (arXiv:0705.0682, appendix A). lenstronomy's conventions:
alpha_Rs [arcsec] is the deflection at Rs [arcsec] that the halo would have without truncation, and the deflection is
linear in r below r = .001 Rs (less than 1e-3 alpha_Rs off there).

The published sum cancels near the centre and for large tau = r_trunc / Rs. With x, F and m = (ln(x/2) + F) / x^2 of
`nfw`, e = 1 / (tau + sqrt(tau^2 + x^2)) and z = e x^2 / (2 tau), it equals, without cancellation,
alpha / r ~ tau^2 / (tau^2 + 1)^2 [(tau^2 - 1) (m - arcsinh(tau / x) e / tau - ln(1 + z) / x^2) + 2 F - pi e].
"""

import math

from .declaration import CENTRE, MassProfile, ProfileParameter
from .nfw import ALPHA_RS, RS, mass_and_F, strength
from .scalar import log1p, per_ray, per_system, real

MIN_X2 = 1e-6  # lenstronomy's


@per_system
def constants(row, out):
    """Fill `out` with what every ray needs, from `row` = (Rs, alpha_Rs, r_trunc, center_x, center_y)."""
    tau = row[2] / row[0]
    weight = strength(row[0], row[1]) * (tau / (tau * tau + 1.0)) ** 2
    out[0], out[1] = row[3], row[4]
    out[2] = 1.0 / row[0]
    out[3] = weight * (tau * tau - 1.0)
    out[4] = weight
    out[5] = tau
    out[6] = 1.0 / tau


@per_ray
def deflection(x, y, p):
    """alpha_x, alpha_y [arcsec] of one ray, `p` from `constants`."""
    one = real(x, 1.0)
    dx, dy = x - p[0], y - p[1]
    v, w = p[2] * dx, p[2] * dy
    u = max(v * v + w * w, real(x, MIN_X2))
    mass, F = mass_and_F(u)
    inverse = one / math.sqrt(u)
    t = p[5] * inverse
    root = math.sqrt(one + t * t)
    e = inverse / (t + root)
    log = log1p(t + t * t / (one + root))  # arcsinh(tau / x)
    cut = e * p[6] * log + log1p(real(x, 0.5) * u * e * p[6]) * inverse * inverse
    a = p[3] * (mass - cut) + p[4] * (real(x, 2.0) * F - real(x, math.pi) * e)
    return a * dx, a * dy


PROFILE = MassProfile(
    name="TNFW",
    meaning="truncated Navarro-Frenk-White halo",
    parameters=(
        RS,
        ALPHA_RS._replace(meaning="deflection at Rs that it would have without truncation"),
        ProfileParameter(
            "r_trunc",
            "truncation radius: the density is divided by 1 + (r / r_trunc)^2",
            "arcsec",
            r"r_{\mathrm{trunc}}",
            low=1e-5,
            high=1e5,
        ),
        *CENTRE,
    ),
    constants=constants,
    deflection=deflection,
)
