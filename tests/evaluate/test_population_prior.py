"""The population as a prior: independent, tied and following parameters."""

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.evaluate.limit import cramer_rao
from lenstream.evaluate.population_prior import N_DRAWN, parameters_of, population_of
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

LIGHT = "simulate.lens_light=[{{profile: SERSIC_ELLIPSE, magnitude: 19, R_sersic: 1.0, e1_e2: {law}}}]"


def scene_of(*overrides):
    return make_scene(load("tiny", list(overrides)).simulate, 3)


def test_the_prior_has_the_covariance_of_the_population():
    scene = scene_of(LIGHT.format(law="{follow: {component: lens_mass.0, factor: 0.9, scatter: 0.05}}"))
    population = population_of(scene)
    drawn = parameters_of(draw(scene, np.arange(N_DRAWN), Views()))
    values = np.array([drawn[where].ravel() for where in population.places])
    expected = np.cov(values, bias=True)
    root = population.root * population.spread[:, None]
    np.testing.assert_allclose(root @ root.T, expected, atol=1e-9 * expected.max())
    assert ("lens_light", 0, "e1") in population.places
    correlation = population.root @ population.root.T
    mass, light = (population.places.index((group, 0, "e1")) for group in ("lens_mass", "lens_light"))
    assert correlation[mass, light] > 0.8


def test_what_is_fixed_is_no_parameter():
    places = population_of(scene_of()).places
    assert ("source", 0, "magnitude") not in places
    assert ("lens_mass", 0, "theta_E") in places
    assert not any(name in ("amp", "scale", "stamp", "parity") for *_, name in places)


def test_a_population_of_one_system_has_no_unknowns():
    fixed = "simulate.lens_mass=[{profile: SIE, theta_E: 1.0, e1: 0.1, e2: 0.0}]"
    source = "simulate.source=[{profile: SERSIC_ELLIPSE, magnitude: 23, R_sersic: 0.3}]"
    scene = scene_of(fixed, source, "evaluate.targets=[theta_E]")
    assert population_of(scene).places == []
    np.testing.assert_array_equal(cramer_rao(scene, np.arange(2), ["theta_E"])["theta_E"], 0.0)


ROUND = "profile: SERSIC_ELLIPSE, magnitude: 21, R_sersic: 1.0, e1: 0, e2: 0, n_sersic: 2"
TIED = "{follow: {parameter: lens_mass.0.center_x, factor: 1}}"
LENS = (
    "simulate.lens_mass=[{profile: SIE, theta_E: {uniform: [1.0, 1.4]}, center_x: {normal: [0.0, 0.05]}, "
    "center_y: 0.0, e1: 0.1, e2: 0.0}]"
)


@pytest.fixture(scope="module")
def tied():
    light = f"simulate.lens_light=[{{{ROUND}, center_x: {TIED}}}]"
    return scene_of(LENS, light, "evaluate.targets=[theta_E]")


def test_parameters_that_are_one_count_once(tied):
    """Mass and light share their place exactly: one direction less than parameters, in which both move."""
    population = population_of(tied)
    p, r = population.root.shape
    assert r == p - 1
    a, b = (population.places.index((group, 0, "center_x")) for group in ("lens_mass", "lens_light"))
    np.testing.assert_allclose(population.root[a], population.root[b], atol=1e-6)


def test_a_tie_tells_of_one_parameter_what_an_image_says_of_the_other(tied):
    """The place of light that lies on the mass is that of the mass, which arcs alone say less well."""
    apart = f"simulate.lens_light=[{{{ROUND}, center_x: {{normal: [0, 0.05]}}}}]"
    free = scene_of(LENS, apart, "evaluate.targets=[theta_E]")
    bound, wider = (cramer_rao(s, np.arange(4), ["center_x"])["center_x"] for s in (tied, free))
    assert (bound < wider).all()
    assert (bound > 0).all()
