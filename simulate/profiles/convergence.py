"""External convergence (CONVERGENCE), a sheet of mass: alpha = kappa (x - ra_0, y - dec_0), as in lenstronomy."""

from .declaration import MassProfile, ProfileParameter
from .scalar import per_ray, per_system


@per_system
def constants(row, out):
    """Fill `out` with what every ray needs, from `row` = (kappa, ra_0, dec_0)."""
    out[0], out[1], out[2] = row[1], row[2], row[0]


@per_ray
def deflection(x, y, p):
    """alpha_x, alpha_y [arcsec] of one ray, `p` from `constants`."""
    return p[2] * (x - p[0]), p[2] * (y - p[1])


PROFILE = MassProfile(
    name="CONVERGENCE",
    meaning="external convergence, a sheet of mass",
    parameters=(
        ProfileParameter("kappa", "convergence", "-", r"\kappa"),
        ProfileParameter("ra_0", "where it does not deflect, to the right", "arcsec", "x_0", 0.0),
        ProfileParameter("dec_0", "where it does not deflect, upwards", "arcsec", "y_0", 0.0),
    ),
    constants=constants,
    deflection=deflection,
    rays="linear",
)
