"""Ellipticity and centre of light: of profiles whose shape is known, and their symmetries."""

import numpy as np
import pytest
from lenstronomy.LightModel.light_model import LightModel

from lenstream.evaluate.fitting.light_shape import light_shape, squared_radius

SCALE, N = 0.05, 121


def sersic(e1, e2, x=0.0, y=0.0, n_sersic=4.0, R_sersic=1.2, n=N, fine=3):
    """Light of a Sersic profile on the intermediate axis, of `fine` x `fine` rays a pixel, (n, n)."""
    axis = (np.arange(n * fine) + 0.5 - 0.5 * n * fine) * SCALE / fine
    away = np.sqrt(squared_radius(axis - x, axis[:, None] - y, e1, e2))
    b = 2.0 * n_sersic - 1.0 / 3.0
    light = np.exp(-b * ((np.maximum(away, 0.01) / R_sersic) ** (1.0 / n_sersic) - 1.0))
    return light.reshape(n, fine, n, fine).mean(axis=(1, 3))


@pytest.mark.parametrize("n_sersic", [1.0, 2.5, 4.0])
@pytest.mark.parametrize(("e1", "e2"), [(0.0, 0.0), (0.1, 0.0), (-0.08, 0.12), (0.2, -0.15), (0.05, 0.3)])
def test_the_shape_of_a_profile_is_found(e1, e2, n_sersic):
    found = light_shape(sersic(e1, e2, 0.07, -0.11, n_sersic), SCALE)
    np.testing.assert_allclose(found, [e1, e2, 0.07, -0.11], atol=0.005)


def test_the_unit_does_not_matter():
    light = sersic(0.1, -0.1)
    np.testing.assert_allclose(light_shape(light, SCALE), light_shape(1e6 * light, SCALE), atol=1e-10)


def test_an_image_turned_or_mirrored_has_its_shape_turned_or_mirrored():
    light = sersic(0.15, 0.1, 0.1, 0.05)
    e1, e2, x, y = light_shape(light, SCALE)
    for image, expected in (
        (np.rot90(light, -1), (-e1, -e2, -y, x)),  # by 90 degrees from x to y, as rows go upwards
        (light[:, ::-1], (e1, -e2, -x, y)),
        (light.T, (-e1, e2, y, x)),
        (light[::-1, ::-1], (e1, e2, -x, -y)),
    ):
        np.testing.assert_allclose(light_shape(image, SCALE), expected, atol=1e-6)


def test_an_even_array_has_its_middle_between_pixels():
    even = light_shape(sersic(0.1, 0.0, 0.05, 0.0, n=120), SCALE)
    np.testing.assert_allclose(even, [0.1, 0.0, 0.05, 0.0], atol=0.005)


@pytest.mark.parametrize("image", [np.zeros((20, 20)), np.full((20, 20), -1.0)])
def test_without_light_it_is_round_and_in_the_middle(image):
    assert light_shape(image, SCALE) == (0.0, 0.0, 0.0, 0.0)


def test_a_faint_negative_sky_is_no_light():
    light = sersic(0.1, 0.1)
    found = light_shape(np.where(light > np.median(light), light, -light), SCALE)
    np.testing.assert_allclose(found, [0.1, 0.1, 0.0, 0.0], atol=0.02)


def test_a_line_is_as_flat_as_light_may_be():
    image = np.zeros((41, 41))
    image[20] = 1.0
    e1, e2, x, y = light_shape(image, SCALE)
    assert 0.8 < e1 <= 0.9
    assert abs(e2) < 1e-6
    assert abs(x) + abs(y) < 1e-6


@pytest.mark.parametrize(("e1", "e2"), [(0.2, 0.1), (-0.1, 0.3)])
def test_the_radius_is_that_of_lenstronomys_profiles(e1, e2):
    x, y = np.random.default_rng(1).normal(size=(2, 50))
    sizes = {"amp": 1.0, "R_sersic": 0.8, "n_sersic": 2.0, "center_x": 0.0, "center_y": 0.0}
    ellipse = LightModel(["SERSIC_ELLIPSE"]).surface_brightness(x, y, [sizes | {"e1": e1, "e2": e2}])
    away = np.sqrt(squared_radius(x, y, e1, e2))
    np.testing.assert_allclose(ellipse, LightModel(["SERSIC"]).surface_brightness(away, 0 * away, [sizes]), rtol=1e-6)
