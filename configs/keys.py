"""The building blocks of settings: keys with a meaning and a unit, and sections that are strict about their types.

A unit of "-" means a pure number or a word.
"""

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError, core_schema


def key(meaning, unit="-", default=..., symbol=None, **limits):
    """A setting with its one-line meaning, its unit and, if it has one, its symbol in LaTeX without dollars."""
    if isinstance(default, (list, dict, BaseModel)):
        limits["default_factory"] = lambda: default.copy() if isinstance(default, (list, dict)) else default
    else:
        limits["default"] = default
    return Field(description=meaning, json_schema_extra={"unit": unit, "symbol": symbol}, **limits)


class Mistakes(ValueError):
    """Several mistakes of one section; `found` holds pairs of a dotted key within it, which may be empty, and words."""

    def __init__(self, found):
        self.found = list(found)
        super().__init__("; ".join(_with_key(key, text) for key, text in self.found))


def _with_key(key, text):
    """A mistake with its key, unless it begins with that."""
    return text if not key or text.startswith(f"{key} ") else f"{key}: {text}"


def _plain_types(schema):
    """pydantic's core schema of a section, with numbers and bools that take nothing else for one."""
    if isinstance(schema, list | tuple):
        return type(schema)(_plain_types(part) for part in schema)
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "model" and schema["cls"].__pydantic_complete__:
        return schema  # a section within this one, which has been here
    if schema.get("type") == "literal" and any(isinstance(word, int) for word in schema["expected"]):
        return core_schema.no_info_before_validator_function(_no_bool, schema)  # False is 0 for Python
    if schema.get("type") in ("int", "float"):
        return core_schema.no_info_before_validator_function(_number, schema)
    if schema.get("type") == "bool":
        return schema | {"strict": True}
    plain = {key: part if key == "metadata" else _plain_types(part) for key, part in schema.items()}
    if schema.get("type") == "list":
        return core_schema.no_info_after_validator_function(_without_repeats, plain)
    return plain


def _without_repeats(values):
    """Refuse a word or a number that is in a list twice; sections may be."""
    words = values if all(isinstance(v, str | int) for v in values) else []
    twice = next((v for k, v in enumerate(words) if v in words[:k]), None)
    if twice is not None:
        raise ValueError(f"{twice} is there twice; expected each once")
    return values


def _no_bool(value):
    """Refuse a bool where one word or number of a few is expected."""
    return _number(value) if isinstance(value, bool) else value


def _number(value):
    """Refuse what pydantic would make a number of: texts and bools."""
    if isinstance(value, str | bytes | bool):
        raise PydanticCustomError("no_number", "input should be a valid number")
    return value


class Section(BaseModel):
    """A group of settings: unknown keys are errors, so are nan and inf; values cannot be changed after loading.

    A number is no text and no bool, and a bool is nothing else, either. No list holds a word or a number twice.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler):
        return _plain_types(handler(source))


def exactly_one_of(*names):
    """A validator: exactly one of the named keys is given."""

    def check(self):
        given = [n for n in names if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(names)}")
        return self

    return check
