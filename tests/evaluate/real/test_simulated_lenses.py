"""Simulated lenses as files hold them: what is subtracted, masked and said of the noise; errors that hold for them."""

from types import SimpleNamespace

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.evaluate.real import simulated_lenses
from lenstream.evaluate.real.simulated_lenses import N_CALIBRATION, error_scales, simulated_images
from lenstream.progress import Stopped
from lenstream.simulate.render import render_all
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

GALAXY = "{profile: SERSIC_ELLIPSE, magnitude: 19, R_sersic: 0.8, n_sersic: 4}"
NEIGHBOUR = "{profile: SERSIC_ELLIPSE, magnitude: 20, R_sersic: 0.2, n_sersic: 1, center_x: 1.8, center_y: 0.0}"


def scene_of(*changes):
    return make_scene(load("tiny", list(changes)))


def scatter(images):
    """Of pixels at the left edge, where few arcs are, over their noise."""
    pull = np.array([(image.image / image.noise)[:, :4] for image in images])
    return 1.4826 * np.median(np.abs(pull - np.median(pull)))


def test_without_light_images_are_those_of_the_stream():
    scene = scene_of()
    systems, images = simulated_images(scene, np.arange(3))
    expected = render_all(scene, draw(scene, np.arange(3), Views())).images[:, 0, 0]
    assert all(image.light is None for image in images)
    np.testing.assert_array_equal([image.image for image in images], expected)
    assert 0.8 < scatter(images) < 1.2 and len(systems.indices) == 3


def test_all_light_is_subtracted_where_the_recipe_subtracts_none():
    """What is left beside the arcs is noise, of which the map knows the light's share."""
    scene = scene_of(f"simulate.lens_light=[{GALAXY}]")
    _, images = simulated_images(scene, np.arange(4))
    assert all(image.light.max() > 20 * image.noise.min() for image in images)
    assert 0.8 < scatter(images) < 1.2
    assert np.array([image.noise[16, 16] / image.noise[0, 0] for image in images]).min() > 1.1


def test_neighbours_are_masked():
    subtract = "simulate.observation.subtract_lens_light=[{component: 0, error: 0.001}]"
    scene = scene_of(f"simulate.lens_light=[{GALAXY}, {NEIGHBOUR}]", subtract)
    _, images = simulated_images(scene, np.arange(2))
    for image in images:
        assert not image.good[16, 28] and image.good[16, 4] and 0.02 < 1 - image.good.mean() < 0.4
        assert image.image[16, 28] == 0.0


def fit_that_is_off(fits, image, lenses):
    """Estimates that are off by normal errors, in units of twice the errors that are quoted."""
    own = np.random.default_rng(int(image.name)).normal(size=lenses.shape[1])
    values = {str(k): (value + 2 * off, 1.0) for k, (value, off) in enumerate(zip(lenses[0], own, strict=True))}
    return SimpleNamespace(of_lens=lambda: values)


def test_errors_are_scaled_until_they_hold(monkeypatch):
    scene = scene_of()
    places = ((0, "theta_E"), (0, "e1"))
    free = SimpleNamespace(low=np.full(2, -9.0), high=np.full(2, 9.0))
    fits = SimpleNamespace(free=SimpleNamespace(places=places))
    monkeypatch.setattr(simulated_lenses, "N_CALIBRATION", 400)
    monkeypatch.setattr(simulated_lenses, "fit_lens", lambda fits, image, of: fit_that_is_off(fits, image, of(free)))
    monkeypatch.setattr(simulated_lenses, "simulated_images", known_images)
    np.testing.assert_allclose(error_scales(fits, scene, 2), 2.0, rtol=0.15)
    assert N_CALIBRATION >= 40
    with pytest.raises(Stopped):
        error_scales(fits, scene, 1, stop=lambda: True)


def known_images(scene, indices):
    """Systems with known lenses, and images with nothing but a number."""
    values = {"theta_E": np.linspace(0.8, 1.2, len(indices)), "e1": np.zeros(len(indices))}
    systems = SimpleNamespace(lens_mass=(values,))
    return systems, [SimpleNamespace(name=str(i)) for i in range(len(indices))]
