"""Drawing the parameters of one component of a config from their distributions, for a whole batch of systems."""

import numpy as np
from scipy import special

from ...configs.names import parameter_names
from ..core.distributions import follow_ellipticity, quantile, rayleigh_ellipticity
from ..core.philox import LENS, SOURCE, slot_of, uniforms


def draw_parameter(value, path, draw):
    """One parameter that belongs to no profile and follows none, e.g. a colour.

    Args:
        value: a number or a `configs.parameters.Distribution`. path: its place in the config; names its stream of
        numbers.
        draw: the `philox.Draw` of n systems.

    Returns: float64 (n,).
    """
    if isinstance(value, int | float):
        return np.full(len(draw.indices), float(value))
    if value.table is not None:
        return quantile(value, _row(value.table.file, draw))
    return quantile(value, uniforms(draw, [slot_of(path)])[:, 0])


def draw_component(component, path, draw, drawn=None):
    """Draw all parameters of one profile.

    Args:
        component: a profile of `configs.components`, e.g. EPL. path: its place, e.g. "lens_mass.0"; names the streams.
        draw: the `philox.Draw` of n systems.
        drawn: gives a parameter of a component that was drawn earlier, by its path, e.g. "lens_mass.0.e1", as float64
            (n,); needed only for a component that follows another one (`configs.follow.check_follow` says which may).

    Returns: dict of float64 (n,) arrays, one per parameter that the component gives; constants are repeated.
    """
    joint = getattr(component, "e1_e2", None)
    names = [n for n in parameter_names(component) if getattr(component, n) is not None]
    random = [n for n in names if not isinstance(getattr(component, n), float)]
    slots = [slot_of(f"{path}.{n}") for n in random] + [slot_of(f"{path}.e1_e2.{k}") for k in ("radius", "angle")]
    u = uniforms(draw, slots)
    values = {n: np.full(len(draw.indices), getattr(component, n)) for n in names if n not in random}
    following = {}
    for column, name in enumerate(random):
        distribution = getattr(component, name)
        if distribution.follow is not None:
            following[name] = distribution, u[:, column]
        elif distribution.table is not None:
            values[name] = quantile(distribution, _row(distribution.table.file, draw))
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


def _row(file, draw):
    """One uniform number per system that chooses the row of a table, for mass, light and source together.

    Views in which something is drawn anew (see `draw.Views`) take another row for it; they share that one too.
    """
    view = draw.purpose & 0xFFF if draw.purpose >= SOURCE else 0
    shared = draw._replace(purpose=SOURCE + view if view else LENS)
    return uniforms(shared, [slot_of(f"table.{file}")])[:, 0]
