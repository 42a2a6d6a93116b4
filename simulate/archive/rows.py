"""Single systems of a dataset on disk, in any order: only the pieces of files in which they lie are read."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...extras import need
from . import hdf5_blocks, shard_blocks, zarr_blocks
from .description import config_of, load
from .formats import format_of
from .ledger import read_entries

BLOCKS = {"zarr": zarr_blocks, "hdf5": hdf5_blocks}  # of the formats of which less than a shard can be read
PIXELS_KEPT, LABELS_KEPT = 64 << 20, 256 << 20  # bytes of blocks that stay in memory for the next call


class BlockCache:
    """Arrays by key, of which the last ones used stay, up to a number of bytes."""

    def __init__(self, most: int) -> None:
        self._most, self._held, self._bytes = most, OrderedDict(), 0

    def get(self, key):
        """The array of a key, or None."""
        if key in self._held:
            self._held.move_to_end(key)
        return self._held.get(key)

    def keep(self, key, values):
        """Add an array, in place of others if need be; the last one stays whatever its size."""
        self._bytes += values.nbytes - (self._held[key].nbytes if key in self._held else 0)
        self._held[key] = values
        while self._bytes > self._most and len(self._held) > 1:
            self._bytes -= self._held.popitem(last=False)[1].nbytes


class Rows:
    """The systems of the finished shards of a dataset, by their place among them: 0, 1, 2, ...

    It is a copy of a few facts: files are opened for each call, so that processes and forks may share it.

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
        self.shards = [s for s in self.description.shards if (s.number, s.first, s.count) in done]
        if not self.shards:
            raise DataError(f"{self.folder}: none of its {len(self.description.shards)} shards is written yet")
        self._first = np.array([shard.first for shard in self.shards], dtype=np.int64)
        self._ends = np.cumsum([shard.count for shard in self.shards])
        held = self._blocks.arrays(self.folder, self.description, self.shards[0])
        self.images = {name: shape for name, shape in held.items() if name.startswith("images")}
        self.masks = {name: shape for name, shape in held.items() if name.startswith("mask")}
        self.labels = {n: s for n, s in held.items() if n not in (*self.images, *self.masks, "index")}
        self._sizes = {name: self._blocks.length(self.folder, self.description, name) for name in held}
        self._forget()

    def __len__(self) -> int:
        return int(self._ends[-1])

    @property
    def _blocks(self):
        return BLOCKS.get(self.description.format, shard_blocks)

    def indices(self, places: Sequence[int] | NDArray) -> NDArray[np.int64]:
        """The indices of systems in the stream, int64 (n,)."""
        number, within = self._within(places)
        return self._first[number] + within

    def read(self, names: Sequence[str], places: Sequence[int] | NDArray) -> dict[str, NDArray]:
        """Some arrays of systems: name -> (n, ...). Raises: Unreadable (a DataError) that names what is damaged."""
        number, within = self._within(places)
        sizes = {name: self._sizes[name] for name in names}
        groups = {size: _grouped(number, within // size) for size in set(sizes.values())}
        return {name: self._gathered(name, within, size, groups[size]) for name, size in sizes.items()}

    def _within(self, places):
        """The number among the finished shards, and the place in it, of each system."""
        places = np.asarray(places, dtype=np.int64)
        number = np.searchsorted(self._ends, places, side="right")
        return number, places - (self._ends[number] - np.array([s.count for s in self.shards])[number])

    def _gathered(self, name, within, size, groups):
        """An array of systems that lie in several blocks of `size` systems: each block is read once."""
        out = np.empty(0)
        for k, (shard, block, rows) in enumerate(groups):
            values = self._block(name, shard, block)
            if k == 0:
                out = np.empty((len(within), *values.shape[1:]), values.dtype)
            out[rows] = values[within[rows] - block * size]
        return out

    def _block(self, name, shard, block):
        """The values of a block, of which the last ones used are kept."""
        values = self._cache(name).get((name, shard, block))
        if values is not None:
            return values
        found = self._blocks.read(self.folder, self.description, self.shards[shard], block, name)
        for other, values in found.items():
            self._cache(other).keep((other, shard, block), values)
        return found[name]

    def _cache(self, name):
        return self._kept[name in self.labels]

    def _forget(self):
        self._kept = {False: BlockCache(PIXELS_KEPT), True: BlockCache(LABELS_KEPT)}

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "_kept"}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._forget()


def _grouped(number, block):
    """Which rows lie in which block of which shard: triples (shard, block, rows)."""
    order = np.lexsort((block, number))
    changes = np.flatnonzero(np.diff(number[order]) | np.diff(block[order])) + 1
    parts = np.split(order, changes) if len(order) else []
    return [(int(number[rows[0]]), int(block[rows[0]]), rows) for rows in parts]
