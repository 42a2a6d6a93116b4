"""Draw whether posteriors are right: histograms of the ranks of the truth among samples, and TARP curves."""

from typing import NamedTuple

import numpy as np

from ...configs.evaluation import POSTERIORS
from ..results import ALL, most_probable
from ..tasks import calibration
from .figures import colours, grid_of_axes, paired, plain
from .symbols import symbol

PANELS = 5  # in a row
BINS, FEW = (20, 10, 5), 10  # of ranks, and test lenses that a bin is to hold; each divides 200, the number of ranks
LEVELS = np.linspace(0, 1, 101)
_BAND = {"color": "#9A9A9A", "alpha": 0.35, "linewidth": 0}


class Calibrated(NamedTuple):
    """The posteriors of a head on the test lenses."""

    encoder: str
    protocol: str
    ranks: dict[str, np.ndarray]  # as `tasks.posteriors.Judged` has them


def calibrated(evaluation):
    """The `Calibrated` head with the lowest NLL of each protocol of posteriors; empty without any."""
    heads = [most_probable(evaluation.scores, protocol) for protocol in POSTERIORS]
    return [Calibrated(*head, evaluation.ranks[head]) for head in heads if head in evaluation.ranks]


def calibration_figure(shown, path):
    """Draw for each head the ranks of each parameter and the TARP curve. shown: of `calibrated`, not empty."""
    panels = [(head, target) for head in shown for target in head.ranks]
    columns = min(len(shown[0].ranks), PANELS)
    hue = colours(head.encoder for head in shown)
    with paired(path, 2.35 * columns + 0.4, 2.5 * -(-len(panels) // columns) + 0.9) as fig:
        for ax, (head, target) in zip(grid_of_axes(fig, len(panels), columns), panels, strict=True):
            draw = _tarp if target == ALL else _ranks
            draw(ax, head.ranks[target], hue[head.encoder])
            plain(ax)
            name = "all together (TARP)" if target == ALL else symbol(target)
            ax.set_title(f"{head.encoder}, {head.protocol}\n{name}", fontsize=9)
        words = "Posteriors of the test lenses: if they are right, 95 of 100 values are in the grey bands.\n"
        words += "Too narrow ones: high ends of the ranks, and a curve above 0 on the left and below it on the right."
        fig.suptitle(words, fontsize=9)


def _ranks(ax, shares, colour):
    """The ranks of the truth among the samples of one parameter, as a histogram."""
    bins = next((b for b in BINS if len(shares) >= FEW * b), BINS[-1])
    band = calibration.rank_band(len(shares), bins)
    ax.axhspan(band.low, band.high, **_BAND)
    counts = calibration.rank_counts(shares, bins)
    ax.stairs(counts, np.linspace(0, 1, bins + 1), baseline=None, color=colour, linewidth=1.5)
    ax.set(xlim=(0, 1), ylim=(0, None), xlabel="rank of the truth", ylabel="test lenses")


def _tarp(ax, shares, colour):
    """The expected coverage less the credibility, against that."""
    band = calibration.expected_coverage_band(LEVELS, len(shares))
    off = calibration.expected_coverage(shares, LEVELS) - LEVELS
    ax.fill_between(LEVELS, band.low - LEVELS, band.high - LEVELS, **_BAND)
    ax.plot(LEVELS, off, color=colour, linewidth=1.5)
    most = max(np.abs(off).max(), 2 * np.abs(band.high - LEVELS).max())
    ax.set(xlim=(0, 1), ylim=(-most, most), xlabel="credibility", ylabel="expected coverage - credibility")
