"""LensDataset: the systems of a dataset on disk for PyTorch, by their place, in any order, in any number of workers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from ..errors import ArgumentError, nearest
from .archive.rows import Rows
from .archive.samples import image_names, mask_names
from .core.arguments import shown, whole_number
from .stream import Batch
from .systems.scene import Scene, without_files


class LensDataset(Dataset):
    """The systems of a dataset that ``lenstream simulate`` wrote, whatever its format, as PyTorch's map-style dataset.

    ``dataset[k]`` is a dict: images, float32 (views, bands, num_pix, num_pix) in counts/s/pixel; index, of the system
    in the stream; labels, a dict of float32 tensors, () or (views,), NaN where a system has none; and mask, bool as
    images, True where a pixel is lost, if any instrument loses some. Bands with several pixel grids have images and
    masks by their names (images_VIS, images_Y-J-H). They are those of `LensStream`, bit for bit; over a stream without
    files, LensStream itself is the iterable dataset.

    A ``DataLoader(dataset, batch_size=64, shuffle=True, num_workers=2)`` reads only the pieces of files in which its
    batches lie; workers open the files themselves. Of a dataset that is still being written, the finished shards are
    read, which is said once.

    Args:
        path: folder of the dataset. views: of each system, the first ones; None is all.
        labels: names of those that an item has; None is all.

    Attributes: description: `simulate.archive.description.Description`. config: `configs.schema.Config`. grids: a
    `Scene` of its bands and pixel grids, which draws nothing.

    Raises: DataError for what is no dataset or damaged, ArgumentError for views or labels that it does not have.
    """

    def __init__(self, path: str | Path, views: int | None = None, labels: Sequence[str] | None = None):
        self._rows = Rows(Path(path))
        self.description, self.config = self._rows.description, self._rows.config
        held = self.description.views
        self._views = held if views is None else whole_number("views", views, 1, held)
        self._labels = list(self._rows.labels) if labels is None else list(labels)
        for name in self._labels:
            if name not in self._rows.labels:
                known = self._rows.labels
                raise ArgumentError(
                    f'labels: {path} has no label "{name}", expected some of {", ".join(known)}.{nearest(name, known)}'
                )
        self.grids: Scene = without_files(self.config.simulate, self.description.seed)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> dict[str, Any]:
        return self.__getitems__([place])[0]

    def __getitems__(self, places: Sequence[int]) -> list[dict[str, Any]]:
        """Several items at once, as a DataLoader asks for those of a batch: much faster than one by one."""
        places = self._checked(places)
        pixels, labels = self._read(places)
        indices = self._rows.indices(places).tolist()
        rows = {name: values.unbind() for name, values in pixels.items()}
        of_labels = {name: values.unbind() for name, values in labels.items()}
        return [
            {name: values[k] for name, values in rows.items()}
            | {"labels": {name: values[k] for name, values in of_labels.items()}, "index": index}
            for k, index in enumerate(indices)
        ]

    def batch(self, places: Sequence[int], images: bool = True) -> Batch:
        """Several systems as `LensStream` has them; images: whether they and masks are read, else they are None."""
        places = self._checked(places)
        pixels, labels = self._read(places, images)
        of_images = [pixels[name] for name in image_names(self.grids)] if images else [None]
        of_masks = [pixels[name] for name in mask_names(self.grids) if name in pixels]
        return Batch(
            of_images[0] if len(of_images) == 1 else tuple(of_images),
            labels,
            torch.from_numpy(self._rows.indices(places)),
            None if not of_masks else of_masks[0] if len(of_masks) == 1 else tuple(of_masks),
        )

    def index_of(self, place: int) -> int:
        """The index in the stream of a system, by its place."""
        return int(self._rows.indices(self._checked([place]))[0])

    def _read(self, places, images=True):
        """Images and masks, and labels, of some systems: dicts of tensors (n, ...)."""
        names = [*self._rows.images, *self._rows.masks] if images else []
        found = {
            name: torch.from_numpy(v)
            for name, v in self._rows.read([*names, *self._labels], places, self._views).items()
        }
        labels = {name: found.pop(name) for name in self._labels}
        return found, {n: value[:, : self._views] if value.ndim == 2 else value for n, value in labels.items()}

    def _checked(self, places):
        """Places as an array, negative ones from the end. Raises: IndexError beyond it, which ends a for-loop."""
        found = np.asarray(places)
        if found.dtype.kind not in "iu" and found.size:
            raise ArgumentError(f"a place in the dataset is a whole number, got {shown(places)}")
        found = found.astype(np.int64)
        if ((found < -len(self)) | (found >= len(self))).any():
            raise IndexError(f"the dataset has {len(self)} systems, 0 to {len(self) - 1}, got {shown(places)}")
        return np.where(found < 0, found + len(self), found)
