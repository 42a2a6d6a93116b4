"""From the image plane to the source plane: chunks of rays through all deflectors of a lens.

A chunk is at most a few hundred rays, so that all that is known of them stays in the first-level cache. It goes through
one short loop per piece of a profile, and every such loop is a scalar function applied to all rays: the compiler turns
it into vector instructions. Which profiles there are is data, not code, so nothing is compiled twice.
"""

from typing import NamedTuple

import numpy as np

from .numerics import chunk_function, like, ray_function, row_function
from .profiles import convergence, deflection_map, epl, multipole, nfw, point_mass, shear, sis, tnfw

ABSENT = -1
EPL, SHEAR, SIS, CONVERGENCE, NFW, TNFW, POINT_MASS, MULTIPOLE, MAP = range(9)
KINDS = {
    "EPL": EPL,
    "SIE": EPL,
    "SHEAR": SHEAR,
    "SIS": SIS,
    "CONVERGENCE": CONVERGENCE,
    "NFW": NFW,
    "TNFW": TNFW,
    "POINT_MASS": POINT_MASS,
    "MULTIPOLE": MULTIPOLE,
    "INTERPOL": MAP,
}
N_PARAMETERS = 10  # the width of a profile's row of parameters, and of its constants
# The rows of the array that a chunk of rays lives in: image plane, source plane, then scratch space.
X, Y, BETA_X, BETA_Y, SCRATCH = 0, 1, 2, 3, 4
N_ROWS = SCRATCH + 7


class Lens(NamedTuple):
    """The deflectors of one system. Few arrays: handing one to a compiled function costs as much as a dozen rays."""

    numbers: np.ndarray  # int64 (k, 3): kind, terms of an EPL's series, number of a MAP's map
    constants: np.ndarray  # (k, N_PARAMETERS)
    coefficients: np.ndarray  # (k, terms): the series of each EPL


class Maps(NamedTuple):
    """Gridded deflections, see `profiles.deflection_map`."""

    grids: np.ndarray  # float64 (m, 5)
    coefficients: np.ndarray  # (m, largest side^2 * 2), of the type of the rays
    sides: np.ndarray  # int32 (m,)


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


@row_function
def _ellipse(x, y, n, constants, k, zx, zy, inverse, cos2, sin2):
    p = unpack(constants, k)
    for i in range(n):
        zx[i], zy[i], inverse[i], cos2[i], sin2[i] = epl.ellipse(x[i], y[i], p)


@row_function
def _log2_power(inverse, n, constants, k):
    p = unpack(constants, k)
    for i in range(n):
        inverse[i] = epl.log2_power(inverse[i], p)


@row_function
def _clenshaw_first(cos2, n, b1, b2, a4, a3, a2, a1):
    zero = like(a1, 0.0)
    for i in range(n):
        b1[i], b2[i] = epl.clenshaw4(cos2[i] + cos2[i], zero, zero, a4, a3, a2, a1)


@row_function
def _clenshaw4(cos2, n, b1, b2, a4, a3, a2, a1):
    for i in range(n):
        b1[i], b2[i] = epl.clenshaw4(cos2[i] + cos2[i], b1[i], b2[i], a4, a3, a2, a1)


@row_function
def _clenshaw8(cos2, n, b1, b2, a8, a7, a6, a5, a4, a3, a2, a1):
    for i in range(n):
        r = cos2[i] + cos2[i]
        b, c = epl.clenshaw4(r, b1[i], b2[i], a8, a7, a6, a5)
        b1[i], b2[i] = epl.clenshaw4(r, b, c, a4, a3, a2, a1)


@row_function
def _finish(n, zx, zy, power, cos2, sin2, b1, b2, constants, k, beta_x, beta_y):
    p = unpack(constants, k)
    for i in range(n):
        u, v = epl.deflection(zx[i], zy[i], power[i], cos2[i], sin2[i], b1[i], b2[i], p)
        beta_x[i] -= u
        beta_y[i] -= v


@chunk_function
def _subtract_epl(rows, n, constants, k, coefficients, n_terms):
    zx, zy, power, cos2 = rows[SCRATCH], rows[SCRATCH + 1], rows[SCRATCH + 2], rows[SCRATCH + 3]
    sin2, b1, b2 = rows[SCRATCH + 4], rows[SCRATCH + 5], rows[SCRATCH + 6]
    _ellipse(rows[X], rows[Y], n, constants, k, zx, zy, power, cos2, sin2)
    _log2_power(power, n, constants, k)
    a, m = coefficients[k], n_terms - 4
    _clenshaw_first(cos2, n, b1, b2, a[m + 3], a[m + 2], a[m + 1], a[m])
    while m >= 8:
        m -= 8
        _clenshaw8(cos2, n, b1, b2, a[m + 7], a[m + 6], a[m + 5], a[m + 4], a[m + 3], a[m + 2], a[m + 1], a[m])
    if m >= 4:
        _clenshaw4(cos2, n, b1, b2, a[3], a[2], a[1], a[0])
    _finish(n, zx, zy, power, cos2, sin2, b1, b2, constants, k, rows[BETA_X], rows[BETA_Y])


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


_subtract_shear = _row_loop(shear.deflection)
_subtract_sis = _row_loop(sis.deflection)
_subtract_convergence = _row_loop(convergence.deflection)
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

    Deflectors of one kind that stand together go through one loop. which: int32.
    """
    x, y, beta_x, beta_y, constants = rows[X], rows[Y], rows[BETA_X], rows[BETA_Y], lens.constants
    while first < last:
        k = np.int64(which[first])
        kind, end = lens.numbers[k, 0], first + 1
        while end < last and kind != EPL and kind != MAP and lens.numbers[which[end], 0] == kind:
            end += 1
        if kind == EPL:
            _subtract_epl(rows, n, constants, k, lens.coefficients, lens.numbers[k, 1])
        elif kind == SHEAR:
            _subtract_shear(x, y, n, constants, which, first, end, beta_x, beta_y)
        elif kind == SIS:
            _subtract_sis(x, y, n, constants, which, first, end, beta_x, beta_y)
        elif kind == CONVERGENCE:
            _subtract_convergence(x, y, n, constants, which, first, end, beta_x, beta_y)
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
