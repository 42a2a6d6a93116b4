"""Bootstrap intervals of scores: how much they vary with the test images that happened to be drawn.

Test images are resampled with repetition, the same for all heads, which comes to a whole number of times that each
counts; all scores are computed from these weights at once.
"""

from typing import NamedTuple

import numpy as np

from ..results import ALL, MACRO
from .class_scores import ALLOWED

RESAMPLED, SEED = 1000, 0
LEVELS = (2.5, 16, 84, 97.5)  # percentiles: the ends of the intervals of 95 % and 68 %
_AT_ONCE = 1 << 21  # weights


class Interval(NamedTuple):
    """The percentiles of a score among resampled test images."""

    low_95: float
    low_68: float
    high_68: float
    high_95: float


def regression_intervals(true, predicted):
    """{(target, metric): `Interval`} of R2 and RMSE; true and predicted: target -> (n,)."""
    found = {}
    for target, values in true.items():
        y = values.astype(float) / (np.abs(values).max() or 1)  # masses of axions have no squares
        error = (predicted[target] - values.astype(float)) / (np.abs(values).max() or 1)
        parts = []
        for w in _weights(len(y)):
            mean, square = w @ y, w @ error**2
            spread = w @ y**2 - mean**2
            with np.errstate(divide="ignore", invalid="ignore"):
                parts.append(np.stack([1 - square / spread, np.sqrt(square) * (np.abs(values).max() or 1)], axis=1))
        r2, rmse = np.concatenate(parts).T
        found[target, "r2"], found[target, "rmse"] = _interval(r2), _interval(rmse)
    return found


def class_intervals(classes, true, probabilities):
    """{(target, metric): `Interval`} of the scores of `class_scores.scores`, with the same arguments."""
    right = np.argmax(probabilities, axis=1) == true
    found = {(ALL, "accuracy"): _interval(np.concatenate([w @ right for w in _weights(len(true))]))}
    names, each = ("auc", "average_precision", "recall_at_full_purity", "recall_at_fpr_1"), []
    for k in range(len(classes)):
        parts = [_of_class(probabilities[:, k], true == k, w) for w in _weights(len(true))]
        each.append(np.concatenate(parts, axis=1))
    for m, metric in enumerate(names):
        if m < 2:
            with np.errstate(invalid="ignore"):
                known = np.stack([values[m] for values in each])
                found[MACRO, metric] = _interval(_mean_of_known(known))
        found |= {(name, metric): _interval(values[m]) for name, values in zip(classes, each, strict=True)}
    return found


def _of_class(given, of_class, weights):
    """AUC, average precision and both recalls of a class for weights (b, n): float (4, b), NaN without either kind."""
    order = np.argsort(-given, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(given[order]) != 0, True))  # equal ones pass a threshold together
    found = np.cumsum(weights[:, order] * of_class[order], axis=1)[:, ends]
    passed = np.cumsum(weights[:, order] * ~of_class[order], axis=1)[:, ends]
    with np.errstate(divide="ignore", invalid="ignore"):
        recall, false = found / found[:, -1:], passed / passed[:, -1:]
        more = np.diff(recall, axis=1, prepend=0)
        area = np.sum(np.diff(false, axis=1, prepend=0) * (recall - more / 2), axis=1)
        purity = np.nan_to_num(found / (found + passed))
        few = [np.max(np.where(false <= share + 1e-9, recall, 0), axis=1) for share in (0.0, ALLOWED)]
    unknown = ~np.isfinite(recall[:, -1]) | ~np.isfinite(false[:, -1])
    return np.where(unknown, np.nan, np.stack([area, np.sum(more * purity, axis=1), *few]))


def _mean_of_known(values):
    """The mean over the first axis without NaN; NaN where nothing else is there."""
    known = np.isfinite(values)
    n = known.sum(0)
    return np.where(n > 0, np.where(known, values, 0).sum(0) / np.maximum(n, 1), np.nan)


def _weights(n):
    """The share that each of n test images has in every resampling: float64 arrays (b, n), together `RESAMPLED`."""
    rng, left = np.random.default_rng([SEED, n]), RESAMPLED
    while left:
        some = min(left, max(_AT_ONCE // n, 1))
        yield rng.multinomial(n, np.full(n, 1 / n), size=some) / n
        left -= some


def _interval(values):
    known = values[np.isfinite(values)]
    low_95, low_68, high_68, high_95 = np.percentile(known, LEVELS) if len(known) else [np.nan] * 4
    return Interval(float(low_95), float(low_68), float(high_68), float(high_95))
