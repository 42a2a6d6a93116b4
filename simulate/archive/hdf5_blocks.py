"""Single chunks of the HDF5 files of a dataset, which stay open for the next one."""

import json
import os
from functools import lru_cache

from ...files.unreadable import reading
from . import hdf5_shards

MOST_OPEN = 64  # files


def arrays(folder, description, shard):
    """The arrays of a dataset: name -> shape behind the axis of systems."""
    file = _opened(folder, description, shard)
    pixels = [name for name in file if name.startswith(("images", "mask"))]
    return {name: file[name].shape[1:] for name in ("index", *pixels, *json.loads(file.attrs[hdf5_shards.LABELS]))}


def length(folder, description, name):
    """Systems in a chunk of an array."""
    return max((_opened(folder, description, description.shards[0])[name].chunks or (1 << 20,))[0], 1)


def read(folder, description, shard, block, name):
    """A chunk: {name: values}. Raises: Unreadable that names the file and the dataset."""
    data = _opened(folder, description, shard)[name]
    size = length(folder, description, name)
    with reading(_path(folder, description, shard), f"HDF5, in its dataset {name}"):
        values = data[block * size : (block + 1) * size]
    return {name: values.astype(bool) if name.startswith("mask") else values}


def _path(folder, description, shard):
    return folder / hdf5_shards.shard_files(description, None, shard)[0]


def _opened(folder, description, shard):
    path = _path(folder, description, shard)
    with reading(path, "HDF5"):
        state = path.stat()
    return _file(path, (state.st_mtime_ns, state.st_size), os.getpid())


@lru_cache(maxsize=MOST_OPEN)
def _file(path, state, process):
    """An open file; those of the process that this one was forked from are not touched."""
    import h5py

    with reading(path, "HDF5"):
        return h5py.File(path, "r")
