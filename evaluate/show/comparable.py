"""Whether runs were judged by the same test lenses, why not, and how much they differ lens by lens."""

from typing import NamedTuple

import numpy as np

from ...configs.differences import difference
from ...configs.instruments import numbers
from ..results import ALL, MACRO
from ..tasks import bootstrap

INTERVAL = (2.5, 97.5)  # percent


class Difference(NamedTuple):
    """A score of one run minus that of the first, on the same test lenses."""

    run: str
    first: str  # the name of the first run
    encoder: str
    protocol: str
    target: str
    metric: str
    value: float
    low: float
    high: float


def why_not(one, other):
    """Why the scores of two `comparison.Compared` cannot be compared, in words; "" if they are of the same test lenses.

    Also of runs whose test lenses are the same, but of which other numbers are asked.
    """
    for run in (one, other):
        if run.config is None or run.evaluation is None:
            return f"what {run.name} was judged by is not known"
    a, b = one.config, other.config
    if a.evaluate.task != b.evaluate.task:
        return f"other tasks: {a.evaluate.task}, {b.evaluate.task}"
    by = [None if c.evaluate.data is None else (c.evaluate.data.test_path or c.evaluate.data.path) for c in (a, b)]
    if by[0] != by[1]:
        return f"other test images: {', '.join(path or 'simulated lenses' for path in by)}"
    if by[0] is None and (found := _other_simulation(a, b)):
        return f"another simulation: {found}"
    if a.pretrain.bands != b.pretrain.bands:
        return f"other bands: {_bands(a)}, {_bands(b)}"
    if by[0] is None and a.seed != b.seed:
        return f"other test lenses: seed is {a.seed}, {b.seed}"
    if not np.array_equal(one.evaluation.indices, other.evaluation.indices):
        n = [len(run.evaluation.indices) for run in (one, other)]
        return f"other test lenses: {n[0]}, {n[1]} of them" if n[0] != n[1] else "other test lenses, as many"
    shared = [t for t in one.evaluation.true if t in other.evaluation.true]
    if not shared:
        return f"other targets: {', '.join(one.evaluation.true)} and {', '.join(other.evaluation.true)}"
    for target in shared:
        if not np.array_equal(one.evaluation.true[target], other.evaluation.true[target], equal_nan=True):
            return f"other true values of {target}, so another unit or other lenses"
    return ""


def _other_simulation(a, b):
    found = difference(*(None if c.simulate is None else numbers(c.simulate) for c in (b, a)))
    return f"simulate.{found}".replace(", was ", ", ") if found else ""


def _bands(config):
    return "all" if config.pretrain.bands is None else " ".join(config.pretrain.bands)


def groups(runs):
    """Runs in groups that share test lenses, each with its first run in front, and sentences on what differs.

    The sentences are about each later group beside the first.
    """
    found, said = [], []
    for run in runs:
        home = next((group for group in found if not why_not(group[0], run)), None)
        if home is not None:
            home.append(run)
            continue
        if found:
            said.append(f"{run.name} and {found[0][0].name} are not comparable: {why_not(run, found[0][0])}")
        found.append([run])
    return found, said


def paired(group):
    """The `Difference` of each later run of a group from the first, where both have an encoder and protocol of a name.

    They are those of the predictions in evaluation.npz: of the largest number of labels, the first seed. Intervals are
    of a bootstrap over the test lenses, which are the same for both: what both find hard cancels out.
    """
    first, *others = group
    out = []
    for run in others:
        for head, predicted in run.evaluation.predictions.items():
            before = first.evaluation.predictions.get(head)
            for target in predicted if before is not None else ():
                true = first.evaluation.true.get(target)
                if true is None or target not in before or len(before[target]) != len(true):
                    continue
                if np.array_equal(before[target], predicted[target]):
                    continue  # of one and the same network, such as that with random weights
                for metric, value, low, high in _bootstrap(true, before[target], predicted[target]):
                    out.append(Difference(run.name, first.name, *head, target, metric, value, low, high))
    return out


def _bootstrap(true, before, after):
    """(metric, difference, and the ends of its interval) of two predictions; nothing for what has no score here."""
    if np.shape(before) != np.shape(after):
        return
    once = [np.full((1, len(true)), 1 / len(true))]  # all test lenses as they are
    whole, resampled = ([_scores(true, one, weights) for one in (before, after)] for weights in (once, None))
    for metric, values in resampled[0].items():
        low, high = bootstrap.percentiles(resampled[1][metric] - values, INTERVAL)
        yield metric, float(whole[1][metric][0] - whole[0][metric][0]), low, high


def _scores(true, predicted, weights):
    """Metric -> values on all resampled test lenses (or with other weights); empty for images."""
    if np.ndim(true) != 1 or np.ndim(predicted) > 2:
        return {}
    if np.ndim(predicted) == 1:
        return {"r2": bootstrap.regression_scores({"": true}, {"": predicted}, weights)["", "r2"]}
    found = bootstrap.class_scores(range(predicted.shape[1]), np.asarray(true), predicted, weights)
    return {"accuracy": found[ALL, "accuracy"], "auc": found[MACRO, "auc"]}
