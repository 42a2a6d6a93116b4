"""What varies in a fit, its prior, and what stays tied or constant."""

from types import SimpleNamespace

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.configs.names import plain_names
from lenstream.evaluate.fitting.free_parameters import FreeParameters, columns_of, free_parameters, with_prior
from lenstream.simulate.labels import labels
from lenstream.simulate.profiles import limits
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

TIED = (
    "simulate.lens_mass=[{profile: SIE, theta_E: {uniform: [0.8, 1.6]}, e1_e2: {rayleigh: [0.15, 0.4]}, "
    "center_x: 0.02}, {profile: NFW, Rs: {follow: {parameter: lens_mass.0.theta_E, factor: 2, offset: 1, scatter: 0}}, "
    "alpha_Rs: {uniform: [0.1, 0.2]}}]"
)
SOURCE = ["source_center_x", "source_center_y", "source_log_R_half", "source_log_flux", "source_log_texture"]


def free_of(*overrides, recipe="tiny"):
    """With sources that are normal numbers, as they do not matter here."""
    scene = make_scene(load(recipe, list(overrides)).simulate, 3)

    def drawn(systems):
        return np.random.default_rng(0).normal(size=(len(systems.indices), 5))

    return free_parameters(scene, SimpleNamespace(drawn=drawn)), scene


def test_what_is_drawn_varies_and_the_rest_is_constant():
    free, _ = free_of()
    names = free.names()
    assert sorted(names[:6]) == ["e1", "e2", "gamma", "gamma1", "gamma2", "theta_E"]
    assert names[6:] == SOURCE
    assert free.constants[0] == {"center_x": 0.0, "center_y": 0.0}
    assert free.profiles == ("EPL", "SHEAR")


def test_a_name_that_two_deflectors_have_is_numbered():
    second = "{profile: SIS, theta_E: {uniform: [0.1, 0.2]}, center_x: {uniform: [1, 2]}}"
    free, scene = free_of(
        f"simulate.lens_mass=[{{profile: SIE, theta_E: {{uniform: [1, 2]}}}}, {second}]", "evaluate.targets=[theta_E]"
    )
    names = free.names()
    assert sorted(names[:3]) == ["center_x_1", "theta_E", "theta_E_1"]  # the first has a center_x, which is 0
    assert names[0] == "theta_E"
    systems = draw(scene, np.arange(3), Views())
    for (k, name), plain in zip(free.places, names, strict=False):
        assert plain_names(systems.lens_mass)[plain] == (k, name)  # as labels and targets have it


def test_the_prior_is_the_normal_distribution_of_the_draws():
    """Also where parameters are correlated: moves along the directions have the covariance of the draws."""
    free, scene = free_of()
    systems = draw(scene, np.arange(4096), Views())
    columns = [systems.lens_mass[k][name] for k, name in free.places]
    sample = np.column_stack([*columns, np.random.default_rng(0).normal(size=(4096, 5))])
    np.testing.assert_allclose(free.mean, sample.mean(axis=0), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(free.directions @ free.directions.T, np.cov(sample.T), atol=1e-10)
    np.testing.assert_allclose(free.inverse() @ free.directions, np.eye(len(free.mean)), atol=1e-9)


def test_what_follows_another_parameter_stays_tied():
    free, _ = free_of(TIED, "evaluate.targets=[theta_E]")
    names = free.names()
    assert free.directions.shape == (len(names), len(names) - 1)
    theta_E, Rs = free.directions[names.index("theta_E")], free.directions[names.index("Rs")]
    np.testing.assert_allclose(Rs, 2 * theta_E, atol=1e-6)
    assert free.constants[0]["center_x"] == 0.02


def test_loosely_tied_parameters_are_correlated():
    free, _ = free_of(TIED.replace("scatter: 0}", "scatter: 0.3, low: 0.5, high: 8}"), "evaluate.targets=[theta_E]")
    names, covariance = free.names(), free.directions @ free.directions.T
    assert free.directions.shape == (len(names), len(names))
    a, b = names.index("theta_E"), names.index("Rs")
    expected = 2 * 0.8 / np.sqrt(12) / np.hypot(2 * 0.8 / np.sqrt(12), 0.3)
    assert covariance[a, b] / np.sqrt(covariance[a, a] * covariance[b, b]) == pytest.approx(expected, abs=0.02)


def test_the_range_is_that_of_the_draws_within_what_a_profile_can_be():
    free, _ = free_of("simulate.lens_mass.0.gamma={uniform: [1.5, 2.5]}")
    names = free.names()
    at = names.index("gamma")
    assert [free.low[at], free.high[at]] == pytest.approx([1.48, 2.52], abs=0.002)
    known = limits.MASS["EPL"]
    edge = known.high[known.names.index("gamma")]
    free, _ = free_of(f"simulate.lens_mass.0.gamma={{uniform: [1.5, {edge}]}}")
    assert free.high[free.names().index("gamma")] == edge


def test_a_lens_that_is_the_same_in_all_systems_leaves_the_source():
    lens = "simulate.lens_mass=[{profile: EPL, theta_E: 1.2, gamma: 2.0, e1: 0.1}]"
    free, _ = free_of(lens, "evaluate.targets=[theta_E]")
    assert free.names() == SOURCE
    assert free.constants[0]["theta_E"] == 1.2
    assert free.directions.shape == (5, 5)


def test_what_does_not_vary_has_no_direction():
    """A source of one flux: a fit that moves along all directions leaves it."""
    sample = np.random.default_rng(1).normal(size=(100, 5))
    sample[:, 3] = 2.5
    free = with_prior(FreeParameters((), (), (), *[None] * 5), sample)
    assert free.directions.shape == (5, 4)
    assert not free.directions[3].any()
    assert free.low[3] == free.mean[3] == free.high[3] == 2.5


def test_light_of_the_lens_varies_between_lens_and_source(light):
    free, scene = free_of(
        light.replace("}]", "}, {profile: SERSIC_ELLIPSE, magnitude: {normal: [21, 0.2]}, R_sersic: 0.3}]")
    )
    names = free.names()
    own = ["magnitude", "R_sersic", "n_sersic", "e1", "e2", "center_x", "center_y", "magnitude_1"]
    assert sorted(names[free.of_light]) == sorted(f"lens_light_{name}" for name in own)
    assert names[: len(free.places)] == free_of()[0].names()[: len(free.places)]
    assert names[-5:] == SOURCE
    assert free.light_constants[1]["R_sersic"] == 0.3
    known = labels(draw(scene, np.arange(3), Views()))
    assert set(names[free.of_light]) <= set(known)  # as labels have it
    at = names.index("lens_light_n_sersic")
    assert [free.low[at], free.high[at]] == pytest.approx([1.94, 5.06], abs=0.01)


def test_light_is_never_beyond_what_a_profile_can_be(light):
    free, _ = free_of(light.replace("n_sersic: {uniform: [2, 5]}", "n_sersic: {uniform: [2, 8]}"))
    assert free.high[free.names().index("lens_light_n_sersic")] == 8


def test_light_that_follows_the_mass_is_tied_or_correlated(light):
    free, _ = free_of(light)
    names, covariance = free.names(), free.directions @ free.directions.T
    assert free.directions.shape == (len(names), len(names))
    a, b = names.index("e1"), names.index("lens_light_e1")
    assert 0.5 < covariance[a, b] / np.sqrt(covariance[a, a] * covariance[b, b]) < 0.95
    free, _ = free_of(light.replace("scatter: 0.1, low: -0.6, high: 0.6", "scatter: 0"))
    assert free.directions.shape == (len(names), len(names) - 2)
    np.testing.assert_allclose(free.directions[a], free.directions[b], atol=1e-9)


def test_the_flux_in_further_bands_stands_before_the_source(colored):
    names = colored.free.names()
    assert names[-6:] == ["source_log_flux_i", *SOURCE]
    assert names[colored.free.of_colors] == ["source_log_flux_i"]
    assert colored.truths.shape == (4, len(names))


def test_columns_are_those_of_the_profiles():
    free, _ = free_of()
    for (k, name), (deflector, column) in zip(free.places, columns_of(free), strict=True):
        assert deflector == k
        assert limits.MASS[free.profiles[k]].names[column] == name


def test_true_values_are_those_that_were_drawn(galaxies):
    names, truths = galaxies.free.names(), galaxies.truths
    np.testing.assert_array_equal(truths[:, names.index("gamma2")], galaxies.systems.lens_mass[1]["gamma2"])
    np.testing.assert_array_equal(truths[:, names.index("e1")], galaxies.systems.lens_mass[0]["e1"])
    np.testing.assert_array_equal(truths[:, :-1][:, -4:], galaxies.shapes.drawn(galaxies.systems)[:, :-1])
    assert (truths[:, -1] == galaxies.free.mean[-1]).all()


def test_true_values_of_the_light_are_those_that_were_drawn(lit):
    names, truths = lit.free.names(), lit.truths
    np.testing.assert_array_equal(
        truths[:, names.index("lens_light_R_sersic")], lit.systems.lens_light[0]["R_sersic"][:, 0]
    )
    np.testing.assert_array_equal(truths[:, names.index("gamma2")], lit.systems.lens_mass[1]["gamma2"])
