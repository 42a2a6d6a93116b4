"""Loading a config: YAML, dotted overrides, strict checks with every mistake listed at once, and printing it back."""

import logging
import math
from collections.abc import Callable, Iterable
from pathlib import Path

import yaml
from pydantic import ValidationError

from ..errors import ConfigError, nearest
from . import classes_in_use, instrument_names, plausible
from .components import MASS
from .evaluation import Evaluate
from .instruments import NUMBERS, resolved
from .keys import Section
from .messages import described, one_line, sentences
from .names import plain_names
from .observation import FromInstrument
from .overrides import apply
from .parameters import Distribution, Ellipticity
from .quantities import RENAMED
from .recipes import DISCRIMINATORS, available, read  # noqa: F401  (`available` is for users of `load`)
from .schema import Config, mistakes_of_bands
from .yaml_text import Dumper, KeyPath, Problem, is_other_notation

log = logging.getLogger("lenstream")


def load(name: str | Path, overrides: str | Iterable[str] = ()) -> Config:
    """The checked config of a recipe by name, or of a YAML file by path.

    Numbers that are allowed and cannot be meant, such as pixels of 100 arcsec, are logged as warnings.

    Args:
        name: e.g. "demo" or "my/experiment.yaml", which may extend another (see `recipes.read`).
        overrides: "dotted.key=value" strings, values in YAML; null takes out an encoder, a class, a band or an option.

    Returns: `schema.Config`. Raises: ConfigError listing every mistake with its file, line, key and what was expected.
    """
    if not isinstance(overrides, Iterable):
        raise ConfigError([f"overrides: expected a list of texts, such as ['seed=1'], got {overrides!r:.60}"])
    recipe = read(name)
    config = checked(recipe, apply(recipe, [overrides] if isinstance(overrides, str) else overrides))
    for warning in plausible.unusual(config):
        log.warning("%s: %s", recipe.source, warning)
    return config


def checked(recipe, mistakes=()):
    """The config of a `recipes.Recipe`, as `load` gives it, without warnings.

    mistakes: further `Problem`s. Raises: ConfigError with every mistake.
    """
    problems = [*recipe.problems, *mistakes]
    config, found = _validated(recipe.values, lambda path: _place(path, recipe), recipe.overridden)
    if config is not None and not problems and not found:
        return config
    known = {p.path for p in problems if p.path}  # what cannot be read as YAML is not complained of again
    problems += [p for p in found if not any(p.path[: len(k)] == k for k in known)]
    raise ConfigError(dict.fromkeys(one_line(p.text) for p in problems))


def check(values, source):
    """A `schema.Config` from nested dictionaries; `source` names them in messages. Raises ConfigError."""
    config, problems = _validated(values, lambda path: source)
    if config is None or problems:
        raise ConfigError(dict.fromkeys(p.text for p in problems))
    return config


def _validated(values, where: Callable[[KeyPath], str], overridden=()):
    """The config with the numbers of its instruments, or None, and the `Problem`s of its values.

    where: key path -> how a message about it begins.

    overridden: key paths that were set on the command line.
    """
    config, problems = None, []
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        problems = [p for e in error.errors() for p in sentences(e, values, where)]
    further = (
        [*instrument_names.problems(values, overridden), *_without_simulation(values), *_cross_checks(values)]
        if isinstance(values, dict)
        else []
    )
    if config is None and isinstance(_at(values, "simulate"), dict):
        further += [(("simulate", *path), text) for path, text in mistakes_of_bands(values["simulate"])]
    if config is not None:
        further += [*_checks_of_training(config), *plausible.impossible(config)]
    known = {_dotted(p.path) for p in problems}
    problems += [Problem(p, f"{where(p)}: {_dotted(p)}: {t}") for p, t in further if _dotted(p) not in known]
    if config is not None and config.simulate is not None and not problems:
        try:
            config = config.model_copy(update={"simulate": resolved(config.simulate)})
        except ConfigError as error:
            problems = [Problem(("simulate",), f"{where(('simulate',))}: {p}") for p in error.problems]
    return config, problems


def _dotted(path):
    return ".".join(map(str, path))


def _place(path, recipe):
    """How a message about a key begins: with its file and line, or with all files where it stands in none."""
    while path and path not in recipe.lines:
        path = path[:-1]
    return recipe.lines[path] if path else recipe.source


def _without_simulation(values):
    """What needs `simulate` in a config without it, as far as values of any kind allow it: as `_cross_checks`."""
    if values.get("simulate") is not None:
        return
    if _at(values, "pretrain", "data") is None:
        yield (
            ("simulate",),
            "the key is missing (from an index to a noisy image); only a config that trains on images of its own "
            "(pretrain.data) does without",
        )
    elif values.get("evaluate", {}) is not None and _at(values, "evaluate", "data") is None:
        yield (
            ("evaluate",),
            "there is no simulate, by whose lenses encoders are judged; expected simulate, evaluate.data, or "
            "evaluate: null",
        )
    elif values.get("evaluate", {}) is not None and _needs_lenses(values):
        yield (
            ("evaluate", "data"),
            "there is no simulate, whose lenses are learnt from or judged by; expected simulate, or path in "
            "evaluate.data without evaluate.judged_on",
        )
    if _at(values, "real_lenses", "images") is not None:
        yield (
            ("real_lenses", "images"),
            "real lenses are predicted at the end of runs with simulate; expected simulate, or none of them here and "
            "lenstream predict afterwards",
        )


def _cross_checks(values):
    """Targets that no deflector has, as far as values of any kind allow it: pairs of key path and sentence."""
    masses, targets = _at(values, "simulate", "lens_mass"), _at(values, "evaluate", "targets")
    if not isinstance(values.get("pretrain"), dict) or values.get("evaluate", {}) is None or not _are_known(masses):
        return
    if _at(values, "evaluate", "task") not in (None, "regression"):
        return
    if _at(values, "evaluate", "data") is not None and not _needs_lenses(values) and not _has_supervised(values):
        return  # labels of a table, into which `before_training` looks
    targets = Evaluate().targets if targets is None else targets
    known = plain_names(
        [n for n, field in MASS[m["profile"]].model_fields.items() if "range" in field.json_schema_extra]
        for m in masses
    )
    for target in targets if isinstance(targets, list) else []:
        if isinstance(target, str) and target in RENAMED:
            yield ("evaluate", "targets"), f'"{target}" is not a lens parameter that is drawn: {RENAMED[target]}'
        elif isinstance(target, str) and target not in known:
            text = f'"{target:.60}" is not a lens parameter of this simulation.{nearest(target, known)}'
            yield ("evaluate", "targets"), text


def _needs_lenses(values):
    """Whether simulated lenses stand beside images in files: to learn from, or to be judged by."""
    of_path = _at(values, "evaluate", "data", "path") is not None
    return not of_path or _at(values, "evaluate", "judged_on") is not None


def _has_supervised(values):
    """Whether an encoder learns the targets, which are then those of the simulation, too."""
    encoders = _at(values, "pretrain", "encoders")
    return isinstance(encoders, dict) and any(_at(e, "method") == "supervised" for e in encoders.values())


def _at(values, *keys):
    """The value at a key path of nested dictionaries, or None where there is none."""
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def _are_known(masses):
    """Whether something is a list of deflectors with known profiles."""
    profiles = [m.get("profile") if isinstance(m, dict) else None for m in masses] if isinstance(masses, list) else []
    return bool(profiles) and all(isinstance(p, str) and p in MASS for p in profiles)


def _checks_of_training(config):
    """What no single section of a checked config can see: pairs of key path and sentence."""
    if config.pretrain is None:
        return
    pre = config.pretrain
    for name in pre.bands or ():
        if config.simulate is not None and name not in config.simulate.bands:
            there = ", ".join(config.simulate.bands) or "none, as simulate.bands is empty"
            yield ("pretrain", "bands"), f'no band "{name}", expected one of {there}'
    yield from classes_in_use.of_training(config)
    networks = {("pretrain", "backbone"): pre.backbone} | {
        ("pretrain", "encoders", n, "backbone"): e.backbone for n, e in pre.encoders.items()
    }
    for name, network in (config.evaluate.supervised if config.evaluate else {}).items():
        networks["evaluate", "supervised", name] = network
    for path, network in networks.items():
        for where, value in _values_within(network.options if network else {}, (*path, "options")):
            if isinstance(value, float) and not math.isfinite(value):
                yield where, f"expected a finite number, got {value}"
            if is_other_notation(value):
                yield where, f"expected a decimal number, got {value!r} (no leading zeros, 0x, _ or :)"
    if pre.batch_size % pre.accumulate or pre.batch_size // pre.accumulate < 2:
        text = f"{pre.accumulate} equal parts of at least 2 cannot be made of a batch of {pre.batch_size}"
        yield ("pretrain", "accumulate"), text
    without_targets = "evaluate is empty" if config.evaluate is None else "a super-resolution has none"
    if config.evaluate is None or config.evaluate.task == "super_resolution":
        for name, encoder in pre.encoders.items():
            if encoder.method == "supervised":
                yield (
                    ("pretrain", "encoders", name, "method"),
                    f"supervised learns evaluate.targets, but {without_targets}",
                )
    if config.evaluate is None:
        return
    for name, encoder in pre.encoders.items():
        if config.evaluate.task == "classification" and getattr(encoder, "posterior", None) is not None:
            yield ("pretrain", "encoders", name, "posterior"), "a classification has probabilities; expected none"
    for name in config.evaluate.supervised:
        if name in pre.encoders:
            yield ("evaluate", "supervised", name), f"{name} is an encoder of pretrain, give the network another name"
    if "logistic_projection" in config.evaluate.protocols and not any(
        hasattr(encoder, "projection_dim") for encoder in pre.encoders.values()
    ):
        yield ("evaluate", "protocols"), "logistic_projection needs a projector, which no encoder of pretrain has"
    yield from classes_in_use.of_evaluation(config)
    if not config.evaluate.learns_from_files and config.evaluate.seeds * max(config.evaluate.n_labels) > 1 << 39:
        yield ("evaluate", "n_labels"), "more labelled lenses than there are indices for them"


def _values_within(values, path):
    """Pairs of key path and value of all that nested dictionaries and lists hold."""
    for key, value in values.items() if isinstance(values, dict) else enumerate(values):
        if isinstance(value, dict | list | tuple):
            yield from _values_within(value, (*path, key))
        else:
            yield (*path, key), value


def show(config):
    """The resolved config as YAML text, every key with its meaning and unit as a comment."""
    return "\n".join(_lines(config, 0)) + "\n"


def _lines(section, depth, note=None):
    """note: the `observation.FromInstrument` that numbers in the section may be of, or None."""
    indent = "  " * depth
    note = getattr(getattr(section, "observation", section), "from_instrument", note)
    fields = sorted(type(section).model_fields.items(), key=lambda item: item[0] not in DISCRIMINATORS)
    for name, field in fields:
        value = getattr(section, name)
        comment = f"  # {described(field)}{_whose(name, value, note)}"
        yield from _entry(f"{indent}{name}:", value, comment, depth, note)


def _whose(name, value, note):
    """For the comment of a number that is an instrument's: of which one."""
    lenstronomys = "seeing" if name == "fwhm" else name
    if note is None or lenstronomys not in (*NUMBERS, "pixel_scale", "seeing"):
        return ""
    return f", from {note.instrument}" if value is not None and value == getattr(note, lenstronomys) else ""


def _entry(head, value, comment, depth, note=None):
    if isinstance(value, Section) and not _is_flat(value):
        yield head + comment
        yield from _lines(value, depth + 1, note)
    elif isinstance(value, dict) and value and all(isinstance(v, Section) and not _is_flat(v) for v in value.values()):
        yield head + comment
        for name, section in value.items():
            yield f"{'  ' * (depth + 1)}{_flat(name)}:"
            yield from _lines(section, depth + 2)
    elif isinstance(value, dict) and value and all(isinstance(v, dict) for v in value.values()):
        yield head + comment
        for name, keys in value.items():
            yield f"{'  ' * (depth + 1)}{_flat(name)}: {_flat(keys)}  # what differs in it"
    elif isinstance(value, list) and value and all(isinstance(v, Section) for v in value):
        yield head + comment
        for section in value:
            first, *rest = _lines(section, depth + 2)
            yield "  " * (depth + 1) + "- " + first.lstrip()
            yield from rest
    else:
        yield f"{head} {_flat(value)}{comment}"


def _is_flat(value):
    return isinstance(value, Distribution | Ellipticity | FromInstrument)


def _plain(value):
    """Sections and tuples as dictionaries and lists, without what is not given."""
    if isinstance(value, Section):
        return {k: _plain(v) for k, v in value if v is not None}
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def _flat(value):
    value = _plain(value)
    return (
        yaml.dump(value, Dumper=Dumper, default_flow_style=True, sort_keys=False, width=1 << 20)
        .removesuffix("\n...\n")
        .strip()
    )
