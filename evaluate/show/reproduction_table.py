"""The table of a reproduction: each published number beside ours, with the labels and the time that ours took."""

import math
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ...configs.reproduction import Column, Reproduction, Row
from ...errors import DataError
from ...files.class_names import meant
from ...files.json_files import finite_numbers
from ...ssl.log import read_log
from .. import results
from .digits import decimals, plus_minus
from .figures import mean_and_spread
from .metrics import auc_of_two

EMPTY = "-"
RECONSTRUCTION = "reconstruction"  # as a protocol: what a masked autoencoder makes of images, before any head


class Ours(NamedTuple):
    """What we have for a row of the published table."""

    row: Row
    n_labels: int | None  # that ours learnt from; None if there is none of ours
    scores: dict[str, tuple[float, float]]  # column -> mean and standard deviation over seeds (NaN for one seed)
    seeds: int
    seconds: float | None  # of the encoder's pre-training
    missing: str  # why there is none of ours; "" if there is


def rows(reproduction: Reproduction, folders: dict[str, Path]) -> list[Ours]:
    """The table's rows with what was found in the runs.

    Args: folders: of the runs that are evaluated, by name. A row whose number of labels a run does not have gets the
    largest below it, or else the smallest there is.
    Raises: DataError for results that cannot be read, or that lack what a row names.
    """
    scores = {run: results.frame(results.read_scores(folder)) for run, folder in folders.items()}
    found = []
    for row in reproduction.rows:
        if row.run is None:
            found.append(Ours(row, None, {}, 0, None, ""))  # its note says why
        elif row.run not in folders:
            found.append(Ours(row, None, {}, 0, None, "left out"))
        elif row.protocol == RECONSTRUCTION:
            found.append(_reconstructed(row, reproduction.columns, folders[row.run]))
        else:
            found.append(_ours(row, reproduction.columns, scores[row.run], folders[row.run]))
    return found


def _ours(row, columns, scores, folder):
    """The `Ours` of a row that a run has. scores: a DataFrame, columns those of `results.Score`."""
    own = scores[(scores["encoder"] == row.encoder) & (scores["protocol"] == row.protocol)]
    if own.empty:
        raise DataError(f"{folder}: {results.TABLE} has no scores of {row.encoder} with {row.protocol}")
    n_labels = nearest_amount(row.n_labels, sorted(set(own["n_labels"])))
    own = own[own["n_labels"] == n_labels]
    means = mean_and_spread(own)
    values = {}
    for name, column in columns.items():
        named = [target for target in means["target"].unique() if _is(target, column)]
        of_column = means[(means["metric"] == column.metric) & means["target"].isin(named)]
        if len(of_column):
            values[name] = float(of_column["mean"].iloc[0]), float(of_column["std"].iloc[0])
    of_two = auc_of_two(zip(means["target"], means["metric"], strict=True))
    values = {n: v for n, v in values.items() if not (of_two and columns[n].target == results.MACRO)} or values
    return Ours(row, int(n_labels), values, own["seed"].nunique(), seconds_of(folder, row.encoder), "")


def _reconstructed(row, columns, folder):
    """The `Ours` of the reconstructions of a masked autoencoder: of all pixels, in units of each image's range."""
    known = finite_numbers(Path(folder) / "reconstructions" / f"{row.encoder}.json")
    names = {name: c.metric.replace("mse_min_max", "mse_all_min_max") for name, c in columns.items()}
    values = {name: (known[key], math.nan) for name, key in names.items() if key in known}
    return Ours(row, 0, values, 1, seconds_of(folder, row.encoder), "" if values else "no reconstructions")


def _is(target, column: Column):
    """Whether a target of results is a column's; classes go by what they mean, as files name them in many ways."""
    return target == column.target or meant(target) == column.target


def nearest_amount(wanted, there):
    """The number of labels that stands for a published one: the largest that is not above it, or else the smallest.

    Args: wanted: None for all. there: sorted numbers.
    """
    if wanted is None:
        return there[-1]
    return max((n for n in there if n <= wanted), default=there[0])


def seconds_of(folder, encoder):
    """Seconds of an encoder's pre-training, by its log; None for what is not pre-trained or has no log."""
    records = [r for r in read_log(Path(folder) / "encoders" / encoder / "metrics.jsonl") if "seconds_per_step" in r]
    if not records:
        return None
    steps = [0, *(r["step"] for r in records)]
    return sum(r["seconds_per_step"] * (step - last) for r, last, step in zip(records, steps, steps[1:], strict=False))


def timings(folders):
    """Seconds of each stage of the runs: run -> {stage: seconds}."""
    return {run: finite_numbers(Path(folder) / "timings.json") for run, folder in folders.items()}


def long_form(reproduction: Reproduction, found: list[Ours]) -> pd.DataFrame:
    """The table with a row for each number, for programs: columns group, row, column, published, ours, spread, ..."""
    lines = []
    for ours in found:
        row = ours.row
        for name in reproduction.columns:
            mean, spread = ours.scores.get(name, (math.nan, math.nan))
            published = row.published.get(name, math.nan)
            if math.isnan(published) and math.isnan(mean):
                continue
            lines.append(
                {
                    "group": row.group,
                    "row": row.label,
                    "column": name,
                    "published": published,
                    "ours": mean,
                    "spread": spread,
                    "seeds": ours.seeds,
                    "published_labels": row.n_labels,
                    "labels": ours.n_labels,
                    "pre-training_s": ours.seconds,
                    "run": row.run,
                    "encoder": row.encoder,
                    "protocol": row.protocol,
                    "note": _note(ours),
                }
            )
    frame = pd.DataFrame(lines)
    return frame.astype({"published_labels": "Int64", "labels": "Int64"})


def in_words(reproduction: Reproduction, found: list[Ours]) -> pd.DataFrame:
    """The table as people read it: text, "published | ours" in a column for each number of the system."""
    noted = any(ours.row.note or ours.missing for ours in found)
    lines = []
    for ours in found:
        row = ours.row
        words = {"": f"{row.group}: {row.label}" if row.group else row.label, "labels": _labels(ours)}
        for name, column in reproduction.columns.items():
            words[name] = f"{_published(row.published.get(name), column)} | {_score(ours.scores.get(name), column)}"
        words["pre-training"] = EMPTY if ours.seconds is None else duration(ours.seconds)
        if noted:
            words["note"] = _note(ours)
        lines.append(words)
    return pd.DataFrame(lines).set_index("")


def _note(ours):
    return "; ".join(filter(None, (ours.row.note, ours.missing)))


def _labels(ours):
    published = "all" if ours.row.n_labels is None else f"{ours.row.n_labels:,}" if ours.row.n_labels else EMPTY
    own = f"{ours.n_labels:,}" if ours.n_labels else EMPTY
    return f"{published} | {own}"


def _published(value, column):
    """A published value with all its digits, or as many as its column has."""
    if value is None:
        return EMPTY
    own = len(repr(value).partition(".")[2].rstrip("0"))
    return f"{value:.{max(own, column.digits)}f}"


def _score(score, column):
    if score is None or not math.isfinite(score[0]):
        return EMPTY
    mean, std = score
    small = 0 < abs(mean) < 0.5 * 10**-column.digits
    if math.isfinite(std) and std > 0:
        most = column.digits + 1  # two seeds that agree by chance say little of the digits
        few = decimals(std) <= most or small
        return plus_minus(mean, std) if few else f"{mean:.{most}f} ± {std:.{most}f}"
    return f"{mean:.1e}" if small else f"{mean:.{column.digits}f}"


def duration(seconds):
    """'4 s', '12 min', '3.1 h'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def markdown(table: pd.DataFrame) -> str:
    """A table of `in_words` as Markdown; the two numbers of a cell are told apart by a slash, as | ends cells."""
    heads = [table.index.name or "", *table.columns]
    lines = [heads, ["---"] * len(heads), *([str(row[0]), *row[1:]] for row in table.itertuples())]
    return "".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |\n" for line in lines)
