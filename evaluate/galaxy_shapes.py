"""The shapes that galaxies of a scene may have: principal components, computed once for the limit and for all fits."""

import weakref

from ..simulate.galaxies.principal_components import galaxy_components
from ..simulate.galaxies.stamps import TRAIN

COMPONENTS = 150  # that fits know

_found = weakref.WeakKeyDictionary()  # stamps -> {what was asked of them: `GalaxyComponents`}


def galaxy_shapes(scene, where, n_components=COMPONENTS):
    """The `GalaxyComponents` of the galaxies for training, of which the test lenses have none, of one component.

    where: (group, number) of an INTERPOL component. Scenes that share their stamps share the answer.
    """
    numbers = scene.pools[where][TRAIN]
    known = _found.setdefault(scene.stamps, {})
    asked = n_components, scene.seed, numbers.tobytes()
    if asked not in known:
        known[asked] = galaxy_components(scene.stamps, n_components, scene.seed, numbers)
    return known[asked]
