"""What pydantic finds wrong with a config, as sentences: where, which key, what was expected, the nearest name."""

import functools
from typing import get_args, get_origin

from pydantic import BaseModel

from ..errors import nearest
from .keys import Mistakes
from .recipes import DISCRIMINATORS
from .schema import Config
from .value_messages import about_number, in_words
from .yaml_text import Problem, key_path, shown


def sentences(error, values, where):
    """One pydantic error as `Problem`s.

    Args: error: of ValidationError.errors(). values: what was checked. where: key path -> the beginning of a message,
    e.g. "mine.yaml, line 3".
    """
    path = _path_in(values, error["loc"])
    raised = error.get("ctx", {}).get("error")
    if isinstance(raised, Mistakes):
        return [_problem(path, key_path(filter(None, key.split("."))), text, where) for key, text in raised.found]
    key = error.get("ctx", {}).get("discriminator", "").strip("'")
    at = (*path, key) if key else path  # of the word that says which section it is
    return [Problem(at, one_line(f"{where(at)}: {_said(error, values, path)}"))]


def _problem(section, keys, text, where):
    """A `Problem` of a key within a section; its words may begin with the key."""
    path = (*section, *keys)
    named = path[:-1] if keys and text.startswith(f"{keys[-1]} ") else path
    return Problem(path, one_line(f"{where(path)}: {_dotted(named)}: {text}" if named else f"{where(path)}: {text}"))


def one_line(text):
    """Text without what would break a line or a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def described(field):
    """The meaning of a key with its unit, if it has one."""
    unit = field.json_schema_extra["unit"]
    return field.description + (f" [{unit}]" if unit != "-" else "")


def is_model(annotation):
    """Whether an annotation is a section of a config."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _dotted(path):
    return ".".join(part if len(part) <= 60 else f"{part[:57]}..." for part in map(str, path))


def _said(error, values, path):
    """What is wrong, with its key."""
    problem, given, dotted = error["type"], error.get("input"), _dotted(path)
    if problem == "extra_forbidden":
        names = _keys_at(values, path[:-1])
        known = f" Known keys: {', '.join(names)}." if names else " No keys are expected here."
        return f'unknown key "{dotted}".{_elsewhere(path, names) or _beside(path, names) or known}'
    if problem == "missing" and isinstance(error["loc"][-1], int):
        return f"{dotted}: {in_words(error)} ({_meaning(values, path)}), got {shown(given)}"
    if problem == "missing":
        return f'the key "{dotted}" is missing ({_meaning(values, path)})'
    if problem == "value_error":
        return f"{dotted}: {error['ctx']['error']}" if dotted else str(error["ctx"]["error"])
    if problem == "union_tag_invalid":
        expected = error["ctx"]["expected_tags"].replace("'", "")
        tag, by = error["ctx"]["tag"], error["ctx"]["discriminator"].strip("'")
        return f'{dotted}.{by}: no {by} "{tag:.60}", expected {expected}.{nearest(tag, expected.split(", "))}'
    if problem == "union_tag_not_found":
        by = error["ctx"]["discriminator"].strip("'")
        if isinstance(given, dict) and by in given:
            return f"{dotted}.{by}: expected a word, got {shown(given[by])}"
        return f"{dotted}: the key {by} is missing"
    return f"{dotted}: {_about_value(error, values, path)}"


def _elsewhere(path, names):
    """' Did you mean ...?' with the full path of a key that stands in the wrong section; empty within lists and names.

    names: keys of the section; one that differs from what was given in capitals only is meant rather.
    """
    from .key_list import ENTRY, homes  # here, as it walks all of the schema

    word = str(path[-1])
    same = any(name.lower() == word.lower() for name in names)
    if same or any(isinstance(part, int) for part in path) or path[:2] == ("pretrain", "encoders"):
        return ""
    paths = [found for found in homes(word) if ENTRY not in found.split(".")]
    inside = [found for found in paths if found.startswith(f"{_dotted(path[:-1])}.")]
    found = [f'"{path}"' for path in (inside or paths)[:3]]
    return f" Did you mean {' or '.join(found)}?" if found else ""


def _beside(path, names):
    """' Did you mean ...?' with the full path of a key of the same section; empty if none is near. names: its keys."""
    section = "".join(f"{part}." for part in path[:-1])
    return nearest(path[-1], names).replace('"', f'"{section}', 1)


def _about_value(error, values, path):
    """What is wrong with a value of another type or beyond its limits."""
    problem, given = error["type"], error.get("input")
    if problem in ("model_attributes_type", "model_type", "dict_type"):
        return f"expected a section with keys, got {shown(given)}"
    if problem in ("list_type", "tuple_type"):
        return f"expected a list in brackets, got {shown(given)}"
    if problem == "bool_type":
        return f"expected true or false, got {shown(given)}"
    if problem == "string_type":
        quotes = "" if isinstance(given, list | dict | None) else "; a word that looks like it needs quotes"
        return f"expected a word, got {shown(given)}{quotes}"
    if problem == "no_number":
        return f"{in_words(error)}, got {shown(given)}{about_number(given)}"
    message = in_words(error)
    if problem == "float_type":
        law = "" if not _takes_a_law(values, path) else ", or a distribution such as {uniform: [0.8, 1.6]}"
        return f"{message}{law}, got {shown(given)}"
    if problem != "literal_error":
        return f"{message}, got {shown(given)}."
    hint = nearest(given, _choices(error))
    if len(_choices(error)) == 1:  # a word that stands in for values of another type
        return f"expected {_meaning(values, path)}, got {shown(given)}{about_number(given)}.{hint}"
    return f"{message}, got {shown(given)}.{hint}"


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
    return tuple(path)


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
            field = annotation.model_fields.get(part) if is_model(annotation) else None
            annotation = field.annotation if field else None
        options = [] if get_origin(annotation) in (dict, list) else _models_in(annotation)
        if isinstance(place, dict) and options:
            given = {place[k] for k in DISCRIMINATORS if isinstance(place.get(k), str)}
            tagged = [m for m in options if _tags(m) & given]
            plain = [m for m in options if not set(DISCRIMINATORS) & set(m.model_fields)]
            annotation = (tagged or plain or options)[0]
    return annotation if is_model(annotation) else None


def _tags(model):
    """The values of profile or kind that say a section is of this model."""
    return {
        tag for k in DISCRIMINATORS if k in model.model_fields for tag in get_args(model.model_fields[k].annotation)
    }


def _models_in(annotation):
    if is_model(annotation):
        return [annotation]
    return [m for part in get_args(annotation) for m in _models_in(part)]


def _keys_at(values, path):
    model = _model_at(values, path)
    return list(model.model_fields) if model else []


def _meaning(values, path):
    field = _field_at(values, path)
    return described(field) if field else "needed"


def _takes_a_law(values, path):
    """Whether a key takes a distribution as well as a number."""
    field = _field_at(values, path)
    return field is not None and "range" in field.json_schema_extra


def _field_at(values, path):
    model = _model_at(values, path[:-1]) if path else None
    return model.model_fields.get(path[-1]) if model else None
