"""Recipes with something broken in them: a config or sentences, whatever is broken."""

import random
import re

import pytest

from lenstream.configs.load import check, load
from lenstream.configs.recipes import _FOLDER, available
from lenstream.errors import ConfigError

WORDS = (
    "yes on 0123 20:00 0x1F 1_000 2024-13-45 null ~ .nan -.inf 1e999 1e-300 1e300 '' '1.5' [a] {a:1} - ? > @ ` % #x ² "
    "é -1 0 1.5 true &a *x ' \" [ { | !!python/object:os.system !!set"
)
VALUES = (
    *WORDS.split(" "),
    "!!float abc",
    "!!binary aGk=",
    "x: y",
    "9" * 5000,
    "[" * 900 + "]" * 900,
    "x" * 300,
    "\x01",
    "\t",
    "[[1, 2], 3]",
    "{uniform: [2, 1]}",
    "{mixture: []}",
    "{truncnormal: [100, .001, 1.6, 2.4]}",
    "{loguniform: [0, 1]}",
    "{uniform: [0, 1], normal: [0, 1]}",
    "{uniform: [-1e308, 1e308]}",
    "{table: {file: x, column: y}}",
    "{table: {file: [x], column: {}}}",
    "{follow: {parameter: [x]}}",
    "{follow: {parameter: lens_mass.0.theta_E, factor: 1e300}}",
    "{rayleigh: [1, 2]}",
)
KEYS = ("seed", "profile", "kind", "method", "only", "follow", "options", "bands", "<<", "1", "null", "'a b'", "x" * 99)
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


def mutant(text, chance):
    """A recipe's text with a line twice or gone, or another value, key, character or indentation in some place."""
    kind, lines = chance.randrange(7), text.split("\n")
    k, at = chance.randrange(len(lines)), chance.randrange(len(text))
    values, keys = list(re.finditer(r": ([^\s{}\[\],#]+)", text)), list(re.finditer(r"([A-Za-z_0-9]+):", text))
    if kind == 0:
        return "\n".join([*lines[:k], lines[k], *lines[k:]])
    if kind == 1:
        return "\n".join([*lines[:k], " " * chance.randrange(6) + lines[k].strip(), *lines[k + 1 :]])
    if kind == 2:
        return text[:at] + chance.choice("[]{}:,'\"&*!|>%@`\t\n-#\x00\x7f²\u2028") + text[at + 1 :]
    if kind == 3:
        return text[:at] + text[at + chance.randrange(1, 30) :]
    if kind == 4:
        found = chance.choice(keys)
        return text[: found.start(1)] + chance.choice(KEYS) + text[found.end(1) :]
    if not values:
        return text
    found = chance.choice(values)
    return text[: found.start(1)] + chance.choice(VALUES) + text[found.end(1) :]


@pytest.mark.parametrize("seed", range(200))
def test_a_mutant_is_a_config_or_clear_sentences(seed, tmp_path):
    chance = random.Random(seed)
    text = (_FOLDER / f"{chance.choice(available())}.yaml").read_text(encoding="utf-8")
    for _ in range(chance.choice((1, 1, 2, 4))):
        text = mutant(text, chance)
    path = tmp_path / "mutant.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        load(str(path))
    except ConfigError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.strip() and problem.isprintable() and len(problem) < 2000
        keys = [m.group(1) for p in error.problems if (m := re.search(r'unknown key "(.+?)"|: ([\w.]+): ', p))]
        assert len(error.problems) == len(set(error.problems)) and len(keys) >= len(set(keys))


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
