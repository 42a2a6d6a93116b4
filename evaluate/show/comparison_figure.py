"""Draw metrics of several runs against the number of labels, and how runs differ on the test lenses that they share."""

from itertools import cycle
from typing import NamedTuple

import numpy as np
from matplotlib.lines import Line2D

from ..results import LIMIT, limit_names
from . import metrics
from .comparison import leading
from .figures import LIMIT_COLOUR, LIMIT_DASHES, OTHER_COLOURS, colours, grid_of_axes, paired, plain
from .symbols import symbol

COLOURS = ["#BF5400", "#0072B2", "#00805D", *OTHER_COLOURS]
STYLES = ["-", "--", ":", "-."]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
PANELS = 4  # in a row
SHOWN_BARS = 40  # differences of one panel


class Looks(NamedTuple):
    """What tells lines apart: colours by (run, encoder), dashes by run, markers by protocol, and the legend's words."""

    colours: dict
    dashes: dict
    markers: dict
    legend: dict  # words -> line


def looks(curves):
    """The `Looks` of scores: a colour an encoder and a dash a run; of many runs, a colour for each encoder of each."""
    runs, who = (
        list(dict.fromkeys(curves["run"])),
        list(dict.fromkeys(zip(curves["run"], curves["encoder"], strict=True))),
    )
    markers = _by_name(curves["protocol"], MARKERS)
    if len(runs) <= len(STYLES):
        of_encoder, dashes = colours(curves["encoder"]), _by_name(runs, STYLES)
        hue = {(run, encoder): of_encoder[encoder] for run, encoder in who}
        legend = {encoder: Line2D([], [], color=colour, linewidth=2) for encoder, colour in of_encoder.items()}
        for run in runs if len(runs) > 1 else ():
            legend[f"run {run}"] = Line2D([], [], color="#666666", linestyle=dashes[run])
    else:
        hue, dashes = _by_name(who, COLOURS), dict.fromkeys(runs, "-")
        legend = {
            f"{run}: {encoder}": Line2D([], [], color=colour, linewidth=2) for (run, encoder), colour in hue.items()
        }
    for protocol, mark in markers.items():
        legend[f"by {protocol}"] = Line2D([], [], color="#666666", linestyle="", marker=mark, markersize=5)
    return Looks(hue, dashes, markers, {_cut(words, 44): line for words, line in legend.items()})


def draw(scores, path):
    """Write a PNG and its dark twin: a panel for each task and target, mean and standard deviation over seeds.

    scores: of `comparison.scores_of`. What was scored without labels is a line across; limits are dotted red.
    """
    tasks = {task: leading(scores[scores["task"] == task]) for task in dict.fromkeys(scores["task"])}
    panels = [(task, *pair) for task, pairs in tasks.items() for pair in pairs]
    look = looks(scores[scores["encoder"] != LIMIT])
    for protocol, name in limit_names(scores.loc[scores["encoder"] == LIMIT, "protocol"]).items():
        look.legend[f"information {name}"] = Line2D([], [], color=LIMIT_COLOUR, linestyle=LIMIT_DASHES[protocol])
    columns = min(len(panels), PANELS)
    rows = -(-len(panels) // columns)
    across = max(columns, 2)
    with paired(path, max(3.1 * columns, 6.5), 3.0 * rows + 0.21 * -(-len(look.legend) // across) + 0.4) as fig:
        for ax, (task, target, metric) in zip(grid_of_axes(fig, len(panels), columns), panels, strict=True):
            part = scores[(scores["task"] == task) & (scores["target"] == target) & (scores["metric"] == metric)]
            _panel(ax, part, look)
            ax.set_title(_title(target, task, len(tasks) > 1), fontsize=9.5)
            ax.set_ylabel(f"{_metric(metric)}{_unit(metric)}")
            ax.set_xlabel("labelled images")
        words = look.legend
        fig.legend(words.values(), words.keys(), loc="outside lower center", ncols=across, frameon=False, fontsize=8)


def _by_name(names, values):
    return dict(zip(dict.fromkeys(names), cycle(values), strict=False))


def _panel(ax, table, look):
    """Draw one metric against the number of labels."""
    curves = table[table["encoder"] != LIMIT].sort_values("n_labels", kind="stable")
    groups = list(curves.groupby(["run", "encoder", "protocol"], sort=False))
    for i, ((run, encoder, protocol), rows) in enumerate(groups):
        labelled = rows[rows["n_labels"] > 0]
        style = {"color": look.colours[run, encoder], "linewidth": 1.4, "linestyle": look.dashes[run]}
        if len(labelled):
            x = labelled["n_labels"] * 1.02 ** (i - len(groups) / 2)  # side by side
            std = labelled["std"].fillna(0)
            ax.errorbar(x, labelled["mean"], std, marker=look.markers[protocol], markersize=4, elinewidth=0.9, **style)
        for mean in rows.loc[rows["n_labels"] == 0, "mean"]:  # without labels, such as interpolation
            ax.axhline(mean, **style)
    bounds = table[table["encoder"] == LIMIT].drop_duplicates(["protocol", "mean"])
    for protocol, mean in zip(bounds["protocol"], bounds["mean"], strict=True):
        ax.axhline(mean, color=LIMIT_COLOUR, linestyle=LIMIT_DASHES[protocol], linewidth=1.2)
    plain(ax)
    numbers = sorted({n for n in curves["n_labels"] if n > 0})
    if numbers:
        ax.set_xscale("log")
        shown = [n for k, n in enumerate(numbers) if k in (0, len(numbers) - 1) or n >= 2.2 * numbers[k - 1]]
        ax.set_xticks(shown, [f"{n:,}" for n in shown], fontsize=8)
        ax.set_xticks([], minor=True)
        ax.set_xlim(numbers[0] / 1.4, numbers[-1] * 1.4)
    finite = table.loc[np.isfinite(table["mean"]), "mean"]
    if len(finite) and metrics.of(table["metric"].iloc[0]).near_1 and finite.max() <= 1:
        low = min(finite.min(), 0.95)
        ax.set_ylim(max(low - 0.1 * (1 - low), -0.5), 1 + 0.05 * (1 - max(low, -0.5)))  # one that failed counts little


def draw_differences(differences, path):
    """Write a PNG and its dark twin: how much later runs differ from the first on the same test lenses, with intervals.

    differences: of `comparable.paired`, of which SHOWN_BARS of each target are drawn.
    """
    panels = {}
    for one in differences:
        panels.setdefault((one.target, one.metric, one.first), []).append(one)
    most = min(max(len(of) for of in panels.values()), SHOWN_BARS)
    columns = min(len(panels), PANELS)
    width = 2.5 if columns > 1 else 4.5
    left: list[str] = []  # the names of the panel to the left
    with paired(path, width * columns + 2.4, (0.24 * most + 1.1) * -(-len(panels) // columns) + 0.3) as fig:
        for k, (ax, ((target, metric, first), of)) in enumerate(
            zip(grid_of_axes(fig, len(panels), columns), panels.items(), strict=True)
        ):
            of = of[:SHOWN_BARS]
            y = np.arange(len(of))[::-1]
            value = np.array([one.value for one in of])
            ends = np.abs(np.array([[one.low, one.high] for one in of]).T - value)
            ax.axvline(0, color="#888888", linewidth=0.9)
            ax.errorbar(value, y, xerr=ends, fmt="o", color=COLOURS[1], markersize=4, elinewidth=1.3)
            names = [_cut(f"{one.run}: {one.encoder}, {one.protocol}", 40) for one in of]
            alike = k % columns and names == left
            ax.set_yticks(y, [""] * len(of) if alike else names, fontsize=8)
            left = names
            ax.set_ylim(-0.7, len(of) - 0.3)
            ax.locator_params(axis="x", nbins=4)
            ax.tick_params(axis="x", labelsize=8)
            plain(ax)
            ax.set_title(f"{_metric(metric)} of {symbol(target)}\nminus {_cut(first, 24)}", fontsize=9)


def _title(target, task, several):
    name = _cut(target, 30) if symbol(target) == target else symbol(target)
    return f"{name}, {_cut(task, 30)}" if several else name


def _metric(metric):
    return metrics.of(metric).name.replace("R²", "$R^2$")


def _unit(metric):
    return f" [{metrics.of(metric).unit.strip()}]" if metrics.of(metric).unit else ""


def _cut(text, length):
    """A name that fits, without the beginning of a formula."""
    text = text if len(text) <= length else f"{text[: length - 1]}…"
    return text.replace("$", r"\$")
