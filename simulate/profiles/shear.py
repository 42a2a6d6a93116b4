"""External shear (SHEAR): alpha = (gamma1 x + gamma2 y, gamma2 x - gamma1 y), zero at the origin as in lenstronomy."""

from .declaration import MassProfile, ProfileParameter
from .scalar import per_ray, per_system


@per_system
def constants(row, out):
    """Fill `out` with what every ray needs, from `row` = (gamma1, gamma2)."""
    out[0], out[1] = row[0], row[1]


@per_ray
def deflection(x, y, p):
    """alpha_x, alpha_y [arcsec] of one ray, `p` from `constants`."""
    return p[0] * x + p[1] * y, p[1] * x - p[0] * y


PROFILE = MassProfile(
    name="SHEAR",
    meaning="external shear",
    parameters=(
        ProfileParameter("gamma1", "shear along x", "-", r"\gamma_1", 0.0, low=-1e9, high=1e9),
        ProfileParameter("gamma2", "shear along the diagonal", "-", r"\gamma_2", 0.0, low=-1e9, high=1e9),
    ),
    constants=constants,
    deflection=deflection,
    rays="linear",
)
