"""Recipes with something broken in them: a config or sentences, whatever is broken."""

import random
import sys
from pathlib import Path

import pytest

from lenstream.configs.load import check, load
from lenstream.configs.recipes import _FOLDER, available
from lenstream.errors import ConfigError

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from malformed.recipes import VALUES, mutant

OTHERS = (
    *VALUES,
    "#x",
    "x: y",
    "\t",
    "{uniform: [0, 1], normal: [0, 1]}",
    "{table: {file: x, column: y}}",
    "{table: {file: [x], column: {}}}",
    "{follow: {parameter: [x]}}",
)
STRANGE = (
    object(),
    b"x",
    {1: 2},
    {None: 1},
    10**400,
    "",
    [],
    {},
    (1, 2),
    {1, 2},
    True,
    -1,
    "\ud800",
    [[]],
    float("nan"),
)


@pytest.mark.parametrize("seed", range(200))
def test_a_mutant_is_a_config_or_clear_sentences(seed, tmp_path):
    chance = random.Random(seed)
    text = (_FOLDER / f"{chance.choice(available())}.yaml").read_text(encoding="utf-8")
    for _ in range(chance.choice((1, 1, 2, 4))):
        text = mutant(text, chance, OTHERS)
    path = tmp_path / "mutant.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        load(str(path))
    except ConfigError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.strip() and problem.isprintable() and len(problem) < 2000
        assert len(error.problems) == len(set(error.problems))


def places(values):
    """All dictionaries and lists within nested ones."""
    yield values
    for value in values.values() if isinstance(values, dict) else values:
        if isinstance(value, dict | list) and value:
            yield from places(value)


@pytest.mark.parametrize("seed", range(60))
def test_values_of_any_type_are_a_config_or_clear_sentences(seed):
    chance = random.Random(seed)
    values = load(chance.choice(["demo", "w4", "lens_finding"])).model_dump(exclude_none=True)
    place = chance.choice(list(places(values)))
    place[chance.choice(list(place) if isinstance(place, dict) else range(len(place)))] = chance.choice(STRANGE)
    try:
        check(values, "values")
    except ConfigError as error:
        assert error.problems and all(p.isprintable() for p in error.problems)
