"""The batches of a training, and the statistics of their pixels: from the simulator's stream or from a folder."""

import numpy as np

from ..simulate.stream import LensStream, simulate
from ..simulate.systems.scene import FIRST_INDEX
from .folder import FolderStream, folder_statistics
from .normalize import Statistics, statistics
from .views import physics

N_MEASURED = 256  # simulated images for the statistics of normalisations other than asinh


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
    bands, num_pix = len(scene.bands), config.simulate.image.num_pix
    backbone = pre.encoders[name].backbone or pre.backbone
    background = np.array([instrument.background for instrument in scene.bands.values()])
    if backbone.normalize == "asinh" and (background > 0).all():
        return Statistics.of_background(background, bands), bands, num_pix
    images = simulate(scene, np.arange(N_MEASURED, dtype=np.uint64) + np.uint64(FIRST_INDEX["labelled"])).images
    return statistics(images[:, 0]), bands, num_pix
