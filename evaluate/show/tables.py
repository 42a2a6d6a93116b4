"""Make a run's scores and predictions ready for tables: means over seeds, rounded by their spread, as aligned text."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup

from ...configs.quantities import find
from ..results import CRAMER_RAO, LIMIT, RANDOM, SUPERVISED
from .digits import aligned, plus_minus, rounded
from .figures import colours, mean_and_spread
from .symbols import after_number, symbol_as_html

FIGURE_SPACE = "\N{FIGURE SPACE}"  # as wide as a digit, in HTML


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


def cell_r2(score):
    """'0.974 ± 0.002' of (mean, standard deviation), '0.974' for one seed, '' for nothing."""
    if score is None:
        return ""
    mean, std = score
    return plus_minus(mean, std) if math.isfinite(std) and std > 0 else show_r2(mean) if mean > 0.999 else f"{mean:.3f}"


def cell_rmse(score, target):
    """'0.030 ± 0.002"' of the (mean, standard deviation) of an RMSE, '0.030"' for one seed, '' for nothing."""
    if score is None:
        return ""
    mean, std = score
    return plus_minus(mean, std) + after_number(target) if std > 0 else show_rmse(mean, target)


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
    columns = []
    for target in scores.targets:
        best = max((f[0] for row in scores.rows if (f := scores.get(row, target, "r2"))), default=None)
        r2 = [scores.get(row, target, "r2") for row in scores.rows]
        errors = [_error(scores, row, target) for row in scores.rows]
        is_best = [bool(value) and value[0] == best for value in r2]
        columns.append(zip(_aligned(map(cell_r2, r2)), is_best, _aligned(errors), strict=True))
    groups = {}
    for row, *cells in zip(scores.rows, *columns, strict=True):
        groups.setdefault(row.protocol, []).append((row.encoder, hue[row.encoder], cells))
    return list(groups.items())


def _error(scores, row, target):
    """An RMSE as a multiple of the limit, or as it is without one."""
    rmse, limit = scores.get(row, target, "rmse"), scores.limit(target, "rmse")
    if rmse and limit and limit[0] > 0:
        return f"\N{MULTIPLICATION SIGN} {show_ratio(rmse[0] / limit[0])}"
    return cell_rmse(rmse, target)


def limit_row(scores):
    """[(R2, RMSE), ...] of the information limit as text, one tuple a target; empty without a limit."""
    limits = [(scores.limit(t, "r2"), scores.limit(t, "rmse"), t) for t in scores.targets]
    row = [(cell_r2(r2), cell_rmse(rmse, target)) for r2, rmse, target in limits]
    return row if any(r2 or rmse for r2, rmse in row) else []


def all_numbers(scores):
    """[(encoder, protocol, n_labels, [(R2, RMSE), ...]), ...] as text."""
    columns = []
    for target in scores.targets:
        r2 = [cell_r2(scores.get(row, target, "r2")) for row in scores.all_rows]
        rmse = [cell_rmse(scores.get(row, target, "rmse"), target) for row in scores.all_rows]
        columns.append(zip(_aligned(r2), _aligned(rmse), strict=True))
    return [(*row, cells) for row, *cells in zip(scores.all_rows, *columns, strict=True)]


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
