"""MULTIPOLE: against lenstronomy for every order, its symmetry and its convergence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.simulate.profiles import multipole

a_m, phi_m, position = st.floats(-0.5, 0.5).filter(lambda a: abs(a) > 1e-6), st.floats(-4, 4), st.floats(-0.5, 0.5)
order = st.integers(1, multipole.MAX_M)


@settings(deadline=None, max_examples=50)
@given(order, a_m, phi_m, position, position, st.floats(0.1, 5))
def test_is_lenstronomys(profiles, m, a_m, phi_m, x, y, r_E):
    # m multiplies the rounding of a float32 ray's direction
    single = 3e-6 * max(1.0, m / 8)
    profiles.agree("MULTIPOLE", multipole, (m, a_m, phi_m, x, y, r_E), (x, y), single=single)


@settings(deadline=None, max_examples=30)
@given(order, a_m, phi_m)
def test_convergence_follows_the_cosine(profiles, m, a_m, phi_m):
    x, y = profiles.rays(nearest=0.3)
    step = 1e-5

    def alpha(dx, dy):
        return profiles.deflect(multipole, (m, a_m, phi_m, 0.0, 0.0, 1.0), x + dx, y + dy)

    kappa = (alpha(step, 0)[0] - alpha(-step, 0)[0] + alpha(0, step)[1] - alpha(0, -step)[1]) / (4 * step)
    r, phi = np.hypot(x, y), np.arctan2(y, x)
    np.testing.assert_allclose(kappa, a_m / (2 * r) * np.cos(m * (phi - phi_m)), atol=1e-6 * abs(a_m))


@settings(deadline=None, max_examples=20)
@given(st.integers(2, multipole.MAX_M), a_m, phi_m)
def test_repeats_m_times_around(profiles, m, a_m, phi_m):
    profiles.turns_with_the_rays(multipole, (m, a_m, phi_m, 0.0, 0.0, 1.0), 2 * np.pi / m)


@pytest.mark.parametrize("m", [1, 2, 4, 15])
def test_is_finite_on_the_centre(profiles, m):
    profiles.finite_on_the_centre(multipole, (m, 0.5, 0.3, 0.0, 0.0, 1.0))


def test_centre_takes_no_direction(profiles):
    assert not profiles.deflect(multipole, (4, 0.5, 0.3, 0.25, -0.5, 1.0), [0.25] * 9, [-0.5] * 9).any()


@pytest.mark.parametrize("m", [1, 3])
def test_without_strength_does_nothing(profiles, m):
    assert not profiles.deflect(multipole, (m, 0.0, 0.4, 0.1, 0.2, 1.0), *profiles.rays()).any()


def test_nan_and_vectors(profiles):
    profiles.passes_nan_on(multipole, (3, 0.1, 0.4, 0.1, 0.2, 1.0))
    profiles.vectorised_in_float32(multipole, (3, 0.1, 0.4, 0.1, 0.2, 1.0))


@pytest.mark.parametrize("m", [1, 2, 3, 4, 15])
def test_on_the_centre_itself_lenstronomy_takes_the_x_axis(profiles, m):
    """A single ray, whose deflections differ by no more than is said."""
    parameters = (m, 0.03, 0.4, 0.1, -0.2, 1.0)
    at = np.array([0.1]), np.array([-0.2])
    ours = profiles.deflect(multipole, parameters, *at)
    theirs = profiles.lenstronomy("MULTIPOLE", multipole.PROFILE.columns, parameters, *at)
    largest = 0.5 * 0.03 if m == 1 else 0.03 * m / (m**2 - 1)
    assert 0.01 * largest < np.hypot(*(ours - theirs))[0] <= largest * (1 + 1e-9)
