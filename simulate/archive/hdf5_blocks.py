"""Single systems of the HDF5 files of a dataset: the library says where chunks lie, but takes long to read them.

A chunk is stored as its numbers, packed with gzip or not, and a Fletcher-32 checksum.
"""

import json
import zlib
from contextlib import contextmanager
from functools import lru_cache, partial

import numpy as np

from ...files.unreadable import reading
from . import hdf5_shards
from .chunks import Chunked, fill
from .fletcher32 import is_sound


def known(folder, description, shard):
    """The shapes of all arrays behind the axis of systems, by name, from the file of a finished shard."""
    with _opened(_path(folder, description, shard)) as file:
        pixels = [name for name in file if name.startswith(("images", "mask"))]
        names = ("index", *pixels, *json.loads(file.attrs[hdf5_shards.LABELS]))
        return {name: file[name].shape[1:] for name in names}


def shapes(facts, description):
    """What `known` says."""
    return facts


def read(folder, description, facts, part, out):
    """Read images and masks of a part into arrays by name. Raises: Unreadable that names the file and the dataset."""
    path = _path(folder, description, part.shard)
    for name, values in out.items():
        fill(values, path, _form(name), lambda state, name=name: _chunked(path, name, state), part)


def labels(folder, description, facts, part, names):
    """Labels of a part: name -> values (n, ...). Raises: Unreadable that names the file and the dataset."""
    found, path = {}, _path(folder, description, part.shard)
    with _opened(path) as file:
        for name in names:
            with reading(path, _form(name)):
                found[name] = file[name][()][part.rows]
    return found


def _path(folder, description, shard):
    return folder / hdf5_shards.shard_files(description, None, shard)[0]


def _form(name):
    return f"HDF5, in its dataset {name}"


@contextmanager
def _opened(path, form="HDF5"):
    import h5py

    with reading(path, form), h5py.File(path, "r") as file:
        yield file


@lru_cache(maxsize=1024)  # many chunks are read of a file
def _chunked(path, name, state):
    """Where the chunks of a dataset lie in a file; state: what a change of the file changes."""
    with _opened(path, _form(name)) as file:
        data, spans = file[name], []
        data.id.chunk_iter(lambda at: spans.append((at.chunk_offset[0], at.byte_offset, at.size)))
        chunk, inner, packed = data.chunks[0], data.shape[1:], data.compression is not None
        content = partial(_unpacked, data.dtype.itemsize * chunk * int(np.prod(inner))) if packed else _checked
        return Chunked(data.dtype, inner, chunk, np.array(sorted(spans))[:, 1:], content)


def _checked(data):
    return data[:-4] if is_sound(data) else None


def _unpacked(nbytes, data):
    """nbytes: of the numbers; what would be no smaller packed is left as it is."""
    if not is_sound(data):
        return None
    return data[:-4] if len(data) - 4 == nbytes else zlib.decompress(data[:-4])
