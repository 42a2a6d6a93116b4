"""What a folder holds, how it is damaged, how work on it is broken off, and parts of it that are read."""

import contextlib
from unittest import mock

import numpy as np
import pytest

from lenstream.simulate.archive import writing
from lenstream.simulate.archive.chunks import Picked


class Broken(Exception):
    """Stands for a kill."""


def broken(*_, **__):
    raise Broken


@contextlib.contextmanager
def stopped_in(step):
    """Within it the writing of a dataset has to break off in a step, by the name of a function of `writing`."""
    with mock.patch.object(writing, step, broken), pytest.raises(Broken):
        yield


def contents(folder):
    """Path -> bytes of all files in a folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def damage(path):
    """Change a bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def some_of(blocks, folder, description, stored):
    """Assert that systems of the second shard, in any order, are read as those of `stored`, which is all of it."""
    shard, rows = description.shards[1], np.array([1, 2, 6])
    part = Picked(shard, rows, np.array([2, 0, 1]))
    facts = blocks.known(folder, description, shard)
    pixels = stored.images | stored.masks
    out = {name: np.empty((3, *values.shape[1:]), values.dtype) for name, values in pixels.items()}
    blocks.read(folder, description, facts, part, out)
    for name, values in pixels.items():
        np.testing.assert_array_equal(out[name][[2, 0, 1]], values[rows])
    for name, values in blocks.labels(folder, description, facts, part, list(stored.labels)).items():
        np.testing.assert_array_equal(values, stored.labels[name][rows])
    assert stored.masks["mask"].any()
