"""Draw what a network saw of real lenses, with flags, and its predictions beside published values."""

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator

from ...configs.turning import is_turned
from ...files.whole import whole
from ..show.digits import plus_minus
from ..show.symbols import with_unit
from ..show.themes import save_dark
from .flags import SEPARATOR
from .lens_thumbnails import bright_of
from .published import compared, published_targets, summary

SHOWN = 24  # thumbnails in the figure
DPI = 110
PER_ROW = 8  # thumbnails in a row
PANELS_PER_ROW = 4
DOUBTFUL = "#c2410c"  # the colour of flagged lenses


def draw(cutouts, table, path):
    """Write a PNG: what the network saw of each lens (at most SHOWN), and predicted beside published values.

    A second one for dark pages, NAME_dark.png, is written beside it.

    Thumbnails are image/noise on an asinh scale, with the circle of the predicted theta_E.

    Args:
        cutouts: list of Cutout, in any order.
        table: what `prediction_table` gives for them.
        path: the file to write; its folder is made if need be.
    """
    shown = cutouts[:SHOWN]
    targets = published_targets(table)
    panels = min(PANELS_PER_ROW, len(targets))
    panel_rows = -(-len(targets) // PANELS_PER_ROW)
    width = max(1.65 * min(PER_ROW, len(shown)), 3.3 * panels, 5.0)
    columns = min(PER_ROW, max(len(shown), int(width / 1.65)))  # few lenses do not become large
    rows = -(-len(shown) // columns)
    heights = [0.7 + rows * (width / columns * 0.93 + 0.42), 3.7 * panel_rows]
    figure = Figure(figsize=(width, sum(heights)), dpi=DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    parts = figure.subfigures(2, 1, height_ratios=heights) if targets else [figure]
    values = table.set_index("name")
    axes = np.atleast_1d(parts[0].subplots(rows, columns)).ravel()
    for ax, cutout in zip(axes, shown, strict=False):
        _thumbnail(ax, cutout, values.loc[cutout.name])
    for ax in axes[len(shown) :]:
        ax.set_axis_off()
    parts[0].suptitle(_heading(cutouts, shown, table, width), fontsize=9.5)
    if targets:
        axes = np.atleast_1d(parts[1].subplots(panel_rows, panels)).ravel()
        for ax, target in zip(axes, targets, strict=False):
            _comparison(ax, target, table)
        for ax in axes[len(targets) :]:
            ax.set_axis_off()
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as file:
        figure.savefig(file, format=path.suffix[1:])
    save_dark(figure, path, DPI)


def _heading(cutouts, shown, table, width):
    """What the thumbnails show, in lines that fit a figure `width` inches wide."""
    count = "1 lens" if len(shown) == 1 else f"{len(shown)} lenses"
    if len(shown) < len(cutouts):
        count = f"{len(shown)} of {len(cutouts)} lenses"
    side = shown[0].image.shape[-1] * shown[0].pixel
    lines = [
        f"{count} as seen by the network, {side:.3g}{shown[0].unit} on a side: flux / noise, asinh scale; flat patches "
        "are masked"
    ]
    if "theta_E" in table:
        brackets = ", in brackets the published one" if "theta_E_published" in table else ""
        circle = "number" if shown[0].pixel_scale is None else "circle and number"
        lines.append(f"{circle}: predicted Einstein radius{brackets}, in arcsec")
    if (table["flags"] != "").any():
        lines.append("orange: doubtful, with the first flag and how many more there are")
    return "\n".join(textwrap.fill(line, int(13 * width)) for line in lines)


def _thumbnail(ax, cutout, row):
    """The image in units of its noise, several bands as one, its name, and the predicted Einstein circle."""
    bright = bright_of(cutout)
    top = max(np.percentile(bright, 99.5), 2.0)
    half = cutout.image.shape[-1] * cutout.pixel / 2
    ax.imshow(bright, origin="lower", cmap="inferno", vmin=-1, vmax=top, extent=(-half, half, -half, half))
    ax.set(xticks=[], yticks=[], xlim=(-half, half), ylim=(-half, half))
    text = cutout.name
    if "theta_E" in row:
        text += f"\n{plus_minus(row['theta_E'], row['theta_E_std'], '.2f')}"
        if np.isfinite(row.get("theta_E_published", np.nan)):
            text += f" ({row['theta_E_published']:.2f})"
        if row["theta_E"] > 0 and cutout.pixel_scale is not None:
            ax.add_patch(Circle((0, 0), row["theta_E"], fill=False, edgecolor="#7fdfff", linewidth=0.7))
    if "class" in row and f"p_{row['class']}" in row:
        text += f"\n{row['class']} {row['p_' + row['class']]:.2f}"
    flags = row["flags"].split(SEPARATOR) if row["flags"] else []
    if flags:
        more = f" +{len(flags) - 1}" if len(flags) > 1 else ""
        ax.text(
            0.03, 0.03, flags[0] + more, fontsize=6, color="white", backgroundcolor=DOUBTFUL, transform=ax.transAxes
        )
        ax.spines[:].set(color=DOUBTFUL, linewidth=2)
    ax.set_title(text, fontsize=7.5, pad=3, parse_math=False, color=DOUBTFUL if flags else "black")


def _comparison(ax, target, table):
    """Predicted against published values with error bars, doubtful ones hollow, and the line where they agree."""
    known = compared(table, target)
    published, predicted = known[f"{target}_published"], known[target]
    std = known[f"{target}_std"].fillna(0)
    low, high = min(published.min(), (predicted - std).min()), max(published.max(), (predicted + std).max())
    pad = 0.05 * (high - low) or 0.1
    limits = (low - pad, high + pad)
    ax.plot(limits, limits, color="0.5", linewidth=1, zorder=1)
    doubtful = known["flags"] != ""
    for which, style in (
        (~doubtful, {"color": "#1f5fa8"}),
        (doubtful, {"color": DOUBTFUL, "markerfacecolor": "white"}),
    ):
        if which.any():
            points = published[which], predicted[which], std[which]
            ax.errorbar(*points, fmt="o", markersize=4, ecolor="#6f93bd", zorder=2, **style)
    ticks = MaxNLocator(5).tick_values(*limits)
    ax.set(xticks=ticks, yticks=ticks, xlim=limits, ylim=limits, aspect="equal")
    frame = f" ({known['frame'].iloc[0].replace('_', ' ')})" if is_turned(target) else ""
    ax.set_xlabel(f"published {with_unit(target)}{frame}", fontsize=9)
    ax.set_ylabel(f"predicted {with_unit(target)}{frame}", fontsize=9)
    ax.tick_params(labelsize=8)
    numbers = summary(known).set_index("target").loc[target]
    if len(known) > 1:
        ax.set_title(
            f"bias {plus_minus(numbers['bias'], numbers['scatter'] / numbers['n'] ** 0.5)}, "
            f"scatter {numbers['scatter']:#.2g}\n"
            f"correlation {numbers['correlation']:.2f}, n = {numbers['n']:.0f}",
            fontsize=8.5,
        )
