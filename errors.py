"""Errors in what a user gives: one sentence each, shown by the command line without a traceback, exit code 2."""

import difflib
from collections.abc import Iterable


class LenStreamError(Exception):
    """Something given to LenStream is wrong; the message says what, where and what was expected."""


class ConfigError(LenStreamError):
    """A configuration is wrong; `problems` holds one sentence per mistake."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class ArgumentError(LenStreamError, ValueError):
    """A function of the Python API is called with what it cannot take."""


class DataError(LenStreamError):
    """A file or folder cannot be used; the message says which and why."""


def nearest(word: object, choices: Iterable[object]) -> str:
    """' Did you mean "x"?' for the closest of `choices`, or an empty string if none is near.

    A choice that differs in case, spaces or punctuation only is near; one that is the word itself is no hint. What
    belongs to something else altogether (DOUBLE_SERSIC for SERSIC) is none, either, where a longer name of the same
    beginning (SERSIC_ELLIPSE) is there.
    """
    word, others = str(word), [str(c) for c in choices]
    others = [c for c in others if c != word]
    alike = {_letters(c): c for c in reversed(others)}
    if _letters(word) in alike:
        return f' Did you mean "{alike[_letters(word)]}"?'
    longer = [c for c in others if len(word) >= 3 and c.lower().startswith(word.lower())]
    match = longer if len(longer) == 1 else difflib.get_close_matches(word[:100], others, n=1, cutoff=0.6)
    return f' Did you mean "{match[0]}"?' if match else ""


def _letters(word: str) -> str:
    return "".join(c for c in word.lower() if c.isalnum())
