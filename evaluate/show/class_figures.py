"""Draw what a classification gets right and wrong: confusion, ROC curves, and how reliable its probabilities are."""

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle
from torchmetrics.functional.classification import binary_roc, multiclass_calibration_error

from ..results import MACRO, best
from .figures import OTHER_COLOURS, paired, plain
from .symbols import symbol

BINS = 10  # of probabilities
FEW = 5  # images in a bin, below which it is not drawn
CLASS_COLOURS = ["#0072B2", "#BF5400", "#00805D", *OTHER_COLOURS]
_SHARES = LinearSegmentedColormap.from_list("shares", ["#DCE9F6", "#5B9BD8", "#08264D"])


@dataclass(frozen=True)
class Classified:
    """Test images as a head classified them."""

    classes: list[str]
    true: np.ndarray  # int (n,), numbers of classes
    probabilities: np.ndarray  # float (n, k)
    head: str  # "simclr, finetune"

    def counts(self):
        """How many images of each class (rows) were taken for each (columns), int (k, k)."""
        counts = np.zeros((len(self.classes),) * 2, dtype=int)
        np.add.at(counts, (self.true, self.probabilities.argmax(1)), 1)
        return counts

    def calibration_error(self):
        """The expected calibration error: mean distance of the highest probability from how often it is right."""
        given, true = torch.as_tensor(self.probabilities, dtype=torch.float64), torch.as_tensor(self.true)
        return float(multiclass_calibration_error(given, true, len(self.classes), n_bins=BINS, norm="l1"))


def classified(task, evaluation):
    """The `Classified` of the head with the highest mean AUC at the largest number of labels; None without any.

    task: `tasks.classification.Classification`. evaluation: `results.Evaluation`.
    """
    head = best(evaluation.scores, "auc").get(MACRO)
    if head not in evaluation.predictions:
        return None
    target = task.target
    return Classified(task.classes, evaluation.true[target], evaluation.predictions[head][target], ", ".join(head))


def confusion(shown, path):
    """Draw for the images of each class how many were taken for which. shown: `Classified`."""
    counts, k = shown.counts(), len(shown.classes)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    with paired(path, 1.05 * k + 2.4, 0.85 * k + 1.7) as fig:
        ax = fig.subplots()
        for i, j in np.ndindex(k, k):
            colour = _SHARES(shares[i, j])
            ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=1.5))
            ink = "white" if shares[i, j] > 0.45 else "#111111"
            label = {"facecolor": colour, "linewidth": 0, "pad": 1}
            words = f"{shares[i, j]:.0%}\n{counts[i, j]:,}"
            ax.text(j, i, words, ha="center", va="center", color=ink, fontsize=9.5, bbox=label)
        names = [symbol(name) for name in shown.classes]
        ax.set(xlim=(-0.5, k - 0.5), ylim=(k - 0.5, -0.5), aspect="equal")
        ax.set_xticks(range(k), names, rotation=30 if max(map(len, names)) > 7 else 0)
        ax.set_yticks(range(k), names)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set(xlabel="the most probable class", ylabel="the true class")
        fig.suptitle(f"Test images of each class\n{symbol(shown.head)}", fontsize=10)


def roc(shown, path):
    """Draw for each class the share that is found against the share of all others that is let in, on a log axis."""
    given, true = torch.as_tensor(shown.probabilities, dtype=torch.float64), torch.as_tensor(shown.true)
    lowest = 1 / max(len(true) - np.bincount(shown.true).min(), 2)
    with paired(path, 6.4, 5.0) as fig:
        ax = fig.subplots()
        for k, (name, colour) in enumerate(zip(shown.classes, _colours(shown.classes), strict=True)):
            if not 0 < int((true == k).sum()) < len(true):
                continue
            false, found, _ = (part.numpy() for part in binary_roc(given[:, k], (true == k).long()))
            area = np.trapezoid(found, false)
            ax.step(
                np.maximum(false, lowest / 2),
                found,
                where="post",
                color=colour,
                linewidth=1.7,
                label=f"{symbol(name)}, AUC {area:.3f}",
            )
        chance = np.geomspace(lowest / 2, 1, 200)
        ax.plot(chance, chance, color="#707070", linewidth=1, linestyle="--", label="chance")
        ax.axvline(0.01, color="#707070", linewidth=0.8, linestyle=":")
        ax.set(xscale="log", xlim=(lowest / 2, 1), ylim=(0, 1.02))
        ax.set(xlabel="share of all others that is let in (false positives)", ylabel="share of the class that is found")
        fig.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
        plain(ax)
        fig.suptitle(f"One class against all others: {symbol(shown.head)}", fontsize=10)


def reliability(shown, path):
    """Draw how often a class is the true one against its probability, with the expected calibration error."""
    top = shown.probabilities.max(1), shown.probabilities.argmax(1) == shown.true
    with paired(path, 5.6, 5.8) as fig:
        ax = fig.subplots()
        ax.plot([0, 1], [0, 1], color="#707070", linewidth=1, linestyle="--", label="as often as it says")
        for k, (name, colour) in enumerate(zip(shown.classes, _colours(shown.classes), strict=True)):
            _bins(ax, shown.probabilities[:, k], shown.true == k, {"color": colour, "linewidth": 1.3}, symbol(name))
        _bins(ax, *top, {"color": "#222222", "linewidth": 2}, "the most probable class")
        ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        ax.set(xlabel="probability that the network gives", ylabel="how often it is so")
        fig.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
        plain(ax)
        words = f"expected calibration error {shown.calibration_error():.3f}"
        fig.suptitle(f"Reliability of {symbol(shown.head)}\n{words}", fontsize=10)


def _bins(ax, given, is_so, style, label):
    """Draw the frequency of what was given a probability, with its standard error, in bins of probability."""
    numbers = np.minimum((given * BINS).astype(int), BINS - 1)
    n = np.bincount(numbers, minlength=BINS)
    there = n >= FEW
    if not there.any():
        return
    mean, often = (np.bincount(numbers, v, minlength=BINS)[there] / n[there] for v in (given, is_so.astype(float)))
    error = np.sqrt(np.maximum(often * (1 - often), 1 / n[there]) / n[there])
    ax.errorbar(mean, often, error, marker="o", markersize=4, capsize=2, elinewidth=0.8, label=label, **style)


def _colours(classes):
    return [CLASS_COLOURS[k % len(CLASS_COLOURS)] for k in range(len(classes))]


DRAWN = {"confusion": confusion, "roc": roc, "reliability": reliability}  # in the order of the report
