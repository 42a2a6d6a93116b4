"""Scores on shifted test lenses beside those on lenses as in the training, as tables of text."""

from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..results import ALL, MACRO
from . import metrics
from .digits import aligned

AS_TRAINED = "as trained"  # the heading of test lenses like those of the training
WORST = -1  # an R2 below it is only said to be

_KEYS = ["encoder", "protocol", "n_labels", "shift", "target", "metric"]


class Robustness(NamedTuple):
    """One metric of every head that was judged on shifted test lenses."""

    metric: str
    targets: list[str]  # over which the numbers are means
    labels: int | None  # that the heads learnt from; None: not the same number for all
    columns: list[str]  # AS_TRAINED, then the names of shifts
    rows: list[tuple[str, ...]]  # encoder and protocol; of several runs the run before them
    cells: list[list[str]]  # of each row a text for each column; "-" where nothing is known


def robustness(scores):
    """The tables of an evaluation: of each metric without a unit the mean over targets, then each target by itself.

    Args: scores: of `results.Score`, on shifted test lenses and others. Of those of the first seed every head has a row
    that was judged on shifted ones.
    Returns: a list of `Robustness`, the metric that leads first; empty without such scores.
    """
    found = pd.DataFrame([asdict(score) for score in scores if score.seed == 0])
    if found.empty or not (found["shift"] != "").any():
        return []
    shifted = found[found["shift"] != ""]
    heads = list(dict.fromkeys(zip(shifted["encoder"], shifted["protocol"], shifted["n_labels"], strict=True)))
    known = {tuple(key): value for *key, value in found[[*_KEYS, "value"]].itertuples(index=False)}
    out, alone = [], []
    for metric in _shown(shifted["metric"]):
        targets = list(dict.fromkeys(shifted.loc[shifted["metric"] == metric, "target"]))
        targets = next(([whole] for whole in (MACRO, ALL) if whole in targets), targets)
        shifts = ["", *dict.fromkeys(shifted["shift"])]
        out.append(_table(known, heads, shifts, metric, targets))
        if len(targets) > 1 and metrics.of(metric).leads:
            alone += [_table(known, heads, shifts, metric, [target]) for target in targets]
    return out + alone


def side_by_side(runs):
    """The tables of several runs, each of all that have its metric and targets; without those of single targets.

    runs: name -> scores as of `robustness`. Returns: a list of `Robustness`, whose rows begin with the run.
    """
    found = {}
    for run, scores in runs.items():
        tables = robustness(scores)
        for table in tables:
            if table.targets == tables[0].targets or table.metric != tables[0].metric:
                found.setdefault((table.metric, tuple(table.targets)), []).append((run, table))
    return [_joined(tables) for tables in found.values()]


def _joined(tables):
    """One table of pairs (run, `Robustness`) of one metric and targets."""
    columns = list(dict.fromkeys(name for _, table in tables for name in table.columns))
    rows, cells = [], []
    for run, table in tables:
        for row, texts in zip(table.rows, table.cells, strict=True):
            known = dict(zip(table.columns, texts, strict=True))
            rows.append((run, *row))
            cells.append([known.get(name, "-") for name in columns])
    labels = {table.labels for _, table in tables}
    first = tables[0][1]
    return first._replace(columns=columns, rows=rows, cells=cells, labels=min(labels) if len(labels) == 1 else None)


def _shown(names):
    """The metrics that can be told of several targets at once; of classes the one that leads."""
    found = [name for name in metrics.in_order(names) if metrics.of(name).digits is not None]
    return found if "r2" in found else [name for name in found if metrics.of(name).leads]


def _table(known, heads, shifts, metric, targets):
    """A `Robustness`; known: by `_KEYS`."""
    heads = [head for head in heads if any((*head, shift, t, metric) in known for shift in shifts for t in targets)]
    columns = []
    for shift in shifts:
        means = [np.mean([known.get((*head, shift, t, metric), np.nan) for t in targets]) for head in heads]
        columns.append(aligned([_text(mean, metric) for mean in means]))
    rows = [(encoder, protocol) for encoder, protocol, _ in heads]
    cells = [list(row) for row in zip(*columns, strict=True)]
    return Robustness(metric, targets, max(n for *_, n in heads), [AS_TRAINED, *shifts[1:]], rows, cells)


def _text(mean, metric):
    """Two digits; of an R2 below the worst that is drawn only that it is, as nobody compares -3 with -300."""
    if not np.isfinite(mean):
        return "-"
    return f"< {WORST:g}" if metric == "r2" and mean < WORST else f"{mean:.2f}"


def title(table):
    """What a `Robustness` shows, in plain words."""
    labels = "the most" if table.labels is None else f"{table.labels:,}"
    names = ", ".join(table.targets)
    of = f", mean over {names}," if len(table.targets) > 1 else "" if names in (MACRO, ALL) else f" of {names}"
    return f"{metrics.of(table.metric).plain}{of} on shifted test lenses, with {labels} labels"
