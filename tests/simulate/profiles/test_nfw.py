"""NFW: against lenstronomy, against 40 digits where lenstronomy cancels, and limits with known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.simulate.profiles import nfw

Rs, alpha_Rs, position = st.floats(0.005, 20), st.floats(1e-4, 5), st.floats(-0.5, 0.5)
BESIDE = np.array([-1e-3, -1e-6, -1e-9, 0.0, 1e-9, 1e-6, 1e-3])
X = np.concatenate([[1e-5, 1e-4, 0.01, 0.3, 0.9, 1.3, 3.0, 30.0, 1e4], 0.5**0.5 + BESIDE, 1.0 + BESIDE])


@settings(deadline=None, max_examples=30)
@given(Rs, alpha_Rs, position, position)
def test_is_lenstronomys(profiles, Rs, alpha_Rs, x, y):
    # lenstronomy's ln(x/2) + F cancels for small x: there ours is held to 40 digits below
    profiles.agree("NFW", nfw, (Rs, alpha_Rs, x, y), (x, y), doubtful=1e-3 * Rs)


def exact(x):
    """alpha / alpha_Rs at radii x Rs, to 40 digits."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(40):
        values = []
        for radius in x:
            r = mpmath.mpf(float(radius))
            if r == 1:
                F = mpmath.mpf(1)
            else:
                F = mpmath.acosh(1 / r) / mpmath.sqrt(1 - r**2) if r < 1 else mpmath.acos(1 / r) / mpmath.sqrt(r**2 - 1)
            values.append(float((mpmath.log(r / 2) + F) / r / (1 - mpmath.log(2))))
    return np.array(values)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1.5e-6)])
def test_does_not_cancel_near_the_centre_nor_near_Rs(profiles, dtype, tolerance):
    x = X.astype(dtype)
    ours = profiles.deflect(nfw, (1.0, 1.0, 0.0, 0.0), x, 0 * x, dtype)[0]
    np.testing.assert_allclose(ours, exact(x), rtol=tolerance)


@settings(deadline=None, max_examples=20)
@given(Rs, alpha_Rs)
def test_deflection_at_Rs_is_alpha_Rs(profiles, Rs, alpha_Rs):
    angle = np.linspace(0, 6, 16)
    alpha = profiles.deflect(nfw, (Rs, alpha_Rs, 0.0, 0.0), Rs * np.cos(angle), Rs * np.sin(angle))
    np.testing.assert_allclose(np.hypot(*alpha), alpha_Rs, rtol=1e-12)


@settings(deadline=None, max_examples=10)
@given(st.floats(-4, 4))
def test_is_round(profiles, angle):
    profiles.turns_with_the_rays(nfw, (0.9, 1.1, 0.0, 0.0), angle)


def test_centre_deflects_nothing(profiles):
    for dtype in (np.float32, np.float64):
        assert not profiles.deflect(nfw, (0.7, 1.2, 0.25, -0.5), [0.25] * 9, [-0.5] * 9, dtype).any()
    for Rs in (1e-5, 1.0, 1000.0):
        profiles.finite_on_the_centre(nfw, (Rs, 100.0, 0.0, 0.0))


def test_without_mass_does_nothing(profiles):
    assert not profiles.deflect(nfw, (1.0, 0.0, 0.1, 0.2), *profiles.rays()).any()


def test_nan_and_vectors(profiles):
    profiles.passes_nan_on(nfw, (1.1, 0.9, 0.1, 0.2))
    profiles.vectorised_in_float32(nfw, (1.1, 0.9, 0.1, 0.2))
