"""Populations: from uniform numbers to parameters, by inverse CDF, for a whole batch of systems at once."""

import numpy as np
from scipy import special, stats

from ..configs.names import parameter_names
from .philox import slot_of, uniforms


def quantile(distribution, u):
    """The value of a `configs.keys.Distribution` below which a fraction `u` lies; float64, the shape of `u`."""
    kind, numbers = distribution.kind_and_numbers()
    if kind == "uniform":
        low, high = numbers
        return low + (high - low) * u
    if kind == "normal":
        mean, std = numbers
        return mean + std * special.ndtri(u)
    if kind == "truncnormal":
        mean, std, low, high = numbers
        return stats.truncnorm.ppf(u, (low - mean) / std, (high - mean) / std, loc=mean, scale=std)
    if kind == "loguniform":
        low, high = np.log(numbers)
        return np.exp(low + (high - low) * u)
    a, b, low, high = numbers
    return low + (high - low) * special.betaincinv(a, b, u)


def rayleigh_ellipticity(spread, largest, u, v):
    """e1, e2, each with standard deviation `spread` before |e| is cut at `largest`; `u`, `v` uniform, same shape."""
    modulus = spread * np.sqrt(-2.0 * np.log1p(-u * -np.expm1(-0.5 * (largest / spread) ** 2)))
    return modulus * np.cos(2 * np.pi * v), modulus * np.sin(2 * np.pi * v)


def draw_component(component, path, seed, purpose, indices):
    """Draw all parameters of one profile.

    Args:
        component: a profile of `configs.profiles`, e.g. EPL. path: its place, e.g. "lens_mass.0"; names the streams.
        seed, purpose: the Philox key. indices: uint64 (n,).

    Returns: dict of float64 (n,) arrays, one per parameter that the component gives; constants are repeated.
    """
    joint = getattr(component, "e1_e2", None)
    names = [n for n in parameter_names(component) if getattr(component, n) is not None]
    drawn = [n for n in names if not isinstance(getattr(component, n), float)]
    slots = [slot_of(f"{path}.{n}") for n in drawn] + [slot_of(f"{path}.e1_e2.{k}") for k in ("radius", "angle")]
    u = uniforms(seed, purpose, indices, slots)
    values = {n: np.full(len(indices), getattr(component, n)) for n in names if n not in drawn}
    for column, name in enumerate(drawn):
        values[name] = quantile(getattr(component, name), u[:, column])
    if joint is not None:
        values["e1"], values["e2"] = rayleigh_ellipticity(*joint.rayleigh, u[:, -2], u[:, -1])
    return values
