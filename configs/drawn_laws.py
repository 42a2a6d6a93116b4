"""Which parameters a simulation draws, under the names of their labels, and from which laws, in words."""

import re
from typing import Any, NamedTuple

from .names import parameter_names, plain_names
from .parameters import Distribution, Ellipticity, Follow, FollowShape
from .quantities import PREFIXES, quantity
from .schema import Simulation

_WHERE_EMPTY = re.compile(r"; empty: .*?(?=,? of profile| \(|$)")  # what a key without a value means, which no label is
_OF_HALOS = {"CDM": ("n_mean", "f_sub", "slope", "theta_E"), "AXION_VORTEX": ("mass", "axion_mass")}


class Drawn(NamedTuple):
    """A parameter of a population."""

    name: str  # of its label
    unit: str  # as `astropy.units.Unit` reads it; "" for a pure number
    meaning: str
    law: str  # in words, such as U(0.8, 1.6)
    only: tuple[str, ...]  # the classes that have it; empty: all


def drawn(simulation: Simulation) -> list[Drawn]:
    """The parameters of lens, source, lens light and subhalos, numbers as well as what is drawn, in their order."""
    out: list[Drawn] = []
    for group, prefix in PREFIXES.items():
        components = getattr(simulation, group)
        laws = [_laws(component) for component in components]
        for name, (k, parameter) in plain_names(laws, prefix).items():
            known = quantity(name)
            meaning = _WHERE_EMPTY.sub("", known.meaning)
            out.append(Drawn(name, known.unit, meaning, laws[k][parameter], tuple(components[k].only or ())))
    for component in simulation.substructure:
        for name in _OF_HALOS[component.kind]:
            value = getattr(component, name, None)
            if value is not None:
                known, only = quantity(name), tuple(component.only or ())
                what = " (of each subhalo)" if name == "theta_E" else ""
                out.append(
                    Drawn(f"subhalo {name}" if what else name, known.unit, known.meaning + what, law(value), only)
                )
    return out


def law(value: float | Distribution) -> str:
    """A number or a distribution in words: 1.5, U(0.8, 1.6), N(2, 0.2) within 1.5 to 2.5, ..."""
    if not isinstance(value, Distribution):
        return f"{value:.6g}"
    if value.mixture is not None:
        total = sum(part.weight for part in value.mixture)
        return ", ".join(f"{part.weight / total:.3g} of {_plain(part)}" for part in value.mixture)
    if value.table is not None:
        return f"column {value.table.column} of a catalogue"
    return _follow(value.follow) if value.follow is not None else _plain(value)


def _laws(component):
    """The laws of a profile by parameter, colours too; without those that are left open."""
    joint: Ellipticity | None = getattr(component, "e1_e2", None)
    values: dict[str, Any] = {name: getattr(component, name) for name in parameter_names(component)}
    values |= {f"color_{band}": value for band, value in getattr(component, "colors", {}).items()}
    laws = {name: law(value) for name, value in values.items() if value is not None}
    return laws | ({"e1": _joint(joint), "e2": _joint(joint)} if joint is not None else {})


def _joint(joint):
    """The law that e1 and e2 are drawn from together."""
    if joint.rayleigh is not None:
        return f"N(0, {joint.rayleigh[0]:g}) with |e| < {joint.rayleigh[1]:g}"
    shape: FollowShape = joint.follow
    return (
        f"|e| {shape.factor:g} times that of {shape.component} + N(0, {shape.scatter:g}), at most {shape.largest:g}; "
        f"turned from it by N(0, {shape.angle_scatter:g}) rad"
    )


def _plain(value):
    name, numbers = value.law_and_numbers()
    words = [f"{number:.6g}" for number in numbers]
    within = f" within {words[2]} to {words[3]}" if len(words) == 4 else ""
    return {
        "uniform": lambda: f"U({words[0]}, {words[1]})",
        "normal": lambda: f"N({words[0]}, {words[1]})",
        "truncnormal": lambda: f"N({words[0]}, {words[1]}){within}",
        "lognormal": lambda: f"log-normal, median {words[0]}, {words[1]} dex{within}",
        "loguniform": lambda: f"log-uniform, {words[0]} to {words[1]}",
        "beta": lambda: f"beta({words[0]}, {words[1]}){within}",
    }[name]()


def _follow(follow: Follow) -> str:
    text = f"{follow.factor:g} x {follow.parameter}" if follow.factor != 1 else follow.parameter
    if follow.offset:
        text = f"{follow.offset:g} {'-' if follow.factor < 0 else '+'} {text.removeprefix('-')}"
    text += f" + N(0, {follow.scatter:g})" if follow.scatter else ""
    ends = [f"{word} {end:g}" for word, end in (("at least", follow.low), ("at most", follow.high)) if end is not None]
    return f"{text}, {', '.join(ends)}" if ends else text
