"""The deflection of a chunk of rays by an elliptical power law, on a CPU: a loop per piece of `profiles.epl`."""

from ..core.numerics import chunk_function, compiled, ray_function, real, row_function
from ..profiles import epl
from .chunk import BETA_X, BETA_Y, SCRATCH, X, Y, unpack

_ellipse_of, _clenshaw2, _last_step = compiled(epl.ellipse), compiled(epl.clenshaw2), compiled(epl.deflection)


@row_function
def _ellipse(x, y, n, constants, k, zx, zy, power, r):
    p = unpack(constants, k)
    for i in range(n):
        zx[i], zy[i], power[i], r[i] = _ellipse_of(x[i], y[i], p)


@ray_function
def _four(r, b1, b2, a4, a3, a2, a1):
    b1, b2 = _clenshaw2(r, b1, b2, a4, a3)
    return _clenshaw2(r, b1, b2, a2, a1)


@row_function
def _clenshaw_first(r, n, a, m, b1, b2):
    """The first steps of the recurrence, for so many of m coefficients `a` that a multiple of eight is left."""
    zero, many = real(r[0], 0.0), m % 8
    if many == 2:
        a2, a1 = a[m - 1], a[m - 2]
        for i in range(n):
            b1[i], b2[i] = _clenshaw2(r[i], zero, zero, a2, a1)
    elif many == 4:
        a4, a3, a2, a1 = a[m - 1], a[m - 2], a[m - 3], a[m - 4]
        for i in range(n):
            b1[i], b2[i] = _four(r[i], zero, zero, a4, a3, a2, a1)
    elif many == 6:
        a6, a5, a4, a3, a2, a1 = a[m - 1], a[m - 2], a[m - 3], a[m - 4], a[m - 5], a[m - 6]
        for i in range(n):
            b, c = _clenshaw2(r[i], zero, zero, a6, a5)
            b1[i], b2[i] = _four(r[i], b, c, a4, a3, a2, a1)
    else:
        a8, a7, a6, a5, a4, a3, a2, a1 = _eight(a, m)
        for i in range(n):
            b, c = _four(r[i], zero, zero, a8, a7, a6, a5)
            b1[i], b2[i] = _four(r[i], b, c, a4, a3, a2, a1)


@ray_function
def _eight(a, m):
    return a[m - 1], a[m - 2], a[m - 3], a[m - 4], a[m - 5], a[m - 6], a[m - 7], a[m - 8]


@row_function
def _clenshaw8(r, n, a, m, b1, b2):
    a8, a7, a6, a5, a4, a3, a2, a1 = _eight(a, m)
    for i in range(n):
        b, c = _four(r[i], b1[i], b2[i], a8, a7, a6, a5)
        b1[i], b2[i] = _four(r[i], b, c, a4, a3, a2, a1)


@row_function
def _finish(n, zx, zy, power, r, b1, b2, constants, k, beta_x, beta_y):
    p = unpack(constants, k)
    for i in range(n):
        u, v = _last_step(zx[i], zy[i], power[i], r[i], b1[i], b2[i], p)
        beta_x[i] -= u
        beta_y[i] -= v


@chunk_function
def subtract_series(rows, n, constants, k, coefficients, m):
    """Subtract the deflection of power law `k`, whose series has m terms, from where n rays arrive."""
    zx, zy, power = rows[SCRATCH], rows[SCRATCH + 1], rows[SCRATCH + 2]
    r, b1, b2 = rows[SCRATCH + 3], rows[SCRATCH + 4], rows[SCRATCH + 5]
    a = coefficients[k]
    _ellipse(rows[X], rows[Y], n, constants, k, zx, zy, power, r)
    _clenshaw_first(r, n, a, m, b1, b2)
    for left in range((m - 1) // 8 * 8, 0, -8):
        _clenshaw8(r, n, a, left, b1, b2)
    _finish(n, zx, zy, power, r, b1, b2, constants, k, rows[BETA_X], rows[BETA_Y])
