"""Choose the axis of R2: linear, or logarithmic in 1 - R2 where curves would lie on each other near 1."""

import numpy as np

from ..results import LIMIT

WORST_R2 = -0.2  # lower values are marked at the edge of the panel, so that they do not squeeze the others
CLOSE = 0.9  # above it, a linear axis down to 0 has only a tenth of its height left
CLOSEST = 1e-6  # of 1 - R2: nothing nearer to 1 is told apart
_TICKS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9999, 0.99999)
_MOST_TICKS = 7


def near_1(table):
    """Whether two curves or more, and at least half of them, end between CLOSE and 1.

    table: rows of one target, of `figures.mean_and_spread`.
    """
    curves = table[(table["encoder"] != LIMIT) & np.isfinite(table["mean"])]
    last = curves.loc[curves["n_labels"] == curves["n_labels"].max(), "mean"]
    close = (last > CLOSE).sum()
    return close >= 2 and close >= len(last) / 2


def below_1(table):
    """A table as in `near_1` whose means of 1 stand where they can be drawn, and this value; None if none is 1.

    It lacks a third of what the best of the others lacks of 1.
    """
    lacks = 1 - table["mean"]
    if not (lacks < CLOSEST).any():
        return table, None
    one = 1 - max(min([*lacks[lacks >= CLOSEST], 0.3]) / 3, CLOSEST)
    return table.assign(mean=table["mean"].mask(lacks < CLOSEST, one)), one


def spread_near_1(ax, table, one=None):
    """Make the axis of R2 logarithmic in 1 - R2, with ticks in R2, for the values of a table as in `near_1`.

    one: where 1 is drawn, of `below_1`.
    """
    means = table.loc[np.isfinite(table["mean"]), "mean"]
    low = max(means.min() - 0.3 * (1 - means.min()), WORST_R2)
    high = 1 - max(1 - means.max(), CLOSEST) / 1.6
    ax.set_yscale("function", functions=(_nines, _from_nines))
    ax.set_ylim(low, high)
    ticks = [r2 for r2 in _TICKS if low <= r2 <= high]
    ticks = (
        ticks if len(ticks) <= _MOST_TICKS else [r2 for r2 in ticks if r2 in (0.0, 0.5, 0.9, 0.99, 0.999) or r2 > 0.999]
    )
    words = [f"{r2:g}" for r2 in ticks]
    if one is not None:
        ticks = [r2 for r2 in ticks if 1 - r2 > 1.5 * (1 - one)]
        ticks, words = [*ticks, one], [*words[: len(ticks)], "1"]
    ax.set_yticks(ticks, words)
    ax.set_yticks([], minor=True)


def _nines(r2):
    """-log10(1 - R2): 1 for .9, 2 for .99."""
    return -np.log10(np.maximum(1 - np.asarray(r2, dtype=float), CLOSEST / 10))


def _from_nines(nines):
    return 1 - 10.0 ** -np.asarray(nines, dtype=float)
