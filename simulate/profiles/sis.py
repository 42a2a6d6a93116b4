"""Singular isothermal sphere (SIS): every ray is deflected by theta_E towards the centre, kappa = theta_E / (2 r).

lenstronomy's conventions: theta_E and the centre in arcsec, no deflection on the centre itself.
"""

import math

from .declaration import CENTRE, MassProfile, ProfileParameter
from .scalar import per_ray, per_system, real

MIN_R2 = 1e-30  # arcsec^2, and no division by zero on the centre


@per_system
def constants(row, out):
    """Fill `out` with what every ray needs, from `row` = (theta_E, center_x, center_y)."""
    out[0], out[1], out[2] = row[1], row[2], row[0]


@per_ray
def deflection(x, y, p):
    """alpha_x, alpha_y [arcsec] of one ray, `p` from `constants`."""
    dx, dy = x - p[0], y - p[1]
    a = p[2] / math.sqrt(max(dx * dx + dy * dy, real(x, MIN_R2)))
    return a * dx, a * dy


PROFILE = MassProfile(
    name="SIS",
    meaning="singular isothermal sphere",
    parameters=(ProfileParameter("theta_E", "Einstein radius", "arcsec", r"\theta_E", low=0, high=100), *CENTRE),
    constants=constants,
    deflection=deflection,
)
