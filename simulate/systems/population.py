"""Populations: from uniform numbers to parameters, by inverse CDF, for a whole batch of systems at once."""

import numpy as np
from scipy import special, stats

from ...configs.names import parameter_names
from ...files.columns import read_column
from ..core.philox import LENS, SOURCE, slot_of, uniforms

EDGE = 2.0**-53  # no quantile is asked for below this fraction or above one minus this: it may be infinite


def quantile(distribution, u):
    """The value of a `configs.keys.Distribution` below which a fraction `u` lies; float64, the shape of `u`.

    Of a mixture, `u` chooses the part and then the value in it; of a table, the row; so these are not ordered.
    Raises: ValueError for `follow`, which needs another parameter (see `draw_component`).
    """
    kind, numbers = distribution.kind_and_numbers()
    if kind == "uniform":
        low, high = numbers
        return low + (high - low) * u
    if kind == "normal":
        mean, std = numbers
        return mean + std * special.ndtri(u)
    if kind == "truncnormal":
        mean, std, low, high = numbers
        return _truncated_normal(u, mean, std, low, high)
    if kind == "lognormal":
        center, std = np.log10(numbers[0]), numbers[1]
        if len(numbers) == 2:
            return 10.0 ** (center + std * special.ndtri(u))
        low, high = numbers[2:]
        return np.clip(10.0 ** _truncated_normal(u, center, std, *np.log10(numbers[2:])), low, high)
    if kind == "loguniform":
        low, high = np.log(numbers)
        return np.exp(low + (high - low) * u)
    if kind == "beta":
        a, b, low, high = numbers
        return low + (high - low) * special.betaincinv(a, b, u)
    if kind == "mixture":
        return _mixture(numbers, u)
    if kind == "table":
        values = read_column(numbers.file, numbers.column)
        return values[np.minimum((u * len(values)).astype(np.int64), len(values) - 1)]
    raise ValueError("follow needs the parameter that is followed")


def _truncated_normal(u, mean, std, low, high):
    return stats.truncnorm.ppf(u, (low - mean) / std, (high - mean) / std, loc=mean, scale=std)


def _mixture(parts, u):
    """The part of [0, 1] in which `u` lies chooses the component; where it lies in that part is its quantile."""
    edges = np.cumsum([0.0, *(part.weight for part in parts)])
    edges /= edges[-1]
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
        law: a `configs.keys.FollowShape`. e1, e2: the other's, float64 (n,). u, v: uniform, for modulus and angle.
    """
    modulus = np.clip(law.factor * np.hypot(e1, e2) + law.scatter * special.ndtri(u), 0.0, law.largest)
    angle = np.arctan2(e2, e1) + 2.0 * law.angle_scatter * special.ndtri(v)  # twice phi
    return modulus * np.cos(angle), modulus * np.sin(angle)


def draw_parameter(value, path, seed, purpose, indices, attempt=0):
    """One parameter that belongs to no profile and follows none, e.g. a colour; float64 (n,). See `draw_component`."""
    if isinstance(value, int | float):
        return np.full(len(indices), float(value))
    if value.table is not None:
        return quantile(value, _row(value.table.file, seed, purpose, indices, attempt))
    return quantile(value, uniforms(seed, purpose, indices, [slot_of(path)], attempt)[:, 0])


def draw_component(component, path, seed, purpose, indices, attempt=0, drawn=None):
    """Draw all parameters of one profile.

    Args:
        component: a profile of `configs.components`, e.g. EPL. path: its place, e.g. "lens_mass.0"; names the streams.
        seed, purpose, attempt: the Philox key, and the attempt in its counter. indices: uint64 (n,).
        drawn: gives a parameter of a component that was drawn earlier, by its path, e.g. "lens_mass.0.e1", as float64
            (n,); needed only for a component that follows another one (`configs.follow.check_follow` says which may).

    Returns: dict of float64 (n,) arrays, one per parameter that the component gives; constants are repeated.
    """
    joint = getattr(component, "e1_e2", None)
    names = [n for n in parameter_names(component) if getattr(component, n) is not None]
    random = [n for n in names if not isinstance(getattr(component, n), float)]
    slots = [slot_of(f"{path}.{n}") for n in random] + [slot_of(f"{path}.e1_e2.{k}") for k in ("radius", "angle")]
    u = uniforms(seed, purpose, indices, slots, attempt)
    values = {n: np.full(len(indices), getattr(component, n)) for n in names if n not in random}
    following = {}
    for column, name in enumerate(random):
        distribution = getattr(component, name)
        if distribution.follow is not None:
            following[name] = distribution, u[:, column]
        elif distribution.table is not None:
            values[name] = quantile(distribution, _row(distribution.table.file, seed, purpose, indices, attempt))
        else:
            values[name] = quantile(distribution, u[:, column])
    if joint is not None and joint.rayleigh is not None:
        values["e1"], values["e2"] = rayleigh_ellipticity(*joint.rayleigh, u[:, -2], u[:, -1])
    elif joint is not None:
        e1, e2 = (drawn(f"{joint.follow.component}.{n}") for n in ("e1", "e2"))
        values["e1"], values["e2"] = follow_ellipticity(joint.follow, e1, e2, u[:, -2], u[:, -1])
    for name in following:
        _follow(name, path, following, values, drawn)
    return values


def _follow(name, path, following, values, drawn):
    """Fill in `values[name]`, after what it follows if that is a parameter of the same component, `path`."""
    if name in values:
        return
    distribution, u = following[name]
    law = distribution.follow
    component, _, other = law.parameter.rpartition(".")
    if component == path:
        _follow(other, path, following, values, drawn)
    followed = values[other] if component == path else drawn(law.parameter)
    value = law.offset + law.factor * followed + law.scatter * special.ndtri(u)
    values[name] = np.clip(value, *distribution.support())


def _row(file, seed, purpose, indices, attempt):
    """One uniform per system for the row of a table, the same for all that ask: mass, light and source.

    Views in which something is drawn anew (see `scene.Views`) take another row for it; they share that one too.
    """
    view = purpose & 0xFFF if purpose >= SOURCE else 0
    key = SOURCE + view if view else LENS
    return uniforms(seed, key, indices, [slot_of(f"table.{file}")], attempt)[:, 0]
