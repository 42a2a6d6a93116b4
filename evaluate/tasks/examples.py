"""Images with labels from files, split into those that heads learn from and those that they are judged by."""

from functools import cached_property

import numpy as np
import torch

from ...configs.names import plain_names
from ...configs.training import Folder
from ...errors import DataError, nearest
from ...simulate.selection import draw
from ...ssl.data import open_labelled
from .task import Labelled

TEST_SHARE = 0.2  # of images that do not say which are for tests
TEST = ("test", "testing")  # names of the part for tests


class Examples:
    """The labelled images that `evaluate.data` of a config names.

    Systems of a dataset that LenStream wrote come in its order, so that those of its splits labelled and test are the
    lenses that the stream would give; other images come in an order drawn from the seed.

    Args: config: `configs.schema.Config`. Raises: DataError for what cannot be read, or has no such labels.
    """

    def __init__(self, config):
        data = config.evaluate.data
        self._targets = config.evaluate.targets
        self._learnt = _open(config, "path")
        self._judged = self._learnt if data.test_path is None else _open(config, "test_path")
        self._places = self._split(config.seed)
        for images in (self._learnt, self._judged):
            _check_labels(images, self._targets)

    @property
    def shape(self):
        """Bands and pixels along an edge."""
        return self._learnt.bands, self._learnt.num_pix

    @cached_property
    def scene(self):
        """The scene of the test lenses if they were simulated, else None."""
        return self._judged.scene

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
        true = {t: torch.from_numpy(v.astype(np.float32)) for t, v in images.labels(self._targets, places).items()}
        return Labelled(torch.from_numpy(images.read_all(places)), true, images.numbers(places))

    def values(self, split, most):
        """The targets of up to `most` examples of a split: dict of float32 (n,)."""
        images = self._judged if split == "test" else self._learnt
        return images.labels(self._targets, self._places[split][:most])

    def has_limit(self):
        """Whether the simulator knows a bound on the error of every target."""
        if self.scene is None:
            return False
        return set(self._targets) <= set(plain_names(draw(self.scene, [0]).lens_mass))

    def _split(self, seed):
        if self._judged is not self._learnt:
            return {"labelled": _order(self._learnt, seed), "test": _order(self._judged, seed)}
        order = _order(self._learnt, seed)
        name = next((name for name in self._learnt.splits if name.lower() in TEST), None)
        if name is not None:
            is_test = np.isin(order, self._learnt.splits[name])
        else:
            is_test = np.arange(len(order)) >= len(order) - round(TEST_SHARE * len(order))
        return {"labelled": order[~is_test], "test": order[is_test]}


def _open(config, key):
    """Images with labels, of the size that encoders are trained on."""
    size = None if config.pretrain.data is None else config.pretrain.data.size
    folder = Folder(path=getattr(config.evaluate.data, key), size=size)
    return open_labelled(folder, config.pretrain.bands, f"evaluate.data.{key}")


def _order(images, seed):
    n = len(images)
    return np.arange(n) if images.ordered else np.random.default_rng([seed, n]).permutation(n)


def _check_labels(images, targets):
    for target in targets:
        if target not in images.label_names:
            known = images.label_names
            raise DataError(
                f'evaluate.targets: no label "{target}" in {images.root}, which has '
                f"{', '.join(known) or 'none'}.{nearest(target, known)}"
            )
