"""Labelled images of which some are in files: to learn from, to choose strengths by, and to be judged by."""

import numpy as np
import torch

from ...configs.names import plain_names
from ...configs.training import Folder
from ...errors import DataError, nearest
from ...simulate.selection import draw
from ...ssl.data import open_labelled, scene_of, training_scene
from ...ssl.folder import say_once
from .class_targets import names_in, names_simulated, numbers_in, numbers_simulated
from .image_parts import parts_of
from .reading import read_many
from .splits import even_order
from .task import Amounts, Labelled, labelled_systems

WITHOUT_END = 1 << 39  # indices of a split that a seed may take of the stream


class Examples:
    """The labelled images that `evaluate.data` of a config names, and simulated lenses where it names none.

    Systems of a dataset that LenStream wrote come in its order, so that those of its splits labelled and test are the
    lenses that the stream would give; of others each seed draws its own, and images without a target are left out.
    Numbers of classes are those of the images to learn from, whatever order a test set has.

    Args: config: `configs.schema.Config`. scene: of its simulation in the bands that networks see, if it is made
    already. threads: to render simulated lenses.

    Attributes: learnt: the images to learn from, `ssl.archive_images.ArchiveImages` or `ssl.set_images.SetImages`; None
    for simulated ones. judged: those for tests, likewise. stream: the scene of simulated ones, or None. classes: names
    of the classes of the target of a classification, else ().
    Raises: DataError for what cannot be read, has no such labels, or is in two parts.
    """

    def __init__(self, config, scene=None, threads=1):
        evaluate, data = config.evaluate, config.evaluate.data
        self._seed, self._targets, self._threads = config.seed, evaluate.targets, threads
        self.stream = None
        if not (evaluate.learns_from_files and evaluate.judged_by_files):
            self.stream = training_scene(config, scene_of(config)) if scene is None else scene
        self.learnt = _open(config, "path", self.stream) if evaluate.learns_from_files else None
        self.judged = None
        if evaluate.judged_by_files:
            self.judged = self.learnt if data.test_path is None else _open(config, "test_path", self.stream)
        of_classes = evaluate.task == "classification"
        for images in filter(None, (self.learnt, self.judged)):
            _check_labels(images, self._targets, of_classes)
        self._class_targets = self._targets if of_classes else [t for t in self._targets if t == "class"]
        self._names = {target: self._names_of(target) for target in self._class_targets}
        self.classes = self._names[self._targets[0]] if of_classes else ()
        self._places = self._parts(config)

    @property
    def shape(self):
        """Bands and pixels along an edge."""
        images = self.learnt or self.judged
        return images.bands, images.num_pix

    @property
    def shapes(self):
        """Bands and pixels along an edge of the images to learn from, and of those for tests, in files or simulated."""
        return [self._shape(images) for images in (self.learnt, self.judged)]

    @property
    def scene(self):
        """The scene of the test lenses if they were simulated, else None."""
        return self.stream if self.judged is None else self.judged.scene

    @property
    def simulated(self):
        """The `simulate` and the seed of the test lenses, of a dataset of LenStream; None of other images."""
        if self.judged is None or self.judged.scene is None:
            return None
        return self.judged.config.simulate, self.judged.scene.seed

    def count(self, split):
        """How many there are of a split, "labelled", "validation" or "test"; simulated lenses have no end."""
        return len(self._places[split]) if self._images(split) is not None else WITHOUT_END

    def amounts(self, settings):
        """The `task.Amounts` of an evaluation; fractions and all are of the images in files.

        settings: `configs.evaluation.Evaluate`.
        """
        there = self.count("labelled")
        numbers = [
            there if n == "all" else n if isinstance(n, int) else max(1, round(n * there)) for n in settings.n_labels
        ]
        return Amounts(
            list(dict.fromkeys(numbers)), self.count("test") if settings.n_test == "all" else settings.n_test
        )

    def labelled(self, split, n, skip=0):
        """n examples of a split after the first `skip`, as `task.Labelled`. Raises: DataError if there are fewer."""
        if self._images(split) is None:
            found = labelled_systems(self.stream, self._targets, split, n, skip, self._threads)
            return Labelled(found.images, self._tensors(self._simulated(found.true)), found.indices)
        return self._read(split, self._in_order(split)[skip : skip + n], skip + n)

    def pool(self, n, seed):
        """The n examples that heads of a seed learn from, as `task.Labelled`; fewer labels are the first of them.

        Of images in files each seed draws its own, of which every beginning holds the classes in equal shares. Of a
        dataset of LenStream that holds as many as the stream gives to all seeds so far, they are those of the stream.
        """
        if self.learnt is None or self._of_stream(n, seed):
            return self.labelled("labelled", n, skip=seed * n)
        return self._read("labelled", self._pool(n, seed), n)

    def pool_values(self, n, seed):
        """The targets of `pool` of images in files: dict of float (n,)."""
        return self._values("labelled", self._pool(n, seed))

    def values(self, split, most):
        """The targets of up to `most` examples of a split in files: dict of float (n,)."""
        return self._values(split, self._in_order(split)[:most])

    def has_limit(self):
        """Whether the simulator knows a bound on the error of every target."""
        if self.scene is None:
            return False
        return set(self._targets) <= set(plain_names(draw(self.scene, [0]).lens_mass))

    def places(self, split):
        """The places of the examples of a split in their set of images in files, in its order."""
        return self._places[split]

    def numbers(self, split):
        """The numbers of all examples of a split in their set; of a dataset of LenStream, indices in the stream."""
        return self._images(split).numbers(self._places[split])

    def _images(self, split):
        return self.judged if split == "test" else self.learnt

    def _of_stream(self, n, seed):
        """Whether a dataset of LenStream holds as many as the stream gives to all seeds so far."""
        return self.learnt.ordered and len(self._places["labelled"]) >= (seed + 1) * n

    def _pool(self, n, seed):
        """The places of `pool` of images in files."""
        there = self._places["labelled"]
        return there[seed * n :][:n] if self._of_stream(n, seed) else there[self._drawn("labelled", seed)[:n]]

    def _shape(self, images):
        if images is not None:
            return images.bands, images.num_pix
        return len(self.stream.bands), self.stream.config.image.num_pix

    def _names_of(self, target):
        return names_simulated(self.stream) if self.learnt is None else names_in(self.learnt, target)

    def _parts(self, config):
        """The places of the images in files of each split, of those with targets."""
        parts, learnt, judged = {}, self.learnt, self.judged
        if learnt is not None:
            known = self._known(learnt)
            strata = self._class_numbers(learnt, self._class_targets[0]) if self._class_targets else None
            parts = parts_of(config, learnt, judged, known, strata)
        if judged is not None and judged is not learnt:
            parts["test"] = self._known(judged)
        return parts

    def _known(self, images):
        """The places of the images whose targets are known; what is left out is said."""
        places = np.arange(len(images))
        if images.ordered:  # a dataset of LenStream, in which only some classes lack a target: a mistake of the config
            return places
        values = self._of_images(images, places)
        known = np.isfinite(np.stack(list(values.values()))).all(axis=0)
        for target, found in values.items():
            lacking = int((~np.isfinite(found)).sum())
            if lacking:
                of = f"{lacking:,} of {len(places):,} images"
                say_once(f"evaluate.data: {of} of {images.root} have no {target}, and are left out")
        return places[known]

    def _in_order(self, split):
        """The places of a split in the order of a dataset of LenStream, or drawn from the config's seed."""
        places = self._places[split]
        return places if self._images(split).ordered else places[self._drawn(split, "order")]

    def _drawn(self, split, seed):
        """Places among those of a split in an order drawn from a seed, with equal shares of classes in every part."""
        images, places = self._images(split), self._places[split]
        strata = np.zeros(len(places), dtype=int)
        if self._class_targets:
            strata = np.nan_to_num(self._class_numbers(images, self._class_targets[0])[places], nan=-1).astype(int)
        return even_order([images.name_of(k) for k in places], strata, f"{self._seed}/{seed}")

    def _read(self, split, places, asked):
        images = self._images(split)
        if self.count(split) < asked:
            raise DataError(
                f"evaluate.data: {images.root} has {self.count(split)} {split} images, {asked} are asked for"
            )
        true = self._tensors(self._values(split, places))
        return Labelled(read_many(images, places), true, images.numbers(places))

    def _values(self, split, places):
        return self._of_images(self._images(split), places)

    def _of_images(self, images, places):
        """The targets of images by their places: dict of float (n,), NaN where one is not known."""
        numbers = [target for target in self._targets if target not in self._names]
        found = images.labels(numbers, places) if numbers else {}
        found |= {target: self._class_numbers(images, target)[places] for target in self._names}
        return {target: found[target] for target in self._targets}

    def _class_numbers(self, images, target):
        return numbers_in(images, target, self._names[target])

    def _simulated(self, true):
        """The targets of simulated lenses, with the numbers of classes that are learnt."""
        return {
            t: numbers_simulated(self.stream, v, self._names[t]) if t in self._names else v.numpy()
            for t, v in true.items()
        }

    def _tensors(self, values):
        """Targets as float32 tensors; the classes of a classification as int64."""
        for_classes = self._targets if self.classes else ()
        return {
            t: torch.from_numpy(np.asarray(v).astype(np.int64 if t in for_classes else np.float32))
            for t, v in values.items()
        }


def _open(config, key, stream):
    """Images with labels, of the size that encoders are trained on, or of simulated lenses beside them."""
    data = config.evaluate.data
    size = data.size
    if size is None and config.pretrain.data is not None:
        size = config.pretrain.data.size
    if size is None and stream is not None:
        size = stream.config.image.num_pix
    labels, class_from = (data.labels if key == "path" else data.test_labels), data.class_from
    folder = Folder(path=getattr(data, key), size=size)
    images = open_labelled(folder, config.pretrain.bands, f"evaluate.data.{key}", labels, class_from)
    for note in images.notes:
        if note.startswith(("labels by", "classes by", "splits by")):
            say_once(f"evaluate.data.{key}: {note}")
    return images


def _check_labels(images, targets, of_classes):
    known = images.columns if of_classes else images.label_names
    for target in targets:
        if target not in known and target in images.columns:
            raise DataError(
                f"evaluate.targets: {target} of {images.root} holds words; expected numbers, or "
                "evaluate.task=classification"
            )
        if target not in known:
            raise DataError(
                f'evaluate.targets: no label "{target}" in {images.root}, which has '
                f"{', '.join(known) or 'none'}.{nearest(target, known)}"
            )
