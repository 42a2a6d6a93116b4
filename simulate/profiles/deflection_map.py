"""A deflection given on a grid (INTERPOL as a deflector): bicubic between the pixels.

f_x and f_y [arcsec] are the deflection at the centres of square pixels. The surface is the cubic spline with
not-a-knot ends of lenstronomy's INTERPOL with `kwargs_spline` = {"kx": 3, "ky": 3, "s": 0} (scipy's
RectBivariateSpline; lenstronomy's own default is linear), held as coefficients of uniform B-splines so that a ray needs
4 x 4 of them. Beyond the outermost pixels a ray takes the value at the nearest edge, as in lenstronomy.
"""

import numpy as np

from .declaration import CENTRE, MassProfile
from .scalar import per_ray, per_system, real


@per_system
def constants(row, grid, out):
    """Fill `out` with what every ray needs, from `row` = (center_x, center_y, map number) and `DeflectionMap.grid`."""
    out[0], out[1] = grid[0] + row[0], grid[1] + row[1]
    out[2] = 1.0 / grid[2]
    out[3], out[4] = 0.5 * (grid[3] - 1.0), 0.5 * (grid[4] - 1.0)
    out[5], out[6] = grid[3] - 1.0, grid[4] - 1.0


@per_ray
def _weights(t):
    """The four uniform cubic B-splines at a fraction `t` between two pixels."""
    one, sixth = real(t, 1.0), real(t, 1.0 / 6.0)
    r, t2 = one - t, t * t
    t3 = t2 * t
    w0, w3 = sixth * (r * r * r), sixth * t3
    w1 = real(t, 2.0 / 3.0) - t2 + real(t, 0.5) * t3
    return w0, w1, one - w0 - w1 - w3, w3


@per_ray
def _line(c, k, w0, w1, w2, w3):
    """Four neighbouring coefficients of one component, weighted."""
    # unsigned: numba would otherwise test each index for being negative
    return (w0 * c[k] + w1 * c[k + np.uint64(2)]) + (w2 * c[k + np.uint64(4)] + w3 * c[k + np.uint64(6)])


@per_ray
def deflection(x, y, p, coefficients, side):
    """alpha_x, alpha_y [arcsec] of one ray; `p` from `constants`, `coefficients` in the type of x."""
    zero, none, c = real(x, 0.0), np.int32(0), coefficients
    dx, dy = x - p[0], y - p[1]
    column = min(max(p[3] + p[2] * dx, zero), p[5])
    row = min(max(p[4] + p[2] * dy, zero), p[6])
    # clamped as integers too: a ray that is not a number must not read outside the map
    j = max(min(np.int32(column), np.int32(p[5]) - np.int32(1)), none)
    i = max(min(np.int32(row), np.int32(p[6]) - np.int32(1)), none)
    u0, u1, u2, u3 = _weights(column - real(x, j))
    v0, v1, v2, v3 = _weights(row - real(x, i))
    one, step = np.uint64(1), np.uint64(side) + np.uint64(side)
    k0 = np.uint64(i) * step + np.uint64(j + j)
    k1, k2, k3 = k0 + step, k0 + step + step, k0 + step + step + step
    alpha_x = v0 * _line(c, k0, u0, u1, u2, u3) + v1 * _line(c, k1, u0, u1, u2, u3)
    alpha_x += v2 * _line(c, k2, u0, u1, u2, u3) + v3 * _line(c, k3, u0, u1, u2, u3)
    alpha_y = v0 * _line(c, k0 + one, u0, u1, u2, u3) + v1 * _line(c, k1 + one, u0, u1, u2, u3)
    alpha_y += v2 * _line(c, k2 + one, u0, u1, u2, u3) + v3 * _line(c, k3 + one, u0, u1, u2, u3)
    # exactly one, but for a ray that is not a number, which would otherwise take the value of a corner
    unit = real(x, 1.0) + real(x, 1e-37) * (dx + dy)
    return alpha_x * unit, alpha_y * unit


PROFILE = MassProfile(
    name="INTERPOL",
    meaning="a deflection field on a grid: cubic between pixels, constant beyond the edge",
    parameters=CENTRE,
    constants=constants,
    deflection=deflection,
    rays="map",
    columns=("center_x", "center_y", "map"),
    options={"kwargs_spline": {"kx": 3, "ky": 3, "s": 0}},
)
