"""Print a run's results in the terminal: tables of scores and of predictions, and which files were skipped.

Tables are results and go to stdout as plain text; what was skipped is a message and goes to stderr.
"""

import numpy as np
import pandas as pd
from rich.cells import cell_len

from ...errors import grouped
from ...progress import console
from ..results import ALL, MACRO
from . import metrics
from .digits import aligned, plus_minus
from .refined_table import meanings, refined_tables
from .robustness import robustness, title
from .tables import MeanScores, agreement, predictions_in_words, reconstruction_rows

COVERAGE = ("coverage_68", "coverage_95")
_AGREEMENT = ["n", "bias", "scatter", "nmad", "mean_std", "correlation"]  # columns of a summary that are shown


def print_scores(results):
    """R2 of every encoder at the largest number of labels, beside the limit; or AUC and accuracy, or PSNR.

    It is the mean over seeds, rounded by its standard deviation. Args: results: rows of results.csv.
    """
    scores = MeanScores(results)
    rows = [row for row in scores.all_rows if row.n_labels in (0, scores.n_labels)]
    leads = {target: scores.lead(target) for target in scores.told()}
    two = MACRO in leads and leads.keys() <= {ALL, MACRO} < set(scores.targets)  # classes
    cells = {
        metrics.of(lead).plain if target == ALL or (target == MACRO and two) else target: aligned(
            [metrics.cell(scores.get(row, target, lead), lead, target) or "-" for row in rows]
        )
        for target, lead in leads.items()
    }
    frame = pd.DataFrame(cells, index=[f"{row.encoder} {row.protocol}" for row in rows])
    said = dict.fromkeys(metrics.of(lead).plain for lead in leads.values())
    print_table(frame, f"{' and '.join(said)} with {scores.n_labels} labels")
    _print_posteriors(scores)


def _print_posteriors(scores):
    """How right the posteriors are, at the largest number of labels; nothing where no head gives one."""
    heads = [row for row in (*scores.rows, *scores.alone) if scores.get(row, ALL, "nll")]
    if not heads:
        return
    columns = [(metrics.of(name).plain, ALL, name) for name in ("nll", "tarp")]
    columns += [(f"{t} {metrics.of(m).plain}", t, m) for t in scores.targets for m in COVERAGE if t != ALL]
    cells = {
        title: aligned([metrics.cell(scores.get(row, target, name), name, target) or "-" for row in heads])
        for title, target, name in columns
    }
    print()
    print_table(
        pd.DataFrame(cells, index=[f"{row.encoder} {row.protocol}" for row in heads]),
        f"posteriors with {scores.n_labels} labels: NLL, TARP, how often the truth is in the central 68 and 95 %",
    )


def print_robustness(scores, words):
    """Scores on shifted test lenses, means over targets, and what each shift changes; nothing without such scores.

    Args: scores: of `results.Score`. words: name of a shift -> what it changes.
    """
    tables = robustness(scores)
    if not tables:
        return
    for table in [t for t in tables if t.targets == tables[0].targets or t.metric != tables[0].metric]:
        print()
        index = [" ".join(row) for row in table.rows]
        print_table(pd.DataFrame(table.cells, index=index, columns=table.columns), title(table))
    for name in tables[0].columns[1:]:
        print(f"{name}: {words[name]}" if name in words else name)


def print_refined(refined):
    """Refined estimates by what they start from, if there are any. Args: as of `refined_table.refined_tables`."""
    tables = refined_tables(refined)
    for table in tables:
        print()
        print_table(table.frame, table.title)
    for name, words in meanings(tables[0]).items() if tables else ():
        print(f"{name}: {words}")


def print_predictions(predictions, targets, summary):
    """Predictions for real lenses, and how they agree with published values.

    Args: predictions, summary: `table` and `summary` of `evaluate.show.report.RealLensResults`. targets: of the run.
    """
    brackets = "" if summary is None else ", published in brackets"
    if "frame" in predictions:
        brackets += f", frame {predictions['frame'].iloc[0]}"
    print_table(
        predictions_in_words(predictions, targets),
        f"{len(predictions)} {'lens' if len(predictions) == 1 else 'lenses'}{brackets}",
    )
    if summary is not None:
        print()
        print_table(agreement(summary).set_index("target")[_AGREEMENT], "predicted - published")


def print_refined_lenses(refined, targets):
    """Refined real lenses, and how they agree with published values.

    Args: refined: `evaluate.real.refining_files.RefinedReal`. targets: of the run.
    """
    known = [t for t in targets if t in refined.table]
    brackets = "" if refined.summary is None else ", published in brackets"
    count = "1 lens" if len(refined.table) == 1 else f"{len(refined.table)} lenses"
    print()
    title = f"{count} refined{brackets}, frame {refined.table['frame'].iloc[0]}"
    print_table(predictions_in_words(refined.table, known), title)
    if refined.summary is not None:
        print()
        print_table(agreement(refined.summary).set_index("target")[_AGREEMENT], "refined - published")
    print_sentences(refined.doubts)
    print(f"wrote {refined.folder / 'refined.csv'}, and a picture of each lens in {refined.folder / 'lenses'}")


def print_reconstructions(numbers):
    """What masked autoencoders make of images and of noise. Args: numbers: of `evaluate.reconstruction.numbers_of`."""
    rows = reconstruction_rows(numbers)
    print_table(rows.set_index("encoder"), f"reconstructions of {next(iter(numbers.values()))['images']}", decimals=4)
    print(
        "masked: share of the patches that are hidden. MSE: in units of the network's input. r: correlation with the "
        "mean lens, of lenses, of pure noise (near 0 if no lens is invented) and of noise by untrained weights"
    )


def print_classes(predictions):
    """The classes of real images with their probabilities. predictions: of `evaluate.real.predict_classes`."""
    columns = {"class": list(predictions["class"])}
    for name in predictions:
        if name.startswith("p_") and f"{name}_spread" in predictions:
            pairs = zip(predictions[name], predictions[f"{name}_spread"], strict=True)
            columns[name] = aligned([_probability(mean, spread) for mean, spread in pairs])
    if (predictions["flags"] != "").any():
        columns["flags"] = [flags.replace(";", " ") for flags in predictions["flags"]]
    n = len(predictions)
    index = pd.Index(predictions["name"], name="image")
    print_table(pd.DataFrame(columns, index=index), f"{n} {'image' if n == 1 else 'images'}, probabilities of classes")


def _probability(mean, spread):
    """A probability with three decimals at most, and its spread where that is as large."""
    return plus_minus(mean, spread) if spread >= 0.001 else f"{mean:.3f}"


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
        console.print(sentence)


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
