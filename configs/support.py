"""Which values a parameter of a component can be drawn with, also if it follows others, one after the other."""

import math

from .names import parameter_names
from .parameters import Distribution


def support(parameter, components, seen=()):
    """Lowest and highest value of a parameter; None where it, or one that it follows, is unknown or in a circle.

    Args: parameter: its path, e.g. "lens_mass.0.theta_E". components: {path: section of a profile}, e.g. "lens_mass.0".
    seen: parameters that follow this one.
    """
    path, _, name = parameter.rpartition(".")
    component = components.get(path)
    if component is None or name not in parameter_names(component) or parameter in seen:
        return None
    value, joint = getattr(component, name), getattr(component, "e1_e2", None)
    if name in ("e1", "e2") and joint is not None:
        return -joint.largest, joint.largest
    if value is None:
        return None
    law = value.follow if isinstance(value, Distribution) else None
    if law is None:
        return value.support() if isinstance(value, Distribution) else (value, value)
    span = support(law.parameter, components, (*seen, parameter))
    if span is None:
        return None
    lowest, highest = sorted(law.offset + (law.factor * end if law.factor else 0.0) for end in span)
    if law.scatter > 0:
        lowest, highest = -math.inf, math.inf
    low, high = law.support()
    return min(max(lowest, low), high), max(min(highest, high), low)
