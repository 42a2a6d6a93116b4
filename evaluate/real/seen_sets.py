"""Image sets of any kind as the networks of a run take them, and the features that its encoders have of them."""

from typing import NamedTuple

import torch

from ...configs.schema import RealLenses
from ...ssl.backbones import load_weights
from ...ssl.untrained import make_encoder
from ..results import RANDOM
from ..tasks.examples import Examples
from .expected_images import of_examples, of_scene, read
from .flags import settle_sky
from .predict import seen


class SeenSet(NamedTuple):
    """Images on the pixels, and with the noise, that the networks of a run expect."""

    names: list[str]  # of the files, or of the images in a set
    images: torch.Tensor  # float32 (n, bands, num_pix, num_pix)
    labels: dict[str, list]  # target or name of a column -> values, None where there is none
    skipped: list  # (name, one sentence why)
    notes: list[str]  # sentences on what was read


def expected_of(config, scene):
    """The `expected_images.Expected` of a run's networks. scene: of its simulation, None where nothing is simulated."""
    return of_scene(scene) if scene is not None else of_examples(Examples(config))


def read_set(expected, training, images, pixel_scale=None):
    """The `SeenSet` of FITS cut-outs or a data set of any layout, as `lenstream predict` takes them.

    Args: expected: of `expected_of`. training: its training images. images: a path or a list. pixel_scale: of the
    images, arcsec; None: as the files say. Raises: DataError for what cannot be read.
    """
    found = read(expected, RealLenses(images=images, pixel_scale=pixel_scale))
    cutouts = [settle_sky(cutout, training)[0] for cutout in found.cutouts]
    return SeenSet(
        [cutout.name for cutout in cutouts],
        seen(cutouts, expected.background),
        {name.removesuffix("_label"): held for name, held in found.labels.items()},
        found.skipped,
        found.notes,
    )


def encoder_of(config, scene, run, name):
    """A pre-trained encoder of a run, or that with the weights it starts from. run: `runs.RunFolder`.

    Raises: DataError for weights that are not there or damaged.
    """
    network = make_encoder(config, next(iter(config.pretrain.encoders)) if name == RANDOM else name, scene)
    if name != RANDOM:
        load_weights(network, run.encoder(name) / "encoder.safetensors")
    return network.to(memory_format=torch.channels_last)
