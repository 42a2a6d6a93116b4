"""Ray tracing on a CPU: the deflection of chunks of rays by all deflectors of a lens.

A chunk is about a thousand rays, so that all that is known of them stays in the first-level cache. It goes through
one short loop per piece of a profile, and every such loop is a scalar function applied to all rays: the compiler turns
it into vector instructions. Which profiles there are is data, not code, so nothing is compiled twice.
"""

from typing import NamedTuple

import numpy as np

from ..core.numerics import branch_function, chain, chunk_function, compiled, ray_function, real, row_function
from ..profiles import epl
from ..profiles.registry import MASS, MASS_NUMBERS, N_PARAMETERS
from .chunk import BETA_X, BETA_Y, N_ROWS, SCRATCH, X, Y, unpack  # noqa: F401
from .epl_series import subtract_series

EPL, SIS, MAP = MASS_NUMBERS["EPL"], MASS_NUMBERS["SIS"], MASS_NUMBERS["INTERPOL"]


class Lens(NamedTuple):
    """The deflectors of one system. Few arrays: handing one to a compiled function costs as much as a dozen rays."""

    numbers: np.ndarray  # int64 (k, 3): profile's number, terms of an EPL's series, number of an INTERPOL's map
    constants: np.ndarray  # (k, N_PARAMETERS)
    coefficients: np.ndarray  # (k, terms): the series of each EPL


def _profiles(rays):
    """The profiles whose rays go this way (see `profiles.declaration.MassProfile`), by number."""
    return {MASS_NUMBERS[name]: profile for name, profile in MASS.items() if profile.rays == rays}


@branch_function
def _nothing(work):
    return None


def _fill(constants):
    """A function that fills in a deflector's constants, from its row of parameters."""

    @branch_function
    def fill(work):
        row, _, _, out = work
        constants(row, out)

    return fill


def _fill_of_map(constants):
    """A function that fills in the constants of a deflector with a map, from the map's grid, and keeps its number."""

    @branch_function
    def fill(work):
        row = work[0]
        work[2][2] = int(row[2])
        constants(row, work[1][int(row[2])], work[3])

    return fill


def _fillers():
    """What fills in the constants of each profile, by number."""
    ways = {"map": _fill_of_map}
    return {MASS_NUMBERS[name]: ways.get(p.rays, _fill)(compiled(p.constants)) for name, p in MASS.items()}


_fill_constants, _series = chain(_fillers(), _nothing, branch_function), compiled(epl.series)


@chunk_function
def prepare(profiles, rows, grids, tolerance, lens, scratch):
    """Fill `lens` from profile numbers (k,), parameter rows (k, N_PARAMETERS) and the maps' grids.

    tolerance: of the EPL series. scratch: float64 (epl.MAX_TERMS,).
    """
    out = scratch[:N_PARAMETERS]
    for k in range(profiles.size):
        profile, row = profiles[k], rows[k]
        lens.numbers[k, 0] = profile
        _fill_constants(profile, (row, grids, lens.numbers[k], out))
        for j in range(N_PARAMETERS):
            lens.constants[k, j] = out[j]
        if profile == EPL:
            n = _series(row, tolerance, scratch)
            lens.numbers[k, 1] = n
            for j in range(n):
                lens.coefficients[k, j] = scratch[j]


def _linear_terms(deflection):
    """A function of the constants of one linear deflector that gives the six numbers of `linear_part`."""

    @ray_function
    def part(p):
        zero, one = real(p[0], 0.0), real(p[0], 1.0)
        x, y = deflection(zero, zero, p)
        xx, yx = deflection(one, zero, p)
        xy, yy = deflection(zero, one, p)
        return xx - x, xy - x, x, yx - y, yy - y, y

    return part


@ray_function
def _no_part(p):
    zero = real(p[0], 0.0)
    return zero, zero, zero, zero, zero, zero


_parts = {number: _linear_terms(compiled(p.deflection)) for number, p in _profiles("linear").items()}
_part_of = chain(_parts, _no_part, ray_function)


@chunk_function
def linear_part(lens):
    """The linear deflectors together: (a, b, c, d, e, f) of alpha_x = a x + b y + c, alpha_y = d x + e y + f."""
    zero = lens.constants.dtype.type(0.0)
    xx, xy, x, yx, yy, y = zero, zero, zero, zero, zero, zero
    for k in range(lens.numbers.shape[0]):
        part = _part_of(lens.numbers[k, 0], unpack(lens.constants, k))
        xx, xy, x = xx + part[0], xy + part[1], x + part[2]
        yx, yy, y = yx + part[3], yy + part[4], y + part[5]
    return xx, xy, x, yx, yy, y


@ray_function
def linear_source_position(x, y, linear_terms):
    """Where a ray arrives through the linear deflectors alone; linear_terms: from `linear_part`."""
    xx, xy, x0, yx, yy, y0 = linear_terms
    return x - (xx * x + (xy * y + x0)), y - (yx * x + (yy * y + y0))


@row_function
def trace_linear(linear_terms, n, rows):
    """Let n rays arrive where the linear deflectors alone send them; `subtract` then does the others."""
    x, y, beta_x, beta_y = rows[X], rows[Y], rows[BETA_X], rows[BETA_Y]
    for i in range(n):
        beta_x[i], beta_y[i] = linear_source_position(x[i], y[i], linear_terms)


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


def _map_loop(deflection):
    """A loop that subtracts the deflections by a map from the positions of n rays."""

    @row_function
    def loop(x, y, n, constants, k, coefficients, side, beta_x, beta_y):
        p = unpack(constants, k)
        for i in range(n):
            u, v = deflection(x[i], y[i], p, coefficients, side)
            beta_x[i] -= u
            beta_y[i] -= v

    return loop


def _alone(profile):
    """A function that subtracts deflectors of one profile, which need nothing but their constants."""
    loop = _row_loop(compiled(profile.deflection))

    @branch_function
    def subtract(work):
        lens, _, which, first, end, rows, n = work
        loop(rows[X], rows[Y], n, lens.constants, which, first, end, rows[BETA_X], rows[BETA_Y])

    return subtract


@branch_function
def _with_series(work):
    lens, _, which, first, _, rows, n = work
    k = np.int64(which[first])
    subtract_series(rows, n, lens.constants, k, lens.coefficients, lens.numbers[k, 1])


def _with_map(profile):
    """A function that subtracts a deflector with a map."""
    loop = _map_loop(compiled(profile.deflection))

    @branch_function
    def subtract(work):
        lens, maps, which, first, _, rows, n = work
        k = np.int64(which[first])
        m = lens.numbers[k, 2]
        coefficients, side = maps.coefficients[m], maps.sides[m]
        loop(rows[X], rows[Y], n, lens.constants, k, coefficients, side, rows[BETA_X], rows[BETA_Y])

    return subtract


def _subtracters():
    """What subtracts deflectors of each profile that is not linear, by number."""
    ways = {"alone": _alone, "series": lambda _: _with_series, "map": _with_map}
    return {number: way(p) for rays, way in ways.items() for number, p in _profiles(rays).items()}


_subtract_profile = chain(_subtracters(), _nothing, branch_function)


@chunk_function
def subtract(lens, maps, which, first, last, rows, n):
    """Subtract the deflections of deflectors which[first:last] at the first n rays of `rows` from where these arrive.

    The linear ones are left out, see `linear_part`. Deflectors of one profile that stand together go through one loop.
    which: int32.
    """
    while first < last:
        profile, end = lens.numbers[which[first], 0], first + 1
        while end < last and profile != EPL and profile != MAP and lens.numbers[which[end], 0] == profile:
            end += 1
        _subtract_profile(profile, (lens, maps, which, first, end, rows, n))
        first = end
