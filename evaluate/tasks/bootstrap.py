"""Scores of resampled test images, and their intervals: how much scores vary with the images that happened to be drawn.

Test images are resampled with repetition, the same for all heads, which comes to a whole number of times that each
counts; all scores are computed from these weights at once. So differences of two heads are of the same resamplings.
"""

from typing import NamedTuple

import numpy as np

from ..results import ALL, MACRO

RESAMPLED, SEED = 1000, 0
LEVELS = (2.5, 16, 84, 97.5)  # percentiles: the ends of the intervals of 95 % and 68 %
ALLOWED = 0.01  # share of all others, of recall_at_fpr_1
_OF_CLASS = ("auc", "average_precision", "recall_at_full_purity", "recall_at_fpr_1")
_MEANT = _OF_CLASS[:2]  # over classes
_AT_ONCE = 1 << 20  # weights


class Interval(NamedTuple):
    """The percentiles of a score among resampled test images."""

    low_95: float
    low_68: float
    high_68: float
    high_95: float


def intervals(resampled):
    """{(target, metric): `Interval`}; resampled: of `regression_scores` or `class_scores`."""
    return {key: Interval(*percentiles(values, LEVELS)) for key, values in resampled.items()}


def percentiles(values, levels):
    """The percentiles of the values that are known, a list of floats; NaN without any."""
    known = values[np.isfinite(values)]
    return np.percentile(known, levels).tolist() if len(known) else [np.nan] * len(levels)


def regression_scores(true, predicted, weights=None):
    """{(target, metric): float64 (RESAMPLED,)}: R2 and RMSE of all resampled test images; R2 is NaN without a spread.

    true and predicted: target -> (n,). weights: other ones than `resamplings`, of the same form.
    """
    columns = []
    for target, values in true.items():
        values = np.asarray(values, dtype=float)  # float32 has no square of 1e-24, the mass of an axion
        y = values - values[0]  # so that values that are all the same have no spread at all
        columns += [y, y**2, (predicted[target] - values) ** 2]
    columns = np.stack(columns, axis=1)
    parts = [w @ columns for w in weights or resamplings(len(columns))]
    mean, square, error = np.moveaxis(np.concatenate(parts).reshape(-1, len(true), 3), 0, -1).swapaxes(0, 1)
    spread = square - mean**2
    r2 = 1 - error / np.where(spread > 0, spread, np.nan)
    return {key: v for k, t in enumerate(true) for key, v in (((t, "r2"), r2[k]), ((t, "rmse"), np.sqrt(error[k])))}


def class_scores(classes, true, probabilities, weights=None):
    """{(target, metric): float64 (RESAMPLED,)} of all resampled test images: the scores of `class_scores.scores`.

    A score is NaN where all or none of the images are of the class. Args: as there. weights: as `regression_scores`.
    """
    right = np.argmax(probabilities, axis=1) == true
    ranked = [_ranked(probabilities[:, k], true == k) for k in range(len(classes))]
    accuracy, parts = [], []
    for w in weights or resamplings(len(true)):
        accuracy.append(w @ right)
        of_image = np.ascontiguousarray(w.T)
        parts.append([_of_class(*one, of_image) for one in ranked])
    found = {(ALL, "accuracy"): np.concatenate(accuracy)}
    each = np.moveaxis(np.concatenate(parts, axis=2), 0, 1)  # (4, k, RESAMPLED)
    for metric, values in zip(_OF_CLASS, each, strict=True):
        found |= {(MACRO, metric): _mean_of_known(values)} if metric in _MEANT else {}
        found |= {(name, metric): of_class for name, of_class in zip(classes, values, strict=True)}
    return found


def _ranked(given, of_class):
    """What the scores of a class need of its probabilities (n,), for any weights: whom each threshold lets pass.

    Returns: numbers of the images of the class and of all others, the most probable first; and for each probability in
    the class, downwards: how many of the class have at least it, how many of the others, and how many of those more.
    """
    own, others = (np.flatnonzero(kind) for kind in (of_class, ~of_class))
    own, others = (part[np.argsort(-given[part], kind="stable")] for part in (own, others))
    ends = np.flatnonzero(np.diff(given[own], append=-np.inf) != 0)  # equal ones pass a threshold together
    at_least, more = (np.searchsorted(-given[others], -given[own[ends]], side=side) for side in ("right", "left"))
    return own, others, ends + 1, at_least, more


def _of_class(own, others, ends, at_least, more, weights):
    """AUC, average precision and both recalls of a class for weights (n, b): (4, b), NaN without either kind."""
    sums = [np.cumsum(np.concatenate([np.zeros_like(weights[:1]), weights[part]]), axis=0) for part in (own, others)]
    unknown = (sums[0][-1] == 0) | (sums[1][-1] == 0)
    found, passed, before = sums[0][ends], sums[1][at_least], sums[1][more]
    with np.errstate(divide="ignore", invalid="ignore"):
        purity = np.nan_to_num(found / (found + passed))
        found, passed, before = found / sums[0][-1], passed / sums[1][-1], before / sums[1][-1]
    gained = np.diff(found, axis=0, prepend=0)
    area = np.sum(gained * (1 - (passed + before) / 2), axis=0)
    few = [np.max(np.where(passed <= share + 1e-9, found, 0), axis=0, initial=0) for share in (0.0, ALLOWED)]
    return np.where(unknown, np.nan, np.stack([area, np.sum(gained * purity, axis=0), *few]))


def _mean_of_known(values):
    """The mean over the first axis without NaN; NaN where nothing else is there."""
    known = np.isfinite(values)
    n = known.sum(0)
    return np.where(n > 0, np.where(known, values, 0).sum(0) / np.maximum(n, 1), np.nan)


def resamplings(n):
    """The share that each of n test images has in every resampling: float64 arrays (b, n), together `RESAMPLED`."""
    rng, left = np.random.default_rng([SEED, n]), RESAMPLED
    while left:
        some = min(left, max(_AT_ONCE // n, 1))
        yield rng.multinomial(n, np.full(n, 1 / n), size=some) / n
        left -= some
