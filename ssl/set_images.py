"""Data sets of others, as a training takes them: any layout of `files.dataset_layouts`, with its views and labels."""

from pathlib import Path

import numpy as np
import torch

from ..errors import DataError
from ..files.band_places import chosen
from ..files.dataset_layouts import identify
from ..files.image_sets import ReadFiles
from ..files.label_tables import as_classes
from ..files.split_lists import listed
from ..simulate.stream import Batch
from .folder import folder_statistics


def is_folder(found):
    """Whether an `ImageSet` is a folder of single images, which `folder.ImageFolder` reads."""
    return found.path.is_dir() and isinstance(found.read, ReadFiles) and found.views == 1 and found.finer is None


class SetImages:
    """The systems of a `files.image_sets.ImageSet`, as `folder.ImageFolder` has the images of a folder.

    Args: config: `configs.training.Folder`. views: of each system that are read; None is all. found: the set, if it is
    known already. where: the key whose images they are, for messages. bands: names of those that are seen, in this
    order; None is all.

    Attributes: held_views: images of a system. redraw: None, as nobody knows what differs between them. scene: none, as
    nobody knows what they were simulated from. ordered: epochs are not in the order of the files. The others are those
    of `ImageFolder`, and splits: name -> numbers of systems.
    Raises: DataError for what cannot be read, or images that are not square.
    """

    redraw, scene, ordered = None, None, False

    def __init__(self, config, views=None, found=None, where="pretrain.data", bands=None):
        self.root = Path(config.path)
        self._set = identify(self.root) if found is None else found
        self.held_views, self._views = self._set.views, slice(views)
        self.band_names, self.pixel_scale = self._set.bands, self._set.pixel_scale
        self._bands = None if bands is None else chosen(self.band_names, bands, "pretrain.bands", self.root)
        if self._bands is not None:
            self.band_names = tuple(self.band_names[place] for place in self._bands)
        self.bands, self.num_pix = len(self.band_names), config.size or self._set.height
        self.classes, self.splits = list(self._set.classes), self._set.splits
        self.label_names = list(self._set.labels)
        self.notes = [f"{self.root}: {self._set.what}", *self._set.notes]
        own = where.removesuffix(".path").removesuffix(".test_path")
        if config.size is None and self._set.height != self._set.width:
            raise DataError(
                f"{where}: images of {self._set.height} x {self._set.width} pixels, of {self.root}, are not "
                f"square; cut a square from the centre with {own}.size"
            )
        if self.num_pix > min(self._set.height, self._set.width):
            raise DataError(
                f"{own}.size: {self.num_pix} pixels cannot be cut from {self.root}, whose images have "
                f"{self._set.height} x {self._set.width}"
            )

    def __len__(self):
        return len(self._set)

    @property
    def paths(self):
        """The files of the set: all that lie in its folder."""
        return [self.root]

    def batch(self, places):
        """Several systems as a `simulate.stream.Batch`, with their labels."""
        images = torch.from_numpy(np.stack([self._views_of(int(place))[self._views] for place in places]))
        labels = {n: torch.from_numpy(v.astype(np.float32)) for n, v in self.labels(self.label_names, places).items()}
        return Batch(images, labels, torch.from_numpy(np.asarray(places, dtype=np.int64)))

    def read(self, place):
        """The first view of one system, float32 (bands, num_pix, num_pix), NaN where a pixel is lost."""
        return self._views_of(int(place))[0]

    def read_all(self, places):
        """The first views of several systems, float32 (n, bands, num_pix, num_pix)."""
        return np.stack([self.read(place) for place in places])

    def labels(self, names, places):
        """Labels of several systems by name, float (n,), NaN where unknown, as is the class of one in none."""
        found = {name: self._set.labels[name][places].astype(float) for name in names}
        return found | ({"class": _known_classes(found["class"])} if self.classes and "class" in found else {})

    def class_of(self, places):
        """Numbers of the classes, int64 (n,), or None if there are no classes."""
        return self._set.labels["class"][np.asarray(places)] if self.classes else None

    def classes_of(self, column):
        """Names of the classes in a column of the labels, and their numbers, int64 (n,), -1 where unknown.

        None if it is no column of few classes: of words, or of whole numbers.
        """
        if column == "class" and self.classes:
            return tuple(self.classes), self._set.labels["class"]
        values = self._set.words.get(column, self._set.labels.get(column))
        return None if values is None else as_classes(values, None)

    def column(self, name):
        """A column of the labels, (n,) texts or numbers; None if there is none of this name."""
        if name == "class" and self.classes:
            return np.array([self.classes[k] if k >= 0 else "" for k in self._set.labels["class"]])
        return self._set.words.get(name, self._set.labels.get(name))

    @property
    def columns(self):
        """Names of all columns of the labels, those of words too."""
        return list(dict.fromkeys([*self._set.labels, *self._set.words]))

    def listed(self, lists):
        """As `files.split_lists.listed`."""
        return listed(self._set, lists)

    def numbers(self, places):
        """The numbers of systems in the set, uint64 (n,)."""
        return np.asarray(places, dtype=np.uint64)

    def name_of(self, place):
        """The file or the id of a system."""
        return str(self._set.names[place])

    def statistics(self, seed, bin=1):
        """As `folder.folder_statistics`."""
        return folder_statistics(self, seed, bin=bin)

    def _views_of(self, place):
        """All views of a system, float32 (views, bands, num_pix, num_pix)."""
        images, bands = self._set.read(place), len(self._set.bands)
        if images.shape[1] != bands or min(images.shape[2:]) < self.num_pix:
            raise DataError(
                f"{self.root}: {self.name_of(place)} has images of {images.shape[2]} x {images.shape[3]} pixels in "
                f"{images.shape[1]} bands, expected {self.num_pix} pixels in {bands} as most have"
            )
        top, left = ((edge - self.num_pix) // 2 for edge in images.shape[2:])
        images = images[:, :, top : top + self.num_pix, left : left + self.num_pix]
        return images if self._bands is None else images[:, self._bands]


def _known_classes(numbers):
    """Numbers of classes as float (n,), with NaN in the place of -1, which is no class."""
    return np.where(numbers < 0, np.nan, numbers)
