"""Print a run's results in the terminal: tables of scores and of predictions, and which files were skipped."""

import numpy as np
import pandas as pd
from rich import box
from rich.table import Table

from ...errors import grouped
from ...progress import console

_AGREEMENT = ["n", "bias", "scatter", "nmad", "mean_std", "correlation"]  # columns of a summary that are shown


def print_scores(results):
    """R2 of every encoder at the largest number of labels, beside the limit. Args: results: rows of results.csv."""
    most = results.n_labels.max()
    shown = results[(results.metric == "r2") & results.n_labels.isin([0, most])]
    frame = shown.pivot_table(index=["encoder", "protocol"], columns="target", values="value", sort=False)
    frame.index = [" ".join(pair) for pair in frame.index]
    print_table(frame.round(4), f"R2 with {most} labels")


def print_predictions(predictions, targets, summary):
    """Predictions for real lenses, and how they agree with published values.

    Args: predictions, summary: `table` and `summary` of `evaluate.show.report.RealLensResults`. targets: of the run.
    """
    brackets = "" if summary is None else ", published in brackets"
    print_table(
        _in_words(predictions, targets), f"{len(predictions)} {'lens' if len(predictions) == 1 else 'lenses'}{brackets}"
    )
    if summary is not None:
        print_table(summary.set_index("target")[_AGREEMENT].round(3), "predicted - published")


def print_skipped(skipped):
    """Files that could not be used, one line for each reason. Args: skipped: pairs of a file's name and the reason."""
    for sentence in grouped(skipped):
        console.print(f"skipped {sentence}", soft_wrap=True, markup=False, highlight=False)


def print_table(frame, title):
    """A DataFrame as a table, its index as the first column."""
    table = Table(title=title, box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False, show_edge=False)
    table.add_column(frame.index.name or "")
    for column in frame.columns:
        table.add_column(str(column), justify="right")
    for name, row in frame.iterrows():
        table.add_row(str(name), *(value if isinstance(value, str) else f"{value:g}" for value in row))
    console.print(table)


def _in_words(predictions, targets):
    """A prediction table with one column a target: 1.21±0.03 (1.16), the published value in brackets."""

    def cell(row, target):
        text, published = f"{row[target]:.2f}±{row[f'{target}_std']:.2f}", row.get(f"{target}_published", np.nan)
        return text + (f" ({published:.2f})" if np.isfinite(published) else "")

    words = {t: [cell(row, t) for _, row in predictions.iterrows()] for t in targets}
    return pd.DataFrame(words, index=predictions["name"].rename("lens"))
