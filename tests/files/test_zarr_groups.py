"""Zarr groups: which folder is one, and the array in it."""

import json
import shutil

import numpy as np
import pytest
import zarr

from lenstream.files.unreadable import Unreadable
from lenstream.files.zarr_groups import dtype_of, is_group, open_array, read

IMAGES = np.arange(2 * 16 * 16, dtype="f4").reshape(2, 16, 16)


def test_an_array_of_a_group(tmp_path):
    assert not is_group(tmp_path)
    zarr.create_group(str(tmp_path / "a"), zarr_format=3).create_array("images", data=IMAGES)
    assert is_group(tmp_path / "a")
    array = open_array(tmp_path / "a", "images")
    assert array.shape == IMAGES.shape and array.dtype == IMAGES.dtype
    np.testing.assert_array_equal(array[1], IMAGES[1])


def test_what_is_no_such_array(tmp_path):
    root = zarr.create_group(str(tmp_path / "a"), zarr_format=3)
    root.create_group("images")
    zarr.create_group(str(tmp_path / "old"), zarr_format=2).create_array("images", data=IMAGES)  # may name pickle
    for folder in ("a", "old", "none"):
        with pytest.raises(Unreadable, match=rf"{folder}: cannot be read as Zarr v3 group with an array images"):
            open_array(tmp_path / folder, "images")
    with pytest.raises(Unreadable, match="with an array masks"):
        open_array(tmp_path / "a", "masks")


def test_an_array_without_its_chunks_is_refused(tmp_path):
    root = zarr.create_group(str(tmp_path / "a"), zarr_format=3)
    root.create_array("images", data=np.random.default_rng(0).normal(size=(6, 8, 8)), chunks=(2, 8, 8))
    shutil.rmtree(tmp_path / "a" / "images" / "c" / "1")
    with pytest.raises(Unreadable, match="1 of its 3 chunks are not there"):
        open_array(tmp_path / "a", "images")


@pytest.mark.parametrize("count", [10**12, 10**30])
def test_an_array_that_claims_more_chunks_than_can_be_listed_is_refused(tmp_path, count):
    root = zarr.create_group(str(tmp_path / "a"), zarr_format=3)
    root.create_array("images", data=IMAGES, chunks=(1, 16, 16))
    header = tmp_path / "a" / "images" / "zarr.json"
    header.write_text(json.dumps(json.loads(header.read_text()) | {"shape": [count, 16, 16]}))
    with pytest.raises(Unreadable, match=f"of its {count} chunks are not there|cannot be read"):
        open_array(tmp_path / "a", "images")


@pytest.mark.parametrize("fill", [7, "AAAAAAAAHEA=", "7.0"])  # as a number, and as xarray writes a float
def test_packed_numbers_are_unpacked(tmp_path, fill):
    packed = np.arange(128, dtype=np.int16).reshape(2, 8, 8)
    array = zarr.create_group(str(tmp_path / "a"), zarr_format=3).create_array("images", data=packed)
    array.attrs.update(scale_factor=0.5, add_offset=10.0, _FillValue=fill)
    array = open_array(tmp_path / "a", "images")
    expected = np.where(packed == 7, np.nan, 10.0 + 0.5 * packed)
    np.testing.assert_array_equal(read(array, 1), expected[1])
    np.testing.assert_array_equal(read(array, ...), expected)
    assert dtype_of(array) == np.dtype("f8")
