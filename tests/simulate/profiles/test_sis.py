"""SIS: against lenstronomy, and its deflection of theta_E everywhere."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.simulate.profiles import sis

theta_E, position = st.floats(0.001, 10), st.floats(-0.5, 0.5)


@settings(deadline=None, max_examples=30)
@given(theta_E, position, position)
def test_is_lenstronomys(profiles, theta_E, x, y):
    profiles.agree("SIS", sis, (theta_E, x, y), (x, y))


@settings(deadline=None, max_examples=20)
@given(theta_E, position, position)
def test_deflects_by_theta_E_towards_the_centre(profiles, theta_E, cx, cy):
    x, y = profiles.rays(cx, cy)
    u, v = profiles.deflect(sis, (theta_E, cx, cy), x, y)
    np.testing.assert_allclose(np.hypot(u, v), theta_E, rtol=1e-12)
    np.testing.assert_allclose(np.arctan2(v, u), np.arctan2(y - cy, x - cx), atol=1e-12)


@settings(deadline=None, max_examples=10)
@given(st.floats(-4, 4))
def test_is_round(profiles, angle):
    profiles.turns_with_the_rays(sis, (1.1, 0.0, 0.0), angle)


def test_centre_deflects_nothing(profiles):
    for dtype in (np.float32, np.float64):
        assert not profiles.deflect(sis, (1.2, 0.25, -0.5), [0.25] * 9, [-0.5] * 9, dtype).any()
    profiles.finite_on_the_centre(sis, (100.0, 0.0, 0.0))


def test_without_mass_does_nothing(profiles):
    assert not profiles.deflect(sis, (0.0, 0.1, 0.2), *profiles.rays()).any()


def test_nan_and_vectors(profiles):
    profiles.passes_nan_on(sis, (1.1, 0.1, 0.2))
    profiles.vectorised_in_float32(sis, (1.1, 0.1, 0.2))
