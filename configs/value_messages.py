"""What pydantic says of a single value, in words for users of configs rather than for programmers."""

import re

from .yaml_text import is_decimal, is_other_notation

_WITH_COMMA = re.compile(r"[-+]?[0-9]+([,'\u2019\u00a0 ][0-9]+)+(\.[0-9]*)?")  # 0,15 and 2,000 and 2 000


def in_words(error):
    """What pydantic says of a value, without words for programmers."""
    context = error.get("ctx", {})
    if error["type"] in ("too_short", "too_long"):
        least, most = context.get("min_length"), context.get("max_length")
        count = f"at least {least}" if least is not None else f"at most {most}"
        entries = "entry" if (least if least is not None else most) == 1 else "entries"
        return f"expected {count} {entries}"
    if error["type"] == "missing" and isinstance(error.get("input"), list | tuple):
        count = len(error["input"])
        return f"expected more than {count} {'entry' if count == 1 else 'entries'}"
    if error["type"] == "string_pattern_mismatch":  # of names that folders get
        return 'expected letters, digits, ".", "_" and "-" only, a letter or digit first'
    if error["type"] == "int_parsing_size":
        return "a whole number as large as this cannot be used"
    if error["type"] in ("no_number", "float_type"):
        return "expected a number"
    return error["msg"][0].lower() + error["msg"][1:]


def about_number(given):
    """Why a value is no number, in brackets, where that is not plain; else nothing."""
    if isinstance(given, bool):
        return " (yes, no, on, off, true and false are no numbers)"
    if is_other_notation(given):
        return " (decimal notation only: no leading zeros, 0x, _ or :)"
    if isinstance(given, str) and _WITH_COMMA.fullmatch(given):
        return " (decimal notation only: a point before decimals, and nothing between thousands)"
    return " (text: leave out the quotes)" if is_decimal(given) else ""
