"""How estimates of real lenses agree with published values: bias, scatter, how many are near, and what errors cover."""

import math
from typing import NamedTuple

import numpy as np

from .digits import percent, plus_minus, with_minus
from .lens_rows import NETWORK, REFINED

NEAR = (0.05, 0.10)  # of the published value
FAR = 0.20
COLUMNS = [  # of a table of `cells`: head and meaning
    ("n", "lenses that have both values"),
    ("bias", "mean of the estimate less the published value; ± is its standard error"),
    ("scatter", "standard deviation of that difference"),
    (
        "NMAD",
        "scatter by the median, which outliers do not move: 1.4826 \N{MULTIPLICATION SIGN} median absolute deviation",
    ),
    ("median", "of the estimate over the published value, less 1"),
    *((f"within {percent(s)}", f"lenses whose estimate is within {percent(s)} of the published value") for s in NEAR),
    (f"beyond {percent(FAR)}", f"lenses whose estimate is off by more than {percent(FAR)}"),
    (
        "in 68 %",
        "published values that lie in the 68 % interval of the estimate, taken as exact; 68 % would be honest",
    ),
    ("in 95 %", "the same of the 95 % interval"),
]


class Agreement(NamedTuple):
    """How one kind of estimate agrees with published values of a parameter; NaN for what so few lenses cannot tell."""

    target: str
    of: str  # NETWORK or REFINED
    unflagged: bool  # whether only lenses without any flag count
    n: int  # lenses with an estimate and a published value
    bias: float  # mean of estimate - published
    scatter: float  # its standard deviation
    nmad: float  # 1.4826 x median absolute deviation
    median_ratio: float  # median of estimate / published - 1, of radii
    near: tuple  # how many lie within each of NEAR of the published value, of radii; or ()
    far: int  # how many lie beyond FAR, of radii
    covered: tuple  # how many published values the intervals of 68 and of 95 % hold; () without errors

    @property
    def error(self):
        """The standard error of the bias."""
        return self.scatter / math.sqrt(self.n)


def agreements(lenses, targets):
    """The `Agreement`s of each target with published values: network and refined, of all lenses and of unflagged ones.

    lenses: of `lens_rows.lenses`.
    """
    some_flagged = any(lens.flags for lens in lenses)
    out = []
    for target in targets:
        for kind in (NETWORK, REFINED):
            for unflagged in (False, True) if some_flagged else (False,):
                counted = [lens for lens in lenses if not (unflagged and lens.flags)]
                known = [lens.values[target][kind] for lens in counted if kind in lens.values.get(target, {})]
                known = [value for value in known if math.isfinite(value.difference)]
                if known:
                    out.append(_agreement(target, kind, unflagged, known))
    return out


def _agreement(target, kind, unflagged, known):
    """The `Agreement` of `lens_rows.Estimate`s that have a published value."""
    difference = np.array([value.difference for value in known])
    scatter = float(difference.std(ddof=1)) if len(known) > 1 else math.nan
    nmad = 1.4826 * float(np.median(np.abs(difference - np.median(difference)))) if len(known) > 1 else math.nan
    ratios = np.array([v.difference / v.published for v in known if v.published > 0]) if is_radius(target) else []
    median = float(np.median(ratios)) if len(ratios) else math.nan
    near = tuple(int((np.abs(ratios) <= share).sum()) for share in NEAR) if len(ratios) else ()
    far = int((np.abs(ratios) > FAR).sum()) if len(ratios) else 0
    with_errors = all(math.isfinite(value.std) for value in known)
    covered = tuple(sum(value.covers(share) for value in known) for share in (68, 95)) if with_errors else ()
    counts = len(known), float(difference.mean()), scatter, nmad, median, near, far, covered
    return Agreement(target, kind, unflagged, *counts)


def is_radius(target):
    """Whether a parameter is an Einstein radius, whose errors are told in per cent."""
    return target.startswith("theta_E")


def cells(row):
    """The cells of an `Agreement` as text, those of COLUMNS."""

    def count(k):
        return f"{k} ({percent(k / row.n)})"

    bias = with_minus(plus_minus(row.bias, row.error, "#.2g"))
    spreads = [f"{value:#.2g}".rstrip(".") if math.isfinite(value) else "" for value in (row.scatter, row.nmad)]
    of_radii = [""] * (2 + len(NEAR))
    if row.near:
        of_radii = [percent(row.median_ratio, "+.1f"), *map(count, row.near), count(row.far)]
    covered = [count(k) for k in row.covered] or ["", ""]
    return [str(row.n), bias, *spreads, *of_radii, *covered]
