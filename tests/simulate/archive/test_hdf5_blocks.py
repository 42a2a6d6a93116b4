"""Single chunks of HDF5: together they are the shard; a file stays open, but not from one process to another."""

import os

import numpy as np

from lenstream.simulate.archive import hdf5_blocks, hdf5_shards
from lenstream.simulate.archive.shard_making import opened


def test_blocks_are_those_of_the_shard(copy_of, tmp_path):
    folder = copy_of(tmp_path / "d", "hdf5")
    description, scene = opened(folder)
    for shard in description.shards:
        stored = hdf5_shards.read(folder, description, scene, shard)
        for name, values in (stored.images | stored.masks | stored.labels | {"index": stored.indices}).items():
            n = -(-shard.count // hdf5_blocks.length(folder, description, name))
            found = [hdf5_blocks.read(folder, description, shard, block, name)[name] for block in range(n)]
            np.testing.assert_array_equal(np.concatenate(found), values)
            assert found[0].dtype == bool or name != "mask"
    assert stored.masks["mask"].any()


def test_a_forked_process_opens_the_file_itself(copy_of, tmp_path, monkeypatch):
    """A file that two processes share has one place at which both read."""
    folder = copy_of(tmp_path / "d", "hdf5")
    description, _ = opened(folder)
    first = [hdf5_blocks._opened(folder, description, description.shards[0]) for _ in range(2)]
    monkeypatch.setattr(os, "getpid", lambda: -1)
    other = hdf5_blocks._opened(folder, description, description.shards[0])
    assert first[0] is first[1] is not other
