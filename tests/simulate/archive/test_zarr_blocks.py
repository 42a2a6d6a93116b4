"""Single chunks of Zarr: together they are the shard, and a damaged one is named instead of read."""

import numpy as np
import pytest

from lenstream.errors import DataError
from lenstream.simulate.archive import zarr_blocks, zarr_shards
from lenstream.simulate.archive.shard_making import opened


def blocks(folder, description, shard, name):
    n = -(-shard.count // zarr_blocks.length(folder, description, name))
    return [zarr_blocks.read(folder, description, shard, block, name)[name] for block in range(n)]


def test_blocks_are_those_of_the_shard(copy_of, tmp_path):
    folder = copy_of(tmp_path / "d")
    description, scene = opened(folder)
    for shard in description.shards:
        stored = zarr_shards.read(folder, description, scene, shard)
        for name, values in (stored.images | stored.masks | stored.labels | {"index": stored.indices}).items():
            found = np.concatenate(blocks(folder, description, shard, name))
            np.testing.assert_array_equal(found, values)
            assert zarr_blocks.arrays(folder, description, shard)[name] == values.shape[1:]
    assert stored.masks["mask"].any()


def test_a_damaged_chunk_is_named_and_not_read(copy_of, tmp_path):
    folder = copy_of(tmp_path / "d")
    description, _ = opened(folder)
    path = folder / "theta_E" / "c" / "1"
    content = bytearray(path.read_bytes())
    content[5] ^= 1  # a theta_E that could well be
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"theta_E/c/1.*chunk 0 does not have its CRC32C"):
        blocks(folder, description, description.shards[1], "theta_E")
    assert len(blocks(folder, description, description.shards[0], "theta_E")[0]) == 8
