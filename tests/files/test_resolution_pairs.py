"""Pairs of low and high resolution: put together by name, and one without a partner named."""

import numpy as np
import pytest

from lenstream.errors import DataError
from lenstream.files.dataset_layouts import identify

from .layouts import image, save


def pairs(folder, n=3, low="LR", high="HR"):
    for k in range(n):
        save(folder / low / f"{k}.npy", image(k, 1, 16, 16))
        save(folder / high / f"{k}.npy", image(50 + k, 1, 32, 32))
    return folder


@pytest.mark.parametrize(("low", "high"), [("LR", "HR"), ("lr", "hr"), ("low_resolution", "high_resolution")])
def test_pairs(tmp_path, low, high):
    found = identify(pairs(tmp_path, low=low, high=high))
    assert found.kind == "resolution pairs"
    assert (len(found), found.height, found.finer.height) == (3, 16, 32)
    for k in range(3):
        np.testing.assert_array_equal(found.read(k)[0], image(k, 1, 16, 16))
        np.testing.assert_array_equal(found.finer.read(k)[0], image(50 + k, 1, 32, 32))
    assert found.what == "pairs of images with 16 x 16 and 32 x 32 pixels"


def test_splits_and_classes(tmp_path):
    for split in ("train", "test"):
        for name in ("cdm", "no_sub"):
            for side, size in (("LR", 16), ("HR", 32)):
                save(tmp_path / split / side / name / "0.npy", image(0, size, size))
    found = identify(tmp_path)
    assert {split: len(numbers) for split, numbers in found.splits.items()} == {"train": 2, "test": 2}
    assert found.classes == ("cdm", "no_sub")
    assert [name.split("/")[2] for name in found.names] == [found.classes[k] for k in found.labels["class"]]


@pytest.mark.parametrize("side", ["LR", "HR"])
def test_one_without_a_partner(tmp_path, side):
    save(pairs(tmp_path) / side / "9.npy", image(0))
    with pytest.raises(DataError, match=r"1 images have no partner of the other resolution, e\.g\. 9\.npy"):
        identify(tmp_path)


def test_one_side_alone_is_a_folder(tmp_path):
    save(tmp_path / "LR" / "9.npy", image(0))
    assert identify(tmp_path).finer is None
