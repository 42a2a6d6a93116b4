"""Checks of what functions of the Python API are called with: one sentence for what they cannot take."""

import operator
from collections.abc import Collection

import numpy as np
from numpy.typing import ArrayLike

from ...errors import ArgumentError, nearest


def system_indices(indices: ArrayLike) -> np.ndarray:
    """Indices of systems as uint64 (n,). Raises: ArgumentError for what is no list of whole numbers below 2^64."""
    given = np.asarray(indices)
    if given.dtype == np.uint64 and given.ndim == 1:
        return np.ascontiguousarray(given)
    if given.size == 0:
        return np.zeros(0, np.uint64)
    if given.dtype.kind not in "iu" or given.ndim > 1:
        what = f"an array of {given.dtype} and shape {given.shape}"
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
        raise ArgumentError(f"{name}: expected a whole number {span}, got {value!r:.60}")
    return number


def words_among(name: str, words: object, choices: Collection[str]) -> frozenset[str]:
    """`words` as a set. Raises: ArgumentError for a text in place of several words, and for a word that is none."""
    if isinstance(words, str) or not hasattr(words, "__iter__"):
        raise ArgumentError(f"{name}: expected a set of words out of {', '.join(choices)}, got {words!r:.60}")
    for word in words:
        if word not in choices:
            raise ArgumentError(f"{name}: expected {', '.join(choices)}, got {word!r:.60}.{nearest(word, choices)}")
    return frozenset(words)
