"""HERNQUIST: against lenstronomy, against 40 digits, limits with known answers, and as the lens of a recipe."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.configs.load import load
from lenstream.simulate.profiles import hernquist
from lenstream.simulate.systems.scene import make_scene

sigma0, Rs, position = st.floats(1e-3, 20), st.floats(0.005, 20), st.floats(-0.5, 0.5)
BESIDE = np.array([-1e-3, -1e-6, -1e-9, 0.0, 1e-9, 1e-6, 1e-3])
# both ends of the sum are at x = (1 - .2) / (1 + .2) and its inverse
X = [BESIDE + c for c in (0.5**0.5, 1.0, 1.5)]
X = np.concatenate([[1e-4, 0.01, 0.3, 0.67, 0.9, 1.3, 3.0, 30.0, 1e4], *X])


@settings(deadline=None, max_examples=30)
@given(sigma0, Rs, position, position)
def test_is_lenstronomys(profiles, sigma0, Rs, x, y):
    # lenstronomy's (1 - F) / (x^2 - 1) cancels near x = 1: there ours is held to 40 digits below
    profiles.agree("HERNQUIST", hernquist, (sigma0, Rs, x, y), (x, y), exact=1e-7)


def exact(x):
    """alpha / (sigma0 Rs) at radii x Rs, to 40 digits."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(40):
        values = []
        for radius in x:
            r = mpmath.mpf(float(radius))
            if r == 1:
                values.append(2 / 3)
                continue
            F = mpmath.acosh(1 / r) / mpmath.sqrt(1 - r**2) if r < 1 else mpmath.acos(1 / r) / mpmath.sqrt(r**2 - 1)
            values.append(float(2 * r * (1 - F) / (r**2 - 1)))
    return np.array(values)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-11), (np.float32, 1.5e-6)])
def test_does_not_cancel_near_the_centre_nor_near_Rs(profiles, dtype, tolerance):
    x = X.astype(dtype)
    ours = profiles.deflect(hernquist, (1.0, 1.0, 0.0, 0.0), x, 0 * x, dtype)[0]
    np.testing.assert_allclose(ours, exact(x), rtol=tolerance)


@pytest.mark.parametrize("x", [1e-4, 0.01, 0.3, 0.9, 1.0, 1.1, 3.0, 50.0, 1e4])
def test_is_the_mass_projected_from_the_density(profiles, x):
    """alpha = M / (pi Sigma_cr R), M in a cylinder from the density sigma0 Sigma_cr / (Rs x (1 + x)^3)."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(20):
        R = mpmath.mpf(x)
        in_sphere = 2 * mpmath.pi * (R / (1 + R)) ** 2
        shell = lambda r: 4 * mpmath.pi * r / (1 + r) ** 3 * (1 - mpmath.sqrt(1 - (R / r) ** 2))  # noqa: E731
        around = mpmath.quad(shell, [R, 2 * R + 1, 20 * (R + 1), mpmath.inf])
        expected = float((in_sphere + around) / (mpmath.pi * R))
    assert profiles.deflect(hernquist, (1.0, 1.0, 0.0, 0.0), [x], [0.0])[0] == pytest.approx(expected, rel=1e-13)


@settings(deadline=None, max_examples=50)
@given(st.floats(-3, 3), st.floats(-5, 3), st.lists(st.floats(-5, 6), min_size=8, max_size=8))
def test_holds_from_tiny_to_huge_radii(profiles, log_sigma0, log_Rs, log_x):
    """All of the allowed range, and Rs itself and its neighbours among floating-point numbers."""
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 2e-6)):
        Rs = dtype(10**log_Rs)
        r = np.maximum(Rs * dtype(10) ** np.array(log_x, dtype), dtype(1.01e-5))
        r = np.concatenate([r, [np.nextafter(Rs, dtype(0)), Rs, np.nextafter(Rs, dtype(np.inf))]]).astype(dtype)
        r = np.maximum(r, dtype(1.01e-5))
        ours = profiles.deflect(hernquist, (10**log_sigma0, float(Rs), 0.0, 0.0), r, 0 * r, dtype)[0]
        expected = 10**log_sigma0 * float(Rs) * exact(r.astype(float) / float(Rs))
        np.testing.assert_allclose(ours, expected, rtol=tolerance)


@settings(deadline=None, max_examples=50)
@given(st.floats(-3, 3), st.floats(-5, 3))
def test_is_linear_where_lenstronomys_is(profiles, log_sigma0, log_Rs):
    """Below 1e-5 arcsec, or 1e-5 Rs; lenstronomy's logarithm there is good to 1e-7."""
    x, parameters = np.array([0.0, 1e-9, 1e-7, 1e-6, 9.9e-6, 1.01e-5, 1e-4]), (10**log_sigma0, 10**log_Rs, 0.0, 0.0)
    x = np.concatenate([x, x * 10**log_Rs])
    names = hernquist.PROFILE.columns
    theirs = profiles.lenstronomy("HERNQUIST", names, parameters, x, 0 * x)
    np.testing.assert_allclose(profiles.deflect(hernquist, parameters, x, 0 * x), theirs, rtol=2e-7)


def test_half_of_its_mass_is_where_it_says(profiles):
    (said,) = (float(s) for s in re.findall(r"within ([\d.]+) Rs", hernquist.PROFILE.parameters[1].meaning))
    alpha = profiles.deflect(hernquist, (1.0, 1.0, 0.0, 0.0), [said, 1e9], [0.0, 0.0])[0]
    within, total = alpha * [said, 1e9]
    assert within / total == pytest.approx(0.5, abs=1e-5)


@settings(deadline=None, max_examples=10)
@given(sigma0, Rs)
def test_deflection_at_Rs_and_mass_far_away(profiles, sigma0, Rs):
    angle = np.linspace(0, 6, 16)
    alpha = profiles.deflect(hernquist, (sigma0, Rs, 0.0, 0.0), Rs * np.cos(angle), Rs * np.sin(angle))
    np.testing.assert_allclose(np.hypot(*alpha), 2 / 3 * sigma0 * Rs, rtol=1e-12)
    far = 1e6 * Rs  # all mass is inside: alpha = M / (pi r), M = 2 pi sigma0 Rs^2
    alpha = profiles.deflect(hernquist, (sigma0, Rs, 0.0, 0.0), [far], [0.0])
    np.testing.assert_allclose(alpha[0], 2 * sigma0 * Rs**2 / far, rtol=1e-5)


def test_is_round_and_finite_on_the_centre(profiles):
    profiles.turns_with_the_rays(hernquist, (0.9, 1.1, 0.0, 0.0), 0.7)
    for dtype in (np.float32, np.float64):
        assert not profiles.deflect(hernquist, (1.2, 0.7, 0.25, -0.5), [0.25] * 9, [-0.5] * 9, dtype).any()
    for Rs in (1e-5, 1.0, 1000.0):
        profiles.finite_on_the_centre(hernquist, (100.0, Rs, 0.0, 0.0))


def test_nan_and_vectors(profiles):
    profiles.passes_nan_on(hernquist, (1.1, 0.9, 0.1, 0.2))
    profiles.vectorised_in_float32(hernquist, (1.1, 0.9, 0.1, 0.2))


def test_a_recipe_with_it_loads_renders_and_is_lenstronomys(differences):
    lens = "{profile: HERNQUIST, sigma0: {uniform: [1, 3]}, Rs: {loguniform: [0.2, 0.8]}, center_x: {normal: [0, 0.1]}}"
    small = ["simulate.image.num_pix=32", "simulate.image.pixel_scale=0.16", "evaluate.targets=[sigma0, Rs]"]
    config = load("w1", [f"simulate.lens_mass=[{lens}, {{profile: SHEAR, gamma1: 0.03}}]", *small])
    scene = make_scene(config.simulate, 1)
    assert differences(scene, 4).max() <= 1e-8
    assert differences(scene, 4, np.float32).max() <= 3e-5
