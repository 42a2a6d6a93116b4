"""EPL and SIE against lenstronomy for axis ratios of .2 to 1 and slopes of 1.2 to 2.8; limits with known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.simulate.profiles import epl

MAX_E = (1 - 0.2) / (1 + 0.2)
theta_E, gamma, position = st.floats(0.1, 3), st.floats(1.2, 2.8), st.floats(-0.3, 0.3)
ellipticity = st.tuples(st.floats(0.0, MAX_E), st.floats(0.0, 2 * np.pi)).map(
    lambda p: (p[0] * np.cos(p[1]), p[0] * np.sin(p[1]))
)


@settings(deadline=None, max_examples=60)
@given(theta_E, gamma, ellipticity, position, position)
def test_is_lenstronomys(profiles, theta_E, gamma, e, cx, cy):
    parameters = (theta_E, gamma, *e, cx, cy)
    profiles.agree("EPL", epl, parameters, (cx, cy))
    # away from the centre, where steep slopes deflect without bound, and with the rounding of the rays' positions
    single = profiles.deflect(epl, parameters, *profiles.grid, np.float32)
    theirs = profiles.lenstronomy("EPL", epl.PROFILE.columns, parameters, *profiles.grid)
    np.testing.assert_allclose(single, theirs, atol=3e-6 * np.abs(theirs).max())


@pytest.mark.parametrize("q", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("gamma", [1.2, 2.0, 2.8])
def test_is_lenstronomys_at_the_ends_of_its_range(profiles, q, gamma):
    e = (1 - q) / (1 + q)
    for e1, e2 in ((e, 0.0), (-e, 0.0), (0.0, e), (0.0, -e)):
        profiles.agree("EPL", epl, (1.3, gamma, e1, e2, 0.1, -0.2), (0.1, -0.2))


@settings(deadline=None, max_examples=30)
@given(theta_E, ellipticity, position, position)
def test_isothermal_is_lenstronomys_sie(profiles, theta_E, e, cx, cy):
    ours = profiles.deflect(epl, (theta_E, 2.0, *e, cx, cy), *profiles.grid)
    names = ("theta_E", "e1", "e2", "center_x", "center_y")
    theirs = profiles.lenstronomy("SIE", names, (theta_E, *e, cx, cy), *profiles.grid)
    np.testing.assert_allclose(ours, theirs, atol=1e-7 * theta_E)  # lenstronomy's has a core and q < 1 - 1e-8


def test_round_isothermal_deflects_by_theta_E(profiles):
    x, y = profiles.rays(0.1, -0.2)
    ax, ay = profiles.deflect(epl, (1.3, 2.0, 0.0, 0.0, 0.1, -0.2), x, y)
    np.testing.assert_allclose(np.hypot(ax, ay), 1.3, rtol=1e-12)
    np.testing.assert_allclose(np.arctan2(ay, ax), np.arctan2(y + 0.2, x - 0.1), atol=1e-12)


@given(gamma, st.floats(0.05, MAX_E))
@settings(deadline=None, max_examples=20)
def test_turned_by_a_quarter_turns_its_deflection(profiles, gamma, e1):
    x, y = profiles.grid
    ax, ay = profiles.deflect(epl, (1.0, gamma, e1, 0.0, 0.0, 0.0), x, y)
    turned = profiles.deflect(epl, (1.0, gamma, -e1, 0.0, 0.0, 0.0), -y, x)
    np.testing.assert_allclose(turned, [-ay, ax], atol=1e-12)


@pytest.mark.parametrize("gamma", [1.2, 2.0, 2.3, 2.8])
def test_is_finite_on_the_centre_and_the_axes(profiles, gamma):
    for e in ((0.2, 0.0), (0.0, 0.0), (-MAX_E, 0.0), (0.0, MAX_E)):
        profiles.finite_on_the_centre(epl, (1.0, gamma, *e, 0.0, 0.0))
        profiles.finite_on_the_centre(epl, (3.0, gamma, *e, 0.1, -0.2), (0.1, -0.2))


def test_without_mass_does_nothing(profiles):
    assert not profiles.deflect(epl, (0.0, 2.1, 0.2, 0.1, 0.0, 0.0), *profiles.rays()).any()


def test_nan_stays_nan(profiles):
    profiles.passes_nan_on(epl, (1.1, 2.2, 0.2, -0.1, 0.1, 0.2))
