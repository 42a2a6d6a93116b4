"""What a fit has no model of is refused before anything is computed, in one sentence each."""

import pytest

from lenstream.configs.load import load
from lenstream.errors import ConfigError
from lenstream.evaluate.fitting.fittable import check_fittable, why_not

LIGHT = "simulate.lens_light=[{profile: SERSIC_ELLIPSE, magnitude: 20, R_sersic: 0.5}]"


def sentences(*overrides):
    return list(why_not(load("tiny", list(overrides)).simulate))


def test_a_lens_with_a_source_is_fitted():
    assert sentences() == []
    assert sentences("simulate.bands={r: {}, i: {}}") == []
    check_fittable(load("demo").simulate)


def test_all_that_is_not_is_said_at_once():
    classes = ["simulate.classes={a: 1, b: 1}", "simulate.lens_mass.1.only=[a]", "evaluate.targets=[theta_E]"]
    galaxy = "simulate.lens_light=[{profile: INTERPOL, catalogue: procedural, magnitude: 20, R_half: 0.5}]"
    with pytest.raises(ConfigError) as caught:
        check_fittable(load("tiny", [galaxy, *classes]).simulate)
    assert caught.value.problems == [
        "simulate.lens_mass.1.only: estimates are refined where all systems have the same components",
        "simulate.lens_light.0.profile: estimates are refined with light of Sersic profiles, got INTERPOL",
    ]


def test_light_of_the_lens_is_fitted_unless_it_is_an_image():
    assert sentences(LIGHT) == []
    assert (
        sentences(
            LIGHT.replace("SERSIC_ELLIPSE", "DOUBLE_SERSIC").replace("}]", ", bulge_fraction: 0.3, R_bulge: 0.2}]")
        )
        == []
    )
    galaxy = "{profile: INTERPOL, catalogue: procedural, n_galaxies: 40, magnitude: 20, R_half: 0.5}"
    assert sentences(LIGHT.replace("[", "[" + galaxy + ", ")) == [
        "simulate.lens_light.0.profile: estimates are refined with light of Sersic profiles, got INTERPOL"
    ]


def test_light_of_the_lens_that_some_systems_lack_is_not_fitted():
    some = LIGHT.replace("}]", ", only: [a]}]")
    assert sentences("simulate.classes={a: 1, b: 1}", some, "evaluate.targets=[theta_E]") == [
        "simulate.lens_light.0.only: estimates are refined where all systems have the same components"
    ]


def test_subtracted_light_is_in_no_model():
    subtracted = "simulate.observation.subtract_lens_light=[{component: 0, error: 0.01}]"
    (said,) = sentences(LIGHT, subtracted)
    assert "subtract_lens_light" in said
