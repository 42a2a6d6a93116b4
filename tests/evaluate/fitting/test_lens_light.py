"""Light of the lens in a fit against the renderer's images, and its derivatives against finer differences."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.evaluate.fitting.free_parameters import free_parameters
from lenstream.evaluate.fitting.lens_light import LensLight, lens_light
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene

TWO = (
    "simulate.lens_light=[{profile: DOUBLE_SERSIC, magnitude: {normal: [19, 0.3]}, bulge_fraction: {uniform: [0.2, "
    "0.5]}, R_sersic: {uniform: [0.6, 1]}, R_bulge: {uniform: [0.1, 0.3]}, e1: 0.1}, {profile: SERSIC_ELLIPSE, "
    "magnitude: {normal: [21, 0.3]}, R_sersic: 0.3, center_x: {normal: [1, 0.2]}, center_y: 0.5}]"
)
MOFFAT = "simulate.observation.psf={kind: moffat, fwhm: {uniform: [0.15, 0.3]}, beta: 3}"
STILL = "simulate.lens_light=[{profile: SERSIC_ELLIPSE, magnitude: 19, R_sersic: 0.5, n_sersic: 4}]"


def lit_scene(*overrides, i=0):
    """A scene with what is fitted and one system of it, its light in a fit, and its true parameters."""
    scene = make_scene(load("tiny", ["simulate.image.rays=adaptive", *overrides]).simulate, 3)
    free = free_parameters(
        scene, SimpleNamespace(drawn=lambda s: np.random.default_rng(0).normal(size=(len(s.indices), 5)))
    )
    systems = draw(scene, [FIRST_INDEX["test"] + i], Views())
    optics = {name: values[0, 0] for name, values in systems.optics.items()}
    values = np.array([systems.lens_light[k][name][0, 0] for k, name in free.light])
    return SimpleNamespace(
        scene=scene, free=free, systems=systems, light=lens_light(scene, free, optics), values=values
    )


def expected(case):
    """The renderer's image without the source."""
    dark = tuple({n: 0 * v if n == "amp" else v for n, v in own.items()} for own in case.systems.source)
    return render(case.scene, replace(case.systems, source=dark), noise=False, dtype=np.float64)[0, 0]


@pytest.mark.parametrize("i", [0, 1])
@pytest.mark.parametrize("extra", [[], [MOFFAT], [TWO], [STILL], ["simulate.image.rays=3"]])
def test_the_image_is_the_renderers(extra, i, light):
    case = lit_scene(light, *extra, i=i)
    found = case.light.image(case.values)
    np.testing.assert_allclose(found, expected(case), rtol=1e-9, atol=1e-12 * found.max())
    assert found.min() > 0


def test_without_light_there_is_none():
    assert lit_scene().light is None


@pytest.mark.parametrize("extra", [[], [TWO]])
def test_derivatives_are_those_of_small_differences(extra, light):
    """Of rays that do not come and go; forward differences leave 2 % of the largest."""
    case = lit_scene(light, "simulate.image.rays=6", *extra)
    image = case.light.image(case.values)
    found = case.light.derivatives(case.values, image)
    assert found.shape == (32 * 32, len(case.values))
    h = 1e-4 * case.free.spread[case.free.of_light]
    for p in range(len(case.values)):
        step = np.eye(len(h))[p] * h
        finer = (case.light.image(case.values + step) - case.light.image(case.values - step)).ravel() / (2 * h[p])
        np.testing.assert_allclose(found[:, p], finer, atol=0.02 * np.abs(finer).max())


def test_adaptive_rays_give_the_same_derivatives_as_many(light):
    fine = ["simulate.image.rays=60", "simulate.observation.psf={kind: gaussian, fwhm: 0.15, supersampling: 15}"]
    cases = [lit_scene(light, *extra) for extra in ([], fine)]
    one, other = (case.light.derivatives(case.values, case.light.image(case.values)) for case in cases)
    one, other = (d / np.linalg.norm(other, axis=0) for d in (one, other))
    assert np.linalg.norm(one - other, axis=0).max() < 0.02


def test_a_magnitude_makes_the_image_fainter(light):
    case = lit_scene(light)
    image, p = case.light.image(case.values), case.free.light.index((0, "magnitude"))
    found = case.light.derivatives(case.values, image)[:, p]
    np.testing.assert_allclose(found, -0.4 * np.log(10) * image.ravel(), rtol=5e-3)


def test_at_the_end_of_a_range_the_difference_goes_back(light):
    case = lit_scene(light.replace("n_sersic: {uniform: [2, 5]}", "n_sersic: {uniform: [2, 8]}"))
    p = case.free.light.index((0, "n_sersic"))
    case.values[p] = 8.0
    found = case.light.derivatives(case.values, image := case.light.image(case.values))[:, p]
    h = np.eye(len(case.values))[p] * 1e-3
    np.testing.assert_allclose(
        found, (image - case.light.image(case.values - h)).ravel() / 1e-3, atol=0.03 * np.abs(found).max()
    )


def test_light_flatter_than_a_profile_can_be_is_as_flat_as_it_can_be(light):
    case = lit_scene(light)
    e1, e2 = (case.free.light.index((0, name)) for name in ("e1", "e2"))
    case.values[[e1, e2]] = 0.8, 0.8
    image = case.light.image(case.values)
    case.values[[e1, e2]] = 0.9 / np.sqrt(2)
    np.testing.assert_allclose(image, case.light.image(case.values), rtol=1e-6)


def test_light_that_is_the_same_in_all_systems_has_an_image_and_no_derivatives():
    case = lit_scene(STILL)
    assert case.free.light == ()
    image = case.light.image(case.values)
    assert case.light.derivatives(case.values, image).shape == (32 * 32, 0)


def test_the_psf_is_that_of_the_image(light):
    case = lit_scene(light, MOFFAT)
    optics = {name: values[0, 0] for name, values in case.systems.optics.items()}
    wider = LensLight(case.scene, case.free, optics | {"fwhm": np.array([0.4])}).image(case.values)
    assert wider.max() < 0.9 * case.light.image(case.values).max()
