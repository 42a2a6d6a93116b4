"""External convergence (CONVERGENCE), a sheet of mass: alpha = kappa (x - ra_0, y - dec_0), as in lenstronomy."""

from numba import njit

from ..core.numerics import ray_function

PARAMETERS = ("kappa", "ra_0", "dec_0")


@njit
def constants(row, out):
    """Fill `out` with what every ray needs, from `row` = (kappa, ra_0, dec_0)."""
    out[0], out[1], out[2] = row[1], row[2], row[0]


@ray_function
def deflection(x, y, p):
    """alpha_x, alpha_y [arcsec] of one ray, `p` from `constants`."""
    return p[2] * (x - p[0]), p[2] * (y - p[1])
