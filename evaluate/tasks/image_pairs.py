"""Pairs of images for super-resolution, of the same systems on two pixel grids: simulated, or from files."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from ...configs.training import Folder
from ...errors import ConfigError, DataError
from ...files.dataset_layouts import identify
from ...simulate.render import render_all
from ...simulate.selection import draw
from ...simulate.systems.draw import Views
from ...simulate.systems.finer import finer
from ...simulate.systems.scene import FIRST_INDEX
from ...ssl.decoder import bicubic
from ...ssl.folder import say_once
from ...ssl.set_images import SetImages
from .reading import read_many
from .same_pixels import fingerprints
from .splits import TEST_SHARE
from .task import Labelled

WHERE = "evaluate.super_resolution"
_FAITHFUL = (None, "doubled_model")  # defects that leave flux where and what it is, but for a factor
_SHOWN = 3


class SimulatedPairs:
    """Systems of the stream on two grids: that of the config, which encoders see, and one finer by the factor.

    Both have the same field of view and PSF in arcsec. The images with large pixels are those of
    `task.labelled_systems`. Targets are without noise, or observed with a noise of their own.

    Args: scene: of the bands that networks see. settings: `configs.evaluation.SuperResolutionSettings`.
    Raises: ConfigError where no such targets can be made.
    """

    def __init__(self, scene, settings, threads=1):
        problems = list(_problems(scene, settings))
        if problems:
            raise ConfigError(problems)
        self._scene, self._fine, self._threads = scene, finer(scene, settings.factor), threads
        self._clean = settings.target == "clean"
        self.flux_scale = 1 / settings.factor**2  # of counts/s/pixel

    @property
    def shape(self):
        """Bands and pixels along an edge of the images that networks see."""
        return len(self._scene.bands), self._scene.config.image.num_pix

    def labelled(self, split, n, skip=0):
        """`n` pairs of a split, after the first `skip`, as `task.Labelled`."""
        indices = np.arange(skip, skip + n, dtype=np.uint64) + np.uint64(FIRST_INDEX[split])
        options = {"threads": self._threads}
        systems = draw(self._scene, indices, Views())
        images = render_all(self._scene, systems, **options).images[:, 0]
        if self._clean:  # a doubled model has no noise, and its images are twice as bright
            noise = None if self._scene.config.observation.defect else False
            targets = render_all(self._fine, systems, noise, **options).images[:, 0]
        else:  # the noise of a second view: that of the first has the same random numbers, pixel by pixel
            both = draw(self._scene, indices, Views(2, frozenset({"noise"})))
            targets = render_all(self._fine, both, **options).images[:, 1]
        return Labelled(torch.from_numpy(images), {"image": torch.from_numpy(targets)}, indices)


def _problems(scene, settings):
    observation, path = scene.config.observation, f"{WHERE}.target"
    if observation.defect not in _FAITHFUL:
        yield (
            f"simulate.observation.defect: {observation.defect} changes the unit of an image by its noise, so that its "
            "finer pixels have no known value; expected mode: corrected, or no defect"
        )
    if settings.target == "observed":
        for name, instrument in scene.bands.items():
            of = f" of {name}" if name else ""
            if instrument.loses_pixels:
                yield f"{path}: observed targets{of} would have lost pixels (bad_pixels, cosmic_rays); expected clean"
            elif instrument.sky is not None:
                yield f"{path}: sky_cutouts{of} lie on the large pixels alone; expected clean"


@dataclass(frozen=True)
class FilePairs:
    """Pairs from files: images with large pixels and images of the same names with small ones, in any layout.

    Args: coarse, fine: `ssl.set_images.SetImages`. places: number of each coarse image in `fine`. seed: of the order.
    factor: of the pixels.
    """

    coarse: SetImages
    fine: SetImages
    places: np.ndarray
    factor: int
    seed: int

    @property
    def shape(self):
        """Bands and pixels along an edge of the images that networks see."""
        return self.coarse.bands, self.coarse.num_pix

    def count(self, split):
        """How many pairs there are of a split, "labelled" or "test"."""
        return len(self._split[split])

    def labelled(self, split, n, skip=0):
        """`n` pairs of a split, after the first `skip`, as `task.Labelled`. Raises: DataError if there are fewer."""
        chosen = self._split[split][skip : skip + n]
        if len(chosen) < n:
            raise DataError(f"{WHERE}: {self.count(split)} {split} pairs are there, {skip + n} are asked for")
        targets = np.stack([self._target(place) for place in chosen])
        return Labelled(
            read_many(self.coarse, chosen),
            {"image": torch.from_numpy(targets)},
            self.coarse.numbers(chosen),
        )

    @cached_property
    def flux_scale(self):
        """The factor on interpolated images that comes nearest to the targets of the first pairs to learn from.

        It is 1 / factor^2 for counts a pixel, and 1 for a brightness.
        """
        first = self.labelled("labelled", min(64, self.count("labelled")))
        smooth = bicubic(torch.nan_to_num(first.images), self.factor, 1.0)
        return float((smooth * first.true["image"]).sum() / smooth.square().sum().clamp(min=1e-30))

    @cached_property
    def _split(self):
        test = next((places for name, places in self.coarse.splits.items() if name == "test"), None)
        order = np.random.default_rng([self.seed, len(self.coarse)]).permutation(len(self.coarse))
        is_test = np.isin(order, test) if test is not None else np.arange(len(order)) < round(TEST_SHARE * len(order))
        return {"labelled": self._unlike(order[~is_test], order[is_test]), "test": order[is_test]}

    def _unlike(self, learnt, tests):
        """Places of images to learn from, without those that have the pixels of a test image."""
        prints = fingerprints(self.coarse)
        tested = {prints[k] for k in tests}
        found = np.array([k for k in learnt if prints[k] not in tested], dtype=learnt.dtype)
        if len(found) < len(learnt):
            say_once(
                f"{WHERE}: {len(learnt) - len(found):,} of {len(learnt):,} images of {self.coarse.root} to learn from "
                "have the pixels of a test image, and are left out"
            )
        return found

    def _target(self, place):
        image = self.fine.read(self.places[place])
        if not np.isfinite(image).all():
            name = self.fine.name_of(self.places[place])
            raise DataError(f"{WHERE}.hr_path: {name} has lost pixels, which are no target; expected images without")
        return image


def pairs_from_files(settings, bands, seed):
    """The `FilePairs` of lr_path and hr_path. Args: bands: names of those that networks see, or None.

    Raises: DataError for images without a partner, or whose sizes do not have the ratio `factor`.
    """
    coarse, fine = (
        SetImages(Folder(path=path), found=identify(path), where=f"{WHERE}.{key}", bands=bands)
        for key, path in (("lr_path", settings.lr_path), ("hr_path", settings.hr_path))
    )
    names, partners = (_names(images) for images in (coarse, fine))
    for here, there, key, other in (
        (names, partners, settings.lr_path, settings.hr_path),
        (partners, names, settings.hr_path, settings.lr_path),
    ):
        alone = sorted(set(here) - set(there))
        if alone:
            few = ", ".join(alone[:_SHOWN]) + (", ..." if len(alone) > _SHOWN else "")
            raise DataError(f"{WHERE}: {len(alone):,} images of {key} have no partner of that name in {other}: {few}")
    if fine.num_pix != coarse.num_pix * settings.factor or fine.bands != coarse.bands:
        sizes = [f"{images.num_pix} pixels in {images.bands} bands" for images in (coarse, fine)]
        raise DataError(
            f"{WHERE}.factor: {settings.factor}, but images of {settings.lr_path} have {sizes[0]} and those of "
            f"{settings.hr_path} {sizes[1]}; expected {coarse.num_pix * settings.factor} pixels in as many bands"
        )
    return FilePairs(coarse, fine, np.array([partners[name] for name in names]), settings.factor, seed)


def _names(images):
    """The numbers of images by their names without the suffix of the file, or by their places in a single file."""
    single = Path(images.root).is_file()
    names = [images.name_of(place) for place in range(len(images))]
    found = {}
    for k, name in enumerate(names):
        first = found.setdefault(str(k) if single else _stem(name), k)
        if first != k:
            raise DataError(
                f"{WHERE}: {names[first]} and {name} of {images.root} have one name without their suffixes, by which "
                "images are paired; expected another name of one"
            )
    return found


def _stem(name):
    file, bracket, place = name.partition("[")
    return str(Path(file).with_suffix("")) + bracket + place
