"""How labels change where the image turns: which belong together, which jump, of which nothing is known."""

import pytest

from lenstream.configs.load import load
from lenstream.configs.quantities import names
from lenstream.configs.turning import angles, is_turned, pairs, unturnable, without_partner
from lenstream.errors import ConfigError
from lenstream.ssl.augment import CHANGES


def test_which_parameters_are_turned():
    names = ["theta_E", "gamma", "e1", "e2", "gamma1", "gamma2", "source_e1", "center_x", "center_y", "e1_2", "e2_2"]
    assert pairs(names) == [
        ("e1", "e2", 2),
        ("gamma1", "gamma2", 2),
        ("center_x", "center_y", 1),
        ("e1_2", "e2_2", 2),
    ]
    assert without_partner(names) == ["source_e1"]
    assert without_partner(["e2", "theta_E", "gamma"]) == ["e2"]
    assert [n for n in (*names, "phi_m", "Rs") if not is_turned(n)] == ["theta_E", "gamma", "Rs"]


def test_what_a_quarter_turn_changes_is_what_the_augmentation_says_that_it_does():
    changed = {name.removeprefix("source_").removeprefix("lens_light_") for name in names() if is_turned(name)}
    assert changed == {*CHANGES["rot90"], "angle", "phi_G"}  # of an axion vortex, and of the image of a galaxy


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (["theta_E", "gamma", "kappa", "magnification"], []),
        (["e1", "e2", "gamma1", "gamma2", "center_x", "center_y", "ra_0", "dec_0", "e1_1", "e2_1"], []),
        (["e1", "theta_E"], ["e1 turns into its other component, which is not among them"]),
        (["phi_m"], ["phi_m is an angle, which jumps where a turn is full"]),
        (["class"], ["nothing is known of how class changes where the image turns"]),
        (["PA", "e2"], ["nothing is known of how PA changes", "e2 turns into"]),
    ],
)
def test_why_labels_cannot_be_turned(targets, said):
    found = list(unturnable(targets))
    assert len(found) == len(said)
    for sentence, words in zip(found, said, strict=True):
        assert words in sentence


def test_an_angle_has_no_partner():
    assert angles(["phi_m_1", "theta_E", "source_phi_G", "angle"]) == ["phi_m_1", "source_phi_G", "angle"]


@pytest.mark.parametrize("protocol", ["d4", "finetune_d4"])
def test_targets_that_cannot_be_turned_are_refused_with_the_config(protocol):
    with pytest.raises(ConfigError) as caught:
        load("tiny", ["evaluate.targets=[theta_E, e1]", f"evaluate.protocols=[{protocol}]"])
    (problem,) = caught.value.problems
    assert "evaluate.targets" in problem and f"the protocol {protocol}" in problem and "e1 turns into" in problem


def test_d4_is_no_protocol_of_classes():
    with pytest.raises(ConfigError, match="d4 is none of a classification"):
        load("find_lenses", ["evaluate.protocols=[d4]"])
