"""Draw the figures of a run as PNG files: pairs, predictions, R2 against labels, training curves.

Every function takes arrays or tables and a path, and draws on its own Figure (no pyplot, no global state). An encoder
keeps its colour in every picture; the colours are those of Okabe & Ito (2008), told apart by all readers, but dark
enough to be read as words on white paper. Each picture has a twin for dark pages, NAME_dark.png.
"""

import textwrap
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...files.whole import whole
from ..results import ANY_SHAPE, CRAMER_RAO, LIMIT, RANDOM, SUPERVISED, limit_names
from . import metrics
from .r2_axis import WORST_R2, below_1, near_1, spread_near_1
from .symbols import after_number, symbol, with_unit
from .themes import DENSITY, save_dark

DPI = 110
PANELS = 4  # in a row of curves, so that their words can be read on a page
COLOURS = {"lensiam": "#BF5400", "simsiam": "#0072B2", "lensimclr": "#00805D"}
COLOURS |= {RANDOM: "#707070", SUPERVISED: "#222222"}
OTHER_COLOURS = ["#A8467F", "#8A6200", "#4F7390", "#6A4FC3", "#7A3B1D", "#5C6E1A"]
MAP = {"cmap": "viridis", "edgecolors": "#808080", "linewidths": 0.3}  # the edge shows both ends on any paper
LIMIT_COLOUR = "#B00020"
LIMIT_DASHES = {CRAMER_RAO: (0, (1, 1.5)), ANY_SHAPE: (0, (5, 1.5))}
LINES = {name: {"linestyle": "-", "marker": "o"} for name in ("ridge", "logistic", "frozen")}
LINES |= {"finetune": {"linestyle": "--", "marker": "s", "mfc": "white"}, "knn": {"linestyle": ":", "marker": "^"}}
LINES |= {"linear": {"linestyle": "-.", "marker": "D"}, "mlp": {"linestyle": (0, (4, 1, 1, 1)), "marker": "v"}}
LINES |= {"d4": {"linestyle": "-", "marker": "*"}, "finetune_d4": {"linestyle": "--", "marker": "P", "mfc": "white"}}
LINES |= {"logistic_projection": {"linestyle": "-.", "marker": "x"}}
LINES |= {"gaussian": {"linestyle": "-.", "marker": "h"}, "flow": {"linestyle": ":", "marker": "p"}}
LINES |= {"finetune_gaussian": {"linestyle": "-.", "marker": "H", "mfc": "white"}}
LINES |= {"finetune_flow": {"linestyle": ":", "marker": "p", "mfc": "white"}}
LINES |= {"finetune_d4_gaussian": {"linestyle": "-.", "marker": "X", "mfc": "white"}}
LINES |= {"finetune_d4_flow": {"linestyle": ":", "marker": "d", "mfc": "white"}}
SCORES, ONE_MINUS = {"r2": "$R^2$", "auc": "AUC"}, {"r2": "$1 - R^2$", "auc": "1 - AUC"}
SKY = {"origin": "lower", "cmap": colormaps["magma"].resampled(48), "vmin": 0, "vmax": 1, "interpolation": "nearest"}


def colours(encoders):
    """{encoder: colour}; names without a colour of their own take the spare ones in their order."""
    others = cycle(OTHER_COLOURS)
    return {e: COLOURS.get(e) or next(others) for e in dict.fromkeys(encoders)}


def mean_and_spread(results):
    """Results over seeds: columns task, encoder, protocol, n_labels, target, metric, mean, std (NaN for one seed)."""
    keys = ["task", "encoder", "protocol", "n_labels", "target", "metric"]
    return results.groupby(keys, sort=False)["value"].agg(["mean", "std"]).reset_index()


def stretch(images):
    """Images (..., H, W) of any scale -> (..., H, W) in 0 to 1, asinh above the noise, each on its own scale.

    The noise is the median absolute deviation of the outermost pixels; without noise, 1/50 of the brightest pixel.
    """
    images = np.nan_to_num(np.asarray(images, dtype=np.float64))
    border = np.concatenate([images[..., 0, :], images[..., -1, :], images[..., :, 0], images[..., :, -1]], axis=-1)
    sky = np.median(border, axis=-1)[..., None, None]
    noise = 1.4826 * np.median(np.abs(border - sky[..., 0]), axis=-1)[..., None, None]
    bright = np.max(images - sky, axis=(-2, -1), keepdims=True)
    noise = np.maximum(noise, np.maximum(bright, 1e-30) / 50)
    shown = np.arcsinh((images - sky) / (2 * noise))
    low, high = np.arcsinh(-1.0), np.maximum(np.arcsinh(bright / (2 * noise)), 1.0)
    return np.clip((shown - low) / (high - low), 0, 1)


@contextmanager
def figure(path, width, height):
    """A Figure of width x height inches, written to `path` at the end, whole or not at all."""
    fig = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(fig)
    yield fig
    with whole(path) as file:
        fig.savefig(file, dpi=DPI, facecolor="white", format=Path(path).suffix[1:].lower())


@contextmanager
def paired(path, width, height):
    """A `figure`, and beside it the same on dark paper."""
    with figure(path, width, height) as fig:
        yield fig
    save_dark(fig, path, DPI)


def bare(ax, colour=None):
    """Remove ticks, and draw a thin frame in `colour`, or none."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=colour is not None, color=colour or "none")


def plain(ax):
    """Give axes a faint grid and no box."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="#E4E4E4", linewidth=0.6)
    ax.set_axisbelow(True)


def grid_of_axes(fig, n, columns):
    """Add a grid of n axes, `columns` in a row, to a figure: array (n,)."""
    axes = fig.subplots(max(-(-n // columns), 1), columns, squeeze=False).ravel()
    for ax in axes[n:]:
        ax.set_axis_off()
    return axes[:n]


def pairs(images, labels, path):
    """Draw positive pairs: the two views of one lens side by side.

    images: (n, 2, H, W) or (n, 2, bands, H, W), whose bands are added up; labels: name -> (n,) true values, NaN where
    there is no lens. The first 12 pairs are shown.
    """
    images = images.sum(axis=2) if images.ndim == 5 else images
    n = min(len(images), 12)
    columns = min(n, 4)
    white = np.full((images.shape[-2], max(images.shape[-1] // 32, 1)), np.nan)
    with paired(path, 3.1 * columns, 1.78 * -(-n // columns) + 0.6) as fig:
        words = "Positive pairs: two views of one lens, each with a source galaxy and noise of its own.\n"
        words += "The encoder is taught that both views mean the same; what they share is the lens."
        fig.suptitle(words, fontsize=11)
        for i, ax in enumerate(grid_of_axes(fig, n, columns)):
            left, right = stretch(images[i])
            ax.imshow(np.hstack([left, white, right]), **SKY)
            bare(ax)
            shown = {"theta_E": ".2f", "e1": "+.2f", "gamma": ".2f"}
            values = {k: labels[k][i] for k in shown if np.isfinite(labels.get(k, [np.nan] * n)[i])}
            parts = [f"{symbol(k)} {value:{shown[k]}}{after_number(k)}" for k, value in values.items()]
            ax.set_xlabel("    ".join(parts), fontsize=9)


def predicted_vs_true(true, predicted, bounds, path):
    """Draw predictions on the test lenses, encoders x targets, with the 1:1 line and the information limit around it.

    true: {target: (n,)}; predicted: {encoder: {target: (n,)}}; bounds: of `results.Evaluation`.
    """
    targets, encoders, names = list(true), list(predicted), limit_names(bounds)
    width = 2.7 * len(targets) + 0.4
    with paired(path, width, 2.5 * len(encoders) + 0.8) as fig:
        bands = ["", "; the band around the 1:1 line is the information limit"]
        band = [*bands, "; the bands around the 1:1 line are the information limits"][len(names)]
        words = f"Predicted (upwards) against true (to the right), test lenses{band}"
        fig.suptitle(textwrap.fill(words, int(11 * width)), fontsize=11)  # some 12 letters an inch
        axes = fig.subplots(len(encoders), len(targets), squeeze=False, sharex="col")
        for row, encoder in zip(axes, encoders, strict=True):
            for ax, target in zip(row, targets, strict=True):
                limits = {name: bounds[how][target] for how, name in names.items() if target in bounds[how]}
                _predicted_panel(ax, true[target], predicted[encoder].get(target), limits, target)
            row[0].set_ylabel(f"{symbol(encoder)}\n", fontweight="bold", color=colours(encoders)[encoder])
        for ax, target in zip(axes[-1], targets, strict=True):
            ax.set_xlabel(f"true {with_unit(target)}")


def _predicted_panel(ax, true, predicted, limits, target):
    """Draw the predictions of one encoder for one target: density of test lenses, 1:1 line, scores, limits by name."""
    true = np.asarray(true, dtype=np.float64)
    margin = 0.05 * (np.ptp(true) or 1.0)
    low, high = true.min() - margin, true.max() + margin
    ax.set(xlim=(low, high), ylim=(low, high), aspect="equal", box_aspect=1)
    ax.locator_params(nbins=4)
    line = np.array([low, high])
    widths = {name: np.sqrt(np.mean(np.square(limit))) for name, limit in limits.items()}
    for width in widths.values():
        ax.fill_between(line, line - width, line + width, color="#BF5400", alpha=0.35, linewidth=0, zorder=3)
    ax.plot(line, line, color="#BF5400", linewidth=0.9, zorder=4)
    if predicted is None:
        ax.text(0.5, 0.5, "no predictions", transform=ax.transAxes, ha="center", color="#666666")
        return
    predicted = np.asarray(predicted, dtype=np.float64)
    hexagons = {"gridsize": 42, "extent": (low, high, low, high), "mincnt": 1, "bins": "log", "linewidths": 0.1}
    ax.hexbin(true, np.clip(predicted, low, high), cmap=DENSITY, **hexagons)
    rmse = np.sqrt(np.mean(np.square(predicted - true)))
    words = f"$R^2$ {1 - rmse**2 / (np.var(true) or np.nan):.3f}\nRMSE {rmse:#.2g}{after_number(target)}"
    words += "".join(f"\n{name} {width:#.2g}{after_number(target)}" for name, width in widths.items())
    paper = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1.5}
    style = {"transform": ax.transAxes, "zorder": 5, "bbox": paper}
    ax.text(0.04, 0.96, words, va="top", fontsize=8.5, linespacing=1.3, **style)
    outside = np.mean((predicted < low) | (predicted > high))
    if outside > 0:
        ax.text(0.96, 0.04, f"{outside:.1%} beyond the frame", ha="right", fontsize=7.5, color="#444444", **style)


def r2_against_labels(results, path, metric="r2"):
    """Draw R2 against the number of labels: a panel per target, rows of four a task, mean and spread of seeds.

    The axis of R2 is logarithmic in 1 - R2 where curves would lie on each other near 1, and that of all other panels
    the same. results: of `evaluate.results.frame`. metric: another one whose best is 1, such as auc.
    """
    table, words = mean_and_spread(results[results["metric"] == metric]), SCORES[metric]
    tasks = list(dict.fromkeys(table["task"]))
    targets = [target for target, _ in metrics.shown_once(zip(table["target"], table["metric"], strict=True))]
    colour = colours(e for e in dict.fromkeys(table["encoder"]) if e != LIMIT)
    lowest = np.nanmin([*(table["mean"] - table["std"].fillna(0)), 0.0 if metric == "r2" else 0.5])
    drawn = {}
    rows = -(-len(targets) // PANELS)  # of a task
    columns = -(-len(targets) // rows)
    with paired(path, 3.0 * max(columns, 2), 3.1 * len(tasks) * rows + 0.9) as fig:
        axes = fig.subplots(len(tasks) * rows, columns, squeeze=False)
        for of_task, task in zip(axes.reshape(len(tasks), -1), tasks, strict=True):
            for ax in of_task[len(targets) :]:
                ax.set_axis_off()
            linear = None  # of the panel to the left
            for k, (ax, target) in enumerate(zip(of_task, targets, strict=False)):
                linear = linear if k % columns else None
                part = table[(table["task"] == task) & (table["target"] == target)]
                ax.set_ylim(max(lowest - 0.04, WORST_R2), 1.04)
                close = near_1(part)
                part, one = below_1(part) if close else (part, None)
                _r2_panel(ax, part, colour, drawn)
                ax.set_title(symbol(target) + (f", {symbol(task)}" if len(tasks) > 1 else ""))
                ax.set_xlabel("labelled images")
                if close:
                    spread_near_1(ax, part, one)
                    ax.set_ylabel(f"{words}, logarithmic in {ONE_MINUS[metric]}")
                elif linear:
                    ax.tick_params(labelleft=False)
                else:
                    ax.set_ylabel(f"{words} on test lenses")
                linear = not close
        fig.legend(
            drawn.values(),
            drawn.keys(),
            loc="outside lower center",
            ncols=max(columns, 2),
            frameon=False,
            fontsize=9,
        )


def _r2_panel(ax, table, colour, drawn):
    """Draw R2 against labels for one target; `drawn` collects {words: line} for the legend."""
    alone = table[(table["n_labels"] == 0) & (table["encoder"] != LIMIT)]
    for row in alone.itertuples():
        line = ax.axhline(row.mean, color=colour[row.encoder], linewidth=1.2, linestyle=(0, (6, 2)))
        drawn.setdefault(symbol(f"{row.encoder}, {row.protocol}"), line)
    curves = table[table["n_labels"] > 0].sort_values("n_labels", kind="stable")
    groups = list(curves.groupby(["encoder", "protocol"], sort=False))
    apart = min(1.03, 1.25 ** (1 / max(len(groups), 1)))
    for i, ((encoder, protocol), rows) in enumerate(groups):
        x = rows["n_labels"] * apart ** (i - len(groups) / 2)  # side by side, so that error bars do not hide each other
        style = {"color": colour[encoder], "markersize": 5, "linewidth": 1.6, **LINES.get(protocol, {"linestyle": ":"})}
        ax.errorbar(x, rows["mean"], rows["std"].fillna(0), capsize=2, elinewidth=1, **style)
        drawn.setdefault(symbol(f"{encoder}, {protocol}"), Line2D([], [], **style))
        for low in x[rows["mean"] < WORST_R2]:
            ax.plot(low, WORST_R2 + 0.03, "v", color=colour[encoder], markersize=6, zorder=5)
            drawn["below the panel"] = Line2D([], [], linestyle="", marker="v", color="#666666", markersize=6)
    bounds = table[table["encoder"] == LIMIT]
    names = limit_names(bounds["protocol"])
    for row in bounds.itertuples():
        line = ax.axhline(row.mean, color=LIMIT_COLOUR, linewidth=1, linestyle=LIMIT_DASHES[row.protocol])
        drawn.setdefault(f"information {names[row.protocol]}", line)
    plain(ax)
    numbers = sorted(set(curves["n_labels"]))
    if numbers:
        ax.set_xscale("log")
        ax.set_xticks(numbers, [f"{n:,}" for n in numbers])
        ax.set_xticks([], minor=True)
        ax.set_xlim(numbers[0] / 1.3, numbers[-1] * 1.3)


def training_curves(histories, path):
    """Draw the loss of each encoder, and what tells a healthy training from a collapsed or starved one.

    histories: {encoder: DataFrame} with columns step, loss, feature_std, effective_rank, images_per_s, wait_share.
    """
    monitors = {
        "feature_std": "feature standard deviation\n(near 0: collapsed)",
        "effective_rank": "effective rank of features\n(near 1: collapsed)",
        "images_per_s": "images / s",
        "wait_share": "time spent waiting for data",
    }
    colour = colours(histories)
    with paired(path, 12, 5.2) as fig:
        top, bottom = fig.subfigures(2, 1)
        for ax, (encoder, history) in zip(
            grid_of_axes(top, len(histories), max(len(histories), 1)), histories.items(), strict=True
        ):
            ax.plot(history["step"], history["loss"], color=colour[encoder], linewidth=1.5)
            ax.set_title(symbol(encoder), color=colour[encoder], fontweight="bold", fontsize=10)
            ax.set(xlabel="step", ylabel="loss (of this method)")
            plain(ax)
        for ax, (column, words) in zip(bottom.subplots(1, len(monitors)), monitors.items(), strict=True):
            for encoder, history in histories.items():
                if column in history:
                    ax.plot(history["step"], history[column], color=colour[encoder], linewidth=1.3)
            ax.set(xlabel="step", ylabel=words, ylim=(0, None))
            plain(ax)
        ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g}%")
