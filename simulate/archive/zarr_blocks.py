"""Single systems of the sharded Zarr v3 arrays of a dataset, read without the library.

The layout is that of the specification (zarrs.dev, ZEP 2): chunks, then where each begins and how long it is, then a
CRC32C. Arrays say in zarr.json how their chunks are packed.
"""

import json
import os
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...files.unreadable import Unreadable, reading
from .chunks import Chunked, fill, whole

FORM = "a shard of a Zarr v3 array"
SOUND = 0x48674BC7  # the CRC32C of whatever is followed by its own CRC32C


class InShards(NamedTuple):
    """What zarr.json says of an array."""

    dtype: str
    inner: tuple[int, ...]  # its shape behind the axis of systems
    shard: int  # systems in a shard
    chunk: int  # systems in a chunk
    packed: bool


def known(folder, description, shard):
    """The arrays of a dataset by name, as `InShards`."""
    found = {}
    for path in sorted(folder.glob("*/zarr.json")):
        with reading(path, "zarr.json"):
            said = json.loads(path.read_text(encoding="utf-8"))
            if said.get("dimension_names", [None])[0] == "system":
                found[path.parent.name] = _stored(said)
    return found


def shapes(facts, description):
    """The shapes of all arrays behind the axis of systems, by name; facts: of `known`."""
    return {name: array.inner for name, array in facts.items()}


def read(folder, description, facts, part, out):
    """Read images and masks of a part into arrays by name. Raises: Unreadable that names the file and the chunk."""
    for name, values in out.items():
        fill(values, *_file(folder, facts[name], name, part.shard), part)


def labels(folder, description, facts, part, names):
    """Labels of a part: name -> values (n, ...). Raises: Unreadable that names the file and the chunk."""
    shard = part.shard
    return {name: whole(*_file(folder, facts[name], name, shard), shard.count)[part.rows] for name in names}


def _file(folder, array, name, shard):
    """The path, the form and the function `look` of the file of an array, as `chunks` takes them."""
    path = os.path.join(folder, name, "c", str(shard.number), *("0" for _ in array.inner))
    return path, FORM, lambda state: _chunked(path, array, state)


@lru_cache(maxsize=1024)  # many chunks are read of a file
def _chunked(path, array, state):
    """Where the chunks of a file are, from the index at its end; state: what a change of the file changes."""
    slots = array.shard // array.chunk
    nbytes, size = 16 * slots + 4, state[1]
    with open(path, "rb", buffering=0) as file:
        file.seek(max(size - nbytes, 0))
        found = file.read(nbytes)
    if len(found) != nbytes or not _is_sound(found):
        raise Unreadable(path, FORM, "it is damaged: its index does not have its CRC32C")
    spans = np.frombuffer(found[:-4], "<i8").reshape(slots, 2)
    dtype = np.dtype(array.dtype).newbyteorder("<")
    return Chunked(dtype, array.inner, array.chunk, spans, _unpacked if array.packed else _checked)


def _stored(said):
    within = said["codecs"][0]["configuration"]
    return InShards(
        said["data_type"],
        tuple(said["shape"][1:]),
        said["chunk_grid"]["configuration"]["chunk_shape"][0],
        within["chunk_shape"][0],
        any(codec["name"] == "zstd" for codec in within["codecs"]),
    )


def _is_sound(data):
    import google_crc32c

    return len(data) > 4 and google_crc32c.value(data) == SOUND


def _checked(data):
    return data[:-4] if _is_sound(data) else None


def _unpacked(data):
    from numcodecs.zstd import Zstd

    return Zstd().decode(data[:-4]) if _is_sound(data) else None
