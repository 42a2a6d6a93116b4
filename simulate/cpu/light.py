"""The surface brightness of galaxies at chunks of rays, on a CPU: one short loop per piece of a light profile."""

from typing import NamedTuple

import numpy as np

from ..core.numerics import chunk_function, compiled, exp2, real, row_function
from ..profiles import interpol, sersic
from ..profiles.registry import ABSENT, LIGHT_NUMBERS, N_PARAMETERS
from .chunk import N_ROWS, SCRATCH, unpack

SERSIC, INTERPOL = LIGHT_NUMBERS["SERSIC_ELLIPSE"], LIGHT_NUMBERS["INTERPOL"]
FLUX, TOTAL = N_ROWS, N_ROWS + 1  # two more rows of the array that a chunk of rays lives in: see `deflection`
# Inside a tenth of R_sersic a Sersic cusp is so steep that the rounding of a float32 deflection shows (up to 1e-4 of
# the peak).
CUSP_RADIUS2 = 0.01

_sersic_constants, _stamp_constants = compiled(sersic.constants), compiled(interpol.constants)
sersic_radius2, sersic_brightness = compiled(sersic.radius2), compiled(sersic.brightness)
_log2_root, _sersic_light_of = compiled(sersic.log2_root), compiled(sersic.light)
place_on_stamp, stamp_brightness = compiled(interpol.place), compiled(interpol.brightness)


class Light(NamedTuple):
    """The k light components of one layer."""

    profiles: np.ndarray  # int64 (k,): numbers of `profiles.registry.LIGHT_NUMBERS`, or ABSENT
    constants: np.ndarray  # (k, N_PARAMETERS)
    stamps: np.ndarray  # int64 (k,): numbers of galaxy images


@chunk_function
def prepare(profiles, rows, side, light, scratch):
    """Fill `light` from profile numbers (k,) and parameter rows (k, N_PARAMETERS); `side` of the stamps in pixels."""
    for k in range(profiles.size):
        light.profiles[k] = profiles[k]
        out = scratch[:N_PARAMETERS]
        if profiles[k] == INTERPOL:
            _stamp_constants(rows[k], side, out)
            light.stamps[k] = int(rows[k, 5])
        elif profiles[k] == SERSIC:
            _sersic_constants(rows[k], out)
        for j in range(N_PARAMETERS):
            light.constants[k, j] = out[j]


@row_function
def radius2(x, y, n, constants, k, r2):
    """(R / R_sersic)^2 of n positions; returns whether any is below CUSP_RADIUS2."""
    p, limit, found = unpack(constants, k), real(x[0], CUSP_RADIUS2), np.int32(0)
    for i in range(n):
        r2[i] = sersic_radius2(x[i], y[i], p)
        # a running minimum of floats does not vectorise; cast back, as numba makes 64 bits of two times 32
        found = np.int32(found | np.int32(r2[i] < limit))
    return found != 0


@row_function
def in_cusp(r2, n, places):
    """Fill `places` with the numbers of the positions whose (R / R_sersic)^2 is below CUSP_RADIUS2, and count them."""
    limit, count = real(r2[0], CUSP_RADIUS2), np.int64(0)
    for start in range(0, n, 64):
        block, found = r2[start : min(start + 64, n)], np.int32(0)
        for i in range(block.size):
            found = np.int32(found | np.int32(block[i] < limit))
        if found == 0:  # as in most
            continue
        for i in range(block.size):
            if block[i] < limit:
                places[count] = start + i
                count += 1
    return count


@row_function
def _radius2_and_root(x, y, n, constants, k, r2, root):
    """(R / R_sersic)^2 of n positions and log2 of (R / R_sersic)^(1/n); returns whether any is below CUSP_RADIUS2."""
    p, limit, found = unpack(constants, k), real(x[0], CUSP_RADIUS2), np.int32(0)
    for i in range(n):
        r = sersic_radius2(x[i], y[i], p)
        r2[i], root[i] = r, _log2_root(r, p)
        found = np.int32(found | np.int32(r < limit))
    return found != 0


@row_function
def _sersic_light(root, r2, n, constants, k, first, flux):
    p, zero = unpack(constants, k), real(r2[0], 0.0)
    for i in range(n):
        before = zero if first else flux[i]
        flux[i] = before + _sersic_light_of(exp2(root[i]), r2[i], p)


@row_function
def _place(x, y, n, constants, k, side, first, s, t):
    """`interpol.place` of n positions; returns whether any of them has light."""
    p = unpack(constants, k)
    largest = np.int32(-1)
    for i in range(n):
        first[i], s[i], t[i] = place_on_stamp(x[i], y[i], p, side)
        largest = max(largest, first[i])
    return largest >= 0


@row_function
def _interpol_light(first, s, t, n, constants, k, stamp, side, flux):
    p = unpack(constants, k)
    for i in range(n):
        if first[i] >= 0:
            flux[i] += stamp_brightness(first[i], s[i], t[i], p, stamp, side)


@row_function
def _clear(flux, n):
    flux[:n] = real(flux[0], 0.0)


@chunk_function
def surface_brightness(light, stamps, x, y, n, rows, cusp, places):
    """Surface brightness [counts/s/arcsec^2] of all components at n positions, into row FLUX of `rows`.

    cusp: bool (k,), tells in which Sersic components a ray is within the root of CUSP_RADIUS2 of the centre. rows: its
    first rows of scratch space are overwritten. places: int32 (n,).
    """
    flux, first_row, second_row, constants = rows[FLUX], rows[SCRATCH], rows[SCRATCH + 1], light.constants
    first = True
    for k in range(light.profiles.size):
        if light.profiles[k] == SERSIC:
            cusp[k] = _radius2_and_root(x, y, n, constants, k, first_row, second_row)
            _sersic_light(second_row, first_row, n, constants, k, first, flux)
            first = False
        elif light.profiles[k] == INTERPOL:
            stamp = stamps[light.stamps[k]]
            pixels, side = stamp.reshape(stamp.size), np.int32(stamp.shape[0])
            if _place(x, y, n, constants, k, side, places, first_row, second_row):
                if first:
                    _clear(flux, n)
                _interpol_light(places, first_row, second_row, n, constants, k, pixels, side, flux)
                first = False
    if first:
        _clear(flux, n)


@chunk_function
def fetch(light, stamps):
    """Read the galaxy images of a layer once from end to end; returns a number, so that nothing is left out.

    Rays come to an image in no order: from the third-level cache, that takes longer than all the arithmetic on it.
    """
    total = real(stamps[0, 0, 0], 0.0)
    for k in range(light.profiles.size):
        if light.profiles[k] == INTERPOL:
            stamp = stamps[light.stamps[k]]
            total += _sum_of_lines(stamp.reshape(stamp.size))
    return total


@row_function
def _sum_of_lines(values):
    total = real(values[0], 0.0)
    for i in range(0, values.size, 16):  # of 64 bytes
        total += values[np.uint64(i)]
    return total


@chunk_function
def centre(light, k):
    """Where component `k` has its centre, and whether it is there at all."""
    return light.constants[k, 0], light.constants[k, 1], light.profiles[k] != ABSENT
