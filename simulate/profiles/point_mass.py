"""Point mass (POINT_MASS): alpha = theta_E^2 / r towards the centre, with lenstronomy's conventions [arcsec].

The deflection grows without bound towards the centre. Inside 1e-15 arcsec it falls linearly to zero, so that it stays
finite in float32 too; lenstronomy does the same inside 1e-25 arcsec.
"""

from .declaration import CENTRE, MassProfile, ProfileParameter
from .scalar import per_ray, per_system, real

MIN_R2 = 1e-30  # arcsec^2


@per_system
def constants(row, out):
    """Fill `out` with what every ray needs, from `row` = (theta_E, center_x, center_y)."""
    out[0], out[1], out[2] = row[1], row[2], row[0] * row[0]


@per_ray
def deflection(x, y, p):
    """alpha_x, alpha_y [arcsec] of one ray, `p` from `constants`."""
    dx, dy = x - p[0], y - p[1]
    a = p[2] / max(dx * dx + dy * dy, real(x, MIN_R2))
    return a * dx, a * dy


PROFILE = MassProfile(
    name="POINT_MASS",
    meaning="point mass",
    parameters=(ProfileParameter("theta_E", "Einstein radius", "arcsec", r"\theta_E", low=0, high=100), *CENTRE),
    constants=constants,
    deflection=deflection,
)
