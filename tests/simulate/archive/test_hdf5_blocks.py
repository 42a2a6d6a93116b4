"""Parts of HDF5: any systems of a shard are those of the whole one, and a damaged chunk is named instead of read."""

import h5py
import numpy as np
import pytest

from lenstream.errors import DataError
from lenstream.simulate.archive import hdf5_blocks, hdf5_shards
from lenstream.simulate.archive.chunks import part_of
from lenstream.simulate.archive.shard_making import opened

from .folders import some_of


def test_some_systems_of_a_shard_are_those_of_the_whole_one(copy_of, tmp_path):
    folder = copy_of(tmp_path / "d", "hdf5")
    description, scene = opened(folder)
    some_of(hdf5_blocks, folder, description, hdf5_shards.read(folder, description, scene, description.shards[1]))


@pytest.mark.parametrize("name", ["images", "mask"])
def test_a_damaged_chunk_is_named_and_not_read(copy_of, tmp_path, name):
    """One that is packed, and one that is not."""
    folder = copy_of(tmp_path / "d", "hdf5")
    description, _ = opened(folder)
    shard = description.shards[0]
    (file_name,) = hdf5_shards.shard_files(description, None, shard)
    facts, path = hdf5_blocks.known(folder, description, shard), folder / file_name
    with h5py.File(path) as file:
        at = file[name].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[at + 9] ^= 1
    path.write_bytes(content)
    out = {name: np.empty((8, *facts[name]), np.float32 if name == "images" else bool)}
    with pytest.raises(DataError, match=rf"{file_name}.*{name}.*chunk 0"):
        hdf5_blocks.read(folder, description, facts, part_of(shard), out)
