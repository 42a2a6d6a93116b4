"""Every key of a config as a list, read from the schema: dotted path, type, unit, range, default, meaning."""

import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import yaml
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ..errors import ConfigError, nearest
from .keys import Section
from .parameters import Distribution
from .recipes import DISCRIMINATORS
from .schema import Config

ENTRY, NAME = "N", "NAME"  # stand in a path for the number of a list's entry, and for a name that the user chooses
LAW = "DISTRIBUTION"  # begins the path of the keys that any "number or distribution" takes
LONGEST_DEFAULT = 60  # characters; a longer one is a section of its own
_WORDS = {float: "number", int: "whole number", str: "text", bool: "true or false", object: "any value"}


@dataclass(frozen=True)
class Key:
    """A key of the schema. Texts are empty where there is nothing to say."""

    path: str  # dotted, e.g. simulate.lens_mass.N.theta_E
    of: str  # the section it belongs to where others can stand in its place, e.g. "profile: EPL"
    takes: str  # "whole number", "auto, cpu, cuda, mps", ...
    unit: str
    limits: str  # ">= 2"
    default: str | None  # as YAML; None: the key is needed
    meaning: str

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]


@functools.cache
def every_key() -> tuple[Key, ...]:
    """All keys of a config in the order of the schema, and then those of a distribution, under `LAW`."""
    return (*_keys(Config, ""), *_keys(Distribution, LAW))


def below(prefix: str) -> list[Key]:
    """The keys whose path begins with a prefix, e.g. "pretrain", "simulate.lens_mass.0" or "simulate.image.num".

    A number stands for any entry of a list, and any word for a name. A prefix that is no beginning of a path, but a key
    somewhere, gives that key wherever it is. Raises: ConfigError if there is none.
    """
    keys, parts = every_key(), [part for part in prefix.strip().split(".") if part]
    found = [key for key in keys if _begins(key.path.split("."), parts)]
    found = found or [key for key in keys if prefix.lower() in (part.lower() for part in key.path.split("."))]
    if not found:
        parts = [p for key in keys for p in (key.path, key.name)]
        raise ConfigError([f'no key begins with "{prefix:.100}".{nearest(prefix, dict.fromkeys(parts))}'])
    return found


def homes(name: str) -> list[str]:
    """The paths of all keys of a name, the plainest first: pretrain.steps and pretrain.encoders.NAME.steps."""
    paths = dict.fromkeys(key.path for key in every_key() if key.name == name and not key.path.startswith(LAW))
    return sorted(paths, key=lambda path: sum(part in (ENTRY, NAME) for part in path.split(".")))


def in_words(keys: Iterable[Key]) -> Iterator[str]:
    """Lines of text: each key with its default, and behind a # its meaning, unit, and what it takes."""
    of = ""
    for key in keys:
        if key.of != of:
            of = key.of
            yield f"# {key.path.rpartition('.')[0]} with {of}:" if of else f"# {key.path.rpartition('.')[0]}:"
        given = f": {key.default}" if key.default is not None else ":"
        unit = f" [{key.unit}]" if key.unit else ""
        limits = f" {key.limits}" if key.limits else ""
        needed = "; needed" if key.default is None else ""
        yield f"{key.path}{given}  # {key.meaning}{unit}; {key.takes}{limits}{needed}"


def takes(
    annotation: typing.Any, section: Callable[[type[Section]], str] = lambda _: "section", word: Callable = str
) -> str:
    """What a type annotation allows, in words. section, word: how a section's and an allowed word's name is written."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return takes(parts[0], section, word)
    if origin is typing.Literal:
        return ", ".join(word(p) for p in parts)
    if origin in (typing.Union, types.UnionType):
        if Distribution in sections_in(annotation):
            return "number or distribution"
        return " or ".join(dict.fromkeys(takes(p, section, word) for p in parts if p is not type(None)))
    if origin is list:
        return f"list of {takes(parts[0], section, word)}"
    if origin is tuple:
        return f"list of {'numbers' if parts[-1] is Ellipsis else f'{len(parts)} numbers'}"
    if origin is dict:
        return "keys with values" if parts[1] is object else f"names with {takes(parts[1], section, word)}"
    if inspect.isclass(annotation) and issubclass(annotation, Section):
        return section(annotation)
    return _WORDS.get(annotation, str(annotation))


def sections_in(annotation: typing.Any) -> list[type[Section]]:
    """The sections that an annotation allows, those of lists and names too."""
    if inspect.isclass(annotation) and issubclass(annotation, Section):
        return [annotation]
    return [s for part in typing.get_args(annotation) for s in sections_in(part)]


def limits(field: FieldInfo, signs: tuple[str, ...] = (">=", ">", "<=", "<")) -> str:
    """The range of a key: that of a drawn parameter, or pydantic's limits. signs: for ge, gt, le, lt."""
    low, high = _extra(field).get("range", (None, None))
    words = [f"{signs[0]} {number(low)}"] if low is not None and low > -1e8 else []
    words += [f"{signs[2]} {number(high)}"] if high is not None and high < 1e8 else []
    for limit in field.metadata:
        for name, sign in zip(("ge", "gt", "le", "lt"), signs, strict=True):
            if getattr(limit, name, None) is not None:
                words.append(f"{sign} {number(getattr(limit, name))}")
    return ", ".join(words)


def number(value: float) -> str:
    """A limit in figures."""
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def default_of(field: FieldInfo) -> typing.Any:
    """The value of a key that is not given, as plain YAML can hold it; `PydanticUndefined` if it has to be given."""
    value = field.get_default(call_default_factory=True)
    return _plain(value.model_dump(exclude_defaults=True) if isinstance(value, Section) else value)


def _keys(section: type[Section], path: str, of: str = "") -> Iterator[Key]:
    for name, field in section.model_fields.items():
        yield from _key_and_below(name, field, path, of)


def _key_and_below(name: str, field: FieldInfo, path: str, of: str) -> Iterator[Key]:
    where = f"{path}.{name}".lstrip(".")
    unit = _extra(field).get("unit", "-")
    yield Key(
        where,
        of,
        takes(field.annotation).replace("of section", "of sections").replace("with section", "with a section each"),
        "" if unit == "-" else unit,
        limits(field),
        _default(field),
        " ".join((field.description or "").split()),
    )
    options = [s for s in sections_in(field.annotation) if s is not Distribution]
    if not options or Distribution in sections_in(field.annotation):
        return
    inner = {list: f"{where}.{ENTRY}", dict: f"{where}.{NAME}"}.get(_container(field.annotation), where)
    shared = [n for n in options[0].model_fields if all(_same(n, options[0], other) for other in options[1:])]
    for shared_name in shared:
        yield from _key_and_below(shared_name, options[0].model_fields[shared_name], inner, of)
    for option in options if len(options) > 1 else ():
        tag = _tag(option)
        for own_name, own in option.model_fields.items():
            if own_name not in shared:
                yield from _key_and_below(own_name, own, inner, tag)


def _same(name: str, section: type[Section], other: type[Section]) -> bool:
    """Whether a key is the same in two sections."""
    one, two = section.model_fields[name], other.model_fields.get(name)
    if two is None or name in DISCRIMINATORS:
        return False
    return (one.description, takes(one.annotation), limits(one), _default(one)) == (
        two.description,
        takes(two.annotation),
        limits(two),
        _default(two),
    )


def _tag(section: type[Section]) -> str:
    """Which word makes a section this one, e.g. "profile: EPL"."""
    for name in DISCRIMINATORS:
        if name in section.model_fields:
            return f"{name}: {takes(section.model_fields[name].annotation).replace(', ', ' or ')}"
    return section.__name__


def _container(annotation: typing.Any) -> typing.Any:
    """list or dict, if that is what an annotation is or allows beside nothing; else None."""
    origin = typing.get_origin(annotation)
    if origin in (list, dict):
        return origin
    inner = (_container(part) for part in typing.get_args(annotation)) if origin is not None else ()
    return next((found for found in inner if found), None)


def _default(field: FieldInfo) -> str | None:
    value = default_of(field)
    if value is PydanticUndefined:
        return None
    if value is None or value == "":
        return "null"
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).replace("\n...", "").strip()
    return text if len(text) <= LONGEST_DEFAULT else "{...}"


def _plain(value: typing.Any) -> typing.Any:
    """A value without tuples, which YAML does not know: they become lists."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def _extra(field: FieldInfo) -> dict:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _begins(path: list[str], prefix: list[str]) -> bool:
    """Whether a path begins with the parts of a prefix, of which the last may be cut short."""
    if len(prefix) > len(path):
        return False
    for k, (part, wanted) in enumerate(zip(path, prefix, strict=False)):
        fits = part in (wanted, NAME) or (part == ENTRY and wanted.isdecimal())
        if not fits and not (k == len(prefix) - 1 and part.startswith(wanted)):
            return False
    return True
