"""A dataset that LenStream wrote, as a training takes it: the same systems, views and labels as from the stream."""

from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch

from ..errors import DataError
from ..simulate.archive import description, ledger
from ..simulate.archive.rows import Rows
from ..simulate.archive.samples import image_names
from ..simulate.stream import Batch
from ..simulate.systems.scene import make_scene, without_files
from .seen_bands import seen


def is_archive(path):
    """Whether a path is the folder of a dataset that `lenstream simulate` wrote."""
    return (Path(path) / description.ARCHIVE).is_file()


class ArchiveImages:
    """The systems of a dataset on disk, as `folder.ImageFolder` has the images of a folder.

    Args: config: `configs.training.Folder`. bands: of the dataset that are seen, in this order; None is all.
    views: of each system that are read; None is all. labels: names of those that batches have; None is all.

    Attributes: config: of the dataset. grid: a scene of the bands that are seen, which draws nothing. held_views,
    redraw: how many views there are, and what differs between them. ordered: the first epoch is in the order of the
    stream. root, paths: the folder, and its files. bands, num_pix: numbers of bands and of pixels along an edge.
    classes: names. label_names: of all labels. splits: none.
    Raises: DataError for a dataset that cannot be read, ConfigError for bands that it does not have or that share no
    pixel grid.
    """

    ordered, splits = True, {}  # splits are datasets of their own

    def __init__(self, config, bands=None, views=None, labels=None):
        self.root = Path(config.path)
        self._rows = Rows(config.path)
        self.config, known = self._rows.config, self._rows.description
        self.held_views, self.redraw = known.views, known.redraw
        self._views, self._bands, self.label_names = views, bands, list(self._rows.labels)
        self._labels = self.label_names if labels is None else list(labels)
        every = without_files(self.config.simulate, known.seed)
        self.grid = seen(every, bands)
        names, self.num_pix = list(self.grid.bands), self.grid.config.image.num_pix
        self._array, held = next((a, g.bands) for a, g in image_names(every).items() if set(names) <= set(g.bands))
        self._places = [list(held).index(name) for name in names]
        if config.size not in (None, self.num_pix):
            raise DataError(
                f"pretrain.data.size: {config.size} pixels, but {self.root} is a dataset of LenStream with images of "
                f"{self.num_pix}, which are taken whole; expected no size"
            )
        self.bands, self.notes = len(names), []
        self.classes = list(self.config.simulate.classes)

    def __len__(self):
        return len(self._rows)

    @cached_property
    def scene(self):
        """The `simulate.systems.scene.Scene` of the systems, in the bands that are seen."""
        return seen(_scene(str(self.root.resolve()), _state(self.root)), self._bands)

    @property
    def paths(self):
        """The files of the dataset: what it is, its ledger, and those that the ledger lists."""
        own = [self.root / description.ARCHIVE, self.root / description.CONFIG]
        entries = ledger.read_entries(self.root).values()
        written = {self.root / name for entry in entries for name in entry.files}
        return own + [ledger.path_of(self.root, entry.number) for entry in entries] + sorted(written)

    def batch(self, places):
        """Several systems, by their places in the dataset, as a `simulate.stream.Batch` of the bands that are seen."""
        places = np.asarray(places, dtype=np.int64)
        found = self._rows.read([self._array, *self._labels], places, self._views)
        labels = {name: torch.from_numpy(found[name]) for name in self._labels}
        return Batch(self._seen(found[self._array]), labels, torch.from_numpy(self._rows.indices(places)))

    def _seen(self, images):
        """The bands that are seen of the images in an array, as a tensor."""
        every = self._places == list(range(images.shape[2]))
        return torch.from_numpy(images if every else np.ascontiguousarray(images[:, :, self._places]))

    def read(self, place):
        """The first view of one system, float32 (bands, num_pix, num_pix)."""
        return self.read_all([place])[0]

    def read_all(self, places):
        """The first views of several systems, float32 (n, bands, num_pix, num_pix)."""
        places = np.asarray(places, dtype=np.int64)
        return self._seen(self._rows.read([self._array], places, views=1)[self._array])[:, 0].numpy()

    def labels(self, names, places):
        """Labels of several systems by name, float32 (n,); those of the first view where views differ in them."""
        found = self._rows.read(names, np.asarray(places, dtype=np.int64))
        return {name: found[name].reshape(len(places), -1)[:, 0] for name in names}

    def class_of(self, places):
        """Numbers of the classes, int64 (n,), or None if there are no classes."""
        return self.labels(["class"], places)["class"].astype(np.int64) if self.classes else None

    def classes_of(self, column):
        """Names of the classes and their numbers, int64 (n,), for the column class; None for any other."""
        if column != "class" or not self.classes:
            return None
        return tuple(self.classes), self.class_of(np.arange(len(self)))

    def column(self, name):
        """A column of the labels, (n,); None if there is none of this name."""
        return self.labels([name], np.arange(len(self)))[name] if name in self.label_names else None

    @property
    def columns(self):
        """Names of all columns of the labels."""
        return list(self.label_names)

    def listed(self, lists):
        """Refuse lists of names, as systems have none."""
        raise DataError(
            f"evaluate.data.split.lists: {self.root} is a dataset of LenStream, whose systems have no names"
        )

    def numbers(self, places):
        """The indices of systems in the stream, uint64 (n,)."""
        return self._rows.indices(np.asarray(places, dtype=np.int64)).astype(np.uint64)

    def name_of(self, place):
        """A system in words."""
        return f"system {self.numbers([place])[0]}"


def _state(root):
    """What changes when the config of a dataset does."""
    file = (root / description.CONFIG).stat()
    return file.st_mtime_ns, file.st_size


@lru_cache(maxsize=2)  # each encoder asks for it, and galaxies take a while to read
def _scene(root, state):
    return make_scene(description.config_of(Path(root)), description.load(Path(root)).seed)
