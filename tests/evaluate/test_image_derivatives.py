"""Derivatives of images: against those of a known answer and at the ends of ranges."""

from dataclasses import replace

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.evaluate.image_derivatives import image_and_derivatives, shifted
from lenstream.simulate.bridge import lenstronomy_image
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene


@pytest.fixture(scope="module")
def scene():
    config = load("tiny")
    return make_scene(config.simulate, config.seed)


def test_derivatives_at_the_end_of_a_range_stay_inside_it(scene):
    """Both images of a difference exist, a step of 2 `by` apart, and nothing changes where there is room."""
    systems = draw(scene, np.arange(3), Views())
    theta_E = np.array([0.0, 100.0, 1.2])
    edge = replace(systems, lens_mass=(systems.lens_mass[0] | {"theta_E": theta_E}, *systems.lens_mass[1:]))
    where = "lens_mass", 0, "theta_E"
    up, down = (shifted(scene, edge, where, by) for by in (1e-3, -1e-3))
    for changed in (up, down):
        render(scene, changed, noise=False)
    difference = up.lens_mass[0]["theta_E"] - down.lens_mass[0]["theta_E"]
    np.testing.assert_allclose(difference, 2e-3, rtol=1e-9)
    assert up.lens_mass[0]["theta_E"][2] == 1.2 + 1e-3


def test_an_image_goes_as_the_flux_of_its_source(scene):
    """d image / d magnitude = -0.4 ln 10 image, per standard deviation."""
    systems = draw(scene, np.arange(3), Views())
    mean, derivatives = image_and_derivatives(scene, systems, [("source", 0, "magnitude")], [0.5], 1)
    np.testing.assert_allclose(derivatives[:, 0], -0.5 * 0.4 * np.log(10) * mean, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("where", [("lens_mass", 0, "theta_E"), ("lens_mass", 0, "gamma"), ("source", 0, "center_x")])
def test_derivatives_are_the_five_point_ones_of_lenstronomys_images(where):
    """Another simulator, and a formula of fourth order; a round source without a cusp between the rays."""
    source = "simulate.source=[{profile: SERSIC_ELLIPSE, magnitude: 23, R_sersic: 0.4, n_sersic: 0.7, center_x: 0.08}]"
    scene, step = make_scene(load("tiny", [source, "simulate.image.rays=4"]).simulate, 3), 1e-3
    systems = draw(scene, [4], Views())

    def image(by):
        return lenstronomy_image(scene, shifted(scene, systems, where, by), 0).ravel()

    expected = (image(-2 * step) - 8 * image(-step) + 8 * image(step) - image(2 * step)) / (12 * step)
    found = image_and_derivatives(scene, systems, [where], [0.2], 1)[1][0, 0] / 0.2
    assert np.linalg.norm(found - expected) < 2e-3 * np.linalg.norm(expected)


def test_subtracted_light_is_in_the_image_that_tells_of_the_lens():
    light = "simulate.lens_light=[{profile: SERSIC_ELLIPSE, magnitude: 20, R_sersic: 0.5}]"
    fit = "simulate.observation.subtract_lens_light=[{component: 0, error: 0.1}]"
    whole, left = (make_scene(load("tiny", [light, *more]).simulate, 1) for more in ([], [fit]))
    systems, places = draw(whole, np.arange(2), Views()), [("lens_light", 0, "R_sersic")]
    for one, other in zip(*(image_and_derivatives(s, systems, places, [0.1], 1) for s in (whole, left)), strict=True):
        np.testing.assert_array_equal(one, other)
