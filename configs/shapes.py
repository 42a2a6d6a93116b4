"""Checks that no e1 and e2 can be drawn beyond the largest |e| = hypot(e1, e2) that can be rendered.

A range of each is not enough: 0.8 and 0.8 are an ellipse that does not exist. What follows another parameter, comes
from the rows of a table or is drawn jointly is looked at as it will be drawn.
"""

import math

from ..simulate.profiles.declaration import MAX_ELLIPTICITY
from .parameters import Distribution
from .support import support

E1_E2 = ("e1", "e2")


def check_shapes(components):
    """One sentence for every component, by its path, whose e1 and e2 can be drawn beyond the largest |e|."""
    for path, component in components.items():
        if "e1" not in type(component).model_fields:
            continue
        largest = _largest(path, components, ())
        if largest > MAX_ELLIPTICITY * (1 + 1e-9):
            drawn = "without end" if math.isinf(largest) else f"up to {largest:.3g}"
            yield (
                f"{path}: e1 and e2 can be drawn with |e| = hypot(e1, e2) {drawn}, but at most {MAX_ELLIPTICITY:g} "
                f"(an axis ratio of {(1 - MAX_ELLIPTICITY) / (1 + MAX_ELLIPTICITY):.2g}) can be rendered: narrow them "
                "(a normal distribution to truncnormal), or draw both together with e1_e2: {rayleigh: [0.15, 0.4]}"
            )


def _largest(path, components, seen):
    """The largest |e| that can be drawn for a component; 0 for what is said elsewhere to be absent or in a circle."""
    component = components.get(path)
    if component is None or path in seen or "e1" not in type(component).model_fields:
        return 0.0
    if component.e1_e2 is not None:
        return component.e1_e2.largest
    laws = [getattr(component, name) for name in E1_E2]
    ends = [support(f"{path}.{name}", components) or (0.0, 0.0) for name in E1_E2]
    box = math.hypot(*(max(map(abs, of)) for of in ends))
    return min(box, _together(laws, components, (*seen, path)))


def _together(laws, components, seen):
    """The largest |e| of e1 and e2 that are drawn together, from a table or like another component's; else infinite."""
    if not all(isinstance(law, Distribution) for law in laws):
        return math.inf
    tables = [law.table for law in laws]
    if None not in tables and tables[0].file == tables[1].file:
        return max(map(math.hypot, *(table.values() for table in tables)))
    follows = [law.follow for law in laws]
    if None in follows or any(law.offset or law.scatter for law in follows):
        return math.inf
    (one, first), (other, second) = (law.parameter.rpartition(".")[::2] for law in follows)
    if one != other or {first, second} != set(E1_E2):
        return math.inf
    return max(abs(law.factor) for law in follows) * _largest(one, components, seen)
