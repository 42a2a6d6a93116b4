"""What sources may look like, for a fit: a mean galaxy and principal components, with how strong they are.

The components are those of the galaxies for training, so no galaxy that an encoder is tested on is among them. Some
galaxies are smooth and others clumpy: a factor common to all components of a galaxy, its texture, says so.
"""

from dataclasses import dataclass

import numpy as np

from ...simulate.galaxies.principal_components import galaxy_components
from ...simulate.selection import draw
from ...simulate.systems.draw import Views
from ...simulate.systems.scene import Scene
from ..galaxy_shapes import COMPONENTS, galaxy_shapes
from .fittable import check_fittable
from .unlensed_sources import unlensed_sources

DRAWN = 1500  # sources of the population whose images are measured, where they are no images of galaxies


@dataclass(frozen=True)
class SourceShapes:
    """Galaxies as the first of `stamps` + sum of c_i times the others, with normal c_i of variance `variances`_i."""

    stamps: np.ndarray  # float64 (side, side, k + 1): the mean galaxy, of flux 1, and k components
    variances: np.ndarray  # float64 (k,), for a texture of 1
    R_half: float  # of the mean galaxy [stamp pixels]
    texture: tuple  # mean and standard deviation of ln(texture)
    scene: Scene
    others: tuple = ()  # the stamps of the bands but the first, where galaxies look different in each

    def of_band(self, b):
        """The stamps of band number b of the scene."""
        return self.stamps if b == 0 or not self.others else self.others[b - 1]

    def drawn(self, systems):
        """What `free_parameters` has of the sources of drawn systems, (n, 5 + bands but the first)."""
        if _is_galaxy(self.scene):
            source = systems.source[0]
            flux = source["amp"][:, 0] * source["scale"] ** 2
            x, y, R_half = (source[name][:, 0] for name in ("center_x", "center_y", "R_half"))
        else:
            found = unlensed_sources(self.scene, systems)
            (x, y), R_half, flux = found.centre.T, found.R_half, found.flux
        colors, flux = np.log(flux[:, 1:]), flux[:, 0]
        normal = np.random.Generator(np.random.Philox(0)).standard_normal(len(flux))
        texture = self.texture[0] + self.texture[1] * normal
        return np.column_stack([colors, x, y, np.log(R_half), np.log(flux), texture])


def source_shapes(scene, n_components=COMPONENTS):
    """The `SourceShapes` of a scene. Raises: ConfigError for a scene that a fit has no model of, see `fittable`."""
    check_fittable(scene.config)
    if _is_galaxy(scene):
        found = galaxy_shapes(scene, ("source", 0), n_components)
    else:
        drawn = unlensed_sources(scene, draw(scene, np.arange(DRAWN), Views()))
        found = galaxy_components(drawn.stamps(), n_components, scene.seed)
    stamps = np.concatenate([found.mean[None], found.basis])
    first, *others = (np.ascontiguousarray(own.transpose(1, 2, 0)) for own in stamps.transpose(1, 0, 2, 3))
    return SourceShapes(first, found.variances, float(found.R_half), found.texture, scene, tuple(others))


def _is_galaxy(scene):
    """Whether the source is one image of a galaxy, whose size and flux are known without looking."""
    return [component.profile for component in scene.config.source] == ["INTERPOL"]
