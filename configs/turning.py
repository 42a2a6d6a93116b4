"""How labels change where the image turns: which are pairs of components, which are angles, which stay as they are.

x is along a row of the array, y along a column. A pair turns by its spin: (e1, e2) by twice the angle of the image,
(center_x, center_y) by the angle itself.
"""

import re

from .quantities import find

_PAIRS = {  # first component -> second one, and the turns of the pair when the lens makes one
    "e1": ("e2", 2),
    "gamma1": ("gamma2", 2),
    "center_x": ("center_y", 1),
    "ra_0": ("dec_0", 1),
}
_COMPONENTS = [*_PAIRS, *(second for second, _ in _PAIRS.values())]
_PREFIX, _NUMBER = "(?P<prefix>(?:source_|lens_light_)?)", r"(?P<number>(?:_\d+)?)"
_COMPONENT = re.compile(f"{_PREFIX}(?P<name>{'|'.join(_COMPONENTS)}){_NUMBER}")
_ANGLE = re.compile(f"{_PREFIX}(?:phi_m|phi_G|angle){_NUMBER}")


def pairs(names):
    """The pairs of components among names of parameters: a list of (first, second, spin), such as ("e1", "e2", 2)."""
    found = []
    for name in names:
        match = _COMPONENT.fullmatch(name)
        if match and match["name"] in _PAIRS:
            second, spin = _PAIRS[match["name"]]
            other = f"{match['prefix']}{second}{match['number']}"
            if other in names:
                found.append((name, other, spin))
    return found


def angles(names):
    """The names that are angles in the image [rad]."""
    return [name for name in names if _ANGLE.fullmatch(name)]


def is_turned(name):
    """Whether the value of a parameter depends on the frame."""
    return bool(_COMPONENT.fullmatch(name) or _ANGLE.fullmatch(name))


def without_partner(names):
    """The names of components whose other component is not among the names, so that they cannot be turned."""
    paired = {name for pair in pairs(names) for name in pair[:2]}
    return [name for name in names if _COMPONENT.fullmatch(name) and name not in paired]


def unturnable(names):
    """Why labels cannot be turned with their images, in words, one for each that cannot."""
    alone = without_partner(names)
    for name in names:
        if name in alone:
            yield f"{name} turns into its other component, which is not among them"
        elif angles([name]):
            yield f"{name} is an angle, which jumps where a turn is full"
        elif name == "class" or find(name) is None:
            yield f"nothing is known of how {name} changes where the image turns"
