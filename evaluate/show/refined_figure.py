"""Draw how close refined estimates come to the truth, in units of the limit, beside what they started from."""

from typing import NamedTuple

import numpy as np
from matplotlib.lines import Line2D
from scipy.special import erf

from ..refining import bounds_of, estimates_of, starts_of
from ..results import REFINED
from ..tasks.refined import NOTHING, RIGHT
from .figures import LIMIT_COLOUR, PANELS, colours, grid_of_axes, paired, plain
from .symbols import symbol

ERRORS = np.geomspace(0.1, 100, 361)  # |error| / limit
AT_LIMIT = erf(ERRORS / np.sqrt(2))  # the share below each of an estimate whose errors are those of the limit
WIDEST, THINNEST = 3.4, 1.3  # lines: where curves lie on each other, the lower ones are seen at both sides
_LIMIT = {"color": LIMIT_COLOUR, "linewidth": 1.2, "linestyle": (0, (1, 1.5))}


class RefinedErrors(NamedTuple):
    """Errors of test lenses from one start, absolute and in units of each lens's limit; infinite where a fit failed."""

    start: str
    protocol: str  # of the head whose predictions are refined; "" where none are
    refined: dict[str, np.ndarray]  # target -> (n,)
    before: dict[str, np.ndarray]  # target -> (n,), of the predictions themselves

    def share(self, target, below, before=False):
        """The share of the lenses whose error is below a number of limits, or below each of some (m,)."""
        errors = np.sort((self.before if before else self.refined)[target])
        return np.searchsorted(errors, below) / len(errors)


def refined_errors(folder, evaluation):
    """The `RefinedErrors` of all starts of a run; empty where nothing was refined, or there is no limit.

    Args: folder: with refined.csv. evaluation: `results.Evaluation`. Raises: DataError as `refining.estimates_of`.
    """
    bounds = bounds_of(evaluation, None)
    if not bounds or not any(score.protocol == REFINED for score in evaluation.scores):
        return []
    found, out = estimates_of(folder, evaluation), []
    for start, estimates in found.items():
        n = len(next(iter(estimates.values()), ()))
        starts, heads = starts_of(evaluation, n)
        predicted = {target: values for target, (values, _) in starts.get(start, NOTHING).predicted.items()}
        refined, before = (
            {
                t: _in_limits(values[t], evaluation.true[t][:n], bounds[t][:n])
                for t in estimates
                if t in values and t in bounds
            }
            for values in (estimates, predicted)
        )
        if n and refined:
            out.append(RefinedErrors(start, heads[start][0] if start in heads else "", refined, before))
    return out


def _in_limits(values, true, bound):
    errors = np.abs(values - np.asarray(true, float)) / bound
    return np.where(np.isfinite(errors), errors, np.inf)


def refined_figure(shown, path):
    """Draw for each target the share of test lenses with smaller errors. shown: of `refined_errors`, not empty."""
    targets = list(dict.fromkeys(target for start in shown for target in start.refined))
    columns = min(max(len(targets), 2), PANELS)
    hue = colours(start.start for start in shown)
    widths = np.linspace(WIDEST, THINNEST, len(shown)) if len(shown) > 1 else [2.0]
    with paired(path, 3.0 * columns, 3.1 * -(-len(targets) // columns) + 1.2) as fig:
        for k, (ax, target) in enumerate(zip(grid_of_axes(fig, len(targets), columns), targets, strict=True)):
            for start, width in zip(shown, widths, strict=True):
                if target in start.before:
                    before = start.share(target, ERRORS, before=True)
                    ax.plot(ERRORS, before, color=hue[start.start], linewidth=1, linestyle=(0, (4, 2)))
                if target in start.refined:
                    ax.plot(ERRORS, start.share(target, ERRORS), color=hue[start.start], linewidth=width)
            ax.plot(ERRORS, AT_LIMIT, **_LIMIT, zorder=5)
            ax.axvline(RIGHT, color="#808080", linewidth=0.8)
            ax.set(xscale="log", xlim=(ERRORS[0], ERRORS[-1]), ylim=(0, 1.02), title=symbol(target))
            ax.set_xticks([0.1, 1, 3, 10, 100], ["0.1", "1", "3", "10", "100"])
            ax.set_xlabel("|error| / limit")
            ax.set_ylabel("share of test lenses below" if k % columns == 0 else "")
            plain(ax)
        lines = {_name(s): Line2D([], [], color=hue[s.start], linewidth=2) for s in shown}
        lines["refined"] = Line2D([], [], color="#555555", linewidth=2)
        if any(start.before for start in shown):
            lines["the network alone"] = Line2D([], [], color="#555555", linewidth=1, linestyle=(0, (4, 2)))
        lines["an estimate at the limit"] = Line2D([], [], **_LIMIT)
        style = {"loc": "outside lower center", "ncols": columns + 1, "frameon": False, "fontsize": 9}
        fig.legend(lines.values(), lines.keys(), **style)


def _name(start):
    return symbol(f"{start.start}, {start.protocol}" if start.protocol else start.start)


def refined_in_words(shown):
    """What the figure shows: how many estimates are right after and before they are refined; "" without any."""
    if not shown:
        return ""
    n = len(next(iter(shown[0].refined.values())))
    said = []
    for target in dict.fromkeys(t for start in shown for t in start.refined):
        after = {s.start: s.share(target, RIGHT) for s in shown if target in s.refined}
        before = {s.start: s.share(target, RIGHT, before=True) for s in shown if target in s.before}
        words = f"{target}: {_shares(after)} of the refined estimates"
        said.append(words + (f", {_shares(before)} of the networks' own." if before else "."))
    return (
        f"The share of {n:,} test lenses with an error below a multiple of the information limit, refined from each "
        f"start, and predicted by the network alone; {RIGHT:g} limits are marked, within which are 99.7 % of estimates "
        f"at the limit. Within them are, of {' '.join(said)}"
    )


def _shares(values):
    """'90 % (population) to 97 % (lensiam)' of {name: share}."""
    top, bottom = max(values, key=values.get), min(values, key=values.get)
    low = "" if values[top] == values[bottom] else f"{values[bottom]:.0%} ({bottom}) to "
    return f"{low}{values[top]:.0%} ({top})"
