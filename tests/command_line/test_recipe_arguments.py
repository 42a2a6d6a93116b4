"""The recipe of a command with its changes, as a whole and as small as it gets."""

from lenstream.command_line.recipe_arguments import loaded
from lenstream.configs.load import load


def test_changes_and_scale():
    assert loaded("demo", None) == load("demo")
    assert loaded("demo", ["seed=7"]).seed == 7 != loaded("demo", None).seed
    small = loaded("demo", ["seed=7"], "tiny")
    assert small.seed == 7 and small.pretrain.steps < 10 < loaded("demo", None).pretrain.steps
