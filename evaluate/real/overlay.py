"""Other images on the map of the test lenses: those of `evaluate.overlay`, and the real lenses of a run."""

from pathlib import Path

import numpy as np

from ...configs.schema import RealLenses
from ...errors import DataError
from ..likeness import Likeness
from ..show.umap_figure import Overlaid, shown_of
from .cutouts import Asked, without_pixels
from .expected_images import read
from .seen_sets import encoder_of, expected_of, read_set

REAL = "real lenses"


def sets_of(config):
    """The image sets to draw, by name: (path or list of paths, pixel scale or None)."""
    sets = {name: (images.path, images.pixel_scale, "subtract") for name, images in config.evaluate.overlay.items()}
    lenses = config.real_lenses
    if lenses.images is not None and not any(_same(path, lenses.images) for path, *_ in sets.values()):
        name = REAL if REAL not in sets else f"{REAL} (real_lenses.images)"
        sets[name] = (lenses.images, lenses.pixel_scale, lenses.lens_light)
    return sets


def _same(path, images):
    return isinstance(images, str) and Path(path).resolve() == Path(images).resolve()


def problems(config, expected):
    """Sentences on sets of `evaluate.overlay` that cannot be read as the networks expect them."""
    for name, images in config.evaluate.overlay.items():
        try:
            read(expected, RealLenses(images=images.path, pixel_scale=images.pixel_scale), Asked(kept=without_pixels))
        except DataError as error:
            yield _about(name, error)


def overlaid(config, scene, run, features):
    """The `show.umap_figure.Overlaid` of every set, with its features by each encoder.

    Args: run: `runs.RunFolder`. features: of the test lenses, encoder -> (n, d). Raises: DataError as `read_set`.
    """
    sets = sets_of(config)
    if not sets:
        return []
    expected = expected_of(config, scene)
    training = expected.training()
    networks = {name: encoder_of(config, scene, run, name) for name in config.pretrain.encoders}
    usual = {name: Likeness(features[name]) for name in networks}
    found = []
    for name, (images, pixel_scale, lens_light) in sets.items():
        try:
            here = read_set(expected, training, networks, images, pixel_scale, lens_light)
        except DataError as error:
            raise DataError(_about(name, error) if name in config.evaluate.overlay else str(error)) from None
        strange = {encoder: usual[encoder].less_than_usual(values) for encoder, values in here.features.items()}
        shown = shown_of(len(here.names), len(sets))
        here.images.fetch(shown.tolist())
        shown_images = np.stack([here.images[k].sum(0) for k in shown.tolist()])
        found.append(Overlaid(name, here.names, shown_images, here.features, strange, shown=shown))
    return found


def _about(name, error):
    """A sentence on a set, with its key; the pixel scale, too, is one of its own."""
    own = f"evaluate.overlay.{name}.pixel_scale"
    words = str(error).replace("--pixel-scale or real_lenses.pixel_scale", own)
    return f"evaluate.overlay.{name}: {words.replace('real_lenses.pixel_scale', own)}"
