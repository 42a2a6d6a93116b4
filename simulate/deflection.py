"""From the image plane to the source plane: chunks of rays through all deflectors of a lens.

A chunk is at most a few hundred rays, so that all that is known of them stays in the first-level cache. It goes through
one short loop per piece of a profile, and every such loop is a scalar function applied to all rays: the compiler turns
it into vector instructions. Which profiles there are is data, not code, so nothing is compiled twice.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from .numerics import like, ray_function, row_function
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
SCRATCH = 7  # rows of scratch space that a chunk needs


class Lens(NamedTuple):
    """The deflectors of one system."""

    kinds: np.ndarray  # (k,)
    constants: np.ndarray  # (k, N_PARAMETERS)
    coefficients: np.ndarray  # (k, terms): the series of each EPL
    n_terms: np.ndarray  # (k,)
    map: np.ndarray  # (k,): number of the map of each MAP


class Maps(NamedTuple):
    """Gridded deflections, see `profiles.deflection_map`."""

    grids: np.ndarray  # float64 (m, 5)
    coefficients: np.ndarray  # (m, largest side^2 * 2), of the type of the rays
    sides: np.ndarray  # int32 (m,)


@njit
def prepare(kinds, rows, grids, tolerance, lens, scratch):
    """Fill `lens` from kinds (k,), parameter rows (k, N_PARAMETERS) and the maps' grids.

    tolerance: of the EPL series. scratch: float64 (epl.MAX_TERMS,).
    """
    for k in range(kinds.size):
        kind, row, out = kinds[k], rows[k], scratch[:N_PARAMETERS]
        lens.kinds[k] = kind
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
            lens.map[k] = int(row[2])
            deflection_map.constants(row, grids[int(row[2])], out)
        else:
            out[:] = row
        for j in range(N_PARAMETERS):
            lens.constants[k, j] = out[j]
        if kind == EPL:
            n = epl.series(row, tolerance, scratch)
            lens.n_terms[k] = n
            for j in range(n):
                lens.coefficients[k, j] = scratch[j]


@ray_function
def unpack(p):
    """A profile's constants as a tuple: held in registers, never re-read inside the loop over rays."""
    return p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9]


@row_function
def _ellipse(x, y, n, constants, zx, zy, inverse, cos2, sin2):
    p = unpack(constants)
    for i in range(n):
        zx[i], zy[i], inverse[i], cos2[i], sin2[i] = epl.ellipse(x[i], y[i], p)


@row_function
def _log2_power(inverse, n, constants):
    p = unpack(constants)
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
def _finish(n, zx, zy, power, cos2, sin2, b1, b2, constants, beta_x, beta_y):
    p = unpack(constants)
    for i in range(n):
        u, v = epl.deflection(zx[i], zy[i], power[i], cos2[i], sin2[i], b1[i], b2[i], p)
        beta_x[i] -= u
        beta_y[i] -= v


@njit
def _subtract_epl(x, y, n, constants, a, n_terms, beta_x, beta_y, scratch):
    zx, zy, power, cos2, sin2 = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    b1, b2 = scratch[5], scratch[6]
    _ellipse(x, y, n, constants, zx, zy, power, cos2, sin2)
    _log2_power(power, n, constants)
    k = n_terms - 4
    _clenshaw_first(cos2, n, b1, b2, a[k + 3], a[k + 2], a[k + 1], a[k])
    while k >= 8:
        k -= 8
        _clenshaw8(cos2, n, b1, b2, a[k + 7], a[k + 6], a[k + 5], a[k + 4], a[k + 3], a[k + 2], a[k + 1], a[k])
    if k >= 4:
        _clenshaw4(cos2, n, b1, b2, a[3], a[2], a[1], a[0])
    _finish(n, zx, zy, power, cos2, sin2, b1, b2, constants, beta_x, beta_y)


def _row_loop(deflection):
    """A loop that subtracts a scalar deflection from the positions of n rays."""

    @row_function
    def loop(x, y, n, constants, beta_x, beta_y):
        p = unpack(constants)
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
def _subtract_map(x, y, n, constants, coefficients, side, beta_x, beta_y):
    p = unpack(constants)
    for i in range(n):
        u, v = deflection_map.deflection(x[i], y[i], p, coefficients, side)
        beta_x[i] -= u
        beta_y[i] -= v


@njit
def subtract(lens, maps, k, x, y, n, beta_x, beta_y, scratch):
    """Subtract the deflection of deflector `k` at n image-plane positions from (beta_x, beta_y)."""
    kind, constants = lens.kinds[k], lens.constants[k]
    if kind == EPL:
        _subtract_epl(x, y, n, constants, lens.coefficients[k], lens.n_terms[k], beta_x, beta_y, scratch)
    elif kind == SHEAR:
        _subtract_shear(x, y, n, constants, beta_x, beta_y)
    elif kind == SIS:
        _subtract_sis(x, y, n, constants, beta_x, beta_y)
    elif kind == CONVERGENCE:
        _subtract_convergence(x, y, n, constants, beta_x, beta_y)
    elif kind == NFW:
        _subtract_nfw(x, y, n, constants, beta_x, beta_y)
    elif kind == TNFW:
        _subtract_tnfw(x, y, n, constants, beta_x, beta_y)
    elif kind == POINT_MASS:
        _subtract_point_mass(x, y, n, constants, beta_x, beta_y)
    elif kind == MULTIPOLE:
        _subtract_multipole(x, y, n, constants, beta_x, beta_y)
    elif kind == MAP:
        m = lens.map[k]
        _subtract_map(x, y, n, constants, maps.coefficients[m], maps.sides[m], beta_x, beta_y)
