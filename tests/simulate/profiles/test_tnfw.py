"""TNFW: against lenstronomy, its NFW limit and its total mass."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.simulate.profiles import nfw, tnfw

Rs, alpha_Rs, position = st.floats(0.005, 20), st.floats(1e-4, 5), st.floats(-0.5, 0.5)
tau = st.floats(-1.5, 3).map(lambda power: 10.0**power)


@settings(deadline=None, max_examples=40)
@given(Rs, alpha_Rs, tau, position, position)
def test_is_lenstronomys(profiles, Rs, alpha_Rs, tau, x, y):
    # lenstronomy's arctanh(sqrt(1 - x^2)) loses digits for small x: there ours is held to 40 digits below
    profiles.agree("TNFW", tnfw, (Rs, alpha_Rs, tau * Rs, x, y), (x, y), doubtful=0.02 * Rs)


@pytest.mark.parametrize("tau", [1e-3, 0.1, 1.0, 3.0, 1e3])
def test_does_not_cancel(profiles, tau):
    mpmath = pytest.importorskip("mpmath")
    x = np.array([0.0011, 0.01, 0.3, 0.70710678, 0.99, 1.01, 5.0, 50.0])
    exact = []
    with mpmath.workdps(40):
        t, log, sqrt = mpmath.mpf(tau), mpmath.log, mpmath.sqrt
        for radius in x:
            r = mpmath.mpf(float(radius))
            F = mpmath.acosh(1 / r) / sqrt(1 - r**2) if r < 1 else mpmath.acos(1 / r) / sqrt(r**2 - 1)
            s = sqrt(t**2 + r**2)
            L = log(r / (t + s))
            g = (t**2 + 2 * r**2 - 1) * F + t * mpmath.pi + (t**2 - 1) * log(t) + s * (L * (t - 1 / t) - mpmath.pi)
            exact.append(float(g * (t / (t**2 + 1)) ** 2 / r / (1 - log(2))))
    ours = profiles.deflect(tnfw, (1.0, 1.0, tau, 0.0, 0.0), x, 0 * x)[0]
    np.testing.assert_allclose(ours, exact, rtol=1e-11)
    single = profiles.deflect(tnfw, (1.0, 1.0, tau, 0.0, 0.0), x, 0 * x, np.float32)[0]
    np.testing.assert_allclose(single, exact, atol=1.5e-6 * max(exact))


@settings(deadline=None, max_examples=20)
@given(Rs, alpha_Rs, position, position)
def test_far_truncation_leaves_an_nfw(profiles, Rs, alpha_Rs, cx, cy):
    x, y = profiles.rays(cx, cy, nearest=0.0011 * Rs)
    ours = profiles.deflect(tnfw, (Rs, alpha_Rs, 1e6 * max(Rs, 1.0), cx, cy), x, y)
    whole = profiles.deflect(nfw, (Rs, alpha_Rs, cx, cy), x, y)
    assert (np.hypot(*(ours - whole)) <= 1e-8 * np.hypot(*whole)).all()


@settings(deadline=None, max_examples=20)
@given(tau)
def test_total_mass_is_finite(profiles, tau):
    # Baltz, Marshall & Oguri 2009, eq. A.4: alpha r in the limit of large r
    r = 1e7 * max(tau, 1.0)
    alpha = profiles.deflect(tnfw, (1.0, 1.0, tau, 0.0, 0.0), [r] * 8, [0.0] * 8)[0]
    t2 = tau**2
    mass = t2 / (t2 + 1) ** 2 * ((t2 - 1) * np.log(tau) + tau * np.pi - (t2 + 1)) / (1 - np.log(2))
    np.testing.assert_allclose(alpha * r, mass, rtol=1e-5)


def test_truncated_at_Rs_is_smooth(profiles):
    for tau in (1 - 1e-9, 1.0, 1 + 1e-9):
        x, y = profiles.rays()
        ours = profiles.deflect(tnfw, (0.8, 1.0, 0.8 * tau, 0.0, 0.0), x, y)
        np.testing.assert_allclose(ours, profiles.deflect(tnfw, (0.8, 1.0, 0.8, 0.0, 0.0), x, y), rtol=1e-7)


@settings(deadline=None, max_examples=10)
@given(st.floats(-4, 4))
def test_is_round(profiles, angle):
    profiles.turns_with_the_rays(tnfw, (0.9, 1.1, 2.0, 0.0, 0.0), angle)


def test_centre_deflects_nothing(profiles):
    for dtype in (np.float32, np.float64):
        assert not profiles.deflect(tnfw, (0.7, 1.2, 3.0, 0.25, -0.5), [0.25] * 9, [-0.5] * 9, dtype).any()


def test_is_finite_to_the_ends_of_its_ranges(profiles):
    for Rs in (1e-5, 1.0, 1000.0):
        for r_trunc in (1e-5, 1.0, 1e5):
            profiles.finite_on_the_centre(tnfw, (Rs, 100.0, r_trunc, 0.0, 0.0))
            x, y = profiles.rays()
            exact = profiles.deflect(tnfw, (Rs, 1.0, r_trunc, 0.0, 0.0), x, y)
            single = profiles.deflect(tnfw, (Rs, 1.0, r_trunc, 0.0, 0.0), x, y, np.float32)
            assert np.hypot(*(single - exact)).max() <= 3e-6 * np.hypot(*exact).max()


def test_without_mass_does_nothing(profiles):
    assert not profiles.deflect(tnfw, (1.0, 0.0, 3.0, 0.1, 0.2), *profiles.rays()).any()


def test_nan_and_vectors(profiles):
    profiles.passes_nan_on(tnfw, (1.1, 0.9, 4.0, 0.1, 0.2))
    profiles.vectorised_in_float32(tnfw, (1.1, 0.9, 4.0, 0.1, 0.2))


def test_the_core_of_a_halo_changes_the_deflection_by_less_than_is_said(profiles):
    """Below the radius where lenstronomy makes it linear, against alpha = (ln(x/2) + F) / x as it stands."""
    for profile, floor, off in ((tnfw, 1e-3, 1e-3), (nfw, 1e-6, 1e-6)):
        x = floor * np.geomspace(1e-3, 1, 200)
        exact = (x * (0.5 * np.log(2 / x) - 0.25)) / (1 - np.log(2))  # to x^3
        further = (1e6,) if profile is tnfw else ()
        ours = profiles.deflect(profile, (1.0, 1.0, *further, 0.0, 0.0), x, 0 * x)[0]
        assert 0.3 * off < np.abs(ours - exact).max() < off
