"""The checksum of HDF5's chunks, beside that of the library."""

import h5py
import numpy as np
import pytest

from lenstream.simulate.archive.fletcher32 import is_sound


@pytest.mark.parametrize("content", ["random", "zeros", "ones"])
@pytest.mark.parametrize("size", [1, 2, 511, 512, 513, 70_001, 131_072])
def test_it_is_the_sum_that_hdf5_writes(tmp_path, content, size):
    data = np.random.default_rng(size).integers(0, 256, size, np.uint8)
    data = data if content == "random" else np.full(size, 0 if content == "zeros" else 255, np.uint8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", data=data, chunks=(size,), fletcher32=True)
        _, chunk = file["a"].id.read_direct_chunk((0,))
    chunk = np.frombuffer(chunk, np.uint8)
    assert len(chunk) == size + 4 and is_sound(chunk)
    for at in {0, size // 2, size - 1, size, size + 3}:
        wrong = chunk.copy()
        wrong[at] ^= 16
        assert not is_sound(wrong)


def test_what_is_too_short_has_no_sum():
    assert not is_sound(np.zeros(4, np.uint8)) and not is_sound(np.zeros(0, np.uint8))
