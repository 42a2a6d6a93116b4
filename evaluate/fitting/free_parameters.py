"""The parameters that a fit varies: those of the lens and of its light that a population draws, and place, size, flux
and texture of the source; with the population as their prior.

A population is taken as a normal distribution with its mean and full covariance, within the range of its draws. Where
parameters are tied (`follow`, a table), their covariance is singular: a fit moves along the directions that vary, so
what is tied stays tied.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...configs.names import plain_names
from ...configs.quantities import PREFIXES
from ...simulate.profiles import limits, registry
from ...simulate.selection import draw
from ...simulate.systems.draw import Views
from ..independent_directions import DERIVED, independent_directions, varies

DRAWS = 4096
STEP = 1e-5  # of a parameter's standard deviation, for differences of deflections
MARGIN = 0.02  # of the range of the draws, beyond which nothing is looked for
SOURCE = ("center_x", "center_y", "log_R_half", "log_flux", "log_texture")
X, Y, SIZE, FLUX, TEXTURE = range(-len(SOURCE), 0)


@dataclass(frozen=True)
class FreeParameters:
    """p parameters: of the lens, of its light, the source's ln counts/s in each band but the first, then `SOURCE`.

    Units of `SOURCE`: arcsec, arcsec, ln arcsec, ln counts/s (in the first band), ln of a factor.
    """

    places: tuple  # (number of the deflector, name) of each parameter of the lens
    constants: tuple  # for each deflector a dict of its parameters that do not vary
    profiles: tuple  # names of the deflectors' profiles
    mean: np.ndarray  # (p,)
    directions: np.ndarray  # (p, d): a parameter's change for 1 sigma along each independent direction
    low: np.ndarray  # (p,)
    high: np.ndarray  # (p,)
    spread: np.ndarray  # (p,): standard deviations
    light: tuple = ()  # (number of the component, name) of each parameter of the lens's light
    light_constants: tuple = ()  # for each component of it a dict of its parameters that do not vary
    light_profiles: tuple = ()  # their profiles' names
    bands: tuple = ()  # names of the bands but the first
    remains: bool = False  # whether there is the strength of what subtracted light left, see `light_remains`

    @property
    def of_light(self):
        """Where the parameters of the lens's light stand among all, a slice."""
        return slice(len(self.places), len(self.places) + len(self.light))

    @property
    def of_remains(self):
        """Where the ln of the strength of what subtracted light left stands, a slice."""
        return slice(self.of_light.stop, self.of_light.stop + self.remains)

    @property
    def of_colors(self):
        """Where the fluxes of the source in the bands but the first stand, a slice."""
        return slice(self.of_remains.stop, self.of_remains.stop + len(self.bands))

    def names(self):
        """The names of all p parameters; those of the lens and its light are the plain ones, as of labels."""
        lens = _plain(self.places, self.constants, PREFIXES["lens_mass"])
        light = _plain(self.light, self.light_constants, PREFIXES["lens_light"])
        colors = (f"source_log_flux_{band}" for band in self.bands)
        remains = ["log_light_remains"] if self.remains else []
        return [*lens, *light, *remains, *colors, *(f"source_{name}" for name in SOURCE)]

    def inverse(self):
        """From parameters less their mean to independent directions, (d, p)."""
        return self._inverse

    @cached_property
    def _inverse(self):
        return np.linalg.pinv(self.directions)


def free_parameters(scene, shapes):
    """The `FreeParameters` of a scene, from draws of its population.

    shapes: `source_shapes.SourceShapes`, which knows place, size, flux and texture of the sources that are drawn.
    """
    systems = draw(scene, np.arange(DRAWS), Views())
    places, constants, columns = _varying(systems.lens_mass)
    light, light_constants, light_columns = _varying(map(_drawn, systems.lens_light))
    profiles, light_profiles = (
        tuple(component.profile for component in group) for group in (scene.config.lens_mass, scene.config.lens_light)
    )
    bands = tuple(scene.bands)[1:]
    return with_prior(
        FreeParameters(places, constants, profiles, *[None] * 5, light, light_constants, light_profiles, bands),
        np.column_stack([*columns, *light_columns, shapes.drawn(systems)]),
    )


def _varying(components):
    """The places of what varies, a dict of what does not for each component, and the columns (n,) of what varies."""
    places, constants, columns = [], [], []
    for k, values in enumerate(components):
        varying = {name: v for name, v in values.items() if varies(v)}
        constants.append({name: float(v[0]) for name, v in values.items() if name not in varying})
        places += [(k, name) for name in varying]
        columns += list(varying.values())
    return tuple(places), tuple(constants), columns


def _drawn(values):
    """The parameters of a component of light with one view that are drawn, (n,) each; amplitudes follow from them."""
    return {name: v[:, 0] for name, v in values.items() if name not in DERIVED}


def _plain(places, constants, prefix):
    """The plain names of places."""
    drawn = [[name for j, name in places if j == k] for k in range(len(constants))]
    known = plain_names([[*still, *own] for still, own in zip(constants, drawn, strict=True)], prefix)
    plain = {place: name for name, place in known.items()}
    return [plain[place] for place in places]


def with_prior(free, sample):
    """The same parameters with the normal distribution of a sample (n, p) as the prior."""
    room = MARGIN * np.ptp(sample, axis=0)
    low, high = sample.min(axis=0) - room, sample.max(axis=0) + room
    known = [limits.MASS[free.profiles[k]] for k, _ in free.places]
    ranges = [(own.low[column], own.high[column]) for own, (_, column) in zip(known, columns_of(free), strict=True)]
    ranges += [light_range(free.light_profiles[k], name) for k, name in free.light]
    for p, (lowest, highest) in enumerate(ranges):
        low[p], high[p] = max(low[p], lowest), min(high[p], highest)
    return replace(
        free,
        mean=sample.mean(axis=0),
        directions=sample.std(axis=0, ddof=1)[:, None] * independent_directions(sample.T),
        low=low,
        high=high,
        spread=sample.std(axis=0),
    )


def true_values(free, systems, shapes):
    """The parameters of drawn systems, (n, p); the texture, which has no true value, at its mean."""
    lens = [systems.lens_mass[k][name] for k, name in free.places]
    lens += [systems.lens_light[k][name][:, 0] for k, name in free.light]
    drawn = shapes.drawn(systems)
    drawn[:, -1] = free.mean[-1]
    return np.column_stack([*lens, drawn])


def columns_of(free):
    """Where each parameter of the lens stands in the rows of the deflectors: [(deflector, column)]."""
    return [(k, registry.MASS_PARAMETERS[free.profiles[k]].index(name)) for k, name in free.places]


def light_range(profile, name):
    """What a light profile allows one of its parameters to be, (low, high)."""
    known = [(p.low, p.high) for p in registry.LIGHT[profile].parameters if p.name == name]
    return known[0] if known else (-np.inf, np.inf)  # a colour has no limits
