"""HERNQUIST: against lenstronomy, against 40 digits, limits with known answers, and as the lens of a recipe."""

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
