"""Limits of given parameters: what cannot be rendered is refused, so that no label differs from its image.

Configs check what can be drawn (`configs.parameters.check_ranges`, `configs.shapes`); this is for the numbers
themselves, as a user may edit the parameters of systems before they are rendered or handed to lenstronomy.
"""

from typing import NamedTuple

import numpy as np

from ...errors import DataError
from . import registry
from .declaration import MAX_ELLIPTICITY

MARGIN = 1.005  # of |e|: derivatives step over the edge, and `epl` renders up to 0.91 as given


class Limits(NamedTuple):
    """Of one profile, column by column of its row."""

    names: tuple
    low: np.ndarray  # float64 (columns,)
    high: np.ndarray
    whole: tuple  # numbers of the columns that hold whole numbers
    e1: int  # the number of its column, and that of e2 is the next; -1 for a round profile


def _limits(profile):
    declared = {p.name: p for p in profile.parameters}
    largest = np.finfo(float).max
    span = [
        (max(declared[n].low, -largest), min(declared[n].high, largest)) if n in declared else (-largest, largest)
        for n in profile.columns
    ]
    low, high = np.array(span).T
    whole = tuple(k for k, n in enumerate(profile.columns) if n in declared and declared[n].whole)
    return Limits(profile.columns, low, high, whole, profile.columns.index("e1") if "e1" in profile.columns else -1)


MASS = {name: _limits(profile) for name, profile in registry.MASS.items()}
LIGHT = {name: _limits(profile) for name, profile in registry.LIGHT.items()}


def check(limits, rows, what):
    """Refuse rows (..., columns or more) of parameters of one profile that are not finite or outside of their range.

    limits: of `MASS` or `LIGHT`. what: the profile's place, e.g. "lens_mass.0", for the message.

    Raises: DataError, one sentence that names the parameter, its range and the value.
    """
    given = rows[..., : len(limits.names)]
    good = (given >= limits.low) & (given <= limits.high)  # not a number is neither
    if not good.all():
        k = int(np.argmin(good.reshape(-1, len(limits.names)).all(0)))
        value, name = given[..., k][~good[..., k]][0], f"{what}.{limits.names[k]}"
        if not np.isfinite(value):
            raise DataError(f"{name} must be a finite number in every system, got {value}")
        raise DataError(f"{name} must lie between {limits.low[k]:g} and {limits.high[k]:g}, got {value:g}")
    for k in limits.whole:
        if (given[..., k] % 1.0 != 0.0).any():
            value = given[..., k][given[..., k] % 1.0 != 0.0][0]
            raise DataError(f"{what}.{limits.names[k]} must be a whole number, got {value:g}")
    if limits.e1 >= 0:
        modulus = np.hypot(given[..., limits.e1], given[..., limits.e1 + 1])
        if (modulus > MARGIN * MAX_ELLIPTICITY).any():
            raise DataError(
                f"{what}: e1 and e2 must have |e| = hypot(e1, e2) of at most {MAX_ELLIPTICITY:g} (an axis ratio of "
                f"{(1 - MAX_ELLIPTICITY) / (1 + MAX_ELLIPTICITY):.2g}), got {modulus.max():.3g}"
            )
