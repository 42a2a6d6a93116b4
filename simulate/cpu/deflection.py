"""From the image plane to the source plane: chunks of rays through all deflectors of a lens.

A chunk is about a thousand rays, so that all that is known of them stays in the first-level cache. It goes through
one short loop per piece of a profile, and every such loop is a scalar function applied to all rays: the compiler turns
it into vector instructions. Which profiles there are is data, not code, so nothing is compiled twice.
"""

from typing import NamedTuple

import numpy as np

from ..core.numerics import chunk_function, like, ray_function, row_function
from ..profiles import convergence, deflection_map, epl, multipole, nfw, point_mass, shear, sis, tnfw
from ..profiles.registry import MASS_KINDS, N_PARAMETERS

EPL, SHEAR, SIS, CONVERGENCE, NFW, TNFW, POINT_MASS, MULTIPOLE, MAP = (
    MASS_KINDS[name]
    for name in ("EPL", "SHEAR", "SIS", "CONVERGENCE", "NFW", "TNFW", "POINT_MASS", "MULTIPOLE", "INTERPOL")
)
# The rows of the array that a chunk of rays lives in: image plane, source plane, then scratch space.
X, Y, BETA_X, BETA_Y, SCRATCH = 0, 1, 2, 3, 4
N_ROWS = SCRATCH + 6


class Lens(NamedTuple):
    """The deflectors of one system. Few arrays: handing one to a compiled function costs as much as a dozen rays."""

    numbers: np.ndarray  # int64 (k, 3): kind, terms of an EPL's series, number of a MAP's map
    constants: np.ndarray  # (k, N_PARAMETERS)
    coefficients: np.ndarray  # (k, terms): the series of each EPL


@chunk_function
def prepare(kinds, rows, grids, tolerance, lens, scratch):
    """Fill `lens` from kinds (k,), parameter rows (k, N_PARAMETERS) and the maps' grids.

    tolerance: of the EPL series. scratch: float64 (epl.MAX_TERMS,).
    """
    out = scratch[:N_PARAMETERS]
    for k in range(kinds.size):
        kind, row = kinds[k], rows[k]
        lens.numbers[k, 0] = kind
        if kind == EPL:
            epl.constants(row, out)
        elif kind == SIS:
            sis.constants(row, out)
        elif kind == CONVERGENCE:
            convergence.constants(row, out)
        elif kind == NFW:
            nfw.constants(row, out)
        elif kind == TNFW:
            tnfw.constants(row, out)
        elif kind == POINT_MASS:
            point_mass.constants(row, out)
        elif kind == MULTIPOLE:
            multipole.constants(row, out)
        elif kind == MAP:
            lens.numbers[k, 2] = int(row[2])
            deflection_map.constants(row, grids[int(row[2])], out)
        elif kind == SHEAR:
            out[0], out[1] = row[0], row[1]
        for j in range(N_PARAMETERS):
            lens.constants[k, j] = out[j]
        if kind == EPL:
            n = epl.series(row, tolerance, scratch)
            lens.numbers[k, 1] = n
            for j in range(n):
                lens.coefficients[k, j] = scratch[j]


@ray_function
def unpack(p, k):
    """A profile's constants as a tuple: held in registers, never re-read inside the loop over rays."""
    return p[k, 0], p[k, 1], p[k, 2], p[k, 3], p[k, 4], p[k, 5], p[k, 6], p[k, 7], p[k, 8], p[k, 9]


def _linear_part(deflection):
    """The six numbers of `linear` of one deflector."""

    @ray_function
    def part(p):
        zero, one = like(p[0], 0.0), like(p[0], 1.0)
        x, y = deflection(zero, zero, p)
        xx, yx = deflection(one, zero, p)
        xy, yy = deflection(zero, one, p)
        return xx - x, xy - x, x, yx - y, yy - y, y

    return part


_shear, _convergence = _linear_part(shear.deflection), _linear_part(convergence.deflection)


@chunk_function
def linear(lens):
    """All SHEAR and CONVERGENCE together: (a, b, c, d, e, f) of alpha_x = a x + b y + c, alpha_y = d x + e y + f."""
    zero = lens.constants.dtype.type(0.0)
    xx, xy, x, yx, yy, y = zero, zero, zero, zero, zero, zero
    for k in range(lens.numbers.shape[0]):
        p, kind = unpack(lens.constants, k), lens.numbers[k, 0]
        if kind in (SHEAR, CONVERGENCE):
            part = _shear(p) if kind == SHEAR else _convergence(p)
            xx, xy, x = xx + part[0], xy + part[1], x + part[2]
            yx, yy, y = yx + part[3], yy + part[4], y + part[5]
    return xx, xy, x, yx, yy, y


@ray_function
def behind(x, y, of_lens):
    """Where a ray arrives through the deflectors of `linear` alone, of_lens: from there."""
    xx, xy, x0, yx, yy, y0 = of_lens
    return x - (xx * x + (xy * y + x0)), y - (yx * x + (yy * y + y0))


@row_function
def begin(of_lens, n, rows):
    """Let n rays arrive where the deflectors of `linear` alone send them, before `subtract` does the others."""
    x, y, beta_x, beta_y = rows[X], rows[Y], rows[BETA_X], rows[BETA_Y]
    for i in range(n):
        beta_x[i], beta_y[i] = behind(x[i], y[i], of_lens)


@row_function
def _ellipse(x, y, n, constants, k, zx, zy, power, r):
    p = unpack(constants, k)
    for i in range(n):
        zx[i], zy[i], power[i], r[i] = epl.ellipse(x[i], y[i], p)


@ray_function
def _four(r, b1, b2, a4, a3, a2, a1):
    b1, b2 = epl.clenshaw2(r, b1, b2, a4, a3)
    return epl.clenshaw2(r, b1, b2, a2, a1)


@row_function
def _clenshaw_first(r, n, a, m, b1, b2):
    """The first steps of the recurrence, for so many of m coefficients `a` that a multiple of eight is left."""
    zero, many = like(r[0], 0.0), m % 8
    if many == 2:
        a2, a1 = a[m - 1], a[m - 2]
        for i in range(n):
            b1[i], b2[i] = epl.clenshaw2(r[i], zero, zero, a2, a1)
    elif many == 4:
        a4, a3, a2, a1 = a[m - 1], a[m - 2], a[m - 3], a[m - 4]
        for i in range(n):
            b1[i], b2[i] = _four(r[i], zero, zero, a4, a3, a2, a1)
    elif many == 6:
        a6, a5, a4, a3, a2, a1 = a[m - 1], a[m - 2], a[m - 3], a[m - 4], a[m - 5], a[m - 6]
        for i in range(n):
            b, c = epl.clenshaw2(r[i], zero, zero, a6, a5)
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
        u, v = epl.deflection(zx[i], zy[i], power[i], r[i], b1[i], b2[i], p)
        beta_x[i] -= u
        beta_y[i] -= v


@chunk_function
def _subtract_epl(rows, n, constants, k, coefficients, m):
    zx, zy, power = rows[SCRATCH], rows[SCRATCH + 1], rows[SCRATCH + 2]
    r, b1, b2 = rows[SCRATCH + 3], rows[SCRATCH + 4], rows[SCRATCH + 5]
    a = coefficients[k]
    _ellipse(rows[X], rows[Y], n, constants, k, zx, zy, power, r)
    _clenshaw_first(r, n, a, m, b1, b2)
    for left in range((m - 1) // 8 * 8, 0, -8):
        _clenshaw8(r, n, a, left, b1, b2)
    _finish(n, zx, zy, power, r, b1, b2, constants, k, rows[BETA_X], rows[BETA_Y])


def _row_loop(deflection):
    """A loop that subtracts the scalar deflections of deflectors which[first:last] from the positions of n rays."""

    @row_function
    def loop(x, y, n, constants, which, first, last, beta_x, beta_y):
        for q in range(first, last):
            p = unpack(constants, which[q])
            for i in range(n):
                u, v = deflection(x[i], y[i], p)
                beta_x[i] -= u
                beta_y[i] -= v

    return loop


_subtract_sis = _row_loop(sis.deflection)
_subtract_nfw = _row_loop(nfw.deflection)
_subtract_tnfw = _row_loop(tnfw.deflection)
_subtract_point_mass = _row_loop(point_mass.deflection)
_subtract_multipole = _row_loop(multipole.deflection)


@row_function
def _subtract_map(x, y, n, constants, k, coefficients, side, beta_x, beta_y):
    p = unpack(constants, k)
    for i in range(n):
        u, v = deflection_map.deflection(x[i], y[i], p, coefficients, side)
        beta_x[i] -= u
        beta_y[i] -= v


@chunk_function
def subtract(lens, maps, which, first, last, rows, n):
    """Subtract the deflections of deflectors which[first:last] at the first n rays of `rows` from where these arrive.

    Those of `linear` are left out. Deflectors of one kind that stand together go through one loop. which: int32.
    """
    x, y, beta_x, beta_y, constants = rows[X], rows[Y], rows[BETA_X], rows[BETA_Y], lens.constants
    while first < last:
        k = np.int64(which[first])
        kind, end = lens.numbers[k, 0], first + 1
        while end < last and kind != EPL and kind != MAP and lens.numbers[which[end], 0] == kind:
            end += 1
        if kind == EPL:
            _subtract_epl(rows, n, constants, k, lens.coefficients, lens.numbers[k, 1])
        elif kind == SIS:
            _subtract_sis(x, y, n, constants, which, first, end, beta_x, beta_y)
        elif kind == NFW:
            _subtract_nfw(x, y, n, constants, which, first, end, beta_x, beta_y)
        elif kind == TNFW:
            _subtract_tnfw(x, y, n, constants, which, first, end, beta_x, beta_y)
        elif kind == POINT_MASS:
            _subtract_point_mass(x, y, n, constants, which, first, end, beta_x, beta_y)
        elif kind == MULTIPOLE:
            _subtract_multipole(x, y, n, constants, which, first, end, beta_x, beta_y)
        elif kind == MAP:
            m = lens.numbers[k, 2]
            _subtract_map(x, y, n, constants, k, maps.coefficients[m], maps.sides[m], beta_x, beta_y)
        first = end
