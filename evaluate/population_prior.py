"""The population that systems are drawn from, as a Gaussian prior: which parameters vary, how much, and how together.

With `follow` and `table` parameters are tied to each other, so that what an image says of one it says of the other.
"""

from typing import NamedTuple

import numpy as np

from ..simulate.selection import draw
from ..simulate.systems.draw import Views

N_DRAWN = 4096  # systems that the covariance is measured on
STILL = 1e-12  # a parameter with a smaller standard deviation is known
TIED = 1e-9  # a direction with a smaller share of the variance is known, as of two parameters that are one


class Population(NamedTuple):
    """The p parameters that vary: `root` @ z times `spread` about their means, for z of independent unit normals."""

    places: list  # p tuples (group, number of the component, name)
    spread: np.ndarray  # float64 (p,): standard deviations
    root: np.ndarray  # float64 (p, r), r <= p: root @ root.T is the correlation of the parameters


def population_of(scene):
    """The `Population` of a scene's systems, from draws of its own; subhalos, PSF and exposure are not parameters."""
    drawn = parameters_of(draw(scene, np.arange(N_DRAWN), Views()))
    spread = {where: values.std() for where, values in drawn.items()}
    places = [where for where, std in spread.items() if std > STILL]  # False for NaN: not in every system
    if not places:
        return Population([], np.zeros(0), np.zeros((0, 0)))
    correlation = np.atleast_2d(np.corrcoef([drawn[where].ravel() for where in places]))
    variances, directions = np.linalg.eigh(correlation)
    kept = variances > TIED * len(places)
    root = directions[:, kept] * np.sqrt(variances[kept])
    return Population(places, np.array([spread[where] for where in places]), root)


def parameters_of(systems):
    """All parameters by place (group, number, name), but for those that follow from others."""
    derived = ("amp", "amp_bulge", "scale", "stamp", "parity")
    return {
        (group, k, name): values
        for group in ("lens_mass", "source", "lens_light")
        for k, component in enumerate(getattr(systems, group))
        for name, values in component.items()
        if name not in derived
    }
