"""Checks of what functions of the Python API are called with: one sentence for what they cannot take."""

import operator
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...errors import ArgumentError, nearest

LONGEST = 60  # characters of a value in a message
_BRIEF = (str, bytes, int, float, complex, type(None), list, tuple, set, frozenset, dict, range, np.generic, np.ndarray)


def system_indices(indices: ArrayLike) -> np.ndarray:
    """Indices of systems as uint64 (n,). Raises: ArgumentError for what is no list of whole numbers below 2^64."""
    try:
        given = np.asarray(indices)
    except (TypeError, ValueError):  # lists of unequal lengths, a tensor on a GPU
        given = np.asarray(None)
    if given.dtype == np.uint64 and given.ndim == 1:
        return np.ascontiguousarray(given)
    if given.size == 0:
        return np.zeros(0, np.uint64)
    if given.dtype.kind not in "iu" or given.ndim > 1:
        what = shown(indices) if given.ndim == 0 else f"an array of {given.dtype} and shape {given.shape}"
        raise ArgumentError(f"indices: expected whole numbers from 0 to 2^64 - 1, one for each system, got {what}")
    if given.min() < 0:
        raise ArgumentError(f"indices: expected whole numbers from 0 to 2^64 - 1, got {given.min()}")
    return np.ascontiguousarray(given.ravel(), dtype=np.uint64)


def whole_number(name: str, value: object, low: int, high: int | None = None) -> int:
    """`value` as an int. Raises: ArgumentError if it is not whole, or not between `low` and `high`."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = low - 1
    if isinstance(value, bool | np.bool_) or number < low or (high is not None and number > high):
        span = f"from {low} to {high}" if high is not None else f"of at least {low}"
        raise ArgumentError(f"{name}: expected a whole number {span}, got {shown(value)}")
    return number


def words_among(name: str, words: object, choices: Collection[str]) -> frozenset[str]:
    """`words` as a set. Raises: ArgumentError for a text in place of several words, and for a word that is none."""
    if isinstance(words, str) or not hasattr(words, "__iter__"):
        raise ArgumentError(f"{name}: expected a set of words out of {', '.join(choices)}, got {shown(words)}")
    words = list(words)  # also of what can be walked through but once
    for word in words:
        if not isinstance(word, str) or word not in choices:
            hint = nearest(word, choices)
            raise ArgumentError(f"{name}: expected {', '.join(choices)}, got {shown(word)}.{hint}")
    return frozenset(map(str, words))


def of_type(name: str, value: object, kind: Any, expected: str) -> None:
    """Raises: ArgumentError if `value` is not of a type, or one of a tuple of them; expected: which, in words."""
    if not isinstance(value, kind):
        raise ArgumentError(f"{name}: expected {expected}, got {shown(value)}")


def shown(value: object) -> str:
    """A value for a message, on one line: as Python writes it if that is short, else its type."""
    text = " ".join(f"{value!r}".split()) if isinstance(value, _BRIEF) else ""
    return text if 0 < len(text) <= LONGEST else f"a value of type {type(value).__name__}"
