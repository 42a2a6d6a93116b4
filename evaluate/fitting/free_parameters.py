"""The parameters that a fit varies: those of the lens that a population draws, and place, size, flux and texture of
the source; with the population as their prior.

A population is taken as a normal distribution with its mean and full covariance, within the range of its draws. Where
parameters are tied (`follow`, a table), their covariance is singular: a fit moves along the directions that vary, so
what is tied stays tied.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...configs.names import plain_names
from ...simulate.profiles import limits, registry
from ...simulate.selection import draw
from ...simulate.systems.draw import Views
from ..independent_directions import independent_directions, varies

DRAWS = 4096
STEP = 1e-5  # of a parameter's standard deviation, for differences of deflections
MARGIN = 0.02  # of the range of the draws, beyond which nothing is looked for
SOURCE = ("center_x", "center_y", "log_R_half", "log_flux", "log_texture")


@dataclass(frozen=True)
class FreeParameters:
    """p parameters: those of the lens, then `SOURCE` (arcsec, ln arcsec, ln counts/s, ln of a factor)."""

    places: tuple  # (number of the deflector, name) of each parameter of the lens
    constants: tuple  # for each deflector a dict of its parameters that do not vary
    profiles: tuple  # names of the deflectors' profiles
    mean: np.ndarray  # (p,)
    directions: np.ndarray  # (p, d): a parameter's change for 1 sigma along each independent direction
    low: np.ndarray  # (p,)
    high: np.ndarray  # (p,)
    spread: np.ndarray  # (p,): standard deviations

    def names(self):
        """The names of all p parameters; those of the lens are the plain ones, as of labels and targets."""
        drawn = [[name for j, name in self.places if j == k] for k in range(len(self.constants))]
        known = plain_names([*constants, *own] for constants, own in zip(self.constants, drawn, strict=True))
        plain = {place: name for name, place in known.items()}
        return [*(plain[place] for place in self.places), *(f"source_{name}" for name in SOURCE)]

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
    places, constants, columns = [], [], []
    for k, values in enumerate(systems.lens_mass):
        varying = {name: v for name, v in values.items() if varies(v.ravel())}
        constants.append({name: float(v[0]) for name, v in values.items() if name not in varying})
        places += [(k, name) for name in varying]
        columns += list(varying.values())
    profiles = tuple(component.profile for component in scene.config.lens_mass)
    return with_prior(
        FreeParameters(tuple(places), tuple(constants), profiles, *[None] * 5),
        np.column_stack([*columns, shapes.drawn(systems)]),
    )


def with_prior(free, sample):
    """The same parameters with the normal distribution of a sample (n, p) as the prior."""
    room = MARGIN * np.ptp(sample, axis=0)
    low, high = sample.min(axis=0) - room, sample.max(axis=0) + room
    for p, (k, column) in enumerate(columns_of(free)):
        known = limits.MASS[free.profiles[k]]
        low[p], high[p] = max(low[p], known.low[column]), min(high[p], known.high[column])
    return FreeParameters(
        free.places,
        free.constants,
        free.profiles,
        mean=sample.mean(axis=0),
        directions=sample.std(axis=0, ddof=1)[:, None] * independent_directions(sample.T),
        low=low,
        high=high,
        spread=sample.std(axis=0),
    )


def true_values(free, systems, shapes):
    """The parameters of drawn systems, (n, p); the texture, which has no true value, at its mean."""
    lens = [systems.lens_mass[k][name] for k, name in free.places]
    drawn = shapes.drawn(systems)
    drawn[:, -1] = free.mean[-1]
    return np.column_stack([*lens, drawn])


def columns_of(free):
    """Where each parameter of the lens stands in the rows of the deflectors: [(deflector, column)]."""
    return [(k, registry.MASS_PARAMETERS[free.profiles[k]].index(name)) for k, name in free.places]
