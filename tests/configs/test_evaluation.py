"""Settings of the evaluation: what a task has by default, and what it does not have."""

import pytest

from lenstream.configs.load import load
from lenstream.errors import ConfigError

CLASSES = ["simulate.classes={lens: 1, galaxy: 1}", "simulate.lens_mass.0.only=[lens]"]


def test_targets_and_protocols_are_those_of_the_task():
    of_classes = load("tiny", [*CLASSES, "evaluate={task: classification}"]).evaluate
    assert of_classes.targets == ["class"] and of_classes.protocols == ["logistic", "finetune"]
    assert load("tiny").evaluate.protocols == ["ridge", "finetune"]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ["evaluate.protocols=[logistic]"],
            "evaluate.protocols: logistic is none of a regression, expected ridge, knn",
        ),
        (
            [*CLASSES, "evaluate={task: classification, protocols: [ridge]}"],
            "evaluate.protocols: ridge is none of a classification, expected logistic, ",
        ),
        (
            [*CLASSES, "evaluate={task: classification, targets: [class, theta_E]}"],
            "evaluate.targets: a classification has one, such as class, got 2",
        ),
        ([*CLASSES, "evaluate={task: classification, targets: [theta_E]}"], "is called class, got theta_E"),
        (["evaluate={task: classification}"], "needs two of simulate.classes that are drawn, there is none"),
        (
            ["evaluate.supervised={random: {name: resnet18}}"],
            "evaluate.supervised.random: this is the name of a baseline",
        ),
        (["evaluate.supervised={lensiam: {name: resnet18}}"], "lensiam is an encoder of pretrain, give the network"),
        (['evaluate.supervised={"a/b": {name: resnet18}}'], '"a/b" names files'),
        (
            [
                *CLASSES,
                "pretrain={encoders: {m: {method: dino}}}",
                "evaluate={task: classification, protocols: [logistic_projection]}",
            ],
            "logistic_projection needs a projector, which no encoder of pretrain has",
        ),
    ],
)
def test_what_a_task_does_not_have(overrides, said):
    with pytest.raises(ConfigError) as caught:
        load("tiny", overrides)
    assert said in "\n".join(caught.value.problems)
