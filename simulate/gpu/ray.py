"""Tracing a single ray, for kernels of a GPU: deflection and brightness by the scalar functions of the profiles.

Plain functions of numba that compile for a CPU as well as, called from a CUDA kernel, for a GPU. Everything is computed
in the type of the position; constants are those that `deflection.prepare` and `light.prepare` fill in. Made anew for
every list of profiles: code for profiles that a scene does not have would cost registers, and a minute of compiling.
"""

import functools

import numpy as np
from numba import njit

from ..core.numerics import compiled, real, row_function
from ..cpu import deflection, light
from ..cpu.chunk import unpack
from ..profiles import epl
from ..profiles.registry import MASS, MASS_NUMBERS

# Gives a part of arrays, which row functions may not; said, as numba would take it from the caller.
view_function = njit(_nrt=True)


@functools.cache
def make_source_position(deflectors, halos):
    """source_position(lens, subhalos, maps, x, y): where a ray from (x, y) arrives [arcsec].

    lens, subhalos: `deflection.Lens` of these profiles, frozen sets of numbers of `profiles.registry.MASS_NUMBERS`.
    """
    main_deflection, halo_deflection = _make_deflection(deflectors), _make_deflection(halos)

    @row_function
    def source_position(lens, subhalos, maps, x, y):
        beta_x, beta_y = x, y
        for k in range(lens.numbers.shape[0]):
            u, v = main_deflection(lens, maps, k, x, y)
            beta_x -= u
            beta_y -= v
        for k in range(subhalos.numbers.shape[0]):
            u, v = halo_deflection(subhalos, maps, k, x, y)
            beta_x -= u
            beta_y -= v
        return beta_x, beta_y

    return source_position


@functools.cache
def _make_deflection(numbers):
    """deflection(lens, maps, k, x, y) of deflector `k`, one of some profiles or absent: alpha_x, alpha_y [arcsec]."""
    profiles = {MASS_NUMBERS[name]: profile for name, profile in MASS.items()}
    ways = {"series": lambda _: _epl, "map": _with_map}
    found = _nothing
    for number in sorted(numbers):  # a chain of them: each asks for its own number and passes on what is not
        profile = profiles[number]
        found = _either(number, ways.get(profile.rays, _with_constants)(compiled(profile.deflection)), found)
    return found


def _either(number, own, other):
    @row_function
    def either(lens, maps, k, x, y):
        if lens.numbers[k, 0] == number:
            return own(lens, maps, k, x, y)
        return other(lens, maps, k, x, y)

    return either


def _with_constants(function):
    @row_function
    def with_constants(lens, maps, k, x, y):
        return function(x, y, unpack(lens.constants, k))

    return with_constants


@row_function
def _nothing(lens, maps, k, x, y):
    return real(x, 0.0), real(x, 0.0)


def _with_map(function):
    @row_function
    def with_map(lens, maps, k, x, y):
        m = lens.numbers[k, 2]
        return function(x, y, unpack(lens.constants, k), maps.coefficients[m], maps.sides[m])

    return with_map


_ellipse, _clenshaw2, _last_step = compiled(epl.ellipse), compiled(epl.clenshaw2), compiled(epl.deflection)


@row_function
def _epl(lens, maps, k, x, y):
    """The series from its last term on, two terms at a time, as `cpu.epl_series` does it."""
    p, b1, b2 = unpack(lens.constants, k), real(x, 0.0), real(x, 0.0)
    zx, zy, power, r = _ellipse(x, y, p)
    m = lens.numbers[k, 1] - 2
    while m >= 0:
        b1, b2 = _clenshaw2(r, b1, b2, lens.coefficients[k, m + 1], lens.coefficients[k, m])
        m -= 2
    return _last_step(zx, zy, power, r, b1, b2, p)


@functools.cache
def make_brightness(lights):
    """brightness(galaxy, stamps, k, x, y): of component `k` of a `light.Light` at a position [counts/s/arcsec^2].

    lights: frozen set of numbers of `profiles.registry.LIGHT_NUMBERS`.
    """
    has_sersic, has_stamps = light.SERSIC in lights, light.INTERPOL in lights

    @row_function
    def brightness(galaxy, stamps, k, x, y):
        if has_sersic and galaxy.profiles[k] == light.SERSIC:
            return sersic_brightness(galaxy, k, x, y)
        if has_stamps and galaxy.profiles[k] == light.INTERPOL:
            return _stamp(stamps, galaxy.stamps[k], x, y, unpack(galaxy.constants, k))
        return real(x, 0.0)

    return brightness


@row_function
def sersic_brightness(galaxy, k, x, y):
    """Surface brightness of component `k` of a galaxy, a Sersic profile, at a position [counts/s/arcsec^2]."""
    return light.sersic_brightness(x, y, unpack(galaxy.constants, k))


@row_function
def _stamp(stamps, number, x, y, p):
    stamp, side = stamps[number], np.int32(stamps.shape[1])
    first, s, t = light.place_on_stamp(x, y, p, side)
    return light.stamp_brightness(first, s, t, p, stamp.reshape(stamp.size), side) if first >= 0 else real(x, 0.0)


@row_function
def in_cusp(galaxy, k, x, y):
    """Whether a position is so near the centre of a Sersic profile that float32 shows (see `light.CUSP_RADIUS2`)."""
    p = unpack(galaxy.constants, k)
    return galaxy.profiles[k] == light.SERSIC and light.sersic_radius2(x, y, p) < real(x, light.CUSP_RADIUS2)


@view_function
def system_lens(lens, i):
    """The deflectors of system `i`."""
    return deflection.Lens(lens.numbers[i], lens.constants[i], lens.coefficients[i])


@view_function
def lens_slice(lens, first, last):
    """Deflectors `first` to `last` of many."""
    return deflection.Lens(lens.numbers[first:last], lens.constants[first:last], lens.coefficients[first:last])


@view_function
def layer_light(lights, layer):
    """The components of one layer."""
    return light.Light(lights.profiles[layer], lights.constants[layer], lights.stamps[layer])
