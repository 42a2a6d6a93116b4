"""What sources may look like, for a fit: a mean galaxy and principal components, with how strong they are.

The components are those of the galaxies for training, so no galaxy that an encoder is tested on is among them. Some
galaxies are smooth and others clumpy: a factor common to all components of a galaxy, its texture, says so.
"""

from dataclasses import dataclass

import numpy as np

from ...errors import ConfigError
from ...simulate.galaxies.principal_components import galaxy_components
from ...simulate.galaxies.stamps import TRAIN, take

COMPONENTS = 150


@dataclass(frozen=True)
class SourceShapes:
    """Galaxies as the first of `stamps` + sum of c_i times the others, with normal c_i of variance `variances`_i."""

    stamps: np.ndarray  # float64 (side, side, k + 1): the mean galaxy, of flux 1, and k components
    variances: np.ndarray  # float64 (k,), for a texture of 1
    R_half: float  # of the mean galaxy [stamp pixels]
    texture: tuple  # mean and standard deviation of ln(texture)

    def drawn(self, systems):
        """Place, size, flux and texture of the sources of drawn systems, (n, 5), as `free_parameters.SOURCE`."""
        source = systems.source[0]
        flux = source["amp"][:, 0, 0] * source["scale"][:, 0] ** 2
        normal = np.random.Generator(np.random.Philox(0)).standard_normal(len(flux))
        texture = self.texture[0] + self.texture[1] * normal
        place = source["center_x"][:, 0], source["center_y"][:, 0]
        return np.column_stack([*place, np.log(source["R_half"][:, 0]), np.log(flux), texture])


def source_shapes(scene, n_components=COMPONENTS):
    """The `SourceShapes` of a scene. Raises: ConfigError for sources that are no galaxy images."""
    sources = scene.config.source
    if [component.profile for component in sources] != ["INTERPOL"]:
        raise ConfigError(
            [
                "simulate.source: estimates are refined with one INTERPOL source (a catalogue of galaxy images), got "
                + (", ".join(component.profile for component in sources) or "none")
            ]
        )
    training = take(scene.stamps, scene.pools["source", 0][TRAIN])
    found = galaxy_components(training, n_components, scene.seed)
    stamps = np.concatenate([found.mean[None], found.basis])[:, 0]
    return SourceShapes(
        np.ascontiguousarray(stamps.transpose(1, 2, 0)), found.variances, float(found.R_half), found.texture
    )
