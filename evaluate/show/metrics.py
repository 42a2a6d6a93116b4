"""The metrics of all tasks as they are shown: their names, digits and units, and which of them come first."""

import math
from typing import NamedTuple

from ..results import MACRO
from .digits import plus_minus
from .symbols import after_number

ROUNDING = 3e-7  # of float32 scores: what is less than that share of them, or nearer to 1, says nothing


class Metric(NamedTuple):
    """How a metric is shown."""

    name: str  # on the page
    plain: str  # in the terminal
    meaning: str  # a sentence for readers
    unit: str = ""  # behind a number
    leads: bool = False  # it is the first that is said of a target, and more of it is better
    digits: int | None = 3  # behind the point; None: two that mean something
    near_1: bool = True  # its best is 1, near which it needs more digits


METRICS = {
    "r2": Metric(
        "R²",
        "R2",
        "The share of a parameter's variance over the test lenses that the predictions explain: 1 is perfect, 0 no "
        "better than always answering the mean, below 0 worse than that.",
        leads=True,
    ),
    "rmse": Metric(
        "RMSE",
        "RMSE",
        "Root-mean-square error of the predictions on the test lenses, in the parameter's unit",
        digits=None,
    ),
    "nll": Metric(
        "NLL",
        "NLL",
        "Negative log-likelihood: the mean of -ln of the density that the posterior of all parameters together has at "
        "the true values, in the parameters' units [nat]. Less is better.",
        near_1=False,
    ),
    "coverage_68": Metric(
        "in 68 %", "in 68 %", "How often the true value lies in the central 68 % of the posterior.", near_1=False
    ),
    "coverage_95": Metric(
        "in 95 %", "in 95 %", "How often the true value lies in the central 95 % of the posterior.", near_1=False
    ),
    "tarp": Metric(
        "TARP",
        "TARP",
        "Largest distance of the expected coverage of the posterior of all parameters together from its credibility; "
        "95 of 100 right posteriors are below 1.36 / √n for n test lenses.",
        near_1=False,
    ),
    "accuracy": Metric(
        "accuracy", "accuracy", "The share of test images whose most probable class is theirs.", leads=True
    ),
    "auc": Metric(
        "AUC",
        "AUC",
        "Of a class against all others: how often one of it has a higher probability of the class than one of the "
        "others. 1 is perfect, 0.5 is chance; macro is the mean over classes.",
        leads=True,
    ),
    "average_precision": Metric(
        "AP",
        "average precision",
        "Average precision, the area under purity against completeness: 1 is perfect, the class's share is chance.",
    ),
    "recall_at_full_purity": Metric(
        "recall at full purity",
        "recall at full purity",
        "The largest share of a class that is found above a probability that none of the others has.",
    ),
    "recall_at_fpr_1": Metric(
        "recall at 1 %",
        "recall at 1 % false positives",
        "The largest share of a class that is found above a probability that one in a hundred of the others has.",
    ),
    "psnr": Metric("PSNR", "PSNR", "Peak signal-to-noise ratio.", " dB", leads=True, digits=2, near_1=False),
    "ssim": Metric("SSIM", "SSIM", "Structural similarity of images: 1 is identical."),
    "mse": Metric("MSE", "MSE", "Mean squared error of pixels.", digits=None),
    "mse_min_max": Metric(
        "MSE / range²", "MSE / range2", "Mean squared error of pixels, in units of their range.", digits=None
    ),
}
_UNKNOWN = Metric("", "", "")


def of(name):
    """The `Metric` of a name in results.csv; one that is not known has its name."""
    return METRICS.get(name, _UNKNOWN._replace(name=name, plain=name))


def shown_once(pairs):
    """Pairs (target, metric), each once, without what they say twice: that of either of two classes is the macro AUC.

    A ranking by the probability of one of two classes is that by the other's, upside down; other metrics differ.
    """
    pairs = list(dict.fromkeys(pairs))
    again = auc_of_two(pairs)
    return [pair for pair in pairs if pair not in again]


def auc_of_two(pairs):
    """The pairs (target, metric) of the AUC of two classes beside their mean, which says the same; else none."""
    pairs = list(dict.fromkeys(pairs))
    classes = [pair for pair in pairs if pair[1] == "auc" and pair[0] != MACRO]
    return classes if len(classes) == 2 and (MACRO, "auc") in pairs else []


def in_order(names):
    """Names of metrics, those that lead first, the rest as they come."""
    return sorted(dict.fromkeys(names), key=lambda name: not of(name).leads)


def shown(value, name, target=""):
    """A value in few digits with its unit, for a sentence: 0.97, but 0.9996, of a metric whose best is 1."""
    metric = of(name)
    if metric.digits is None:
        return f"{value:#.2g}".rstrip(".") + (metric.unit or after_number(target))
    if not metric.near_1:
        return f"{value:.{metric.digits}f}{metric.unit}"
    digits = 2 if value < 0.995 or value > 1 - ROUNDING else min(math.ceil(-math.log10(1 - value)), 6)
    return f"{value:.{digits}f}"


def cell(score, name, target=""):
    """'0.974 ± 0.002' of the (mean, standard deviation) of a metric, '0.974' for one seed, '' for nothing."""
    if score is None:
        return ""
    (mean, std), metric = score, of(name)
    if math.isfinite(std) and std > ROUNDING * abs(mean):
        return plus_minus(mean, std) + (metric.unit or (after_number(target) if metric.digits is None else ""))
    if metric.digits is None or (metric.near_1 and mean > 0.999):
        return shown(mean, name, target)
    return f"{mean:.{metric.digits}f}{metric.unit}"
