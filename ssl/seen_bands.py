"""Which bands of a simulation networks see: one image has those of one pixel grid."""

from ..errors import ConfigError
from ..simulate.systems.scene import describe_grids, only_bands


def seen(scene, bands):
    """The scene of the bands that networks see: those of `pretrain.bands`, or all if these share a grid.

    Args: scene: one that this function gave stays as it is. bands: names, or None.

    Raises: ConfigError if it is not said which of several pixel grids to take, or the bands share none.
    """
    if bands is not None:
        return only_bands(scene, bands, "pretrain.bands")
    if len(scene.grids) > 1:
        problem = f"the bands of this simulation lie on {len(scene.grids)} pixel grids ({describe_grids(scene)})"
        example = ", ".join(scene.grids[0].bands)
        raise ConfigError([f"pretrain.bands: missing, and {problem}: expected those of one, e.g. [{example}]"])
    return scene
