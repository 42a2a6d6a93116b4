"""Image sets of any kind as the networks of a run take them, and the features that its encoders have of them.

Sets are read image by image: features are kept of all, pixels of the first ones; of others they are read again.
"""

import hashlib
from typing import NamedTuple

import numpy as np
import torch

from ...configs.schema import RealLenses
from ...ssl.backbones import load_weights
from ...ssl.probe import BATCH, features_of
from ...ssl.untrained import make_encoder
from ..results import RANDOM
from ..tasks.examples import Examples
from .cutouts import Asked, without_pixels
from .expected_images import of_examples, of_scene, read
from .flags import settle_sky
from .predict import seen

HELD = 2048  # images of a set whose pixels stay in memory


class SeenSet(NamedTuple):
    """Images on the pixels, and with the noise, that the networks of a run expect."""

    names: list[str]  # of the files, or of the images in a set
    features: dict  # encoder -> float32 (n, d)
    images: "SeenImages"
    prints: list[bytes]  # of `fingerprint`, of each image
    labels: dict[str, list]  # target or name of a column -> values, None where there is none
    skipped: list  # (name, one sentence why)
    notes: list[str]  # sentences on what was read


class SeenImages:
    """The images of a set, float32 numpy (bands, h, w) by their numbers, read again where they are not in memory."""

    def __init__(self, names, held, again):
        """held: number -> image. again: a function that reads images by name, {name: image}."""
        self._names, self._held, self._again = names, held, again

    def fetch(self, numbers):
        """Read those that are not in memory, all at once, and hold them, too."""
        missing = {self._names[number]: number for number in numbers if number not in self._held}
        if missing:
            self._held |= {missing[name]: image for name, image in self._again(frozenset(missing)).items()}

    def __getitem__(self, number):
        self.fetch([number])
        return self._held[number]


def fingerprint(image):
    """A hash of an image's pixels, the same for -0 and 0 and for any NaN."""
    pixels = np.where(np.isnan(image), np.float32(np.nan), np.asarray(image, dtype=np.float32) + np.float32(0))
    return hashlib.blake2b(np.ascontiguousarray(pixels).tobytes(), digest_size=16).digest()


def expected_of(config, scene):
    """The `expected_images.Expected` of a run's networks. scene: of its simulation, None where nothing is simulated."""
    return of_scene(scene) if scene is not None else of_examples(Examples(config))


def read_set(expected, training, networks, images, pixel_scale=None, lens_light="subtract"):
    """The `SeenSet` of FITS cut-outs or a data set of any layout, as `lenstream predict` takes them.

    Args: expected: of `expected_of`. training: its training images. networks: encoder -> network, for the features.
    images: a path or a list. pixel_scale: of the images, arcsec; None: as the files say.
    lens_light: as `RealLenses` has it.
    Raises: DataError for what cannot be read.
    """
    lenses = RealLenses(images=images, pixel_scale=pixel_scale, lens_light=lens_light)
    waiting, held, prints, features = [], {}, [], {name: [] for name in networks}

    def as_seen(cutout):
        return seen([settle_sky(cutout, training)[0]], expected.background)[0]

    def passed():
        for name, network in networks.items() if waiting else ():
            features[name].append(features_of(network, torch.stack(waiting)))
        waiting.clear()

    def kept(cutout):
        image = as_seen(cutout)
        waiting.append(image)
        if len(prints) < HELD:
            held[len(prints)] = image.numpy()
        prints.append(fingerprint(image.numpy()))
        if len(waiting) == BATCH:
            passed()
        return without_pixels(cutout)

    def again(names):
        there = {}

        def taken(cutout):
            if cutout.name in names:
                there[cutout.name] = as_seen(cutout).numpy()
            return without_pixels(cutout)

        of_views = {name.rpartition("[")[0] for name in names}  # a[1] is a view of the image a, or an image
        read(expected, lenses, Asked(names | of_views, taken))
        return there

    found = read(expected, lenses, Asked(kept=kept))
    passed()
    names = [cutout.name for cutout in found.cutouts]
    return SeenSet(
        names,
        {name: np.concatenate(parts) for name, parts in features.items()},
        SeenImages(names, held, again),
        prints,
        {name.removesuffix("_label"): values for name, values in found.labels.items()},
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
