"""Probability distributions: from uniform random numbers to values, by inverse CDF."""

import numpy as np
from scipy import special, stats

from ...files.columns import read_column

EDGE = 2.0**-53  # no quantile is asked for below this fraction or above one minus this: it may be infinite


def quantile(distribution, u):
    """The value of a `configs.parameters.Distribution` below which a fraction `u` lies; float64, the shape of `u`.

    Of a mixture, `u` chooses the part and then the value in it; of a table, the row; so these are not ordered.
    Raises: ValueError for `follow`, which needs another parameter (see `draw_component`).
    """
    law, numbers = distribution.law_and_numbers()
    if law == "uniform":
        low, high = numbers
        return low + (high - low) * u
    if law == "normal":
        mean, std = numbers
        return mean + std * special.ndtri(u)
    if law == "truncnormal":
        mean, std, low, high = numbers
        return _truncated_normal(u, mean, std, low, high)
    if law == "lognormal":
        center, std = np.log10(numbers[0]), numbers[1]
        if len(numbers) == 2:
            return 10.0 ** (center + std * special.ndtri(u))
        low, high = numbers[2:]
        return np.clip(10.0 ** _truncated_normal(u, center, std, *np.log10(numbers[2:])), low, high)
    if law == "loguniform":
        low, high = np.log(numbers)
        return np.exp(low + (high - low) * u)
    if law == "beta":
        a, b, low, high = numbers
        return low + (high - low) * special.betaincinv(a, b, u)
    if law == "mixture":
        return _mixture(numbers, u)
    if law == "table":
        values = read_column(numbers.file, numbers.column)
        return values[np.minimum((u * len(values)).astype(np.int64), len(values) - 1)]
    raise ValueError("follow needs the parameter that is followed")


def _truncated_normal(u, mean, std, low, high):
    return stats.truncnorm.ppf(u, (low - mean) / std, (high - mean) / std, loc=mean, scale=std)


def _mixture(parts, u):
    """The part of [0, 1] in which `u` lies chooses the component; where it lies in that part is its quantile."""
    edges = np.cumsum([0.0, *(part.weight for part in parts)])
    edges /= edges[-1]
    u = np.asarray(u)  # also of one number
    chosen = np.clip(np.searchsorted(edges, u, side="right") - 1, 0, len(parts) - 1)
    out = np.empty(np.shape(u))
    for k, part in enumerate(parts):
        inside = chosen == k
        within = (u[inside] - edges[k]) / (edges[k + 1] - edges[k])
        out[inside] = quantile(part, np.clip(within, EDGE, 1.0 - EDGE))
    return out


def rayleigh_ellipticity(spread, largest, u, v):
    """e1, e2, each with standard deviation `spread` before |e| is cut at `largest`; `u`, `v` uniform, same shape."""
    modulus = spread * np.sqrt(-2.0 * np.log1p(-u * -np.expm1(-0.5 * (largest / spread) ** 2)))
    return modulus * np.cos(2 * np.pi * v), modulus * np.sin(2 * np.pi * v)


def follow_ellipticity(law, e1, e2, u, v):
    """e1, e2 of an ellipse like another one, e.g. of light that follows mass.

    phi = phi_other + N(0, angle_scatter); |e| = factor |e|_other + N(0, scatter), clipped to 0 ... largest.

    Args:
        law: a `configs.parameters.FollowShape`. e1, e2: the other's, float64 (n,). u, v: uniform, for modulus and
        angle.
    """
    modulus = np.clip(law.factor * np.hypot(e1, e2) + law.scatter * special.ndtri(u), 0.0, law.largest)
    angle = np.arctan2(e2, e1) + 2.0 * law.angle_scatter * special.ndtri(v)  # twice phi
    return modulus * np.cos(angle), modulus * np.sin(angle)
