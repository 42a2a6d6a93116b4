"""Targets that no system, or every system, has the same value of are told before a training."""

import pytest

from lenstream.configs.load import load
from lenstream.learnable_targets import target_problems
from lenstream.simulate.systems.scene import make_scene


def problems(*overrides):
    config = load("tiny", overrides)
    return list(target_problems(config, make_scene(config.simulate, config.seed)))


def test_a_target_that_some_systems_lack():
    overrides = ["simulate.classes={lens: 1, galaxy: 1}", "simulate.lens_mass.0.only=[lens]"]
    (found,) = problems(*overrides, "evaluate.targets=[theta_E]")
    assert "theta_E has no value in 5" in found and "(classes without it: galaxy)" in found
    assert problems(*overrides, "evaluate=null", "pretrain.encoders.stream_supervised=null") == []


@pytest.mark.parametrize(
    ("law", "is_constant"),
    [("2.0", True), ("{uniform: [2, 2.000000001]}", True), ("{uniform: [1.9, 2.1]}", False)],
)
def test_what_counts_as_constant(law, is_constant):
    found = problems(f"simulate.lens_mass.0.gamma={law}")
    assert ("gamma is 2 in every system" in found[0]) if is_constant else found == []


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["simulate.lens_mass.0.gamma={truncnormal: [2, 0.1, 1.9999999, 2]}"], "gamma is 2 in every system"),
        (["simulate.lens_mass.0.gamma={uniform: [1.999999, 2.000001]}"], "gamma is 2 in every system"),
        (
            [
                "simulate.lens_mass.1.gamma1={follow: {parameter: lens_mass.0.theta_E, factor: 0, offset: 0.02}}",
                "evaluate.targets=[theta_E, gamma1]",
            ],
            "gamma1 is 0.02 in every system",
        ),
        (["simulate.lens_mass.0.e1_e2=null", "simulate.lens_mass.0.e1=0", "evaluate.targets=[e1]"], "e1 is 0 in every"),
        (["simulate.lens_mass.0.gamma={mixture: [{weight: 1, uniform: [2, 2.000001]}]}"], "gamma is 2 in every system"),
    ],
)
def test_targets_that_cannot_be_learnt(overrides, said):
    assert any(said in problem for problem in problems(*overrides))


def test_a_target_that_is_constant_among_the_test_lenses_alone():
    laws = "[{weight: 0.97, uniform: [2, 2.0000001]}, {weight: 0.03, uniform: [1.8, 2.2]}]"
    rare = f"simulate.lens_mass.0.gamma={{mixture: {laws}}}"
    (problem,) = problems(rare, "evaluate.n_test=20")
    assert "gamma is 2 in every one of 20 test systems, so there is nothing to judge by it" in problem
    assert problems(rare, "evaluate.n_test=400") == []


def test_a_probe_without_evaluation_needs_two_classes():
    alone = ["pretrain.probe_every=2", "evaluate=null", "pretrain.encoders.stream_supervised=null"]
    (problem,) = problems(*alone)
    assert "without evaluate a probe tells classes apart, and there are none" in problem
    (problem,) = problems(*alone, "simulate.classes={lens: 1, galaxy: 0}")
    assert "and all of 500 systems are of one of simulate.classes" in problem
    assert problems(*alone, "simulate.classes={lens: 1, galaxy: 1}") == []


CLASSES = ["simulate.classes={lens: 1, galaxy: 1}", "simulate.lens_mass.0.only=[lens]"]


def test_classes_that_can_be_told_apart():
    task = "evaluate={task: classification, n_labels: [20], n_test: 40, seeds: 1}"
    assert problems(*CLASSES, task) == []
    rare = "simulate.classes={lens: 1000, galaxy: 1}"
    found = problems(CLASSES[1], rare, task)
    assert "all of 20 labelled systems of a seed are lens; expected more" in found[0]
    assert "among 40 test systems are 0 galaxy, too few to judge by; expected 2 of each" in found[1]
