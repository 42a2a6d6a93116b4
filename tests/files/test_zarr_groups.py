"""Zarr groups: which folder is one, and the array in it."""

import numpy as np
import pytest
import zarr

from lenstream.files.unreadable import Unreadable
from lenstream.files.zarr_groups import is_group, open_array

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
