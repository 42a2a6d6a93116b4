"""What the networks of a run expect of images: those of its simulation, or of the files that its heads learnt from."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...errors import DataError
from .cutouts import ALL
from .set_cutouts import Lenses, read_lenses
from .training_images import TrainingImages, lens_shines, training_images, training_images_in_files


class Expected(NamedTuple):
    """Images as the networks of a run take them."""

    bands: tuple[str, ...]  # names, "" where there is none
    num_pix: int  # along an edge
    pixel_scale: float | None  # arcsec; None: the files that the heads learnt from do not say it
    without_light: bool  # the lens galaxy's light is taken off, as `RealLenses.lens_light` says
    background: np.ndarray | None  # of each band [counts/s], to which noise is scaled; None: fluxes stay as they are
    training: Callable[[], TrainingImages]


def of_scene(scene):
    """The `Expected` of networks that learnt from the lenses of a `simulate.systems.scene.Scene`."""
    return Expected(
        bands=band_names(scene),
        num_pix=scene.config.image.num_pix,
        pixel_scale=scene.instrument.pixel_scale,
        without_light=not lens_shines(scene.config),  # the network has then never seen a lens galaxy
        background=np.array([instrument.background for instrument in scene.bands.values()]),
        training=lambda: training_images(scene),
    )


def of_examples(examples):
    """The `Expected` of networks whose heads learnt from `tasks.examples.Examples`.

    Images of others come to the networks in the unit of their files, as they did when heads were trained.
    """
    images = examples.learnt
    if images.scene is not None:  # a dataset of LenStream
        return of_scene(images.scene)
    return Expected(
        bands=tuple(images.band_names),
        num_pix=images.num_pix,
        pixel_scale=images.pixel_scale,
        without_light=False,  # nothing was taken off there
        background=None,
        training=lambda: training_images_in_files(examples, images.pixel_scale),
    )


def band_names(scene):
    """Names of the network's bands, "" where a single band has neither a name nor an instrument that tells it."""
    if len(scene.bands) > 1 or next(iter(scene.bands)):
        return tuple(scene.bands)
    return (getattr(scene.config.observation, "instrument", None) or "",)


def read(expected, lenses, asked=ALL) -> Lenses:
    """The lenses that `configs.schema.RealLenses` names, on the pixels that are expected.

    Where nobody knows the size of these, images are taken pixel by pixel. asked: `cutouts.Asked`.
    Raises: DataError for what cannot be read, and for a pixel scale that cannot be used.
    """
    how = lenses.lens_light if expected.without_light else "as_is", expected.bands
    if expected.pixel_scale is not None:
        grid = expected.num_pix, expected.pixel_scale
        return read_lenses(lenses.images, *grid, lenses.pixel_scale, *how, asked)
    if lenses.pixel_scale is not None:
        raise DataError(
            f"--pixel-scale or real_lenses.pixel_scale is {lenses.pixel_scale:g}, but the files that the run learnt "
            "from do not say how large their pixels are; expected none, by which images are taken pixel by pixel"
        )
    in_pixels = asked._replace(kept=lambda cutout: asked.kept(_in_pixels(cutout)))
    found = read_lenses(lenses.images, expected.num_pix, 1.0, 1.0, *how, in_pixels)
    note = (
        "images are taken pixel by pixel, as the files that the run learnt from do not say how large their pixels are: "
        "give only images with pixels of that size"
    )
    return found._replace(notes=[*found.notes, note])


def _in_pixels(cutout):
    """A `cutouts.Cutout` that was read as if its pixels were 1 arcsec."""
    facts = None if cutout.facts is None else replace(cutout.facts, other_scale=None)
    return replace(cutout, pixel_scale=None, facts=facts)
