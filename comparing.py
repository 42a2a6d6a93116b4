"""Any number of runs side by side: one table, one figure, one page, and what keeps them from being compared."""

from collections import Counter
from pathlib import Path

from .errors import DataError, LenStreamError
from .extras import need
from .files.whole import folder_for
from .progress import console
from .runs import RunFolder, config_of

MOST_ROWS = 40  # of a table in the terminal; of more, those with the most labels are shown


def compare(runs, out):
    """Set runs side by side; print their scores, and write comparison.csv, comparison.png and compare.html.

    A run that is named twice counts once, and one that is not evaluated is named and left out.

    Args: runs: folders. out: folder to write to. Returns: the scores, a DataFrame of `comparison.scores_of`.
    Raises: DataError without a run that was evaluated, or for one whose scores are damaged.
    """
    need("train", "comparisons")
    from .evaluate.results import frame
    from .evaluate.show import comparable, comparison, comparison_figure, comparison_page, refined_table, robustness
    from .files.csv_writing import write_csv

    found, notes = _read(runs)
    if not found:
        raise DataError(f"none of the runs has scores to compare: {'; '.join(notes)}")
    out = folder_for(out)
    scores = comparison.scores_of(found)
    groups, differing = comparable.groups(found)
    notes += differing
    differences = [one for group in groups for one in comparable.paired(group)]
    intervals = comparison.intervals_of(found)
    write_csv(comparison.wide(scores, intervals), out / "comparison.csv", float_format="%.6g")
    comparison_figure.draw(scores, out / "comparison.png")
    figures = {"Scores against the number of labels; error bars are standard deviations over seeds.": "comparison.png"}
    if differences:
        comparison_figure.draw_differences(differences, out / "differences.png")
        figures["Differences on the same test lenses, with 95 % of bootstrap samples of them."] = "differences.png"
    page = comparison_page.ComparisonPage(
        [run.name for run in found],
        scores,
        {words: out / name for words, name in figures.items()},
        comparison.differences(found),
        differences,
        notes,
        intervals,
        robustness.side_by_side({run.name: [*run.scores, *run.shifted] for run in found}),
        refined_table.side_by_side({run.name: frame(run.scores, refined=True) for run in found}),
    )
    comparison_page.write(page, out / "compare.html")
    for note in notes:
        console.print(note)
    _print(scores)
    _print_robustness(page.shifted)
    _print_refined(page.refined)
    print(f"wrote {out / 'compare.html'}, comparison.csv and {' and '.join(figures.values())}")
    return scores


def _read(places):
    """The runs that have scores as `comparison.Compared`, and sentences about others."""
    folders, notes = {}, []
    for place in places:
        if Path(place).resolve() in folders:
            notes.append(f"{place} is named twice, and counted once")
        folders.setdefault(Path(place).resolve(), Path(place))
    names = Counter(path.name for path in folders)
    found = []
    for path, given in folders.items():
        run = _run(given, path.name if names[path.name] == 1 else str(given), notes)
        found += [] if run is None else [run]
    return found, notes


def _run(place, name, notes):
    """A run as `comparison.Compared`; None, and a sentence among the notes, if it has no scores."""
    from .evaluate.results import Evaluation, read_scores
    from .evaluate.show.comparison import Compared

    folder = RunFolder(place)
    if not folder.config.is_file() and not folder.results.is_file():
        raise DataError(f"{place}: no such run; expected a folder with config.yaml, made by lenstream run")
    try:
        config = config_of(folder)
    except LenStreamError as error:  # of another version, say: the scores are there all the same
        notes.append(f"the config of {name} cannot be read, so nobody knows what differs: {str(error).splitlines()[0]}")
        config = None
    if not folder.results.is_file():
        why = "only pre-trains" if config is not None and config.evaluate is None else "is not evaluated yet"
        notes.append(f"{name} {why}, so it has no scores and is left out")
        return None
    every = read_scores(folder.path)
    scores = [score for score in every if not score.shift]
    if not scores:
        notes.append(f"{name} has an empty results.csv, and is left out")
        return None
    try:
        evaluation = Evaluation.load(folder.path)
    except DataError as error:
        notes.append(f"the predictions of {name} cannot be read, so its scores are compared as they are: {error}")
        evaluation = None
    return Compared(name, config, scores, evaluation, tuple(score for score in every if score.shift))


def _print(scores):
    """Print a table a task, rows encoder, protocol and labels by run; of many rows those with the most labels."""
    from .evaluate.show import comparison, metrics
    from .evaluate.show.terminal import print_table

    for task in dict.fromkeys(scores["task"]):
        of_task = scores[scores["task"] == task]
        some = of_task
        if len(of_task[comparison.KEYS].drop_duplicates()) > MOST_ROWS:
            some = comparison.at_most_labels(of_task)
        pairs = comparison.leading(some)
        rows, cells = comparison.in_words(some, pairs)
        table = rows.drop(columns="task").set_index("run").rename(columns={"n_labels": "labels"})
        for target, metric in pairs:
            table[f"{target} {metrics.of(metric).plain}"] = [cell or "-" for cell in cells[target, metric]]
        print_table(table, task + ("" if len(some) == len(of_task) else ", with the most labels of each run"))
        print()


def _print_robustness(tables):
    """Print scores on shifted test lenses. Args: tables: of `robustness.Robustness`."""
    import pandas as pd

    from .evaluate.show.robustness import title
    from .evaluate.show.terminal import print_table

    for table in tables:
        rows = pd.Index([" ".join(row) for row in table.rows], name="run, encoder, protocol")
        print_table(pd.DataFrame(table.cells, index=rows, columns=table.columns), title(table))
        print()


def _print_refined(table):
    """Print refined estimates. Args: table: of `refined_table.side_by_side`; None: there are none."""
    from .evaluate.show.refined_table import meanings
    from .evaluate.show.terminal import print_table

    if table is None:
        return
    print_table(table.frame.set_axis(table.frame.index.map(", ".join).rename("run, start")), table.title)
    for name, words in meanings(table).items():
        print(f"{name}: {words}")
    print()
