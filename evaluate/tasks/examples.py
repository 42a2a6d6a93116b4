"""Images with labels from files, split into those that heads learn from and those that they are judged by."""

import re
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from ...configs.names import plain_names
from ...configs.training import Folder
from ...errors import DataError, nearest
from ...simulate.selection import draw
from ...ssl.data import open_labelled
from ...ssl.folder import say_once
from .task import Amounts, Labelled

TEST_SHARE = 0.2  # of images that do not say which are for tests
TEST = ("test", "testing")  # names of the part for tests


class Examples:
    """The labelled images that `evaluate.data` of a config names.

    Systems of a dataset that LenStream wrote come in its order, so that those of its splits labelled and test are the
    lenses that the stream would give; other images come in an order drawn from the seed, without those of which a
    target is not known. Numbers of classes are those of the images to learn from, whatever order a test set has.

    Args: config: `configs.schema.Config`. Raises: DataError for what cannot be read, or has no such labels.
    """

    def __init__(self, config):
        data = config.evaluate.data
        self._targets = config.evaluate.targets
        self._learnt = _open(config, "path")
        self._judged = self._learnt if data.test_path is None else _open(config, "test_path")
        for images in (self._learnt, self._judged):
            _check_labels(images, self._targets)
        self._number_of = _same_classes(self._judged, self._learnt) if "class" in self._targets else None
        self._places = {split: self._known(split, places) for split, places in self._split(config).items()}

    @property
    def shape(self):
        """Bands and pixels along an edge."""
        return self._learnt.bands, self._learnt.num_pix

    @cached_property
    def scene(self):
        """The scene of the test lenses if they were simulated, else None."""
        return self._judged.scene

    @property
    def learnt(self):
        """The images to learn from: `ssl.archive_images.ArchiveImages` or `ssl.set_images.SetImages`."""
        return self._learnt

    @property
    def simulated(self):
        """The `simulate` and the seed of the test lenses, of a dataset of LenStream; None of other images."""
        return None if self.scene is None else (self._judged.config.simulate, self.scene.seed)

    def count(self, split):
        """How many there are of a split, "labelled" or "test"."""
        return len(self._places[split])

    def labelled(self, split, n, skip=0):
        """n examples of a split after the first `skip`, as `task.Labelled`. Raises: DataError if there are fewer."""
        places = self._places[split][skip : skip + n]
        images = self._judged if split == "test" else self._learnt
        if len(places) < n:
            raise DataError(
                f"evaluate.data: {images.root} has {self.count(split)} {split} images, {skip + n} are asked for"
            )
        true = {t: torch.from_numpy(v.astype(np.float32)) for t, v in self._values(split, places).items()}
        return Labelled(torch.from_numpy(images.read_all(places)), true, images.numbers(places))

    def amounts(self, settings):
        """The `task.Amounts` of an evaluation. settings: `configs.evaluation.Evaluate`."""
        return Amounts(settings.n_labels, settings.n_test)

    def pool(self, n, seed):
        """The n labelled images of a seed, as `task.Labelled`."""
        return self.labelled("labelled", n, skip=seed * n)

    def values(self, split, most):
        """The targets of up to `most` examples of a split: dict of float32 (n,)."""
        return self._values(split, self._places[split][:most])

    def has_limit(self):
        """Whether the simulator knows a bound on the error of every target."""
        if self.scene is None:
            return False
        return set(self._targets) <= set(plain_names(draw(self.scene, [0]).lens_mass))

    def numbers(self, split):
        """The numbers of all examples of a split in their set; of a dataset of LenStream, indices in the stream."""
        return (self._judged if split == "test" else self._learnt).numbers(self._places[split])

    def _values(self, split, places):
        """The targets of images of a split by their places: dict of float (n,), NaN where one is not known."""
        found = (self._judged if split == "test" else self._learnt).labels(self._targets, places)
        if split == "test" and self._number_of is not None:
            numbers = np.nan_to_num(found["class"], nan=-1).astype(int)
            found["class"] = np.where(numbers < 0, np.nan, self._number_of[numbers])
        return found

    def _known(self, split, places):
        """The places of a split whose targets are known; what is left out is said."""
        images = self._judged if split == "test" else self._learnt
        if images.ordered:  # a dataset of LenStream, in which only some classes lack a target: a mistake of the config
            return places
        values = self._values(split, places)
        known = np.isfinite(np.stack(list(values.values()))).all(axis=0)
        for target, found in values.items():
            lacking = int((~np.isfinite(found)).sum())
            if lacking:
                of = f"{lacking:,} of {len(places):,} {split} images"
                say_once(f"evaluate.data: {of} of {images.root} have no {target}, and are left out")
        return places[known]

    def _split(self, config):
        order = _order(self._learnt, config.seed)
        if self._judged is not self._learnt:
            is_test = np.isin(order, _judged_within(self._learnt, config.evaluate.data))
            return {"labelled": order[~is_test], "test": _order(self._judged, config.seed)}
        test = _called_test(self._learnt)
        if test is not None:
            is_test = np.isin(order, test)
        else:
            is_test = np.arange(len(order)) >= len(order) - round(TEST_SHARE * len(order))
        return {"labelled": order[~is_test], "test": order[is_test]}


def _open(config, key):
    """Images with labels, of the size that encoders are trained on."""
    size = None if config.pretrain.data is None else config.pretrain.data.size
    folder = Folder(path=getattr(config.evaluate.data, key), size=size)
    return open_labelled(folder, config.pretrain.bands, f"evaluate.data.{key}")


def _called_test(images):
    """The places of the images that are called test, or None."""
    return next((places for name, places in images.splits.items() if name.lower() in TEST), None)


def _judged_within(images, data):
    """The places of the images of `path` that are those of `test_path`. Raises: DataError if they cannot be told."""
    path, test = (Path(place).resolve() for place in (data.path, data.test_path))
    where = f"evaluate.data.test_path: {data.test_path}"
    if path.is_relative_to(test):
        raise DataError(f"{where} holds the images of evaluate.data.path, to learn from; expected others, or none")
    if not test.is_relative_to(path):
        return []
    below = test.relative_to(path).as_posix()
    inside = re.compile(rf"{re.escape(below)}(/|\[|$)")
    places = [k for k in range(len(images)) if inside.match(images.name_of(k))]
    called = _called_test(images) if below.lower() in TEST else None
    if not places and called is None:
        raise DataError(
            f"{where} lies in evaluate.data.path, and which of its images are those cannot be told; expected others"
        )
    return places or called


def _order(images, seed):
    n = len(images)
    return np.arange(n) if images.ordered else np.random.default_rng([seed, n]).permutation(n)


def _same_classes(judged, learnt):
    """The number of each class of `judged` among those of `learnt`, (n,), by name; None where names are not known.

    Raises: DataError for a class that `learnt` lacks.
    """
    if judged is learnt or not (judged.classes and learnt.classes):
        return None
    unknown = [name for name in judged.classes if name not in learnt.classes]
    if unknown:
        raise DataError(
            f'evaluate.data: the class "{unknown[0]}" of {judged.root} is none of {learnt.root}, from which is learnt; '
            f"expected some of {', '.join(learnt.classes)}.{nearest(unknown[0], learnt.classes)}"
        )
    return np.array([learnt.classes.index(name) for name in judged.classes])


def _check_labels(images, targets):
    for target in targets:
        if target not in images.label_names:
            known = images.label_names
            raise DataError(
                f'evaluate.targets: no label "{target}" in {images.root}, which has '
                f"{', '.join(known) or 'none'}.{nearest(target, known)}"
            )
