"""The scores of refined estimates as tables: a row a start, in the terminal, in the report and beside other runs.

All numbers are of the same lenses: those of the estimates, of what they started from, and of the information limit.
"""

from typing import NamedTuple

import pandas as pd

from ..results import ALL
from .digits import aligned
from .metrics import shown
from .symbols import after_number

ERRORS = "median error / that of an estimate at the limit"
RMSES = "RMSE on the same lenses: of what was started from \N{RIGHTWARDS ARROW} refined"
LAST = ("68 %", "95 %", "trusted", "s a lens", "ESS/n", "apart")  # columns behind those of targets
MEANING = {  # of the columns
    "right": "share of lenses within 3 sigma of the information limit in all parameters at once",
    "before": "that share of what was started from",
    "68 %": "share of true values within the quoted errors, mean over parameters; 95 % likewise",
    "trusted": "share with a good chi2 and ascents that agree",
    "s a lens": "seconds of one thread",
    "ESS/n": "effective share of samples of the network's posterior, weighted by the refined one: the median",
    "apart": "share of lenses whose two posteriors contradict each other (a chance of 1 % if both were right)",
}


def meanings(table):
    """What the columns of a `RefinedTable` mean, by name."""
    return {name: words for name, words in MEANING.items() if name in table.frame}


class RefinedTable(NamedTuple):
    """A table of text, whose index is the starts; of several runs, tuples of run and start."""

    title: str
    frame: pd.DataFrame


def refined_tables(refined, blank=" "):
    """Two `RefinedTable`: errors in units of the limit with shares, and RMSE beside that of starts and limit.

    Args: refined: `results.frame(scores, refined=True)`. blank: see `digits.aligned`. Empty without refined estimates.
    """
    if refined.empty:
        return []
    values, targets, starts = _looked_up(refined)
    count = next((value for (_, _, metric), value in values.items() if metric == "lenses"), None)
    lenses = "" if count is None else f", the first {count:.0f} test lenses"
    rows = pd.DataFrame([_errors(values, targets, start) for start in starts], index=pd.Index(starts, name="start"))
    errors = RefinedTable(f"Refined by the simulator{lenses}: {ERRORS}", _in_columns(rows, blank))
    limits = [_rmse(values, starts[0], target, "limit") for target in targets]
    names = ["limit"] * any(limits) + starts
    rmse = pd.DataFrame({t: _rmses(values, names, t, blank) for t in targets}, index=pd.Index(names, name="start"))
    return [errors, RefinedTable(RMSES, rmse)]


def side_by_side(runs, blank=" "):
    """One `RefinedTable` of several runs, or None. Args: runs: name -> `results.frame(scores, refined=True)`."""
    rows, index = [], []
    for run, refined in runs.items():
        values, targets, starts = _looked_up(refined)
        for start in starts:
            count = values.get((start, ALL, "lenses"))
            rows.append({"lenses": "" if count is None else f"{count:.0f}"} | _errors(values, targets, start))
            index.append((run, start))
    if not rows:
        return None
    frame = pd.DataFrame(rows, index=pd.MultiIndex.from_tuples(index, names=["run", "start"]))
    shares = [name for name in frame if name in LAST]  # stand behind the targets of all runs
    frame = frame[[*(name for name in frame if name not in shares), *shares]].fillna("")
    return RefinedTable(f"Refined by the simulator: {ERRORS}", _in_columns(frame, blank))


def _looked_up(refined):
    """{(start, target, metric): value}, the targets and the starts of a frame."""
    values = {(s.encoder, s.target, s.metric): s.value for s in refined.itertuples()}
    return values, [t for t in dict.fromkeys(refined.target) if t != ALL], list(dict.fromkeys(refined.encoder))


def _errors(values, targets, start):
    """A row of the first table."""
    cells = {"right": _share(values.get((start, ALL, "within_3_limits")))}
    cells["before"] = _share(values.get((start, ALL, "within_3_limits_of_start")))
    cells |= {t: _number(values.get((start, t, "error_over_limit"))) for t in targets}
    for level in ("68", "95"):
        known = [values[key] for t in targets if (key := (start, t, f"coverage_{level}")) in values]
        cells[f"{level} %"] = _share(sum(known) / len(known) if known else None)
    cells["trusted"] = _share(values.get((start, ALL, "trusted")))
    cells["s a lens"] = _number(values.get((start, ALL, "seconds")))
    if any(metric == "effective_share" for *_, metric in values):
        shares, apart = (values.get((start, ALL, name)) for name in ("effective_share", "apart"))
        cells |= {"ESS/n": "" if shares is None else f"{shares:.3f}", "apart": _share(apart)}
    return cells


def _rmses(values, names, target, blank):
    """A column of the second table: '0.034" -> 0.0044"', with an arrow; one number where nothing was predicted."""
    before = [_rmse(values, name, target, "rmse_of_start") for name in names]
    after = [_rmse(values, name, target, "rmse") for name in names]
    if names[0] == "limit":
        after[0] = _rmse(values, names[-1], target, "limit")
    after = [number or "-" for number in after]
    pairs = zip(_with_unit(before, target, blank), _with_unit(after, target, blank), strict=True)
    return [f"{was} \N{RIGHTWARDS ARROW} {now}" if was else now for was, now in pairs]


def _rmse(values, start, target, metric):
    value = values.get((start, target, metric))
    return "" if value is None or value != value else shown(value, "rmse", target).removesuffix(after_number(target))


def _with_unit(numbers, target, blank):
    """Numbers, "-" or "" as cells: points stand in a line, and the unit right behind each number."""
    cells = aligned(numbers, blank)
    bare = [cell.rstrip(blank) for cell in cells]
    units = ["" if number in ("", "-") else after_number(target) for number in numbers]
    return [text + unit + cell[len(text) :] for text, unit, cell in zip(bare, units, cells, strict=True)]


def _number(value):
    return "" if value is None or value != value else f"{value:.2f}"


def _share(value):
    return "" if value is None or value != value else f"{value:.0%}"


def _in_columns(frame, blank):
    """The table with "-" for what is not known, and numbers whose points stand in a line."""
    return frame.apply(lambda column: aligned([cell or "-" for cell in column], blank))
