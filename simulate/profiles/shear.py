"""External shear (SHEAR): alpha = (gamma1 x + gamma2 y, gamma2 x - gamma1 y), zero at the origin as in lenstronomy."""

from ..core.numerics import ray_function

PARAMETERS = ("gamma1", "gamma2")


@ray_function
def deflection(x, y, p):
    """alpha_x, alpha_y [arcsec] of one ray, `p` = (gamma1, gamma2)."""
    return p[0] * x + p[1] * y, p[1] * x - p[0] * y
