"""The population that systems are drawn from, as a Gaussian prior: which parameters vary, how much and how together."""

from typing import NamedTuple

import numpy as np

from ..simulate.selection import draw
from ..simulate.systems.draw import Views
from .independent_directions import DERIVED, independent_directions, varies

N_DRAWN = 4096  # systems that the covariance is measured on


class Population(NamedTuple):
    """The p parameters that vary: `root` @ z times `spread` about their means, for z of independent unit normals."""

    places: list  # p tuples (group, number of the component, name)
    spread: np.ndarray  # float64 (p,): standard deviations
    root: np.ndarray  # float64 (p, r), r <= p: root @ root.T is the correlation of the parameters


def population_of(scene):
    """The `Population` of a scene's systems, from draws of its own; subhalos, PSF and exposure are not parameters."""
    drawn = parameters_of(draw(scene, np.arange(N_DRAWN), Views()))
    varying = {where: values.ravel() for where, values in drawn.items() if varies(values.ravel())}
    values = np.array(list(varying.values())).reshape(len(varying), N_DRAWN)
    return Population(list(varying), values.std(axis=1), independent_directions(values))


def parameters_of(systems):
    """All parameters by place (group, number, name), but for those that follow from others."""
    return {
        (group, k, name): values
        for group in ("lens_mass", "source", "lens_light")
        for k, component in enumerate(getattr(systems, group))
        for name, values in component.items()
        if name not in DERIVED
    }
