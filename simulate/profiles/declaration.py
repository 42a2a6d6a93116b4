"""How a mass or light profile is declared: its name, its parameters with their units, and its functions.

Settings, packing, the loops over rays, the bridge to lenstronomy and the reference pages follow from it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

NEEDED = ...  # a parameter without a default
INFINITE = float("inf")


class ProfileParameter(NamedTuple):
    """A parameter of a profile, as it is set in a config."""

    name: str  # lenstronomy's
    meaning: str
    unit: str = "-"  # astropy's, or "-" for a pure number
    symbol: str = ""  # in LaTeX, without dollars
    default: object = NEEDED  # a number, a distribution as {"uniform": (low, high)}, or None if it may be left out
    low: float = -INFINITE
    high: float = INFINITE
    whole: bool = False  # a whole number, the same in all systems


CENTRE = (
    ProfileParameter("center_x", "centre, to the right", "arcsec", "x", 0.0),
    ProfileParameter("center_y", "centre, upwards", "arcsec", "y", 0.0),
)
# |e| = hypot(e1, e2) = (1-q)/(1+q) of all that is elliptical, q = 0.053: more is refused, in a config and when given.
MAX_ELLIPTICITY = 0.9
ELLIPTICITY = (
    ProfileParameter("e1", "ellipticity along x: (1-q)/(1+q) cos 2phi; |e| is 0.9 at most", "-", "e_1", 0.0),
    ProfileParameter("e2", "ellipticity along the diagonal: (1-q)/(1+q) sin 2phi; |e| is 0.9 at most", "-", "e_2", 0.0),
)
MAGNITUDE = ProfileParameter("magnitude", "total, without lensing", "mag(AB)", "m")


@dataclass(frozen=True)
class MassProfile:
    """A deflector.

    constants(row, out) fills `out` with what every ray needs from `row`, the values of `columns`; deflection(x, y, p)
    gives alpha_x, alpha_y [arcsec] of a ray, `p` being `out` as a tuple. What else they take depends on `rays`:

    "alone": nothing else. "linear": nothing else, and the deflection is linear in x and y, so that all of these are
    added up before any ray. "series": deflection is the last of several steps, see `epl`. "map": they take values on a
    grid, see `deflection_map`.
    """

    name: str  # lenstronomy's
    meaning: str
    parameters: tuple  # of ProfileParameter
    constants: Callable  # marked `scalar.per_system`
    deflection: Callable  # marked `scalar.per_ray`
    rays: str = "alone"
    columns: tuple = ()  # names of the values in a row, in order; empty: those of the parameters
    always: dict = field(default_factory=dict)  # what columns hold that are no parameters
    options: dict = field(default_factory=dict)  # keyword arguments of lenstronomy's class

    def __post_init__(self):
        object.__setattr__(self, "columns", self.columns or tuple(p.name for p in self.parameters))


def itself(name):
    """`parts` of a profile that lenstronomy has too."""
    return lambda values: [(name, values)]


@dataclass(frozen=True)
class LightProfile:
    """A galaxy's light.

    constants(row, ..., out) fills `out` with what every ray needs from `row`, the values of `columns`; how a ray gets
    its light from that, `brightness` being the last step, depends on `rays`: see "sersic" in `sersic` and "stamp" in
    `interpol`. parts(values) gives the profiles of lenstronomy that it consists of: pairs of a name and its values.
    """

    name: str
    meaning: str
    parameters: tuple  # of ProfileParameter
    constants: Callable  # marked `scalar.per_system`
    brightness: Callable  # marked `scalar.per_ray`
    rays: str
    columns: tuple  # names of the values in a row, in order
    parts: Callable = None

    def __post_init__(self):
        object.__setattr__(self, "parts", self.parts or itself(self.name))
