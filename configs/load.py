"""Loading a config: YAML, dotted overrides, strict checks with every mistake listed at once, and printing it back."""

import copy
import functools
import math
from collections.abc import Iterable
from typing import get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from ..errors import ConfigError, nearest
from .instruments import NUMBERS, claim, resolved
from .keys import Distribution, Ellipticity, Section
from .names import parameter_names, plain_names
from .observation import FromInstrument
from .quantities import RENAMED
from .recipes import DISCRIMINATORS, NAMED_SECTIONS, available, read  # noqa: F401
from .schema import Config


def load(name: str, overrides: Iterable[str] = ()) -> Config:
    """The checked config of a recipe by name, or of a YAML file by path.

    Args:
        name: e.g. "demo" or "my/experiment.yaml", which may extend another (see `recipes.read`).
        overrides: "dotted.key=value" strings, values in YAML; null takes out an encoder, a class, a band or an option.

    Returns: `schema.Config`. Raises: ConfigError listing every mistake with its file, key and what was expected.
    """
    values, source = read(name)
    wanted = [_parsed(o, o.partition("=")[2]) for o in overrides if o.startswith("mode=")]
    _apply_mode(values, wanted, source)
    for override in overrides:
        if not override.startswith("mode="):
            _override(values, override)
    return check(values, source)


def check(values, source):
    """A `schema.Config` from nested dictionaries, with the numbers of its instruments (see `instruments.resolved`).

    `source` names the dictionaries in messages. Raises: ConfigError.
    """
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError([_sentence(e, values, source) for e in error.errors()]) from None
    problems = [f"{source}: {p}" for p in _cross_checks(config)] if config.pretrain else []
    try:
        config = config.model_copy(update={"simulate": resolved(config.simulate)})
    except ConfigError as error:
        problems += [f"{source}: {p}" for p in error.problems]
    if problems:
        raise ConfigError(problems)
    return config


def _apply_mode(values, wanted, source):
    """Replace the key modes by what the chosen mode overrides; the key mode stays, and says which it was.

    `modes` maps the name of each variant of a recipe to {dotted.key: value}; `mode` is the one that is used unless the
    last of `wanted` names another. A config that was printed has a mode and no modes: nothing is left to override.
    """
    modes = values.pop("modes", None)
    if modes is None and not wanted:
        return
    chosen = wanted[-1] if wanted else values.get("mode")
    if modes is None:
        raise ConfigError([f'{source}: mode "{chosen}" is asked for, but this recipe has no modes'])
    if not isinstance(modes, dict) or not all(isinstance(m, dict | None) for m in modes.values()):
        raise ConfigError([f"{source}: modes: expected the name of each mode with {{dotted.key: value, ...}}"])
    if chosen not in modes:
        raise ConfigError([f'{source}: no mode "{chosen}"; there are {", ".join(modes)}.{nearest(chosen, modes)}'])
    values["mode"] = chosen
    for dotted, value in (modes[chosen] or {}).items():
        _put(values, str(dotted), copy.deepcopy(value), f"{source}: modes.{chosen}: {dotted}")


def _override(values, text):
    dotted, equals, value = text.partition("=")
    if not equals or not dotted:
        raise ConfigError([f'override "{text}": expected dotted.key=value, e.g. simulate.image.num_pix=64'])
    value = _parsed(text, value)
    claim(values, functools.reduce(lambda inner, part: {part: inner}, reversed(dotted.split(".")), value))
    _put(values, dotted, value, f'override "{text}"')


def _parsed(text, value):
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigError([f'override "{text}": "{value}" is not a YAML value']) from None


def _put(values, dotted, value, what):
    """Set a dotted key, making sections on the way; `what` begins the message if there is no such place."""
    *parents, last = dotted.split(".")
    place = values
    for step, part in enumerate(parents):
        if isinstance(place, list):
            if not (part.isdigit() and int(part) < len(place)):
                where = ".".join(parents[:step])
                raise ConfigError([f'{what}: {where} has entries 0 to {len(place) - 1}, not "{part}"'])
            place = place[int(part)]
        else:
            if place.get(part) is None:
                place[part] = {}
            place = place[part]
        if not isinstance(place, dict | list):
            raise ConfigError([f"{what}: {'.'.join(parents[: step + 1])} is a value, it has no keys"])
    if isinstance(place, list):
        if not (last.isdigit() and int(last) < len(place)):
            raise ConfigError([f'{what}: {".".join(parents)} has entries 0 to {len(place) - 1}, not "{last}"'])
        place[int(last)] = value
    elif value is None and parents and parents[-1] in NAMED_SECTIONS and last in place:
        del place[last]
    else:
        place[last] = value


def _cross_checks(config):
    """What no single section can see."""
    for name in config.pretrain.bands or ():
        if name not in config.simulate.bands:
            known = ", ".join(config.simulate.bands) or "none, as simulate.bands is empty"
            yield f'pretrain.bands: no band "{name}", expected of {known}'
    pre, known = config.pretrain, plain_names(parameter_names(c) for c in config.simulate.lens_mass)
    backbones = {"backbone": pre.backbone} | {f"encoders.{n}.backbone": e.backbone for n, e in pre.encoders.items()}
    for path, backbone in backbones.items():
        for name, value in (backbone.options if backbone else {}).items():
            if isinstance(value, float) and not math.isfinite(value):
                yield f"pretrain.{path}.options.{name}: expected a finite number, got {value}"
    if config.evaluate is None:
        for name, encoder in pre.encoders.items():
            if encoder.method == "supervised":
                yield f"pretrain.encoders.{name}.method: supervised learns evaluate.targets, but evaluate is empty"
        return
    for target in config.evaluate.targets:
        if target in RENAMED:
            yield f'evaluate.targets: "{target}" is not a lens parameter that is drawn: {RENAMED[target]}'
        elif target not in known:
            yield f'evaluate.targets: "{target}" is not a lens parameter of this simulation.{nearest(target, known)}'
    if config.evaluate.seeds * max(config.evaluate.n_labels) > 1 << 39:
        yield "evaluate: more labelled lenses than there are indices for them"


def _sentence(error, values, source):
    """One pydantic error as a sentence: file, key path, what is wrong, what was expected, the nearest valid name."""
    path = _path_in(values, error["loc"])
    dotted = ".".join(str(p) for p in path)
    problem, given = error["type"], error.get("input")
    if problem == "extra_forbidden":
        names = _keys_at(values, path[:-1])
        return (
            f'{source}: unknown key "{dotted}".{nearest(path[-1], names) or " Known keys: " + ", ".join(names) + "."}'
        )
    if problem == "missing":
        return f'{source}: the key "{dotted}" is missing ({_meaning(values, path)})'
    if problem == "value_error":
        return f"{source}: {dotted}: {error['ctx']['error']!s}" if dotted else f"{source}: {error['ctx']['error']}"
    if problem == "union_tag_invalid":
        expected = error["ctx"]["expected_tags"].replace("'", "")
        tag, by = error["ctx"]["tag"], error["ctx"]["discriminator"].strip("'")
        hint = nearest(tag, expected.split(", "))
        return f'{source}: {dotted}.{by}: no {by} "{tag}", expected {expected}.{hint}'
    if problem == "union_tag_not_found":
        return f"{source}: {dotted}: the key {error['ctx']['discriminator'].strip(chr(39))} is missing"
    if problem in ("model_attributes_type", "model_type", "dict_type"):
        return f"{source}: {dotted}: expected a section with keys, got {given!r}"
    message = error["msg"][0].lower() + error["msg"][1:]
    hint = nearest(given, _choices(error)) if problem == "literal_error" else ""
    if problem == "literal_error" and len(_choices(error)) == 1:  # a word that stands in for values of another type
        return f"{source}: {dotted}: expected {_meaning(values, path)}, got {given!r}.{hint}"
    return f"{source}: {dotted}: {message}, got {given!r}.{hint}"


def _choices(error):
    return [c.strip(" '") for c in error["ctx"]["expected"].replace(" or ", ", ").split(",")]


def _path_in(values, loc):
    """pydantic's location without the union tags that it puts between keys."""
    path, place = [], values
    for position, part in enumerate(loc):
        if (isinstance(place, dict) and part in place) or (
            isinstance(place, list | tuple) and isinstance(part, int) and part < len(place)
        ):
            place = place[part]
        elif position < len(loc) - 1 or part in _union_tags() or not isinstance(place, dict):
            continue
        path.append(part)
    return path


@functools.cache
def _union_tags():
    """The words with which pydantic tells the members of a union apart, and which are no keys: EPL, number, ..."""
    tags, left = set(), [Config.__pydantic_core_schema__]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            tags |= set(part["choices"]) if part.get("type") == "tagged-union" else set()
            left += part.values()
        elif isinstance(part, list | tuple):
            left += part
    return tags


def _model_at(values, path):
    """The schema model that describes the mapping at a key path, or None."""
    annotation, place = Config, values
    for part in path:
        place = place[part] if not isinstance(place, dict) else place.get(part)
        if get_origin(annotation) in (dict, list):
            annotation = get_args(annotation)[-1]
        else:
            field = annotation.model_fields.get(part) if _is_model(annotation) else None
            annotation = field.annotation if field else None
        options = [] if get_origin(annotation) in (dict, list) else _models_in(annotation)
        if isinstance(place, dict) and options:
            tagged = [m for m in options if _tags(m) & {place.get(k) for k in DISCRIMINATORS}]
            plain = [m for m in options if not set(DISCRIMINATORS) & set(m.model_fields)]
            annotation = (tagged or plain or options)[0]
    return annotation if _is_model(annotation) else None


def _is_model(annotation):
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _tags(model):
    """The values of profile or kind that say a section is of this model."""
    return {
        tag for k in DISCRIMINATORS if k in model.model_fields for tag in get_args(model.model_fields[k].annotation)
    }


def _models_in(annotation):
    if _is_model(annotation):
        return [annotation]
    return [m for part in get_args(annotation) for m in _models_in(part)]


def _keys_at(values, path):
    model = _model_at(values, path)
    return list(model.model_fields) if model else []


def _meaning(values, path):
    model = _model_at(values, path[:-1])
    field = model.model_fields.get(path[-1]) if model else None
    return _described(field) if field else "needed"


def _described(field):
    """The meaning of a key with its unit, if it has one."""
    unit = field.json_schema_extra["unit"]
    return field.description + (f" [{unit}]" if unit != "-" else "")


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
        comment = f"  # {_described(field)}{_whose(name, value, note)}"
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
            yield f"{'  ' * (depth + 1)}{name}:"
            yield from _lines(section, depth + 2)
    elif isinstance(value, dict) and value and all(isinstance(v, dict) for v in value.values()):
        yield head + comment
        for name, keys in value.items():
            yield f"{'  ' * (depth + 1)}{name}: {_flat(keys)}  # what differs in it"
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
        yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1 << 20).removesuffix("\n...\n").strip()
    )
