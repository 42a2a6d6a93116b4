"""Compare predictions for real lenses with published values: table, summary and figure.

Angles such as theta_E are in arcsec; e1, e2 and slopes are pure numbers. A target is a lens parameter that the network
predicts; the catalogue gives its published value in the column <target>_published, or else in the column <target>.
"""

import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator

from ...errors import DataError, nearest
from ...files.columns import read_table
from ..show.symbols import with_unit

SHOWN = 24  # thumbnails in the figure
PER_ROW = 8  # thumbnails in a row
PANELS_PER_ROW = 4
SUMMARY_COLUMNS = [
    "target",
    "n",
    "bias",
    "scatter",
    "nmad",
    "rms",
    "mean_std",
    "published_spread",
    "correlation",
]


def read_catalogue(path):
    """Published values by lens: a DataFrame with the index `name` (str) and the file's other columns.

    The file, a table as `files.columns` reads them, needs the column `name`, which holds the files' names without
    suffix; columns such as theta_E_published (or theta_E), e1 and e2 hold the values, in arcsec or pure numbers.

    Raises:
        DataError: no such file, no table, no column `name`, or a name that is there twice.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise DataError(f"There is no catalogue {path}: expected a table of published values with the column name.")
    columns = read_table(path, text=("name",))
    table = pd.DataFrame({name: values for name, values in columns.items() if values.ndim == 1})
    if "name" not in table:
        columns = ", ".join(map(str, table.columns[:12]))
        raise DataError(
            f"The catalogue {path} has no column name (the files' names without suffix); it has {columns}."
            + nearest("name", table.columns)
        )
    table["name"] = table["name"].astype(str).str.strip()
    table = table[table["name"] != ""].copy()
    twice = table["name"][table["name"].duplicated()]
    if len(twice):
        raise DataError(f"The catalogue {path} has {twice.iloc[0]} in more than one row: expected one row a lens.")
    return table.set_index("name")


def prediction_table(cutouts, predictions, catalogue=None):
    """Predictions as a table with one row a lens, beside published values where a catalogue has them.

    Args:
        cutouts: the lenses, list of Cutout.
        predictions: {target: (mean (n,), standard deviation (n,))} in the order of `cutouts`.
        catalogue: what `read_catalogue` gives, or None.

    Returns:
        A DataFrame with the columns name; <target> and <target>_std for each target, in the target's unit; masked
        (fraction of filled pixels); and, for each target that the catalogue has, <target>_published and
        <target>_difference = predicted - published (NaN for lenses that the catalogue lacks).

    Raises:
        DataError: the catalogue holds none of the lenses, or a column that is not made of numbers.
    """
    table = pd.DataFrame({"name": [c.name for c in cutouts]})
    for target, (mean, std) in predictions.items():
        table[target] = np.asarray(mean, dtype=float)
        table[f"{target}_std"] = np.asarray(std, dtype=float)
    table["masked"] = [c.masked for c in cutouts]
    if catalogue is None:
        return table
    if not catalogue.index.isin(table["name"]).any():
        name = table["name"].iloc[0]
        held = ", ".join(map(str, catalogue.index[:3])) or "no name at all"
        raise DataError(
            f"The catalogue has none of the {len(table)} cut-outs: expected names such as {name} in its column name, "
            f"but it holds {held}.{nearest(name, catalogue.index)}"
        )
    for target in predictions:
        column = next((c for c in (f"{target}_published", target) if c in catalogue), None)
        if column is None:
            continue
        try:
            values = pd.to_numeric(catalogue[column]).astype(float)
        except (ValueError, TypeError) as error:
            raise DataError(f"The catalogue's column {column} has to hold numbers: {error}.") from None
        table[f"{target}_published"] = values.reindex(table["name"]).to_numpy()
        table[f"{target}_difference"] = table[target] - table[f"{target}_published"]
    return table


def published_targets(table):
    """The targets of a prediction table that have at least one published value."""
    targets = [c.removesuffix("_difference") for c in table.columns if c.endswith("_difference")]
    return [t for t in targets if len(_compared(table, t))]


def _compared(table, target):
    """The rows that have both a prediction and a published value of `target`."""
    return table[np.isfinite(table[f"{target}_difference"])]


def summary(table):
    """How the predictions of `prediction_table` compare with the published values: one row a target.

    Columns: target; n lenses compared; bias, scatter, nmad (1.4826 x median absolute deviation) and rms of predicted -
    published; mean_std, the mean predicted uncertainty; published_spread, the standard deviation of the published
    values (the scatter of a constant guess); correlation of predicted and published. All but n and the correlation are
    in the target's unit; standard deviations divide by n - 1, and what one lens cannot give is NaN.
    """
    rows = []
    for target in published_targets(table):
        known = _compared(table, target)
        difference = known[f"{target}_difference"].to_numpy()
        predicted, published = known[target].to_numpy(), known[f"{target}_published"].to_numpy()
        several = len(known) > 1
        varies = several and np.ptp(predicted) > 0 and np.ptp(published) > 0
        row = {
            "target": target,
            "n": len(known),
            "bias": difference.mean(),
            "scatter": difference.std(ddof=1) if several else np.nan,
            "nmad": 1.4826 * np.median(np.abs(difference - np.median(difference))),
            "rms": np.sqrt(np.mean(difference**2)),
            "mean_std": known[f"{target}_std"].mean(),
            "published_spread": published.std(ddof=1) if several else np.nan,
            "correlation": np.corrcoef(predicted, published)[0, 1] if varies else np.nan,
        }
        rows.append(row)
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def draw(cutouts, table, path):
    """Write a PNG: what the network saw of each lens (at most SHOWN), and predicted beside published values.

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
    figure = Figure(figsize=(width, sum(heights)), dpi=110, facecolor="white", layout="constrained")
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
    figure.savefig(path)


def _heading(cutouts, shown, table, width):
    """What the thumbnails show, in lines that fit a figure `width` inches wide."""
    count = "1 lens" if len(shown) == 1 else f"{len(shown)} lenses"
    if len(shown) < len(cutouts):
        count = f"{len(shown)} of {len(cutouts)} lenses"
    side = shown[0].image.shape[0] * shown[0].pixel_scale
    lines = [
        f'{count} as seen by the network, {side:.3g}" on a side: flux / noise, asinh scale; flat patches are masked'
    ]
    if "theta_E" in table:
        brackets = ", in brackets the published one" if "theta_E_published" in table else ""
        lines.append(f"circle and number: predicted Einstein radius{brackets}, in arcsec")
    return "\n".join(textwrap.fill(line, int(13 * width)) for line in lines)


def _thumbnail(ax, cutout, row):
    """The image in units of its noise, its name, and the predicted Einstein circle."""
    bright = np.arcsinh(cutout.image / cutout.noise / 2)
    top = max(np.percentile(bright, 99.5), 2.0)
    half = cutout.image.shape[0] * cutout.pixel_scale / 2
    ax.imshow(bright, origin="lower", cmap="inferno", vmin=-1, vmax=top, extent=(-half, half, -half, half))
    ax.set(xticks=[], yticks=[], xlim=(-half, half), ylim=(-half, half))
    text = cutout.name
    if "theta_E" in row:
        text += f"\n{row['theta_E']:.2f} ± {row['theta_E_std']:.2f}"
        if np.isfinite(row.get("theta_E_published", np.nan)):
            text += f" ({row['theta_E_published']:.2f})"
        if row["theta_E"] > 0:
            ax.add_patch(Circle((0, 0), row["theta_E"], fill=False, edgecolor="#7fdfff", linewidth=0.7))
    ax.set_title(text, fontsize=7.5, pad=3, parse_math=False)


def _comparison(ax, target, table):
    """Predicted against published values with error bars, and the line where they agree."""
    known = _compared(table, target)
    published, predicted = known[f"{target}_published"], known[target]
    std = known[f"{target}_std"].fillna(0)
    low, high = min(published.min(), (predicted - std).min()), max(published.max(), (predicted + std).max())
    pad = 0.05 * (high - low) or 0.1
    limits = (low - pad, high + pad)
    ax.plot(limits, limits, color="0.6", linewidth=1, zorder=1)
    ax.errorbar(published, predicted, std, fmt="o", markersize=4, color="#1f5fa8", ecolor="#9fbfe0", zorder=2)
    ticks = MaxNLocator(5).tick_values(*limits)
    ax.set(xticks=ticks, yticks=ticks, xlim=limits, ylim=limits, aspect="equal")
    ax.set_xlabel(f"published {with_unit(target)}", fontsize=9)
    ax.set_ylabel(f"predicted {with_unit(target)}", fontsize=9)
    ax.tick_params(labelsize=8)
    numbers = summary(known).set_index("target").loc[target]
    if len(known) > 1:
        ax.set_title(
            f"bias {numbers['bias']:+.3f}, scatter {numbers['scatter']:.3f}\n"
            f"correlation {numbers['correlation']:.2f}, n = {numbers['n']:.0f}",
            fontsize=8.5,
        )
