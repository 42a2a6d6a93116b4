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


class DataError(LenStreamError):
    """A file or folder cannot be used; the message says which and why."""


def nearest(word: object, choices: Iterable[object]) -> str:
    """' Did you mean "x"?' for the closest of `choices`, or an empty string."""
    match = difflib.get_close_matches(str(word), [str(c) for c in choices], n=1, cutoff=0.5)
    return f' Did you mean "{match[0]}"?' if match else ""
