"""Parts of Zarr: any systems of a shard are those of the whole one, and a damaged chunk is named instead of read."""

import numpy as np
import pytest

from lenstream.errors import DataError
from lenstream.simulate.archive import zarr_blocks, zarr_shards
from lenstream.simulate.archive.chunks import Picked, part_of
from lenstream.simulate.archive.shard_making import opened

from .folders import some_of


def test_some_systems_of_a_shard_are_those_of_the_whole_one(copy_of, tmp_path):
    folder = copy_of(tmp_path / "d")
    description, scene = opened(folder)
    some_of(zarr_blocks, folder, description, zarr_shards.read(folder, description, scene, description.shards[1]))


def test_a_damaged_chunk_is_named_and_not_read(copy_of, tmp_path):
    folder = copy_of(tmp_path / "d")
    description, _ = opened(folder)
    facts = zarr_blocks.known(folder, description, description.shards[0])
    path = folder / "theta_E" / "c" / "1"
    content = bytearray(path.read_bytes())
    content[5] ^= 1  # a theta_E that could well be
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"theta_E/c/1.*chunk 0 does not have its checksum"):
        zarr_blocks.labels(folder, description, facts, part_of(description.shards[1]), ["theta_E"])
    sound = zarr_blocks.labels(folder, description, facts, part_of(description.shards[0]), ["theta_E"])
    assert len(sound["theta_E"]) == 8


def test_a_damaged_image_is_no_image(copy_of, tmp_path):
    folder = copy_of(tmp_path / "d")
    description, _ = opened(folder)
    facts, shard = zarr_blocks.known(folder, description, description.shards[0]), description.shards[0]
    path = folder / "images" / "c" / "0" / "0" / "0" / "0" / "0"
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)
    one = Picked(shard, np.array([0]), np.array([0]))
    with pytest.raises(DataError, match=r"images/c/0.*chunk 0"):
        zarr_blocks.read(folder, description, facts, one, {"images": np.empty((1, 1, 1, 16, 16), np.float32)})
