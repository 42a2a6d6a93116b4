"""Join what a network and a fit say of real lenses: one `RealLens` each, with values, flags and what was measured."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from ...configs.turning import is_turned
from ...files.lens_names import file_names

SEPARATOR = ";"  # between flags, and between what was found of each, in tables
NETWORK, REFINED = "network", "refined"
PARTS = ("std", "low_68", "high_68", "low_95", "high_95", "published", "difference")
OF_FIT = ("chi2", "magnification", "images", "light_left", "agreeing", "seconds")
KNOWN = {"name", "flags", "found", "error", "frame", "masked", *OF_FIT}
SHEARLESS = "_shearless"  # behind the name of an ellipticity that stands for the shear, too
NOT_FITTED = "not_fitted"


class Estimate(NamedTuple):
    """What one estimate says of a parameter, in its unit; NaN for what is not known."""

    value: float
    std: float
    low_68: float
    high_68: float
    low_95: float
    high_95: float
    published: float

    @property
    def difference(self):
        """Less the published value."""
        return self.value - self.published

    def covers(self, share):
        """Whether the interval of 68 or 95 % holds the published value; that of a normal distribution without one."""
        low, high = (self.low_68, self.high_68) if share == 68 else (self.low_95, self.high_95)
        reach = self.std * (1.0 if share == 68 else 1.96)
        low, high = (low, high) if math.isfinite(low) else (self.value - reach, self.value + reach)
        return low <= self.published <= high


class Flag(NamedTuple):
    """One flag of one lens."""

    name: str
    found: str  # what was measured, "" if that is not known
    of: str  # NETWORK: of the image and the network's prediction; REFINED: of the fit


class RealLens(NamedTuple):
    """One lens."""

    name: str
    file: str  # its name as part of the names of files
    values: dict  # target -> {NETWORK: Estimate, REFINED: Estimate}, of those that there are
    flags: list  # of `Flag`
    of_fit: dict  # of OF_FIT, numbers that are known
    fitted: bool | None  # None: it was not tried
    frames: dict  # NETWORK, REFINED -> frame of what turns with the image
    masked: float  # share of filled pixels, NaN if not known
    error: str  # why it could not be read for a fit, or ""
    others: dict  # further columns, such as labels: name -> text

    def flag_names(self):
        """The names of its flags, each once."""
        return list(dict.fromkeys(flag.name for flag in self.flags))


def lenses(predictions, refined=None):
    """The `RealLens`es of both tables, in the order of the first, and of the second for those that are in it alone.

    Args: predictions: of `evaluate.real.published`, or None; refined: of `evaluate.real.refined_lenses`, or None. Any
        column but the name may be missing.
    """
    tables = {NETWORK: predictions, REFINED: refined}
    rows = {kind: _by_name(table) for kind, table in tables.items() if table is not None}
    names = list(dict.fromkeys(name for of in rows.values() for name in of))
    targets = {kind: targets_of(tables[kind]) for kind in rows}
    return [
        _lens(name, file, {kind: of[name] for kind, of in rows.items() if name in of}, targets)
        for name, file in zip(names, file_names(names), strict=True)
    ]


def targets_of(table):
    """The parameters of a table: the columns with an uncertainty."""
    return [c.removesuffix("_std") for c in table if c.endswith("_std") and c.removesuffix("_std") in table]


def all_targets(found):
    """The parameters of `RealLens`es, theta_E first."""
    targets = dict.fromkeys(target for lens in found for target in lens.values)
    return sorted(targets, key=lambda target: target != "theta_E")


def shown_targets(found):
    """Those of a table of all lenses: centres, and shapes without shear, that only a fit gives are left out."""
    predicted = {target for lens in found for target, of in lens.values.items() if NETWORK in of}
    return [t for t in all_targets(found) if t in predicted or not (t.startswith("center_") or t.endswith(SHEARLESS))]


def _by_name(table):
    """The rows of a table by name, of two lenses of one name the first."""
    rows = {}
    for row in table.to_dict("records"):
        rows.setdefault(str(row["name"]), row)
    return rows


def _lens(name, file, rows, targets):
    """The `RealLens` of its rows of tables, NETWORK and REFINED -> dict. targets: of each table."""
    frames = {kind: _text(row.get("frame")) for kind, row in rows.items()}
    values = {}
    for kind, row in rows.items():
        for target in targets[kind]:
            values.setdefault(target, {})[kind] = _value(row, target)
    _share_published(values, frames)
    flags = [flag for kind, row in rows.items() for flag in _flags(row, kind)]
    fit = rows.get(REFINED, {})
    error = _text(fit.get("error"))
    fitted = None
    if REFINED in rows:
        known = any(math.isfinite(of[REFINED].value) for of in values.values() if REFINED in of)
        fitted = known and not error and NOT_FITTED not in [flag.name for flag in flags]
    taken = {f"{target}_{part}" for target in values for part in PARTS} | set(values) | KNOWN
    others = {c: _text(v) for row in rows.values() for c, v in row.items() if c not in taken and _text(v)}
    of_fit = {c: float(fit[c]) for c in OF_FIT if math.isfinite(_number(fit.get(c)))}
    masked = _number(rows.get(NETWORK, {}).get("masked"))
    return RealLens(name, file, values, flags, of_fit, fitted, frames, masked, error, others)


def _value(row, target):
    parts = [_number(row.get(f"{target}_{part}")) for part in PARTS if part != "difference"]
    return Estimate(_number(row.get(target)), *parts)


def _share_published(values, frames):
    """Give both estimates the published value where only one table has it, and it is of the same frame."""
    one_frame = len({frame for frame in frames.values() if frame}) < 2
    for target, of in values.items():
        known = [v.published for v in of.values() if math.isfinite(v.published)]
        if known and (one_frame or not is_turned(target)):
            for kind, value in of.items():
                if not math.isfinite(value.published):
                    of[kind] = value._replace(published=known[0])


def _flags(row, kind):
    """The flags of a row of a table, with what was found of each where the table says so."""
    names = [name for name in _text(row.get("flags")).split(SEPARATOR) if name]
    found = _text(row.get("found")).split(SEPARATOR)
    found = found if len(found) == len(names) else [""] * len(names)
    return [Flag(name, number.strip(), kind) for name, number in zip(names, found, strict=True)]


def _number(value):
    """A cell as a float, NaN for what is none."""
    return float(value) if isinstance(value, int | float | np.number) and not isinstance(value, bool) else math.nan


def _text(value):
    """A cell as text, "" for what is missing."""
    return "" if value is None or (not isinstance(value, str) and pd.isna(value)) else str(value)
