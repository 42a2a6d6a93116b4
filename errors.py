"""Errors in what a user gives: one sentence each, shown by the command line without a traceback, exit code 2."""

import difflib
import re
from collections.abc import Iterable

SHOWN = 3  # names that a sentence on many files gives as examples
_NUMBER = re.compile(r"[-+]?\d[\d.]*(?:e[-+]?\d+)?")


class LenStreamError(Exception):
    """Something given to LenStream is wrong; the message says what, where and what was expected."""


class ConfigError(LenStreamError):
    """A configuration is wrong; `problems` holds one sentence per mistake."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type, tuple[list[str]]]:
        """From another process it comes with its problems, not with their text alone."""
        return type(self), (self.problems,)


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


def short(text: str) -> str:
    """What a user gave, for a sentence: on one line and not too long."""
    return text if len(text) <= 100 and text.isprintable() else f"{text[:60]!a}..."


def grouped(problems: Iterable[tuple[object, object]], what: str = "files") -> list[str]:
    """One sentence, without a full stop, for each kind of problem: "reason: 300 files, e.g. a, b, c".

    Reasons are of one kind if they are equal but for the name of what they are about and for their numbers; the first
    stands for all. The most frequent kind comes first, then in the order given. One alone is "name: reason".

    Args: problems: pairs (name, reason). what: the plural of what the names are of.
    """
    kinds: dict[str, list[tuple[str, str]]] = {}
    for name, reason in ((str(name), _without_path(str(name), str(reason))) for name, reason in problems):
        plain = reason.replace(name, "NAME") if len(name) > 2 else reason
        kinds.setdefault(_NUMBER.sub("0", plain), []).append((name, reason))
    return [_sentence(same, what) for same in sorted(kinds.values(), key=len, reverse=True)]


def _without_path(name: str, reason: str) -> str:
    """A reason without the name or path that it begins with, and without its full stop."""
    before, colon, after = reason.partition(": ")
    return " ".join((after if colon and before.endswith(name) else reason).split()).rstrip(".")


def _sentence(same: list[tuple[str, str]], what: str) -> str:
    """What `grouped` says of problems of one kind."""
    names, reason = [name for name, _ in same], same[0][1]
    if len(same) == 1:
        return f"{names[0]}: {reason}"
    shown = f"e.g. {', '.join(names[:SHOWN])}" if len(names) > SHOWN else ", ".join(names)
    if any(said != reason for _, said in same):
        return f"{reason}, and the like: {len(names):,} {what}, {shown}"
    return f"{reason}: {len(names):,} {what}, {shown}"


def _letters(word: str) -> str:
    return "".join(c for c in word.lower() if c.isalnum())
