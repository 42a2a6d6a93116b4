"""Loading a config: YAML, dotted overrides, strict checks with every mistake listed at once, and printing it back."""

from pathlib import Path
from typing import get_args

import yaml
from pydantic import BaseModel, ValidationError

from ..errors import ConfigError, nearest
from .keys import Distribution, Section
from .names import parameter_names, plain_names
from .schema import Config

_FOLDER = Path(__file__).parent
_UNION_TAGS = {"EPL", "SIE", "SHEAR", "SERSIC_ELLIPSE", "INTERPOL", "number", "distribution"}  # pydantic's, not keys


def available():
    """Names of the recipes that come with LenStream."""
    return sorted(p.stem for p in _FOLDER.glob("*.yaml"))


def load(name, overrides=()):
    """The checked config of a recipe by name, or of a YAML file by path.

    Args:
        name: e.g. "demo" or "my/experiment.yaml". overrides: "dotted.key=value" strings, values in YAML.

    Returns: `schema.Config`. Raises: ConfigError listing every mistake with its file, key and what was expected.
    """
    path = _find(name)
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError([f"{path}: cannot be read as YAML ({' '.join(str(error).split())})"]) from None
    if not isinstance(values, dict):
        raise ConfigError([f"{path}: expected keys and values, such as 'seed: 1'"])
    for override in overrides:
        _override(values, override)
    return check(values, path.name)


def check(values, source):
    """A `schema.Config` from nested dictionaries; `source` names them in messages. Raises ConfigError."""
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError([_sentence(e, values, source) for e in error.errors()]) from None
    problems = [f"{source}: {p}" for p in _cross_checks(config)] if config.pretrain else []
    if problems:
        raise ConfigError(problems)
    return config


def _find(name):
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ConfigError([f"{name}: no such file; expected a YAML config or one of: {', '.join(available())}"])
        return path
    if name not in available():
        raise ConfigError([f'no recipe "{name}"; there are {", ".join(available())}.{nearest(name, available())}'])
    return _FOLDER / f"{name}.yaml"


def _override(values, text):
    dotted, equals, value = text.partition("=")
    if not equals or not dotted:
        raise ConfigError([f'override "{text}": expected dotted.key=value, e.g. simulate.image.num_pix=64'])
    *parents, last = dotted.split(".")
    place = values
    for step, part in enumerate(parents):
        if isinstance(place, list):
            if not (part.isdigit() and int(part) < len(place)):
                where = ".".join(parents[:step])
                raise ConfigError([f'override "{text}": {where} has entries 0 to {len(place) - 1}, not "{part}"'])
            place = place[int(part)]
        else:
            if place.get(part) is None:
                place[part] = {}
            place = place[part]
        if not isinstance(place, dict | list):
            raise ConfigError([f'override "{text}": {".".join(parents[: step + 1])} is a value, it has no keys'])
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigError([f'override "{text}": "{value}" is not a YAML value']) from None
    if isinstance(place, list):
        if not (last.isdigit() and int(last) < len(place)):
            raise ConfigError(
                [f'override "{text}": {".".join(parents)} has entries 0 to {len(place) - 1}, not "{last}"']
            )
        place[int(last)] = parsed
    else:
        place[last] = parsed


def _cross_checks(config):
    """What no single section can see."""
    known = plain_names(parameter_names(c) for c in config.simulate.lens_mass)
    for target in config.evaluate.targets:
        if target not in known:
            yield f'evaluate.targets: "{target}" is not a lens parameter of this simulation.{nearest(target, known)}'
    if config.evaluate.seeds * max(config.evaluate.n_labels) > 1 << 39:
        yield "evaluate: more labelled lenses than there are indices for them"


def _sentence(error, values, source):
    """One pydantic error as a sentence: file, key path, what is wrong, what was expected, the nearest valid name."""
    path = _path_in(values, error["loc"])
    dotted = ".".join(str(p) for p in path)
    kind, given = error["type"], error.get("input")
    if kind == "extra_forbidden":
        names = _keys_at(values, path[:-1])
        return (
            f'{source}: unknown key "{dotted}".{nearest(path[-1], names) or " Known keys: " + ", ".join(names) + "."}'
        )
    if kind == "missing":
        return f'{source}: the key "{dotted}" is missing ({_meaning(values, path)})'
    if kind == "value_error":
        return f"{source}: {dotted}: {error['ctx']['error']!s}" if dotted else f"{source}: {error['ctx']['error']}"
    if kind == "union_tag_invalid":
        expected = error["ctx"]["expected_tags"].replace("'", "")
        tag = error["ctx"]["tag"]
        return (
            f'{source}: {dotted}.profile: no profile "{tag}", expected {expected}.{nearest(tag, expected.split(", "))}'
        )
    if kind == "union_tag_not_found":
        return f"{source}: {dotted}: the key profile is missing"
    message = error["msg"][0].lower() + error["msg"][1:]
    hint = nearest(given, _choices(error)) if kind == "literal_error" else ""
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
        elif position < len(loc) - 1 or part in _UNION_TAGS or not isinstance(place, dict):
            continue
        path.append(part)
    return path


def _model_at(values, path):
    """The schema model that describes the mapping at a key path, or None."""
    model, place = Config, values
    for part in path:
        place = place[part] if not isinstance(place, dict) else place.get(part)
        if isinstance(model, type) and issubclass(model, BaseModel):
            field = model.model_fields.get(part)
            model = field.annotation if field else None
        options = _models_in(model)
        if isinstance(place, dict) and options:
            tagged = [m for m in options if m.__name__ == place.get("profile")]
            plain = [m for m in options if "profile" not in m.model_fields]
            model = (tagged or plain or options)[0]
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


def _models_in(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for part in get_args(annotation) for m in _models_in(part)]


def _keys_at(values, path):
    model = _model_at(values, path)
    return list(model.model_fields) if model else []


def _meaning(values, path):
    model = _model_at(values, path[:-1])
    field = model.model_fields.get(path[-1]) if model else None
    return f"{field.description} [{field.json_schema_extra['unit']}]" if field else "needed"


def show(config):
    """The resolved config as YAML text, every key with its meaning and unit as a comment."""
    return "\n".join(_lines(config, 0)) + "\n"


def _lines(section, depth):
    indent = "  " * depth
    fields = sorted(type(section).model_fields.items(), key=lambda item: item[0] != "profile")  # it says what follows
    for name, field in fields:
        value = getattr(section, name)
        unit = field.json_schema_extra["unit"]
        comment = f"  # {field.description}" + (f" [{unit}]" if unit != "-" else "")
        yield from _entry(f"{indent}{name}:", value, comment, depth)


def _entry(head, value, comment, depth):
    if isinstance(value, Section) and not _is_flat(value):
        yield head + comment
        yield from _lines(value, depth + 1)
    elif isinstance(value, dict) and value and all(isinstance(v, Section) for v in value.values()):
        yield head + comment
        for name, section in value.items():
            yield f"{'  ' * (depth + 1)}{name}:"
            yield from _lines(section, depth + 2)
    elif isinstance(value, list) and value and all(isinstance(v, Section) for v in value):
        yield head + comment
        for section in value:
            first, *rest = _lines(section, depth + 2)
            yield "  " * (depth + 1) + "- " + first.lstrip()
            yield from rest
    else:
        yield f"{head} {_flat(value)}{comment}"


def _is_flat(value):
    return isinstance(value, Distribution) or len(type(value).model_fields) == 1


def _flat(value):
    if isinstance(value, Section):
        value = {k: list(v) if isinstance(v, tuple) else v for k, v in value if v is not None}
    return yaml.safe_dump(value, default_flow_style=True, width=1 << 20).removesuffix("\n...\n").strip()
