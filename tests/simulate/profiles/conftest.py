"""The scalar profile functions in loops of their own, and what is checked for every deflector."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from lenstronomy.LensModel.lens_model import LensModel

from lenstream.simulate.core.numerics import compiled, row_function
from lenstream.simulate.profiles import epl, interpol, sersic
from lenstream.simulate.profiles.registry import N_PARAMETERS as N_CONSTANTS

GRID = tuple(a.ravel() for a in np.meshgrid(np.linspace(-2.4, 2.4, 24), np.linspace(-2.1, 2.5, 24)))


def row(*values):
    """A row of the parameter table, or of constants."""
    return np.array([*values, *[0.0] * (N_CONSTANTS - len(values))], dtype=float)


def constants_of(profile, parameters, *further):
    """What `profile.constants` makes of its parameters."""
    out = np.zeros(N_CONSTANTS)
    profile.constants(row(*parameters), *further, out)
    return out


@cache
def loop_of(profile):
    """A loop of the profile's `deflection` over rays."""
    deflection = compiled(profile.deflection)

    @row_function
    def loop(x, y, alpha_x, alpha_y, c):
        p = c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9]
        for i in range(x.size):
            alpha_x[i], alpha_y[i] = deflection(x[i], y[i], p)

    return loop


ellipse, clenshaw2, last_step = compiled(epl.ellipse), compiled(epl.clenshaw2), compiled(epl.deflection)
sersic_brightness, place = compiled(sersic.brightness), compiled(interpol.place)
stamp_brightness = compiled(interpol.brightness)


@row_function
def epl_loop(x, y, alpha_x, alpha_y, c, coefficients, n_terms):
    p = c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9]
    zero = x[0] - x[0]
    for i in range(x.size):
        zx, zy, power, r = ellipse(x[i], y[i], p)
        b1, b2 = zero, zero
        for k in range(n_terms - 2, -1, -2):
            b1, b2 = clenshaw2(r, b1, b2, coefficients[k + 1], coefficients[k])
        alpha_x[i], alpha_y[i] = last_step(zx, zy, power, r, b1, b2, p)


@row_function
def sersic_loop(x, y, flux, c):
    p = c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9]
    for i in range(x.size):
        flux[i] = sersic_brightness(x[i], y[i], p)


@row_function
def interpol_loop(x, y, flux, c, pixels, side):
    p = c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9]
    for i in range(x.size):
        first, s, t = place(x[i], y[i], p, side)
        if first >= 0:
            flux[i] = stamp_brightness(first, s, t, p, pixels, side)


def _as(dtype, *arrays):
    return [np.ascontiguousarray(a, dtype=dtype) for a in arrays]


def deflect(profile, parameters, x, y, dtype=np.float64):
    """alpha_x, alpha_y as one array (2, rays) of `dtype`."""
    x, y, c = _as(dtype, x, y, constants_of(profile, parameters))
    alpha = np.zeros((2, x.size), dtype)
    if profile is epl:
        coefficients = np.zeros(epl.MAX_TERMS)
        n = epl.series(row(*parameters), epl.SINGLE if dtype == np.float32 else epl.DOUBLE, coefficients)
        epl_loop(x, y, *alpha, c, coefficients.astype(dtype), n)
    else:
        loop_of(profile)(x, y, *alpha, c)
    return alpha


def light(profile, parameters, x, y, stamp=None, dtype=np.float64):
    """Surface brightness (rays,) of `dtype`; `stamp` as interpol takes it, with its ring of zeros."""
    further = () if stamp is None else (stamp.shape[1],)
    x, y, c = _as(dtype, x, y, constants_of(profile, parameters, *further))
    flux = np.zeros(x.size, dtype)
    if stamp is None:
        sersic_loop(x, y, flux, c)
    else:
        interpol_loop(x, y, flux, c, stamp.astype(dtype).reshape(-1), np.int32(stamp.shape[0]))
    return flux


def rays(center_x=0.0, center_y=0.0, nearest=1e-6):
    """Positions on a grid, and on the axes and diagonals through a centre, no nearer to it than `nearest` [arcsec]."""
    x, y = GRID
    r = np.geomspace(nearest, 3.0, 13)
    along = [(r, 0 * r), (-r, 0 * r), (0 * r, r), (0 * r, -r), (r, r), (-r, r)]
    x = np.concatenate([x, *(center_x + a for a, _ in along)])
    y = np.concatenate([y, *(center_y + b for _, b in along)])
    kept = np.hypot(x - center_x, y - center_y) >= 0.9 * nearest
    return x[kept], y[kept]


def lenstronomy(name, names, parameters, x, y):
    """The deflection by lenstronomy, float64 (2, rays); `names` of the parameters."""
    return np.array(LensModel([name]).alpha(x, y, [dict(zip(names, parameters, strict=True))]))


def agree(name, profile, parameters, center, exact=1e-8, single=3e-6, doubtful=0.0):
    """Deflections are lenstronomy's, to 1e-6 arcsec from the centre.

    float64: within `exact` of the deflection of each ray, and inside `doubtful` arcsec, where lenstronomy's sums
    cancel, within 3e-7 of the largest. float32: within `single` of the largest deflection; rays and parameters are
    rounded to float32 for both, as the rounding of a position is not the profile's (near a singular centre it turns the
    direction).
    """
    x, y = rays(*center)
    ours, theirs = deflect(profile, parameters, x, y), lenstronomy(name, profile.PROFILE.columns, parameters, x, y)
    size = np.hypot(*theirs)
    allowed = np.where(np.hypot(x - center[0], y - center[1]) >= doubtful, exact * size, 3e-7 * size.max())
    assert (np.hypot(*(ours - theirs)) <= allowed).all()
    x, y, parameters = (np.float32(a).astype(float) for a in (x, y, parameters))
    ours = deflect(profile, parameters, x, y, np.float32)
    theirs = lenstronomy(name, profile.PROFILE.columns, parameters, x, y)
    assert ours.dtype == np.float32
    assert np.hypot(*(ours - theirs)).max() <= single * np.hypot(*theirs).max()


def turns_with_the_rays(profile, parameters, angle):
    """A deflection about the origin, looked at from another direction, is turned alike."""
    x, y = rays()
    c, s = np.cos(angle), np.sin(angle)
    u, v = deflect(profile, parameters, x, y)
    turned = deflect(profile, parameters, c * x - s * y, s * x + c * y)
    np.testing.assert_allclose(turned, [c * u - s * v, s * u + c * v], atol=1e-9 * np.hypot(u, v).max())


def finite_on_the_centre(profile, parameters, center=(0.0, 0.0)):
    """float32 and float64 are finite on the centre, beside it and on its axes; the centre itself may deflect."""
    tiny = np.array([0.0, 1e-300, 1e-45, 1e-30, 1e-20, 1e-12, 1e-7])
    x = np.concatenate([tiny, 0 * tiny, tiny, -tiny, 0 * tiny, [1.0, 0.0]]) + center[0]
    y = np.concatenate([0 * tiny, tiny, tiny, 0 * tiny, -tiny, [0.0, 1.0]]) + center[1]
    for dtype in (np.float32, np.float64):
        assert np.isfinite(deflect(profile, parameters, x, y, dtype)).all()


def passes_nan_on(profile, parameters):
    """A ray that is not a number stays none, and disturbs no other."""
    x, y = rays()
    for dtype in (np.float32, np.float64):
        clean = deflect(profile, parameters, x, y, dtype)
        broken_x, broken_y = x.copy(), y.copy()
        broken_x[[3, 40]], broken_y[[4, 40]] = np.nan, np.nan
        alpha = deflect(profile, parameters, broken_x, broken_y, dtype)
        bad = np.isin(np.arange(x.size), [3, 4, 40])
        assert np.isnan(alpha[:, bad]).any(0).all()
        np.testing.assert_array_equal(alpha[:, ~bad], clean[:, ~bad])


def vectorised_in_float32(profile, parameters):
    """The loop over float32 rays became vector instructions, and nothing in it is float64."""
    deflect(profile, parameters, np.ones(8), np.ones(8), np.float32)
    loop = loop_of(profile)
    code = loop.inspect_llvm(next(s for s in loop.signatures if s[0].dtype.bitwidth == 32))
    assert " x float>" in code
    assert "double" not in code


@pytest.fixture(scope="session")
def profiles():
    """The functions above."""
    return SimpleNamespace(
        deflect=deflect,
        light=light,
        grid=GRID,
        rays=rays,
        lenstronomy=lenstronomy,
        agree=agree,
        turns_with_the_rays=turns_with_the_rays,
        finite_on_the_centre=finite_on_the_centre,
        passes_nan_on=passes_nan_on,
        vectorised_in_float32=vectorised_in_float32,
        constants_of=constants_of,
    )
