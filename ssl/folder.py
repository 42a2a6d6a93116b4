"""Read batches of images from a folder, without end and resumable: the whole state is one integer."""

import tempfile
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch

from ..ahead import Ahead
from ..configs.training import Folder
from ..errors import DataError, grouped
from ..files import image_files, image_folders, image_sets
from ..files.band_places import chosen
from ..progress import bar, console
from ..simulate.stream import Batch, to_device
from .batch_order import batch_at
from .normalize import binned, statistics

READ_AHEAD = 2  # batches that wait ready while the network trains
KINDS = 4  # kinds of files of a folder that are described
MANY = 2000  # files from which on looking at them is worth a progress bar


def _of_header(source, n_bands):
    """Names of the bands, and the pixel scale, as the header of a file has them."""
    bands, scale = image_sets.facts(source) if source.form == "FITS" else ((), None)
    return (bands if len(bands) == n_bands else ("",) * n_bands), scale


class ImageFolder:
    """The images of a folder: equal shapes, square, read one by one.

    Args: config: `configs.training.Folder`. bands: names of those that are seen, in this order; None is all. beside:
    sentences on files that are no images, where these are known; None: all of them are left out.

    Attributes: root, paths: the folder and its files and Zarr groups, sorted. bands, num_pix. classes: the sorted names
    of the sub-folders, empty if there are none. band_names, pixel_scale [arcsec]: of the first FITS header, "" and None
    where that does not say them. notes: sentences on what is read of the files and what is not.
    held_views, redraw: an image is the only one of its system. scene: none, as they are not simulated. ordered: epochs
    are not in the order of the files.
    Raises: DataError, naming the file, for one that cannot be read or has another shape than the others.
    """

    held_views, redraw, ordered, scene = 1, None, False, None

    def __init__(self, config, bands=None, beside=None):
        self.root, self._size = Path(config.path), config.size
        files, self.notes = image_folders.find(config.path, beside)
        with bar("looking at images", len(files), show=_is_first_rank() and len(files) >= MANY) as progress:
            self._sources, faults = [], []
            for k, (path, _) in enumerate(files):
                try:
                    self._sources.append(image_files.look(path))
                except DataError as error:
                    faults.append((path.name, error))
                progress.update(k + 1)
        if faults:
            _refuse(faults, len(files))
        self.paths = [path for path, _ in files]
        there, self.num_pix = self._common_shape()
        self.band_names, self.pixel_scale = _of_header(self._sources[0], there)
        self._bands = None if bands is None else chosen(self.band_names, bands, "pretrain.bands", self.root)
        if self._bands is not None:
            self.band_names = tuple(self.band_names[place] for place in self._bands)
        self.bands = len(self.band_names)
        self._ends = np.cumsum([source.layout.count for source in self._sources])
        self.classes = sorted({name for _, name in files if name is not None})
        outside = next((path for path, name in files if name is None), None)
        if self.classes and outside is not None:
            raise DataError(
                f"pretrain.data.path: sub-folders are classes, but {outside} is in none; put all images into "
                "sub-folders, or none"
            )
        self._class_of = [self.classes.index(name) if name is not None else None for _, name in files]
        self._unpacked = {}
        kinds = Counter(source.used for source in self._sources)
        self.notes += [f"read from {n} file{'s' if n > 1 else ''}: {used}" for used, n in kinds.most_common(KINDS)]

    def __len__(self):
        return int(self._ends[-1])

    def read(self, index):
        """Image `index`, float32 (bands, num_pix, num_pix), NaN where a pixel is lost."""
        number, source, within = self._place(index)
        image = image_files.read(source, within, self._unpack(number, source))
        top, left = ((edge - self.num_pix) // 2 for edge in image.shape[-2:])
        image = image[:, top : top + self.num_pix, left : left + self.num_pix]
        return image if self._bands is None else image[self._bands]

    def read_all(self, indices):
        """Several images, float32 (n, bands, num_pix, num_pix)."""
        return np.stack([self.read(int(index)) for index in indices])

    def batch(self, indices):
        """Several images as a `simulate.stream.Batch`, with the label "class" if there are classes."""
        classes = self.class_of(indices)
        labels = {} if classes is None else {"class": torch.from_numpy(classes.astype(np.float32))}
        return Batch(torch.from_numpy(self.read_all(indices)[:, None]), labels, torch.from_numpy(indices))

    def statistics(self, seed, bin=1):
        """As `folder_statistics`."""
        return folder_statistics(self, seed, bin=bin)

    def class_of(self, indices):
        """Numbers of the classes, int64 (n,), or None if there are no classes."""
        if not self.classes:
            return None
        return np.array([self._class_of[self._place(int(index))[0]] for index in indices], dtype=np.int64)

    def name_of(self, index):
        """The file of image `index`, with its number in the file if that holds several."""
        number, source, within = self._place(index)
        name = self.paths[number].relative_to(self.root).as_posix() if self.paths[number] != self.root else "images"
        return name if source.layout.count == 1 else f"{name}[{within}]"

    def _place(self, index):
        number = int(np.searchsorted(self._ends, index, side="right"))
        return number, self._sources[number], index - (int(self._ends[number - 1]) if number else 0)

    def _common_shape(self):
        shapes = [self._shape(source) for source in self._sources]
        common = Counter(shapes).most_common(1)[0][0]
        odd = next((k for k, shape in enumerate(shapes) if shape != common), None)
        if odd is not None:
            other = self._sources[shapes.index(common)].path
            raise DataError(
                f"pretrain.data: {self._sources[odd].path} has images of {_words(shapes[odd])}, but {other} of "
                f"{_words(common)}; expected one shape (pretrain.data.size cuts it from the centre)"
            )
        bands, height, width = common
        if height != width:
            raise DataError(
                f"pretrain.data: images of {_words(common)}, first {self._sources[0].path}, are not square; cut a "
                "square from the centre with pretrain.data.size"
            )
        return bands, height

    def _shape(self, source):
        _, bands, height, width, _ = source.layout
        if self._size is None:
            return bands, height, width
        if self._size > min(height, width):
            raise DataError(
                f"pretrain.data.size: {self._size} pixels cannot be cut from {source.path}, whose images have "
                f"{height} x {width}"
            )
        return bands, self._size, self._size

    def _unpack(self, number, source):
        """Path of the images of a packed stack, which would have to be unpacked as a whole for each of them."""
        if source.form != "npz" or source.layout.count == 1:
            return None
        if number not in self._unpacked:
            if not self._unpacked:
                self._folder = tempfile.TemporaryDirectory(prefix="lenstream-")  # removed with this object
            path = Path(self._folder.name) / f"{number}.npy"
            image_files.unpack(source, path)
            self._unpacked[number] = path
        return self._unpacked[number]


def _refuse(faults, n):
    """Raise DataError for the files that cannot be read; faults: pairs (name, error)."""
    if len(faults) == 1:
        raise faults[0][1]
    # What a reader says begins with the path, in which files of one fault differ.
    said = [(name, str(error).split(f"{name}: ", 1)[-1]) for name, error in faults]
    raise DataError(f"pretrain.data.path: {len(faults)} of {n} files cannot be read: " + "; ".join(grouped(said)))


def _words(shape):
    bands, height, width = shape
    return f"{height} x {width} pixels in {bands} band{'s' if bands > 1 else ''}"


class FolderStream:
    """Endless batches of the images of a folder, or of another source, read ahead in a thread.

    An epoch is all images in an order drawn from (seed, epoch), each once; batches go over the end of an epoch, and no
    image is twice in a batch (see `batch_at`). Which images are in a batch is a function of (seed, batch size, number
    of the batch) alone, whatever the number of ranks. Use as a context manager, or call `close`, to end the thread.

    Args:
        config: `configs.training.Folder`, an `ImageFolder` or another source of images (`archive_images`).
        batch_size: images in a batch, over all ranks. seed: of the order.
        start: position of the first image, or `position` of a stream to continue: a multiple of batch_size.
        rank, world: this process and their number; each gets its own slice of every batch. device: where batches go.

    Yields: `simulate.stream.Batch` with images (n, 1, bands, num_pix, num_pix), NaN where a pixel is lost, with the
    label "class" if the folder has sub-folders, and with the numbers of the images in the folder as indices.
    """

    def __init__(self, config, batch_size, seed, start=0, rank=0, world=1, device="cpu"):
        if batch_size % world:
            raise ValueError(f"batch_size {batch_size} cannot be shared equally by {world} ranks")
        self.folder = ImageFolder(config) if isinstance(config, Folder) else config
        self.batch_size, self.position = batch_size, start
        self._rank, self._device, self._pixels = rank, torch.device(device), _Pixels()
        share = slice(rank * batch_size // world, (rank + 1) * batch_size // world)
        what = self.folder, seed, start, batch_size, share, self._pixels  # not the stream, which it must not keep alive
        self._ahead = Ahead(partial(_read, *what), READ_AHEAD)

    @property
    def nan_share(self):
        """Share of the pixels read so far, on this rank, that are NaN."""
        return self._pixels.lost / max(self._pixels.read, 1)

    def __iter__(self):
        return self

    def __next__(self):
        batch = next(self._ahead)
        self.position += self.batch_size
        return to_device(batch, self._device)

    def close(self):
        """End the reading thread; batches read ahead are dropped (`position` does not count them)."""
        if self._rank == 0 and self._pixels.lost:
            console.print(f"{self.nan_share:.2%} of the pixels read were NaN; networks see 0 in their place")
        self._ahead.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


@dataclass
class _Pixels:
    """How many pixels of a stream were read so far, and how many of them are NaN."""

    read: int = 0
    lost: int = 0


def _read(folder, seed, start, batch_size, share, pixels, number):
    """Batch `number` of a stream, on its rank; its pixels are counted."""
    order = batch_at(seed, start + number * batch_size, batch_size, len(folder), folder.ordered)
    batch = folder.batch(order[share])
    pixels.read, pixels.lost = pixels.read + batch.images.numel(), pixels.lost + int(batch.images.isnan().sum())
    return batch


def folder_statistics(config, seed, n=512, bin=1):
    """What a network has to know of a folder: `normalize.Statistics` of up to n images, the bands, the pixels an edge.

    Args: config: `configs.training.Folder`, or a source such as an `ImageFolder`. seed: of the choice. bin: of the
    backbone, before which the pixels of the statistics are averaged.
    """
    folder = ImageFolder(config) if isinstance(config, Folder) else config
    images = folder.read_all(chosen_images(folder, n, seed))
    notes = folder.notes + _check_content(images)
    if _is_first_rank():
        for note in notes:
            say_once(note)
    return statistics(binned(torch.from_numpy(images), bin)), folder.bands, folder.num_pix


def _check_content(images):
    """Sentences on those of the images (n, bands, h, w) that show nothing.

    Raises: DataError if all are such: not one has a finite pixel, or all are constant.
    """
    if not np.isfinite(images).any():
        raise DataError(f"pretrain.data: not one of {len(images)} images has a finite pixel that is not masked")
    there = np.isfinite(images)
    low = np.min(images, axis=(-2, -1), where=there, initial=np.inf)
    high = np.max(images, axis=(-2, -1), where=there, initial=-np.inf)
    empty = ~(high > low).any(axis=1)
    if empty.all():
        raise DataError(
            f"pretrain.data: all {len(images)} images that were looked at are constant, such as {high.max():g} "
            "throughout; expected images with noise"
        )
    if not empty.any():
        return []
    return [f"{empty.sum()} of {len(images)} images that were looked at hold NaN or one value alone: leave them out"]


@lru_cache(maxsize=100)  # who opens a folder again says the same; what it holds is said once
def say_once(note):
    """Print a sentence on what is read, unless it was printed before."""
    console.print(note)


def _is_first_rank():
    distributed = torch.distributed
    return not (distributed.is_available() and distributed.is_initialized()) or distributed.get_rank() == 0


def chosen_images(folder, n, seed):
    """The numbers of up to n images in random order, each once."""
    return np.random.default_rng(seed).permutation(len(folder))[:n]
