"""Single systems of a dataset on disk, in any order: only the pieces of files in which they lie are read."""

from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...extras import need
from ...progress import console
from . import hdf5_blocks, shard_blocks, zarr_blocks
from .chunks import Picked
from .description import config_of, load
from .formats import format_of
from .ledger import read_entries

BLOCKS = {"zarr": zarr_blocks, "hdf5": hdf5_blocks}  # of the formats whose arrays are in chunks
LABELS_KEPT = 256 << 20  # bytes of labels that stay in memory


class Rows:
    """The systems of the finished shards of a dataset, by their place among them: 0, 1, 2, ...

    It is a copy of a few facts: files are opened for each call, so that processes and forks may share it. Of a dataset
    that is still being written, this is said.

    Args: folder: of the dataset.

    Attributes: description, config: of the dataset. shards: those that are finished. images, masks, labels: names of
    arrays to their shapes behind the axis of systems.
    Raises: DataError for what is no dataset, is damaged, or has no finished shard; MissingExtra for packages.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.description, self.config = load(self.folder), config_of(self.folder)
        if extra := format_of(self.description.format).EXTRA:
            need(extra, f"{self.folder}, which is {self.description.format},")
        done = {(e.number, e.first, e.count) for e in read_entries(self.folder).values()}
        shards = self.description.shards
        self.shards = [s for s in shards if (s.number, s.first, s.count) in done]
        if not self.shards:
            raise DataError(f"{self.folder}: none of its {len(shards)} shards is written yet")
        counts = np.array([shard.count for shard in self.shards], dtype=np.int64)
        self._ends = np.cumsum(counts)
        self._offset = np.array([shard.first for shard in self.shards], dtype=np.int64) - (self._ends - counts)
        self._forget()
        held = self._blocks.shapes(self._facts, self.description)
        self.images = {name: shape for name, shape in held.items() if name.startswith("images")}
        self.masks = {name: shape for name, shape in held.items() if name.startswith("mask")}
        self.labels = {n: s for n, s in held.items() if n not in (*self.images, *self.masks, "index")}
        if len(self.shards) < len(shards):
            console.print(
                f"{folder}: {len(self.shards)} of {len(shards)} shards are written: their {len(self):,} systems of "
                f"{self.description.count:,} are read"
            )

    def __len__(self) -> int:
        return int(self._ends[-1])

    def indices(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The indices of systems in the stream, int64 (n,)."""
        return self._offset[np.searchsorted(self._ends, places, side="right")] + places

    def read(
        self, names: Iterable[str], places: NDArray[np.int64], views: int | None = None
    ) -> dict[str, NDArray[np.generic]]:
        """Some arrays of systems by name.

        Images are float32 (n, views, ...) and masks bool, of the first `views`, None being all; labels are float32 (n,)
        or (n, all views), NaN where a system has none. Raises: Unreadable (a DataError) that names what is damaged.
        """
        pixels, labels = self._room(names, len(places), views), tuple(name for name in names if name in self.labels)
        table = np.empty((len(places), sum(map(self._columns, labels))), np.float32)
        for part in self._parts(places):
            if pixels:
                self._blocks.read(self.folder, self.description, self._facts, part, pixels)
            if labels:
                table[part.places] = self._table(labels, part)
        return pixels | self._separated(labels, table)

    def _room(self, names, n, views):
        """Arrays for the images and masks of n systems."""
        shapes, views = self.images | self.masks, self.description.views if views is None else views
        types = {name: np.float32 if name in self.images else bool for name in names if name in shapes}
        return {name: np.empty((n, views, *shapes[name][1:]), dtype) for name, dtype in types.items()}

    def _columns(self, label):
        """How many numbers a label is of each system."""
        return self.labels[label][0] if self.labels[label] else 1

    def _separated(self, labels, table):
        """The labels in a table (n, columns), one behind the other."""
        out, rows, begin = {}, np.ascontiguousarray(table.T), 0
        for label in labels:
            own = rows[begin : begin + self._columns(label)]
            out[label] = np.ascontiguousarray(own.T) if self.labels[label] else own[0]
            begin += len(own)
        return out

    def _table(self, names, part):
        """Labels of a part, float32 (systems, columns), each view a column; those of a shard are kept."""
        if self._blocks is shard_blocks and self.description.format in shard_blocks.ONE_BY_ONE:
            return self._labels(names, part)
        kept, key = self._kept, (names, part.shard.number)
        if key not in kept:
            every = np.arange(part.shard.count)
            kept[key] = self._labels(names, Picked(part.shard, every, every))
            while sum(table.nbytes for table in kept.values()) > LABELS_KEPT and len(kept) > 1:
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key][part.rows]

    def _labels(self, names, part):
        found = self._blocks.labels(self.folder, self.description, self._facts, part, names)
        return np.concatenate([found[name].reshape(len(part.rows), -1) for name in names], axis=1, dtype=np.float32)

    def _parts(self, places):
        """The systems of each shard that has some, as `Picked`."""
        order = np.argsort(places, kind="stable")
        edges = [0, *np.searchsorted(places[order], self._ends).tolist()]
        for k, shard in enumerate(self.shards):
            mine = order[edges[k] : edges[k + 1]]
            if len(mine):
                yield Picked(shard, places[mine] + (self._offset[k] - shard.first), mine)

    @property
    def _blocks(self):
        return BLOCKS.get(self.description.format, shard_blocks)

    @property
    def _facts(self):
        """What the format's module has to know beside the description."""
        if self._held is None:
            self._held = self._blocks.known(self.folder, self.description, self.shards[0])
        return self._held

    def _forget(self):
        self._held, self._kept = None, OrderedDict()

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name not in ("_held", "_kept")}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._forget()
