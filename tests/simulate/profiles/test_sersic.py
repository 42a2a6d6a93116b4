"""SERSIC_ELLIPSE against lenstronomy: surface brightness and total flux."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lenstronomy.LightModel.light_model import LightModel

from lenstream.simulate.profiles import sersic

MODEL = LightModel(["SERSIC_ELLIPSE"])
R_sersic, n_sersic, position = st.floats(0.05, 2), st.floats(0.3, 8), st.floats(-0.3, 0.3)
ellipticity = st.tuples(st.floats(0.0, 0.65), st.floats(0.0, 2 * np.pi)).map(
    lambda p: (p[0] * np.cos(p[1]), p[0] * np.sin(p[1]))
)


@settings(deadline=None, max_examples=60)
@given(R_sersic, n_sersic, ellipticity, position, position)
def test_is_lenstronomys(profiles, R_sersic, n_sersic, e, cx, cy):
    parameters = (2.0, R_sersic, n_sersic, *e, cx, cy)
    for x, y in (profiles.grid, profiles.rays(cx, cy)):
        theirs = MODEL.surface_brightness(x, y, [dict(zip(sersic.PROFILE.columns, parameters, strict=True))])
        ours = profiles.light(sersic, parameters, x, y)
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12 * theirs.max())
        x, y, single = (np.float32(a).astype(float) for a in (x, y, parameters))
        theirs = MODEL.surface_brightness(x, y, [dict(zip(sersic.PROFILE.columns, single, strict=True))])
        ours = profiles.light(sersic, single, x, y, dtype=np.float32)
        np.testing.assert_allclose(ours, theirs, atol=1e-5 * theirs.max())


@settings(deadline=None, max_examples=30)
@given(R_sersic, n_sersic, ellipticity)
def test_total_flux_is_lenstronomys(R_sersic, n_sersic, e):
    parameters = (1.0, R_sersic, n_sersic, *e, 0.0, 0.0)
    flux = MODEL.total_flux([dict(zip(sersic.PROFILE.columns, parameters, strict=True))])[0]
    np.testing.assert_allclose(sersic.total_flux(R_sersic, n_sersic), flux, rtol=1e-10)


def test_brightness_at_R_sersic_is_amp(profiles):
    angle = np.linspace(0, 6, 16)
    x, y = 0.1 + 0.7 * np.cos(angle), 0.2 + 0.7 * np.sin(angle)
    flux = profiles.light(sersic, (3.0, 0.7, 4.0, 0.0, 0.0, 0.1, 0.2), x, y)
    np.testing.assert_allclose(flux, 3.0, rtol=1e-12)


def test_is_finite_and_brightest_on_the_centre(profiles):
    for dtype in (np.float32, np.float64):
        r = np.array([0.0, 1e-12, 1e-6, 1e-3, 0.1, 1e3, 1e6])
        flux = profiles.light(sersic, (1.0, 0.5, 4.0, 0.2, 0.1, 0.0, 0.0), r, 0 * r, dtype=dtype)
        assert np.isfinite(flux).all()
        assert (np.diff(flux) <= 0).all()


def test_without_light_is_dark(profiles):
    assert not profiles.light(sersic, (0.0, 0.5, 4.0, 0.2, 0.1, 0.0, 0.0), *profiles.rays()).any()


@pytest.mark.parametrize(("n", "half", "off"), [(0.3, 1.045, 1e-3), (0.5, 1.015, 1e-3), (1.5, 1, 1.5e-3), (8, 1, 1e-3)])
def test_half_of_the_light_lies_within_what_is_said(profiles, n, half, off):
    """2 pi R^2 I integrated over ln R."""
    r = half * np.exp(np.linspace(-14, 0, 20001))
    ring = 2 * np.pi * r**2 * profiles.light(sersic, (1.0, 1.0, n, 0, 0, 0, 0), r, 0 * r)
    inside, whole = np.trapezoid(ring, np.log(r)), sersic.total_flux(1.0, n)
    assert abs(inside - 0.5 * whole) < off * ring[-1]  # ring[-1]: how fast it grows with ln R


@pytest.mark.parametrize(
    ("R_sersic", "n", "lost"), [(0.05, 4, 1e-4), (0.05, 8, 1.4e-3), (1e-3, 4, 0.033), (1e-3, 8, 0.089)]
)
def test_floor_and_cut_take_no_more_light_than_is_said(profiles, R_sersic, n, lost):
    r = R_sersic * np.exp(np.linspace(np.log(1e-6), np.log(1100), 20001))
    shown = profiles.light(sersic, (1.0, R_sersic, n, 0, 0, 0, 0), r, 0 * r)
    missing = 1 - np.trapezoid(2 * np.pi * r**2 * shown, np.log(r)) / sersic.total_flux(R_sersic, n)
    assert 0.3 * lost < missing < 1.02 * lost
