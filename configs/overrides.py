"""Changes of a recipe by dotted keys: `key=value` of the command line, and the modes of a recipe."""

import copy
import functools

from ..errors import ConfigError, nearest
from . import yaml_text
from .instruments import claim
from .recipes import NAMED_SECTIONS, Recipe
from .yaml_text import Problem, key_path

_TOO_DEEP = f"sections within each other, more than {yaml_text.DEEPEST} deep"
EXAMPLE = "dotted.key=value, e.g. simulate.image.num_pix=64"
_STRUCTURED = tuple("[{\"'&*!|>?-")  # how a value begins that is more than a word or a number


def apply(recipe: Recipe, overrides) -> list[Problem]:
    """Set what overrides say, and what the chosen mode says before them, in a `Recipe`'s values, in place.

    overrides: "dotted.key=value" strings, values as in YAML; null takes out an encoder, a class, a band or an option.
    `mode=NAME` chooses among the recipe's modes, wherever it stands. Returns: the mistakes; what has none is done.
    """
    problems: list[Problem] = []
    changes: list[tuple] = []
    modes: list[tuple] = []
    for text in overrides:
        try:
            dotted, value = _parts(text)
        except ConfigError as error:
            problems += [Problem((), sentence) for sentence in error.problems]
            continue
        (modes if dotted == "mode" else changes).append((dotted, value, f"override {_shown(text)}"))
    problems += _apply_mode(recipe, [value for _, value, _ in modes])
    for dotted, value, what in changes:
        keys = _keys(recipe.values, dotted)
        claim(recipe.values, functools.reduce(lambda inner, key: {key: inner}, reversed(keys), value))
        problems += _put(recipe, dotted, value, what)
    return problems


def _parts(text):
    """The dotted key and the value of an override. Raises: ConfigError."""
    if not isinstance(text, str):
        raise ConfigError([f"override {_shown(text)}: expected a text, {EXAMPLE}"])
    dotted, equals, value = text.partition("=")
    dotted, value = dotted.strip(), value.strip()
    if not equals or not dotted:
        raise ConfigError([f"override {_shown(text)}: expected {EXAMPLE}"])
    if not all(part.strip() for part in dotted.split(".")):
        raise ConfigError([f"override {_shown(text)}: two dots without a key between them, or one at an end"])
    if dotted.count(".") >= yaml_text.DEEPEST:
        raise ConfigError([f"override {_shown(text)}: {_TOO_DEEP}"])
    if not value:
        raise ConfigError([f'override {_shown(text)}: no value; give null for none, or "" for an empty word'])
    if not (value.startswith(_STRUCTURED) or ": " in value):
        try:
            return dotted, yaml_text.scalar(value)
        except ValueError as error:
            raise ConfigError([f"override {_shown(text)}: {error}"]) from None
    try:
        parsed = yaml_text.parse(value, f"override {_shown(text)}")
    except ConfigError as error:
        raise ConfigError([p.replace(", line 1:", ":") for p in error.problems]) from None
    if parsed.problems:
        said = "; ".join(f"{'.'.join(map(str, p.path))}: {p.text}".removeprefix(": ") for p in parsed.problems)
        raise ConfigError([f"override {_shown(text)}: {said}"])
    return dotted, parsed.values


def _apply_mode(recipe, wanted):
    """Replace the key `modes` by what the chosen mode sets; the key `mode` stays, and says which it was.

    `modes` maps the name of each variant of a recipe to {dotted.key: value}; `mode` is the one that is used unless the
    last of `wanted` names another. A config that was printed has a mode and no modes: nothing is left to set.
    """
    source = recipe.source
    modes = recipe.values.pop("modes", None)
    if modes is None and not wanted:
        return []
    chosen = wanted[-1] if wanted else recipe.values.get("mode")
    if modes is None:
        return [Problem(("mode",), f"{source}: mode {_shown(chosen)} is asked for, but this recipe has no modes")]
    if not isinstance(modes, dict) or not all(isinstance(m, dict | None) for m in modes.values()):
        return [Problem(("modes",), f"{source}: modes: expected the name of each mode with {{dotted.key: value, ...}}")]
    chosen = chosen if isinstance(chosen, str) else str(chosen)
    if chosen not in modes:
        there = ", ".join(modes)
        sentence = f"{source}: no mode {_shown(chosen)}; there are {there}.{nearest(chosen, modes)}"
        recipe.values.pop("mode", None)
        return [Problem(("mode",), sentence)]
    recipe.values["mode"] = chosen
    problems = []
    for dotted, value in (modes[chosen] or {}).items():
        found = _put(recipe, dotted, copy.deepcopy(value), f"{source}: modes.{chosen}: {dotted}")
        problems += found
        if not found:
            recipe.lines[key_path(_keys(recipe.values, dotted))] = f"{source}: modes.{chosen}"
    return problems


def _put(recipe, dotted, value, what):
    """Set a dotted key, making sections on the way. Returns: a mistake, which begins with `what`, or nothing."""
    if dotted.count(".") >= yaml_text.DEEPEST:
        return [Problem((), f"{_shown(what)}: {_TOO_DEEP}")]
    *parents, last = _keys(recipe.values, dotted)
    place = recipe.values
    for step, part in enumerate(parents):
        where = ".".join(parents[: step + 1])
        if isinstance(place, list):
            if not _is_entry(part, place):
                return [Problem((), f"{what}: {_no_entry('.'.join(parents[:step]), part, place)}")]
            place = place[int(part)]
        else:
            if place.get(part) is None:
                place[part] = {}
            place = place[part]
        if not isinstance(place, dict | list):
            return [Problem((), f"{what}: {where} is a value, it has no keys")]
    if isinstance(place, list):
        if not _is_entry(last, place):
            return [Problem((), f"{what}: {_no_entry('.'.join(parents), last, place)}")]
        place[int(last)] = value
    elif value is None and parents and parents[-1] in NAMED_SECTIONS and last in place:
        del place[last]
    elif value is None and parents and parents[-1] in ("encoders", "classes", "bands"):
        there = f"there are {', '.join(map(str, place))}" if place else "there are none"
        return [Problem((), f"{what}: nothing called {_shown(last)} to take out; {there}.{nearest(last, place)}")]
    else:
        place[last] = value
    _forget_lines(recipe, (*parents, last))
    return []


def _keys(values, dotted):
    """The keys of a dotted one: a name with a dot in it (encoders.v1.0.lr) is one key where it is there."""
    keys, parts, place = [], [part.strip() for part in dotted.split(".")], values
    while parts:
        names = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
        key = next((name for name in names if isinstance(place, dict) and name in place), parts[0])
        keys.append(key)
        parts = parts[key.count(".") + 1 :]
        if isinstance(place, dict):
            place = place.get(key)
        else:
            place = place[int(key)] if isinstance(place, list) and _is_entry(key, place) else None
    return keys


def _is_entry(part, values):
    return part.isascii() and part.isdecimal() and len(part) < 10 and int(part) < len(values)


def _no_entry(where, part, values):
    there = f"entries 0 to {len(values) - 1}" if len(values) > 1 else "entry 0 only" if values else "no entries"
    return f"{where} has {there}, not {_shown(part)}"


def _forget_lines(recipe, keys):
    """What an override sets stands in no line of a file any more: messages about it name the recipe as a whole."""
    path = key_path(keys)
    for known in [p for p in recipe.lines if p[: len(path)] == path or p[: len(keys)] == tuple(keys)]:
        del recipe.lines[known]
    recipe.lines[path] = recipe.source
    recipe.overridden.add(path)


def _shown(text):
    """Text in quotes, in one line and not too long."""
    text = str(text)
    text = text if len(text) <= 100 else f"{text[:97]}..."
    return f'"{text}"' if text.isprintable() else ascii(text)
