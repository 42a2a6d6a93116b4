"""Make a run's scores and predictions ready for tables: means over seeds, rounded by their spread, as aligned text."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup

from ...configs.quantities import find
from ..results import ANY_SHAPE, CRAMER_RAO, FINETUNED, LIMIT, MACRO, RANDOM, SUPERVISED, limit_names
from . import metrics
from .digits import aligned, plus_minus, rounded
from .figures import colours, mean_and_spread
from .metrics import cell, shown
from .symbols import symbol_as_html

FIGURE_SPACE = "\N{FIGURE SPACE}"  # as wide as a digit, in HTML


def show_r2(value):
    """R2 with as many digits as its distance from 1 needs: 0.97, but 0.9996."""
    return shown(value, "r2")


def show_rmse(value, target):
    """An RMSE with two digits and its unit: 0.030" for arcseconds."""
    return shown(value, "rmse", target)


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


def cell_r2(score):
    """'0.974 ± 0.002' of (mean, standard deviation), '0.974' for one seed, '' for nothing."""
    return cell(score, "r2")


def cell_rmse(score, target):
    """'0.030 ± 0.002"' of the (mean, standard deviation) of an RMSE, '0.030"' for one seed, '' for nothing."""
    return cell(score, "rmse", target)


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
        self.alone = [row for row in self.all_rows if not row.n_labels and row.encoder != LIMIT]  # without labels
        self._values, self._metrics = {}, {}
        for target, metric in metrics.shown_once((r.target, r.metric) for r in table):
            self._metrics.setdefault(target, {})[metric] = None
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
        """(mean, std) of the information limit, or None: of that with any shape where galaxies are images, as what is
        learnt from images does not know the shape of a galaxy."""
        return next(iter(self.limits(target, metric).values()), None)

    def limits(self, target, metric):
        """(mean, std) of the information limits, the one to be measured by first, by their names."""
        found = {p: self.get(Trained(LIMIT, p, 0), target, metric) for p in (ANY_SHAPE, CRAMER_RAO)}
        return {name: found[p] for p, name in self.limit_names().items() if found[p]}

    def limit_names(self):
        """Names of the information limits that there are, such as 'limit, any shape', by how they are computed."""
        return limit_names(row.protocol for row in self.all_rows if row.encoder == LIMIT)

    def metrics(self, target):
        """The metrics of a target, the one that is said of it first."""
        return metrics.in_order(self._metrics.get(target, ()))

    def lead(self, target):
        """The metric that is said of a target first, of which more is better."""
        return next(iter(self.metrics(target)), "r2")

    def told(self):
        """The targets whose first metric leads, or all: of two classes what is of both, as they have one AUC."""
        return [t for t in self.targets if metrics.of(self.lead(t)).leads] or self.targets

    def merit(self):
        """The metric by which encoders are set in order: of classes that of their mean."""
        return self.lead(MACRO if MACRO in self.targets else self.told()[-1]) if self.targets else "r2"

    def second(self, target):
        """The metric that is said of a target beside the first, or None."""
        return next(iter(self.metrics(target)[1:]), None)

    def best(self):
        """The row to speak of: a trained encoder, frozen if possible, with the highest mean R2 (or what leads of
        another task); None without rows."""
        told_by = [MACRO] if MACRO in self.targets else self.told()

        def merit(row):
            means = [score[0] for score in (self.get(row, t, self.lead(t)) for t in told_by) if score]
            return (
                row.encoder not in (RANDOM, SUPERVISED),
                row.protocol not in FINETUNED,
                np.mean(means) if means else -np.inf,
            )

        return max(self.rows, key=merit, default=None)


def main_table(scores, refined=None):
    """[(protocol, [(encoder, colour, [(R2, whether the best, RMSE in limits or in units), ...]), ...]), ...] as text.

    One inner tuple a target, at the largest number of labels, then what needed none; for other tasks of the metrics
    that `MeanScores.lead` and `second` give. refined: the `MeanScores` of refined estimates, which come last with an
    RMSE in limits of their own lenses.
    """
    heads, estimates = [*scores.rows, *scores.alone], refined.all_rows if refined else []
    rows = [*heads, *estimates]
    hue = colours(row.encoder for row in rows)
    columns = []
    for target in scores.targets:
        lead, second = scores.lead(target), scores.second(target)
        best = max((f[0] for row in rows if (f := scores.get(row, target, lead))), default=None)
        first = [scores.get(row, target, lead) for row in rows]
        errors = [_error(scores, row, target, second) for row in heads]
        errors += [_error_of_refined(refined, row, target) for row in estimates]
        is_best = [bool(value) and value[0] == best and metrics.of(lead).leads for value in first]
        cells = _aligned(cell(value, lead, target) for value in first)
        columns.append(zip(cells, is_best, _aligned(errors), strict=True))
    groups = {}
    for row, *cells in zip(rows, *columns, strict=True):
        groups.setdefault(row.protocol, []).append((row.encoder, hue[row.encoder], cells))
    return list(groups.items())


def _error(scores, row, target, metric):
    """The second metric; an RMSE as a multiple of the limit, or as it is without one."""
    value = scores.get(row, target, metric)
    limit = scores.limit(target, metric) if metric == "rmse" else None
    if value and limit and limit[0] > 0:
        return f"\N{MULTIPLICATION SIGN} {show_ratio(value[0] / limit[0])}"
    return cell(value, metric, target)


def _error_of_refined(refined, row, target):
    rmse, limit = (refined.get(row, target, metric) for metric in ("rmse", "limit"))
    return f"\N{MULTIPLICATION SIGN} {show_ratio(rmse[0] / limit[0])}" if rmse and limit else cell_rmse(rmse, target)


def limit_rows(scores):
    """{name: [(R2, RMSE), ...], ...} of the information limits as text, one tuple a target; empty without a limit."""
    rows = {}
    for name in scores.limit_names().values():
        limits = [(scores.limits(t, "r2").get(name), scores.limits(t, "rmse").get(name), t) for t in scores.targets]
        rows[name] = [(cell_r2(r2), cell_rmse(rmse, target)) for r2, rmse, target in limits]
    return {name: row for name, row in rows.items() if any(r2 or rmse for r2, rmse in row)}


def all_numbers(scores):
    """[(encoder, protocol, n_labels, [(R2, RMSE), ...]), ...] as text, a tuple a target of all its metrics."""
    columns = []
    for target in scores.targets:
        names = scores.metrics(target)
        texts = [_aligned(cell(scores.get(row, target, m), m, target) for row in scores.all_rows) for m in names]
        columns.append(zip(*texts, strict=True))
    return [(*row, cells) for row, *cells in zip(scores.all_rows, *columns, strict=True)]


def intervals(rows):
    """[(encoder, protocol, n_labels, target, metric, value, 68 %, 95 %), ...] as text: of the first seed and of the
    metrics that lead. rows: of bootstrap.csv."""
    once = set(metrics.shown_once((row["target"], row["metric"]) for row in rows))
    found = [row for row in rows if row["seed"] == 0 and metrics.of(row["metric"]).leads and not row.get("shift")]
    found = [row for row in found if (row["target"], row["metric"]) in once]

    def between(row, level):
        low, high = row[f"low_{level}"], row[f"high_{level}"]
        return f"{low:.3f} to {high:.3f}" if math.isfinite(low) else ""

    def line(row):
        value = cell((row["value"], math.nan), row["metric"])
        known = (row[name] for name in ("encoder", "protocol", "n_labels", "target"))
        return (*known, metrics.of(row["metric"]).name, value, between(row, 68), between(row, 95))

    return [line(row) for row in found]


def _aligned(cells):
    return aligned(list(cells), FIGURE_SPACE)


def predictions_in_words(predictions, targets, blank=" "):
    """A prediction table with one column a target: 1.22 ± 0.04 (1.16), the published value in brackets.

    Args: predictions: of `evaluate.real.published`. targets: of the run. blank: see `digits.aligned`.
    Returns: a DataFrame of text, a row a lens, indexed by its name; a last column `flags` if any lens has one.
    """
    words = {}
    for target in targets:
        published = predictions.get(f"{target}_published", [np.nan] * len(predictions))
        rows = zip(predictions[target], predictions[f"{target}_std"], published, strict=True)
        words[target] = aligned([_predicted(*row) for row in rows], blank)
    if "flags" in predictions and (predictions["flags"] != "").any():
        words["flags"] = [flags.replace(";", " ") for flags in predictions["flags"]]
    return pd.DataFrame(words, index=predictions["name"].rename("lens"))


def reconstruction_rows(numbers):
    """The numbers of reconstructions for tables: a row an encoder. Args: of `evaluate.reconstruction.numbers_of`."""
    keys = {"masked_share": "masked", "mse_masked": "MSE masked", "mse_all": "MSE all"}
    keys |= {"mse_masked_min_max": "MSE masked / range²", "mse_all_min_max": "MSE all / range²"}
    keys |= {"lens_correlation": "r lens", "noise_correlation": "r noise", "untrained_noise_correlation": "r untrained"}
    rows = [{"encoder": name} | {title: of[key] for key, title in keys.items()} for name, of in numbers.items()]
    return pd.DataFrame(rows)


def _predicted(value, std, published):
    text = plus_minus(value, std, ".2f") or "-"
    if not np.isfinite(published):
        return text
    return f"{text} ({rounded(published, std) if std > 0 else f'{published:.2f}'})"


def agreement(summary, blank=" "):
    """`evaluate.real.published.summary` as text: the bias with its standard error, two digits of all spreads.

    Returns: a DataFrame with the columns of `summary`; '-' for what is not known.
    """
    words = {}
    for column in summary:
        values = summary[column]
        if column == "bias":
            errors = summary["scatter"] / np.sqrt(summary["n"])
            cells = [plus_minus(value, error, "#.2g") for value, error in zip(values, errors, strict=True)]
        elif column == "correlation":
            cells = [f"{value:.2f}" if np.isfinite(value) else "" for value in values]
        elif column in ("target", "n"):
            words[column] = [str(value) for value in values]
            continue
        else:
            cells = [f"{value:#.2g}".rstrip(".") if np.isfinite(value) else "" for value in values]
        words[column] = aligned([cell or "-" for cell in cells], blank)
    return pd.DataFrame(words)
