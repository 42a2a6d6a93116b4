"""The batches of a training, and the statistics of their pixels: from the simulator's stream or from a folder."""

import numpy as np

from ..errors import ConfigError
from ..simulate.stream import LensStream, simulate
from ..simulate.systems.scene import FIRST_INDEX, describe_grids, only_bands
from .folder import FolderStream, folder_statistics
from .normalize import Statistics, statistics
from .views import physics

N_MEASURED = 256  # simulated images for the statistics of normalisations other than asinh


def training_scene(config, scene):
    """The scene of the bands that networks of a config see: those of `pretrain.bands`, or all if these share a grid.

    scene: of the config's simulation; one that this function gave stays as it is.

    Raises: ConfigError if the config does not say which of several pixel grids to take, or its bands share none.
    """
    if config.pretrain.bands is not None:
        return only_bands(scene, config.pretrain.bands, "pretrain.bands")
    if len(scene.grids) > 1:
        problem = f"the bands of this simulation lie on {len(scene.grids)} pixel grids ({describe_grids(scene)})"
        example = ", ".join(scene.grids[0].bands)
        raise ConfigError([f"pretrain.bands: missing, and {problem}: expected those of one, e.g. [{example}]"])
    return scene


def open_data(config, name, scene, n_views, step, fabric):
    """The endless batches of an encoder's training on this rank, from optimiser step `step` on."""
    pre = config.pretrain
    share = {"rank": fabric.global_rank, "world": fabric.world_size, "device": fabric.device}
    if pre.data is not None:
        return FolderStream(pre.data, pre.batch_size, config.seed, start=step * pre.batch_size, **share)
    return LensStream(
        scene,
        pre.batch_size,
        start=FIRST_INDEX["pretrain"] + step * pre.batch_size,
        views=physics(pre.encoders[name], n_views),
        threads=pre.render_threads,
        derived=False,  # trained on are drawn ones
        **share,
    )


def image_facts(config, name, scene):
    """What a network has to know of the images: `Statistics`, the number of bands, the pixels along an edge."""
    pre = config.pretrain
    if pre.data is not None:
        return folder_statistics(pre.data, config.seed)
    bands, num_pix = len(scene.bands), scene.config.image.num_pix
    backbone = pre.encoders[name].backbone or pre.backbone
    background = np.array([instrument.background for instrument in scene.bands.values()])
    if backbone.normalize == "asinh" and (background > 0).all():
        return Statistics.of_background(background, bands), bands, num_pix
    images = simulate(scene, np.arange(N_MEASURED, dtype=np.uint64) + np.uint64(FIRST_INDEX["labelled"])).images
    return statistics(images[:, 0]), bands, num_pix
