"""CONVERGENCE: against lenstronomy, and the sheet that focuses to a point."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.simulate.profiles import convergence

position = st.floats(-0.5, 0.5)


@settings(deadline=None, max_examples=30)
@given(st.floats(-1, 1).filter(lambda k: abs(k) > 1e-9), position, position)
def test_is_lenstronomys(profiles, kappa, x, y):
    profiles.agree("CONVERGENCE", convergence, (kappa, x, y), (x, y))


def test_critical_sheet_focuses_all_rays_on_one_point(profiles):
    x, y = profiles.rays()
    u, v = profiles.deflect(convergence, (1.0, 0.2, -0.1), x, y)
    np.testing.assert_allclose(x - u, 0.2, atol=1e-14)
    np.testing.assert_allclose(y - v, -0.1, atol=1e-14)


@settings(deadline=None, max_examples=10)
@given(st.floats(-4, 4))
def test_is_round(profiles, angle):
    profiles.turns_with_the_rays(convergence, (0.3, 0.0, 0.0), angle)


def test_without_mass_does_nothing(profiles):
    assert not profiles.deflect(convergence, (0.0, 0.1, 0.2), *profiles.rays()).any()


def test_nan_and_vectors(profiles):
    profiles.finite_on_the_centre(convergence, (0.1, 0.1, 0.2), (0.1, 0.2))
    profiles.passes_nan_on(convergence, (0.1, 0.1, 0.2))
    profiles.vectorised_in_float32(convergence, (0.1, 0.1, 0.2))
