"""Single chunks of the sharded Zarr v3 arrays of a dataset, read without the library, which takes longer than the disk.

The layout is that of the specification (zarrs.dev, ZEP 2): chunks, then where each begins and how long it is, then a
CRC32C. Arrays say in zarr.json how their chunks are packed.
"""

import json
import os
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...files.unreadable import Unreadable, reading

FORM = "a shard of a Zarr v3 array"


class ShardedArray(NamedTuple):
    """What zarr.json says of an array."""

    folder: str  # of the array, in that of the dataset
    dtype: np.dtype
    inner: tuple[int, ...]  # its shape behind the axis of systems
    shard: int  # systems in a shard
    chunk: int  # systems in a chunk
    packed: bool


def arrays(folder, description, shard):
    """The arrays of a dataset: name -> shape behind the axis of systems."""
    return {name: array.inner for name, array in _arrays(folder).items()}


def length(folder, description, name):
    """Systems in a chunk of an array."""
    return _arrays(folder)[name].chunk


def read(folder, description, shard, block, name):
    """A chunk: {name: values}, as many as the shard has. Raises: Unreadable that names the file and the chunk."""
    array = _arrays(folder)[name]
    path = folder.joinpath(array.folder, "c", str(shard.number), *("0" for _ in array.inner))
    slots = array.shard // array.chunk
    with reading(path, FORM), open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        places = os.pread(file.fileno(), 16 * slots + 4, max(size - 16 * slots - 4, 0))
        if not _is_sound(places) or len(places) != 16 * slots + 4:
            raise Unreadable(path, FORM, "it is damaged: its index does not have its CRC32C")
        begin, extent = np.frombuffer(places, "<u8", 2, 16 * block).tolist()
        data = os.pread(file.fileno(), extent, begin) if begin + extent <= size else b""
    if len(data) != extent or not _is_sound(data):
        raise Unreadable(path, FORM, f"it is damaged: chunk {block} does not have its CRC32C")
    data = memoryview(data)[:-4]
    if array.packed:
        data = _unpacked(data)
    values = np.frombuffer(data, array.dtype.newbyteorder("<")).reshape(array.chunk, *array.inner)
    return {name: values[: shard.count - block * array.chunk]}


def _is_sound(data):
    import google_crc32c

    values = np.frombuffer(data, np.uint8)  # a slice of bytes would be a copy
    return len(data) > 4 and google_crc32c.value(values[:-4]).to_bytes(4, "little") == values[-4:].tobytes()


def _unpacked(data):
    from numcodecs.zstd import Zstd

    return Zstd().decode(data)


def _arrays(folder):
    state = (folder / "index" / "zarr.json").stat() if (folder / "index" / "zarr.json").is_file() else None
    return _looked_at(folder, None if state is None else (state.st_mtime_ns, state.st_size))


@lru_cache(maxsize=8)
def _looked_at(folder, state):
    """All arrays over systems, by name; state: what changes when they are written anew."""
    found = {}
    for path in sorted(folder.glob("*/zarr.json")):
        with reading(path, "zarr.json"):
            said = json.loads(path.read_text(encoding="utf-8"))
            if said.get("dimension_names", [None])[0] == "system":
                found[path.parent.name] = _array(path.parent.name, said)
    return found


def _array(name, said):
    within = said["codecs"][0]["configuration"]
    return ShardedArray(
        name,
        np.dtype(said["data_type"]),
        tuple(said["shape"][1:]),
        said["chunk_grid"]["configuration"]["chunk_shape"][0],
        within["chunk_shape"][0],
        any(codec["name"] == "zstd" for codec in within["codecs"]),
    )
