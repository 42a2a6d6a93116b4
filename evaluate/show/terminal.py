"""Print a run's results in the terminal: tables of scores and of predictions, and which files were skipped.

Tables are results and go to stdout as plain text; what was skipped is a message and goes to stderr.
"""

import numpy as np
import pandas as pd
from rich.cells import cell_len

from ...errors import grouped
from ...progress import console

_AGREEMENT = ["n", "bias", "scatter", "nmad", "mean_std", "correlation"]  # columns of a summary that are shown


def print_scores(results):
    """R2 of every encoder at the largest number of labels, beside the limit. Args: results: rows of results.csv."""
    most = results.n_labels.max()
    shown = results[(results.metric == "r2") & results.n_labels.isin([0, most])]
    frame = shown.pivot_table(index=["encoder", "protocol"], columns="target", values="value", sort=False)
    frame.index = [" ".join(pair) for pair in frame.index]
    print_table(frame, f"R2 with {most} labels", decimals=4)


def print_predictions(predictions, targets, summary):
    """Predictions for real lenses, and how they agree with published values.

    Args: predictions, summary: `table` and `summary` of `evaluate.show.report.RealLensResults`. targets: of the run.
    """
    brackets = "" if summary is None else ", published in brackets"
    if "frame" in predictions:
        brackets += f", frame {predictions['frame'].iloc[0]}"
    print_table(
        in_words(predictions, targets), f"{len(predictions)} {'lens' if len(predictions) == 1 else 'lenses'}{brackets}"
    )
    if summary is not None:
        print()
        print_table(summary.set_index("target")[_AGREEMENT], "predicted - published")


def print_skipped(skipped):
    """Files that could not be used, one line for each reason. Args: skipped: pairs of a file's name and the reason."""
    for sentence in grouped(skipped):
        console.print(f"skipped {sentence}")


def print_read(sentences):
    """Which parts of the files were used, and which were not. Args: sentences: one for each kind of file."""
    for sentence in sentences:
        console.print(f"read {sentence}")


def print_sentences(sentences):
    """Sentences about real lenses: what was read of a catalogue, and what is doubtful, one line each."""
    for sentence in sentences:
        console.print(sentence, highlight=False)


def print_table(frame, title, decimals=3):
    """A DataFrame as a table on stdout, its index as the first column; numbers stand with their points in a line."""
    index = [frame.index.name or "", *map(str, frame.index)]
    columns = [[str(name), *(_cell(v, decimals) for v in frame[name])] for name in frame.columns]
    columns = [[_on_one_line(cell) for cell in column] for column in [index, *columns]]
    widths = [max(map(cell_len, column)) for column in columns]
    print(title)
    for number, row in enumerate(zip(*columns, strict=True)):
        spaces = [" " * (width - cell_len(cell)) for width, cell in zip(widths, row, strict=True)]
        first, *others = zip(row, spaces, strict=True)
        print("  ".join(["".join(first), *(space + cell for cell, space in others)]).rstrip())
        if number == 0:
            print("-" * (sum(widths) + 2 * len(others)))


def _cell(value, decimals):
    if isinstance(value, str):
        return value
    return f"{value:d}" if isinstance(value, int | np.integer) else f"{value:.{decimals}f}"


def _on_one_line(text):
    """Text without line breaks and without what would steer the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def in_words(predictions, targets):
    """A prediction table with one column a target: 1.21±0.03 (1.16), the published value in brackets."""
    words = {}
    for target in targets:
        pairs = zip(predictions[target], predictions[f"{target}_std"], strict=True)
        values = [f"{value:.2f}±{std:.2f}" if np.isfinite(value) else "-" for value, std in pairs]
        published = predictions.get(f"{target}_published", [np.nan] * len(values))
        brackets = [f" ({value:.2f})" if np.isfinite(value) else "" for value in published]
        width = max(map(len, brackets), default=0)
        words[target] = [value + bracket.ljust(width) for value, bracket in zip(values, brackets, strict=True)]
    if "flags" in predictions and (predictions["flags"] != "").any():
        words["flags"] = [flags.replace(";", " ") for flags in predictions["flags"]]
    return pd.DataFrame(words, index=predictions["name"].rename("lens"))
