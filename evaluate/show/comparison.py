"""Runs side by side: their scores in one table, where their configs differ, and whether they can be compared."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..results import Evaluation, frame
from . import metrics
from .digits import aligned
from .figures import mean_and_spread

ABSENT = "-"
NAMED = ("pretrain.encoders", "evaluate.supervised", "evaluate.overlay")  # whose sections have names of their own
KEYS = ["run", "task", "encoder", "protocol", "n_labels"]


@dataclass(frozen=True)
class Compared:
    """A run as it is compared with others."""

    name: str
    config: Any  # `configs.schema.Config`; None if it cannot be read
    scores: list  # of `results.Score`
    evaluation: Evaluation | None = None  # None if its arrays cannot be read
    shifted: tuple = ()  # of `results.Score`, on shifted test lenses

    @property
    def settings(self):
        """The keys of its config, dotted -> value; empty if they are not known."""
        return {} if self.config is None else flat(self.config.model_dump(mode="json", exclude={"name"}))


def flat(values, key=""):
    """Nested dictionaries and lists as {dotted key: value}; an empty one is a value."""
    if isinstance(values, dict) and values:
        parts = values.items()
    elif isinstance(values, list) and any(isinstance(value, dict | list) for value in values):
        parts = enumerate(values)
    else:
        return {key: values}
    return {k: v for name, value in parts for k, v in flat(value, f"{key}.{name}" if key else str(name)).items()}


def differences(runs):
    """The keys whose values differ between runs: {dotted key: [value of each run, as text]}, `ABSENT` without one.

    Of a section that only some runs have, such as an encoder, there is a line for it alone. Runs whose config is not
    known differ in nothing.
    """
    settings = [run.settings for run in runs]
    known = [k for k, found in enumerate(settings) if found]
    sections = [{_section(key) for key in found} for found in settings]
    out = {}
    for key in dict.fromkeys(key for k in known for key in settings[k] if key not in NAMED):
        section = _section(key)
        if not all(section in sections[k] for k in known):
            out[section] = ["there" if section in found else ABSENT for found in sections]
            continue
        values = [settings[k].get(key, ABSENT) for k in known]
        if any(value != values[0] for value in values):
            out[key] = [_text(found[key]) if key in found else ABSENT for found in settings]
    return out


def _section(key):
    """What a key belongs to that a run may have or not, by a name of its own: an encoder, a network; else the key."""
    parts = key.split(".")
    return ".".join(parts[:3]) if len(parts) > 2 and ".".join(parts[:2]) in NAMED else ""


def _text(value):
    if value is None:
        return "empty"
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def scores_of(runs):
    """Means and spreads over seeds of all runs: columns run, task, encoder, protocol, n_labels, target, metric, mean,
    std (NaN for one seed), seeds."""
    parts = []
    for run in runs:
        scores = frame(run.scores)
        if scores.empty:
            continue
        keys = ["task", "encoder", "protocol", "n_labels", "target", "metric"]
        seeds = scores.groupby(keys, sort=False)["value"].count().rename("seeds").reset_index()
        parts.append(mean_and_spread(scores).merge(seeds, on=keys).assign(run=run.name))
    columns = [*KEYS, "target", "metric", "mean", "std", "seeds"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def intervals_of(runs):
    """{(run, task, encoder, protocol, n_labels, target, metric): (low, high)}: 95 % of resampled test images.

    They are those of the first seed, where the runs have bootstrap.csv.
    """
    found = {}
    for run in runs:
        for row in run.evaluation.intervals if run.evaluation is not None else ():
            if row["seed"] == 0:
                where = (run.name, *(row[name] for name in (*KEYS[1:], "target", "metric")))
                found[where] = row["low_95"], row["high_95"]
    return found


def wide(scores, intervals=None):
    """The scores with a row for each run, encoder, protocol and number of labels.

    Its columns are TARGET/METRIC, .../std and, where an interval is known, .../low_95 and .../high_95. Columns that a
    task does not have are empty. Args: scores: of `scores_of`. intervals: of `intervals_of`.
    """
    known = intervals or {}
    out = scores[[*KEYS, "seeds"]].drop_duplicates(KEYS).set_index(KEYS)
    for target, metric in columns_of(scores):
        part = scores[(scores["target"] == target) & (scores["metric"] == metric)].set_index(KEYS)
        out[f"{target}/{metric}"], out[f"{target}/{metric}/std"] = part["mean"], part["std"]
        ends = [known.get((*row, target, metric), (np.nan, np.nan)) for row in out.index]
        if np.isfinite(ends).any():
            out[f"{target}/{metric}/low_95"], out[f"{target}/{metric}/high_95"] = np.transpose(ends)
    return out.reset_index()


def columns_of(scores):
    """The pairs (target, metric) of scores, those metrics first that lead."""
    return _in_order(list(dict.fromkeys(zip(scores["target"], scores["metric"], strict=True))))


def _in_order(pairs):
    targets = list(dict.fromkeys(target for target, _ in pairs))
    order = {metric: k for k, metric in enumerate(metrics.in_order(metric for _, metric in pairs))}
    return sorted(pairs, key=lambda pair: (order[pair[1]], targets.index(pair[0])))


def leading(scores):
    """The pairs (target, metric) that are drawn and printed: of each target the metric that is said first, if it leads
    or none does; of two classes only what is of both."""
    first = {}
    for target, metric in _in_order(metrics.shown_once(columns_of(scores))):
        first.setdefault(target, metric)
    return [pair for pair in first.items() if metrics.of(pair[1]).leads] or list(first.items())


def in_words(scores, pairs, blank=" "):
    """Cells of a table as aligned text: the rows `KEYS` and for each pair (target, metric) a column.

    Returns: rows, a DataFrame of `KEYS`; cells, {pair: list of text, "" where there is none}.
    """
    rows = scores[KEYS].drop_duplicates().reset_index(drop=True)
    known = {(*key, t, m): (mean, std) for *key, t, m, mean, std, _ in scores.itertuples(index=False)}
    cells = {}
    for target, metric in pairs:
        found = [known.get((*row, target, metric)) for row in rows.itertuples(index=False)]
        found = [None if score is None or np.isnan(score[0]) else score for score in found]
        cells[target, metric] = aligned([metrics.cell(score, metric, target) for score in found], blank)
    return rows, cells


def at_most_labels(scores):
    """The scores with the largest number of labels that each run and task has, and those without labels."""
    most = scores.groupby(["run", "task"])["n_labels"].transform("max")
    return scores[(scores["n_labels"] == most) | (scores["n_labels"] == 0)]
