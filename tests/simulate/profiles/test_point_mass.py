"""POINT_MASS: against lenstronomy, and alpha r = theta_E^2."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.simulate.profiles import point_mass

theta_E, position = st.floats(0.001, 10), st.floats(-0.5, 0.5)


@settings(deadline=None, max_examples=30)
@given(theta_E, position, position)
def test_is_lenstronomys(profiles, theta_E, x, y):
    profiles.agree("POINT_MASS", point_mass, (theta_E, x, y), (x, y))


@settings(deadline=None, max_examples=20)
@given(theta_E, position, position)
def test_deflection_times_radius_is_theta_E_squared(profiles, theta_E, cx, cy):
    x, y = profiles.rays(cx, cy)
    alpha = profiles.deflect(point_mass, (theta_E, cx, cy), x, y)
    np.testing.assert_allclose(np.hypot(*alpha) * np.hypot(x - cx, y - cy), theta_E**2, rtol=1e-12)


@settings(deadline=None, max_examples=10)
@given(st.floats(-4, 4))
def test_is_round(profiles, angle):
    profiles.turns_with_the_rays(point_mass, (1.1, 0.0, 0.0), angle)


def test_centre_deflects_nothing(profiles):
    for dtype in (np.float32, np.float64):
        assert not profiles.deflect(point_mass, (1.2, 0.25, -0.5), [0.25] * 9, [-0.5] * 9, dtype).any()
    profiles.finite_on_the_centre(point_mass, (100.0, 0.0, 0.0))


def test_without_mass_does_nothing(profiles):
    assert not profiles.deflect(point_mass, (0.0, 0.1, 0.2), *profiles.rays()).any()


def test_nan_and_vectors(profiles):
    profiles.passes_nan_on(point_mass, (1.1, 0.1, 0.2))
    profiles.vectorised_in_float32(point_mass, (1.1, 0.1, 0.2))
