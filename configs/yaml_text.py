"""YAML as configs have it: one document of keys and values, every key once, decimal numbers; mistakes with their lines.

What YAML can do beyond that, and nobody means, is not done: 0123 is no 83, 20:00 no 1200, 1_000 and 0x1F are text (and
so are dates); a tag makes no Python object; and aliases cannot grow into more than a file could hold.
"""

import codecs
import copy
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml
from yaml import events

from ..errors import ConfigError

DEEPEST = 40  # sections within sections
MOST_VALUES = 20_000  # in a file, with those that aliases repeat
LONGEST_NUMBER = 100  # characters
LARGEST_FILE = 1_000_000  # bytes

KeyPath = tuple[str | int, ...]  # keys and numbers of list entries, from the top

_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_OTHER_NOTATION = re.compile(
    r"[-+]?(0[0-9_]+(\.[0-9_]*)?([eE][-+]?[0-9]+)?|0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+"
    r"|[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?|[0-9]+(:[0-5]?[0-9])+(\.[0-9_]*)?)"
)
_WORDS: dict[str, Any] = {w: None for w in ("", "~", "null", "Null", "NULL")}
_WORDS |= {w: True for t in ("true", "yes", "on") for w in (t, t.capitalize(), t.upper())}
_WORDS |= {w: False for t in ("false", "no", "off") for w in (t, t.capitalize(), t.upper())}
_WORDS |= {sign + w: float(sign + "inf") for sign in ("", "+", "-") for w in (".inf", ".Inf", ".INF")}
_WORDS |= {w: math.nan for w in (".nan", ".NaN", ".NAN")}

_TAGS = "tag:yaml.org,2002:"
_IN_OTHER_WORDS = (  # what PyYAML says, and what it means to somebody who writes a config
    ("found character '\\t'", "a tab; indent with spaces"),
    ("found a tab", "a tab; indent with spaces"),
    ("mapping values are not allowed", 'a colon where no key can be; indent it, or put text with ": " into quotes'),
    ("could not find expected ':'", "a line without a colon among keys; expected key: value"),
    ("expected <block end>", "the indentation is not that of the lines above, or two values stand side by side"),
    ("expected ',' or ']'", "a list [ is not closed, or a comma is missing in it"),
    ("expected ',' or '}'", "a section { is not closed, or a comma is missing in it"),
    ("expected the node content", "a value is missing, or a bracket is not closed"),
    ("found unexpected end of stream", "a quotation mark is not closed"),
    ("while scanning a quoted scalar", "a quotation mark is not closed"),
    ("found undefined tag handle", "a tag (!) that configs do not have; put text that begins with ! into quotes"),
    ("cannot start any token", "a character that no value begins with; put the text into quotes"),
)


class Problem(NamedTuple):
    """A mistake at a key."""

    path: KeyPath
    text: str


@dataclass
class Parsed:
    """A text that could be read; `problems` are mistakes that leave the rest of it readable."""

    values: Any
    lines: dict[KeyPath, int] = field(default_factory=dict)  # of every key and list entry, from 1
    problems: list[Problem] = field(default_factory=list)


@dataclass
class _Reading:
    """A text half-way through."""

    events: Iterator[Any]
    where: str
    parsed: Parsed
    anchors: dict[str, tuple[Any, int] | None] = field(default_factory=dict)  # value and size; None: not yet complete
    count: int = 0  # of values so far


def parse(data: bytes | str, where: str) -> Parsed:
    """The values of a YAML text.

    Args: data: bytes in UTF-8, with or without a byte-order mark, or text. where: names it in messages.

    Returns: `Parsed`; keys are text as it is written, numbers decimal.
    Raises: ConfigError, a sentence with the line, for what cannot be read at all.
    """
    text = _decoded(data, where) if isinstance(data, bytes) else data
    reading = _Reading(yaml.parse(text, Loader=yaml.SafeLoader), where, Parsed(None))
    try:
        _expect_start(reading)
        reading.parsed.values = _value(reading, next(reading.events), ())
        next(reading.events)  # the end of the document
        left = next(reading.events)
        if not isinstance(left, events.StreamEndEvent):
            raise _error(where, left, "a second document begins (---); expected one config in a file")
    except yaml.YAMLError as error:
        raise ConfigError([_in_words(error, text, where)]) from None
    return reading.parsed


def scalar(text: str) -> Any:
    """What a word means that stands without quotes: None, bool, int, float, or else itself.

    Raises: ValueError, with what is wrong, for a number that has too many digits or no place among floats.
    """
    if text in _WORDS:
        return _WORDS[text]
    if not _DECIMAL.fullmatch(text):
        return text
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"a number of {len(text)} characters; expected at most {LONGEST_NUMBER}")
    if _WHOLE.fullmatch(text):
        return int(text)
    number = float(text)
    if math.isinf(number) or (number == 0 and re.search("[1-9]", re.split("[eE]", text)[0])):
        raise ValueError(f"{text} is too {'large' if number else 'small'} for a number")
    return number


def is_other_notation(text: object) -> bool:
    """Whether a text looks like a number that is not decimal: 0123, 0x1F, 1_000, 20:00."""
    return isinstance(text, str) and _OTHER_NOTATION.fullmatch(text) is not None


def is_decimal(text: object) -> bool:
    """Whether a text is a decimal number, which was in quotes: "0.1"."""
    return isinstance(text, str) and _DECIMAL.fullmatch(text) is not None


class Dumper(yaml.SafeDumper):
    """Writes values such that `parse` reads the same: text that looks like a number (1e3) gets quotes."""


Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _DECIMAL, list("-+.0123456789"))


def _decoded(data, where):
    if len(data) > LARGEST_FILE:
        raise ConfigError([f"{where}: {len(data) / 1e6:.1f} MB, more than any config has"])
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data[:4]:
        raise ConfigError([f"{where}: cannot be read as YAML, as it is UTF-16 or no text; save it as UTF-8"])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{where}, line {line}: cannot be read as YAML, as it is not UTF-8; save it so"]) from None


def _expect_start(reading):
    next(reading.events)  # of the stream
    first = next(reading.events)
    if isinstance(first, events.StreamEndEvent):
        raise ConfigError([f"{reading.where}: is empty; expected keys and values, such as 'seed: 1'"])


def _value(reading, event, path):
    """The value that begins with an event; goes on to its end."""
    reading.count += 1
    if reading.count > MOST_VALUES:
        raise _error(reading.where, event, f"more than {MOST_VALUES:,} values, with those that aliases repeat")
    if len(path) > DEEPEST:
        raise _error(reading.where, event, f"sections or lists within each other, more than {DEEPEST} deep")
    if isinstance(event, events.AliasEvent):
        return _alias(reading, event)
    before = reading.count
    if event.anchor:
        reading.anchors[event.anchor] = None
    if isinstance(event, events.ScalarEvent):
        value = _scalar(reading, event, path)
    elif isinstance(event, events.SequenceStartEvent):
        _check_tag(reading, event, path, "seq")
        value = _list(reading, path)
    else:
        _check_tag(reading, event, path, "map")
        value = _mapping(reading, path)
    if event.anchor:
        reading.anchors[event.anchor] = value, reading.count - before + 1
    return value


def _alias(reading, event):
    if event.anchor not in reading.anchors:
        raise _error(reading.where, event, f"*{event.anchor} is named nowhere above (&{event.anchor})")
    if reading.anchors[event.anchor] is None:
        raise _error(reading.where, event, f"*{event.anchor} stands within itself")
    value, size = reading.anchors[event.anchor]
    reading.count += size
    if reading.count > MOST_VALUES:
        raise _error(reading.where, event, f"more than {MOST_VALUES:,} values, with those that aliases repeat")
    return copy.deepcopy(value)


def _scalar(reading, event, path):
    if event.implicit[0]:  # neither quotes nor a tag
        try:
            return scalar(event.value)
        except ValueError as error:
            reading.parsed.problems.append(Problem(path, str(error)))
            return None
    tag = (event.tag or "").removeprefix(_TAGS)
    if event.tag in (None, "!") or tag == "str":
        return event.value
    kinds = {"int": int, "float": float, "bool": bool, "null": type(None)}
    try:
        value = scalar(event.value)
    except ValueError:
        value = event.value
    if tag not in kinds:
        tag_shown = shown(event.tag.replace(_TAGS, "!!"))
        reading.parsed.problems.append(Problem(path, f"the tag {tag_shown} is not for configs; leave it out"))
    elif tag == "float" and type(value) is int:
        value = float(value)
    elif type(value) is not kinds[tag]:
        reading.parsed.problems.append(Problem(path, f"{shown(event.value)} is no !!{tag}; leave the tag out"))
    return value


def _check_tag(reading, event, path, expected):
    if event.tag not in (None, "!", _TAGS + expected):
        problem = f"the tag {shown(event.tag.replace(_TAGS, '!!'))} is not for configs; leave it out"
        reading.parsed.problems.append(Problem(path, problem))


def _list(reading, path):
    values = []
    while not isinstance(event := next(reading.events), events.SequenceEndEvent):
        place = (*path, len(values))
        reading.parsed.lines[place] = event.start_mark.line + 1
        values.append(_value(reading, event, place))
    return values


def _mapping(reading, path):
    values, merged, lines = {}, [], {}
    while not isinstance(event := next(reading.events), events.MappingEndEvent):
        line = event.start_mark.line + 1
        key = _key(reading, event, path)
        place = (*path, key)
        if key == "<<" and event.style is None:
            merged += _merge(reading, next(reading.events), place)
            continue
        first = (dict(reading.parsed.lines), list(reading.parsed.problems)) if key in lines else None
        value = _value(reading, next(reading.events), place)
        if first is not None:  # it stays, as its mistakes are those that are listed
            reading.parsed.lines, reading.parsed.problems = first
            where = f"lines {lines[key]} and {line}" if line != lines[key] else f"line {line}"
            text = f"the key is there twice, in {where}; expected it once"
            reading.parsed.problems.append(Problem(place, text))
            continue
        values[key], lines[key] = value, line
        reading.parsed.lines[place] = line
    for section in merged:
        values = section | values
    return values


def _key(reading, event, path):
    """A key as it is written; those that are no words end the reading."""
    if isinstance(event, events.AliasEvent) and isinstance((reading.anchors.get(event.anchor) or [None])[0], str):
        return reading.anchors[event.anchor][0]
    if not isinstance(event, events.ScalarEvent):
        raise _error(reading.where, event, "a key that is a list or a section; expected a word")
    if event.value == "" and event.implicit[0]:
        raise _error(reading.where, event, "a colon without a key")
    if event.anchor:
        reading.anchors[event.anchor] = event.value, 1
    return event.value


def _merge(reading, event, path):
    """The sections that `<<: *name` or `<<: [*name, *other]` takes over, the first of which wins."""
    value = _value(reading, event, path)
    sections = value if isinstance(value, list) else [value]
    if not all(isinstance(s, dict) for s in sections):
        raise _error(reading.where, event, "<<: expected a section, or a list of sections")
    return sections


def _error(where, event, text):
    return ConfigError([f"{where}, line {event.start_mark.line + 1}: {text}"])


def _in_words(error, text, where):
    """One sentence of what PyYAML says about a text that it cannot read."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"{where}, line {line}: cannot be read as YAML, for the control character {chr(error.character)!a}"
    mark = getattr(error, "problem_mark", None)
    said = " ".join(str(part) for part in (error.context, error.problem) if part)
    words = next((words for known, words in _IN_OTHER_WORDS if known in said), " ".join(said.split()))
    return f"{where}, line {mark.line + 1}: cannot be read as YAML: {words}"


def key_path(keys: Iterable[str]) -> KeyPath:
    """Keys as the path of a value: entries of lists by number."""
    return tuple(int(key) if key.isascii() and key.isdecimal() else key for key in keys)


def shown(value: object) -> str:
    """A value as it is repeated to a user, shortened."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
