"""Single systems out of a file that holds an array in chunks: each chunk that is needed is read and checked once.

Zarr and HDF5 have libraries for this, which take many times longer than the disk.
"""

import os
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...files.unreadable import Unreadable, reading
from .description import Shard


class Picked(NamedTuple):
    """Systems of one shard that are read together."""

    shard: Shard
    rows: NDArray[np.int64]  # of the systems in the shard, ascending
    places: NDArray[np.int64]  # where each of them goes in what is read


def part_of(shard):
    """All systems of a shard, in order."""
    every = np.arange(shard.count)
    return Picked(shard, every, every)


@dataclass(frozen=True, eq=False)
class Chunked:
    """How an array lies in a file."""

    dtype: np.dtype  # as it is stored
    inner: tuple[int, ...]  # its shape behind the axis of systems
    chunk: int  # systems in a chunk; the last one has as many, too
    spans: NDArray[np.int64]  # where each chunk begins, and how many bytes it has, (chunks, 2)
    # The bytes of a chunk as they are stored -> those of its numbers; None if they are damaged
    content: Callable[[NDArray[np.uint8]], Any]

    @cached_property
    def nbytes(self) -> int:
        """Of the numbers of a chunk."""
        return self.chunk * self.dtype.itemsize * int(np.prod(self.inner))

    @cached_property
    def largest(self) -> int:
        """Bytes of the largest chunk, as it is stored."""
        return int(self.spans[:, 1].max(initial=0))


def fill(out, path, form, look, part):
    """Read the systems of a part from a file into an array.

    Args: out: (n, views, ...), n being that of all parts; as many views are read as it has. form: of the file, for
    messages. look: a function of the file's state, of which each change makes another, that gives its `Chunked`.
    Raises: Unreadable that names the file and the damaged chunk.
    """
    views, last = out.shape[1], -1
    with _opened(path, form, look) as (array, values_of):
        for row, place in zip(part.rows.tolist(), part.places.tolist(), strict=True):
            chunk, within = divmod(row, array.chunk)
            if chunk != last:
                values, last = values_of(chunk), chunk
            out[place] = values[within, :views]


def whole(path, form, look, count):
    """All systems of a file, `count` of them, (count, ...). Raises: as `fill`."""
    with _opened(path, form, look) as (array, values_of):
        out = np.empty((count, *array.inner), array.dtype)
        for chunk, first in enumerate(range(0, count, array.chunk)):
            out[first : first + array.chunk] = values_of(chunk)[: count - first]
    return out


@contextmanager
def _opened(path, form, look):
    """The `Chunked` of a file, and a function that reads its chunks by number, each until it reads the next."""
    with reading(path, form), open(path, "rb", buffering=0) as file:
        said = os.fstat(file.fileno())
        array = look((said.st_mtime_ns, said.st_size))
        if not 0 <= array.largest <= said.st_size:
            raise Unreadable(path, form, "it is damaged: it is smaller than its chunks")
        room = np.empty(array.largest, np.uint8)  # for all chunks: new memory takes longer than reading

        def values(chunk):
            begin, extent = array.spans[chunk].tolist()
            file.seek(begin)
            held = room[:extent]
            data = array.content(held) if file.readinto(held) == extent else None
            if data is None or len(data) != array.nbytes:
                raise Unreadable(path, form, f"it is damaged: chunk {chunk} does not have its checksum")
            return np.frombuffer(data, array.dtype).reshape(array.chunk, *array.inner)

        yield array, values
