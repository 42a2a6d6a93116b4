"""Scores of a classification from probabilities: accuracy, areas under curves, recall where few others are let in.

A class is told from all others by its probability (one-vs-rest). A target of the scores is the name of a class, "macro"
for the mean over classes, or "all" for the accuracy.
"""

import math

import numpy as np
import torch
from torchmetrics.functional.classification import binary_auroc, binary_average_precision, multiclass_accuracy

from ..results import ALL, MACRO
from .bootstrap import ALLOWED


def scores(classes, true, probabilities):
    """{(target, metric): value} of a classification; NaN for a class that all or none of the examples are of.

    Metrics: accuracy (of the most probable class), auc, average_precision (both also macro), recall_at_full_purity: the
    largest share of a class that is found above a threshold that none of the others passes, and recall_at_fpr_1: above
    one that a hundredth of them passes, at most.

    Args: classes: names, k. true: int (n,). probabilities: float (n, k).
    """
    given, target = torch.as_tensor(probabilities, dtype=torch.float64), torch.as_tensor(true)
    out = {(ALL, "accuracy"): float(multiclass_accuracy(given, target, len(classes), average="micro"))}
    for metric, of_one in (("auc", _auc), ("average_precision", _average_precision)):
        each = [of_one(given[:, k], target == k) for k in range(len(classes))]
        out |= {(MACRO, metric): _mean(each)} | dict(zip([(c, metric) for c in classes], each, strict=True))
    for metric, share in (("recall_at_full_purity", 0.0), ("recall_at_fpr_1", ALLOWED)):
        for k, name in enumerate(classes):
            out[name, metric] = recall(given[:, k].numpy(), np.asarray(true) == k, share)
    return out


def recall(given, of_class, share):
    """The largest share of a class above a threshold that at most a share of all others passes; NaN without either.

    Args: given: float (n,). of_class: bool (n,).
    """
    own, others = given[of_class], np.sort(given[~of_class])[::-1]
    if not len(own) or not len(others):
        return math.nan
    passed = math.floor(share * len(others) + 1e-9)
    return float(np.mean(own > others[passed])) if passed < len(others) else 1.0


def _auc(given, of_class):  # in single precision a perfect one can be above 1
    return min(float(binary_auroc(given, of_class.long())), 1.0) if _has_both(of_class) else math.nan


def _average_precision(given, of_class):
    return min(float(binary_average_precision(given, of_class.long())), 1.0) if _has_both(of_class) else math.nan


def _has_both(of_class):
    return bool(of_class.any()) and not bool(of_class.all())


def _mean(values):
    known = [value for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan
