"""Write report.html, a run's results on one page that needs no other file and no network.

report.html.j2 lays out what tables, alt_texts and feature_map make ready, and escapes whatever comes from outside.
Pictures are base64 text, each in light and in dark ink, and Bokeh's code is inlined, so that the page can be mailed
and opened without a network.
"""

import io
import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from markupsafe import Markup, escape
from matplotlib.colors import to_hex
from PIL import Image

from ...files.whole import write_text
from . import metrics, pages, robustness, tables, themes
from .alt_texts import alt_texts
from .feature_map import FeatureSpace, data_address, feature_map
from .figures import colours
from .headline import headline
from .refined_table import meanings, refined_tables
from .tables import MeanScores, all_numbers, limit_rows, main_table

SECTIONS = [
    "results",
    "pairs",
    "predicted_vs_true",
    "r2_against_labels",
    "calibration",
    "auc_against_labels",
    "refined",
    "robustness",
    "confusion",
    "roc",
    "reliability",
    "super_resolution",
    "reconstructions",
    "umap",
    "training_curves",
    "preview",
]
SECTIONS += ["real_lenses", "numbers", "made"]
_PADDING = re.compile(f"{tables.FIGURE_SPACE}+")


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
    page: Path | None = None  # of `lens_pages`, where every lens has its own part
    refined: object = None  # `evaluate.real.refining_files.RefinedReal`, of lenses that were refined


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
    reconstructions: pd.DataFrame | None = None  # of `tables.reconstruction_rows`
    real_lenses: RealLensResults | None = None
    timings: dict = field(default_factory=dict)  # stage -> seconds
    notes: list = field(default_factory=list)
    pairs: dict = field(default_factory=dict)  # name -> (n,) true values of the pairs in the figure
    intervals: list = field(default_factory=list)  # `results.Evaluation.intervals`
    classified: object = None  # `class_figures.Classified`, that the figures of a classification show
    shifted: list = field(default_factory=list)  # of `robustness.Robustness`
    shifts: dict = field(default_factory=dict)  # name of a shift -> what it changes
    calibrated: list = field(default_factory=list)  # of `calibration_figure.calibrated`
    refined: pd.DataFrame | None = None  # of `evaluate.results.frame`, with refined=True
    refined_errors: list = field(default_factory=list)  # of `refined_figure.refined_errors`
    histories: dict = field(default_factory=dict)  # encoder -> DataFrame, as `figures.training_curves` draws them


def _rows(frame):
    """The rows of a DataFrame as tuples, None where a value is missing."""
    return list(frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None))


def padded(value):
    """A cell as HTML: figure spaces become room of their width; that at the end is not needed where lines wrap."""

    def room(run):
        tail = ' class="tail"' if run.end() == len(run.string) else ""
        return f'<i{tail} style="padding-left: {len(run[0])}ch"></i>'

    return Markup(_PADDING.sub(room, str(escape(value))))


def _in_brief(predictions):
    """Predictions for real lenses with a column a parameter, as in the terminal, with the frame and the flags."""
    targets = [column.removesuffix("_std") for column in predictions if column.endswith("_std")]
    if not targets:
        return predictions
    brief = tables.predictions_in_words(predictions, targets, tables.FIGURE_SPACE).reset_index()
    if "frame" in predictions:
        brief.insert(len(targets) + 1, "frame", predictions["frame"].to_numpy())
    return brief


def _agreement(summary):
    """The summary as text, rounded; any other table as it is."""
    return tables.agreement(summary, tables.FIGURE_SPACE) if "bias" in summary else summary


def picture_address(path):
    """(address, width in pixels) of a picture, as lossless WebP, which is half as large as PNG."""
    file = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(file, "webp", lossless=True, quality=40)
        return data_address(file.getvalue(), "webp"), image.width


def _pictures(figures, light_only):
    """{name: (address for light pages, address for dark ones or None, width)} of {name: path}."""
    pictures = {}
    for name, path in figures.items():
        twin = themes.dark_twin(path)
        both = twin.exists() and name not in light_only
        light, width = picture_address(path)
        pictures[name] = light, picture_address(twin)[0] if both else None, width
    return pictures


def write(report, path):
    """Write the page of a `Report` to a file."""
    real = report.real_lenses
    figures = {name: file for name, file in report.figures.items() if file}
    if real is not None and real.figure:
        figures["real_lenses"] = real.figure
    present = {"results", "numbers", "made", *figures}
    present |= {"umap"} if report.umap is not None else set()
    refined = [] if report.refined is None else refined_tables(report.refined, tables.FIGURE_SPACE)
    present |= {"refined"} if refined else set()
    present |= {"robustness"} if report.shifted else set()
    present |= {"real_lenses"} if real is not None else set()
    shown = [name for name in SECTIONS if name in present] + [name for name in figures if name not in SECTIONS]
    tasks = {t: MeanScores(report.results[report.results["task"] == t]) for t in report.results["task"].unique()}
    first, more = headline(report.results, report.refined)
    page = pages.filled(
        "report.html.j2",
        report=report,
        headline=first,
        lead=more,
        shown=shown,
        known_sections=SECTIONS,
        pictures=_pictures(figures, {"umap"} if report.umap is not None else ()),
        alt=alt_texts(report, tasks),
        tasks=tasks,
        map=feature_map(report.umap) if report.umap is not None else None,
        themes=themes,
        padded=padded,
        on_dark=lambda colour: to_hex(themes.on_dark(colour)),
        rows_of=_rows,
        zip=zip,
        symbol=tables.symbol,
        meaning=tables.meaning,
        metric=metrics.of,
        main_table=main_table,
        limit_rows=limit_rows,
        robustness_title=robustness.title,
        refined=refined,
        refined_scores=MeanScores(report.refined) if refined else None,
        refined_meaning=meanings(refined[0]) if refined else {},
        start_colours=colours(refined[0].frame.index) if refined else {},
        all_numbers=all_numbers,
        intervals=tables.intervals(report.intervals),
        in_brief=_in_brief,
        agreement=_agreement,
        lens_page=pages.address(real.page, Path(path).parent) if real is not None and real.page else None,
    )
    write_text(path, page)
