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
    assert sentences("simulate.bands={r: {}}") == []
    check_fittable(load("demo").simulate)


def test_all_that_is_not_is_said_at_once():
    classes = ["simulate.classes={a: 1, b: 1}", "simulate.lens_mass.1.only=[a]", "evaluate.targets=[theta_E]"]
    with pytest.raises(ConfigError) as caught:
        check_fittable(load("tiny", ["simulate.bands={r: {}, i: {}}", *classes]).simulate)
    assert caught.value.problems == [
        "simulate.bands: estimates are refined with one band, got r, i",
        "simulate.lens_mass.1.only: estimates are refined where all systems have the same components",
    ]


def test_light_of_the_lens_is_not_fitted():
    assert sentences(LIGHT) == [
        "simulate.lens_light: estimates are refined without light of the lens, got SERSIC_ELLIPSE"
    ]
