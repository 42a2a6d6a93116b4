"""Which values a lens can have, so that others are doubted where predicted and left out where published."""

import re

import numpy as np

from ...configs.turning import pairs
from ...files.missing_values import nines

LARGE = 99.0  # numbers of nines alone, from this one on, mark a missing value: no lens parameter has one
POSSIBLE = {"theta_E": (0.0, 90.0), "gamma": (1.0, 3.0)}  # arcsec; a slope of finite mass


def is_possible(target, values):
    """Where a lens can have such values (an array or a number) of a parameter by its name."""
    plain = re.sub(r"_\d+$", "", target)
    low, high = (-1.0, 1.0) if plain in ("e1", "e2") else POSSIBLE.get(plain, (-np.inf, np.inf))
    return (values > low) & (values < high) & ~((np.abs(values) >= LARGE) & nines(values))


def are_ellipticities(first, spin):
    """Whether a pair of `configs.turning.pairs` is e1, e2 rather than a shear or an offset."""
    return spin == 2 and "gamma" not in first


def leave_out_impossible(values, names):
    """Set what no lens can have to NaN, in place; a list of sentences that count it.

    Args: values: target -> float (n,). names: of the n lenses.
    """
    bad = {target: np.isfinite(known) & ~is_possible(target, known) for target, known in values.items()}
    for first, second, spin in pairs(list(values)):
        if are_ellipticities(first, spin):  # an ellipticity is possible or not as a whole
            bad[first] = bad[first] | bad[second] | (np.hypot(values[first], values[second]) >= 1)
            bad[second] = bad[first]
    notes = []
    for target, which in bad.items():
        if which.any():
            k = np.flatnonzero(which)[0]
            notes.append(
                f"catalogue: {which.sum()} of {len(which)} lenses have an impossible {target}, taken as missing, e.g. "
                f"{names[k]} with {values[target][k]:g}."
            )
    for target, which in bad.items():
        values[target] = np.where(which, np.nan, values[target])
    return notes
