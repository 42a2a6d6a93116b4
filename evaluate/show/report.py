"""Write report.html, a run's results on one page that needs no other file and no network.

Here the numbers are made ready; report.html.j2 lays them out and escapes whatever comes from outside. Pictures are
base64 PNGs and Bokeh's code is inlined, so that the page can be mailed and opened without a network.
"""

import base64
import io
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from ...configs.quantities import find
from ...files.whole import write_text
from ..results import CRAMER_RAO, LIMIT, RANDOM, SUPERVISED
from .figures import colours, mean_and_spread, stretch
from .symbols import after_number, symbol_as_html, unit
from .terminal import in_words

MAX_POINTS = 800  # points of the interactive UMAP; each carries its image of about 2 kB
THUMBNAIL = 48  # pixels on a side
SECTIONS = ["results", "pairs", "predicted_vs_true", "r2_against_labels", "umap", "training_curves", "preview"]
SECTIONS += ["real_lenses", "numbers", "made"]


@dataclass
class FeatureSpace:
    """UMAP points {encoder: (n, 2)}, labels {target: (n,)} and the images (n, H, W) they stand for."""

    points: dict
    labels: dict
    thumbnails: np.ndarray


@dataclass
class RealLensResults:
    """Predictions for real lenses; any part but `skipped` may be None."""

    table: pd.DataFrame | None = None  # one row a lens
    summary: pd.DataFrame | None = None  # how the predictions agree with published values: one row a target
    figure: str | Path | None = None  # the path of a picture
    skipped: list = field(default_factory=list)  # (name of a file that could not be used, reason)
    doubts: list = field(default_factory=list)  # a sentence for each flag in the table
    notes: list = field(default_factory=list)  # sentences about the catalogue
    read: list = field(default_factory=list)  # sentences: which parts of the files were used, and which were not


@dataclass
class Report:
    """The contents of the page.

    results: of `evaluate.results.frame`. figures: name -> PNG file; the names of SECTIONS have a place and a caption,
    others follow with their name as title; "umap" gives way to the interactive one. notes: sentences that the reader
    should know before believing the numbers.
    """

    name: str
    config_yaml: str
    environment: dict
    results: pd.DataFrame
    figures: dict = field(default_factory=dict)
    umap: FeatureSpace | None = None
    real_lenses: RealLensResults | None = None
    timings: dict = field(default_factory=dict)  # stage -> seconds
    notes: list = field(default_factory=list)


def show_r2(value):
    """R2 with as many digits as its distance from 1 needs: 0.97, but 0.9996."""
    digits = 2 if value < 0.995 or value >= 1 else min(math.ceil(-math.log10(1 - value)), 6)
    return f"{value:.{digits}f}"


def show_rmse(value, target):
    """An RMSE with two digits and its unit: 0.030" for arcseconds."""
    return f"{value:#.2g}".rstrip(".") + after_number(target)


def show_ratio(value):
    """Two digits, without a power of ten: 1.4, 23, 130."""
    digits = f"{value:#.2g}".rstrip(".")
    return f"{float(digits):.0f}" if "e+" in digits else digits


def symbol(target):
    """A parameter's symbol as HTML; any other name is left to be escaped."""
    text = symbol_as_html(target)
    return target if text is None else Markup(text)


def meaning(target):
    """What a parameter is, as a sentence with its unit; '' for a name that is no parameter."""
    quantity = find(target)
    if quantity is None:
        return ""
    words = quantity.meaning[0].upper() + quantity.meaning[1:].replace("2phi", "2φ")
    return words + (f" [{quantity.unit}]." if quantity.unit else ".")


def _cell_r2(score):
    """'0.974 ± 0.002' of (mean, standard deviation), '0.974' for one seed, '' for nothing."""
    if score is None:
        return ""
    mean, std = score
    text = show_r2(mean) if mean > 0.999 else f"{mean:.3f}"
    return text + ("" if math.isnan(std) else f" ± {std:.3f}")


def _cell_rmse(score, target):
    """'0.030 ± 0.002"' of the (mean, standard deviation) of an RMSE, '0.030"' for one seed, '' for nothing."""
    if score is None:
        return ""
    mean, std = score
    return show_rmse(mean, target) + ("" if math.isnan(std) else f" ± {std:.1g}")


class Trained(NamedTuple):
    """An encoder with a head: a row of a table, which has two cells for each target."""

    encoder: str
    protocol: str
    n_labels: int


class MeanScores:
    """Mean and spread over seeds of one task, looked up by name, with a view at the largest number of labels."""

    def __init__(self, results):
        table = list(mean_and_spread(results).itertuples(index=False))
        self.targets = list(dict.fromkeys(results["target"]))
        self.all_rows = list(dict.fromkeys(Trained(r.encoder, r.protocol, r.n_labels) for r in table))
        self.n_labels = max((row.n_labels for row in self.all_rows if row.encoder != LIMIT), default=0)
        self.rows = [row for row in self.all_rows if row.n_labels == self.n_labels and row.n_labels]
        self._values = {}
        for r in table:
            self._values[Trained(r.encoder, r.protocol, r.n_labels), r.target, r.metric] = r.mean, r.std

    def get(self, row, target, metric):
        """(mean, std) of a metric of a `Trained`, or None."""
        score = self._values.get((row, target, metric))
        return None if score is None or math.isnan(score[0]) else score

    def at_most_labels(self, encoder, protocol):
        """The row of an encoder and protocol at the largest number of labels."""
        return Trained(encoder, protocol, self.n_labels)

    def limit(self, target, metric):
        """(mean, std) of the information limit, or None."""
        return self.get(Trained(LIMIT, CRAMER_RAO, 0), target, metric)

    def best(self):
        """The row to speak of: a trained encoder, frozen if possible, with the highest mean R2; None without rows."""

        def merit(row):
            means = [r2[0] for r2 in (self.get(row, target, "r2") for target in self.targets) if r2]
            return (
                row.encoder not in (RANDOM, SUPERVISED),
                row.protocol == "ridge",
                np.mean(means) if means else -np.inf,
            )

        return max(self.rows, key=merit, default=None)


def headline(results):
    """HTML: the result in one sentence, and one more for the other parameters, from the numbers of the first task."""
    scores = MeanScores(results[results["task"] == results["task"].iloc[0]] if len(results) else results)
    best = scores.best()
    if best is None:
        return "No encoder has been evaluated.", ""
    target, *others = scores.targets
    who = "frozen {} features recover" if best.protocol == "ridge" else "fine-tuned {} recovers"
    who = Markup(who).format(best.encoder)
    who = "training from scratch recovers" if best.encoder == SUPERVISED else who
    words = Markup("With {} labels, {} {}").format(f"{scores.n_labels:,}", who, symbol(target))
    r2, rmse = (scores.get(best, target, metric) for metric in ("r2", "rmse"))
    words += f" with R² = {show_r2(r2[0])}" if r2 else ""
    words += f" (RMSE {show_rmse(rmse[0], target)})" if rmse else ""
    beside = {"random features reach": (RANDOM, "ridge"), "training from scratch": (SUPERVISED, "finetune")}
    beside = {w: scores.at_most_labels(*who) for w, who in beside.items()}
    others_r2 = {w: scores.get(row, target, "r2") for w, row in beside.items() if row != best}
    parts = [f"{w} {show_r2(r2[0])}" for w, r2 in others_r2.items() if r2]
    words += f"; {', '.join(parts)}" if parts else ""
    limit = scores.limit(target, "r2")
    words += f"; the images allow at best {show_r2(limit[0])}." if limit else "."
    parts = [(t, scores.get(best, t, "r2"), scores.limit(t, "r2")) for t in others]
    parts = [symbol(t) + f" {show_r2(f[0])}" + (f" (at best {show_r2(m[0])})" if m else "") for t, f, m in parts if f]
    return words, Markup("The other parameters, in R²: {}.").format(Markup(", ").join(parts)) if parts else ""


def main_table(scores):
    """[(protocol, [(encoder, colour, [(R2, whether the best, RMSE in limits or in units), ...]), ...]), ...] as text.

    One inner tuple a target, at the largest number of labels.
    """
    hue = colours(row.encoder for row in scores.rows)
    best = {t: max((f[0] for r in scores.rows if (f := scores.get(r, t, "r2"))), default=None) for t in scores.targets}
    groups = {}
    for row in scores.rows:
        cells = []
        for target in scores.targets:
            r2, rmse = (scores.get(row, target, metric) for metric in ("r2", "rmse"))
            limit = scores.limit(target, "rmse")
            error = f"\N{MULTIPLICATION SIGN} {show_ratio(rmse[0] / limit[0])}" if rmse and limit else ""
            error = error or _cell_rmse(rmse, target)
            cells.append((_cell_r2(r2), bool(r2) and r2[0] == best[target], error))
        groups.setdefault(row.protocol, []).append((row.encoder, hue[row.encoder], cells))
    return list(groups.items())


def limit_row(scores):
    """[(R2, RMSE), ...] of the information limit as text, one tuple a target; empty without a limit."""
    limits = [(scores.limit(t, "r2"), scores.limit(t, "rmse"), t) for t in scores.targets]
    row = [(_cell_r2(r2), _cell_rmse(rmse, target)) for r2, rmse, target in limits]
    return row if any(r2 or rmse for r2, rmse in row) else []


def all_numbers(scores):
    """[(encoder, protocol, n_labels, [(R2, RMSE), ...]), ...] as text."""
    rows = []
    for row in scores.all_rows:
        cells = [
            (_cell_r2(scores.get(row, t, "r2")), _cell_rmse(scores.get(row, t, "rmse"), t)) for t in scores.targets
        ]
        rows.append((*row, cells))
    return rows


def _rows(frame):
    """The rows of a DataFrame as tuples, None where a value is missing."""
    return list(frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None))


def _png(data):
    """A PNG as a data address, which holds the picture itself."""
    return "data:image/png;base64," + base64.b64encode(data).decode()


def _thumbnail(image):
    """Image (H, W) -> a grey PNG of THUMBNAIL x THUMBNAIL pixels as an address; 32 greys keep it small."""
    grey = Image.fromarray((stretch(image)[::-1] * 255).astype(np.uint8))
    file = io.BytesIO()
    grey.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX).quantize(32).save(file, "png", optimize=True)
    return _png(file.getvalue())


def feature_space(space):
    """HTML (with its scripts) of the UMAP in which encoder and colour can be chosen and a point shows its image."""
    from bokeh import layouts, models
    from bokeh.embed import components
    from bokeh.plotting import figure
    from bokeh.resources import Resources

    chosen = np.unique(np.linspace(0, len(space.thumbnails) - 1, MAX_POINTS).astype(int))
    # Columns have neutral names, and Bokeh sees no '$' or backslash: it would fetch a formula typesetter for them.
    encoders, targets = ([k.translate({36: None, 92: None}) for k in names] for names in (space.points, space.labels))
    data = {"image": [_thumbnail(space.thumbnails[i]) for i in chosen]}
    for i, points in enumerate(space.points.values()):
        data[f"x{i}"], data[f"y{i}"] = np.ascontiguousarray(np.asarray(points, dtype=np.float32)[chosen].T)
    for i, label in enumerate(space.labels.values()):
        data[f"c{i}"] = np.asarray(label, dtype=np.float32)[chosen]
    source = models.ColumnDataSource(data | {"x": data["x0"], "y": data["y0"], "c": data["c0"]})
    ranges = [[float(v) for v in np.nanpercentile(label, [2, 98])] for label in space.labels.values()]
    mapper = models.LinearColorMapper("Viridis256", low=ranges[0][0], high=ranges[0][1])
    lines = [Markup("<br>{} = @c{}{{0.000}} {}").format(t, i, unit(t)) for i, t in enumerate(targets)]
    image = '<img src="@image" width="144" height="144" style="image-rendering: pixelated">'
    hover = models.HoverTool(tooltips=image + "".join(lines))
    plot = figure(
        width=960, height=560, tools=["pan,box_zoom,wheel_zoom,reset", hover], background_fill_color="#fbfbfb"
    )
    plot.scatter("x", "y", source=source, size=7, color={"field": "c", "transform": mapper}, line_color=None)
    plot.axis.visible = plot.grid.visible = False
    plot.toolbar.logo = None
    plot.add_layout(models.ColorBar(color_mapper=mapper), "right")
    code = """const d = source.data, e = encoder.active, t = target.active;
        source.data = {...d, x: d["x" + e], y: d["y" + e], c: d["c" + t]};
        mapper.low = ranges[t][0]; mapper.high = ranges[t][1]; plot.reset.emit();"""
    with_units = [f"{t} [{unit(t)}]" if unit(t) else t for t in targets]
    encoder, target = (models.RadioButtonGroup(labels=names, active=0) for names in (encoders, with_units))
    known = {"source": source, "mapper": mapper, "ranges": ranges, "plot": plot}
    for group in (encoder, target):
        group.js_on_change("active", models.CustomJS(args={**known, "encoder": encoder, "target": target}, code=code))
    script, div = components(layouts.column(encoder, target, plot))
    return Resources(mode="inline", components=["bokeh", "bokeh-widgets"]).render_js() + div + script


def in_brief(predictions):
    """Predictions for real lenses with a column a parameter, as in the terminal, with the frame and the flags."""
    targets = [column.removesuffix("_std") for column in predictions if column.endswith("_std")]
    if not targets:
        return predictions
    brief = in_words(predictions, targets).reset_index()
    if "frame" in predictions:
        brief.insert(len(targets) + 1, "frame", predictions["frame"].to_numpy())
    return brief


def write(report, path):
    """Write the page of a `Report` to a file."""
    tasks = list(dict.fromkeys(report.results["task"]))
    real = report.real_lenses
    figures = {name: _png(Path(file).read_bytes()) for name, file in report.figures.items() if file}
    if real is not None and real.figure:
        figures["real_lenses"] = _png(Path(real.figure).read_bytes())
    present = {"results", "numbers", "made", *figures}
    present |= {"umap"} if report.umap is not None else set()
    present |= {"real_lenses"} if real is not None else set()
    shown = [name for name in SECTIONS if name in present] + [name for name in figures if name not in SECTIONS]
    first, more = headline(report.results)
    engine = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    page = engine.get_template("report.html.j2").render(
        report=report,
        headline=first,
        lead=more,
        shown=shown,
        figures=figures,
        tasks={task: MeanScores(report.results[report.results["task"] == task]) for task in tasks},
        feature_space=Markup(feature_space(report.umap)) if report.umap is not None else "",
        rows_of=_rows,
        symbol=symbol,
        meaning=meaning,
        main_table=main_table,
        limit_row=limit_row,
        all_numbers=all_numbers,
        in_brief=in_brief,
    )
    write_text(path, page)
