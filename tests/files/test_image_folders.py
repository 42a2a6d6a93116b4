"""Folders of images to train on: what is found, what counts as a class, and what is left out is counted."""

import os

import numpy as np
import pytest
import zarr

from lenstream.errors import DataError
from lenstream.files.image_folders import find


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_what_is_found(tmp_path):
    for folder in ("lenses/deep", "others", ".hidden"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("lenses/b.npy", "lenses/deep/a.fits.gz", "others/c.npz", "others/._c.npz", ".hidden/d.npy"):
        (tmp_path / name).touch()
    (tmp_path / "others" / "notes.txt").touch()
    zarr.create_group(str(tmp_path / "others" / "a.zarr")).create_array("images", data=np.ones((2, 1, 16, 16)))
    (tmp_path / "others" / "loop").symlink_to(tmp_path)
    (tmp_path / "others" / "again").symlink_to(tmp_path / "others")
    found = [(str(path.relative_to(tmp_path)), name) for path, name in find(tmp_path).files]
    assert found == [
        ("lenses/b.npy", "lenses"),
        ("lenses/deep/a.fits.gz", "lenses"),
        ("others/a.zarr", "others"),
        ("others/c.npz", "others"),
    ]
    assert find(tmp_path / "others" / "a.zarr").files == [(tmp_path / "others" / "a.zarr", None)]
    with pytest.raises(DataError, match=r"there is no folder .*nowhere"):
        find(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"holds no image; expected files in .npy, .npz, .fits"):
        (tmp_path / "empty").mkdir()
        find(tmp_path / "empty")


def test_train_and_val_are_no_classes_but_folders_in_them_are(tmp_path):
    touch(tmp_path, "plain/train/a.npy", "plain/val/b.npy", "plain/test/c.npy")
    found, notes = find(tmp_path / "plain")
    assert [name for _, name in found] == [None] * 3
    assert notes[0].startswith(
        "test (1 files), train (1 files), val (1 files) are splits, not classes: all are trained on"
    )
    touch(tmp_path, "classes/Train/lens/a.npy", "classes/Train/other/b.npy", "classes/test/lens/c.npy")
    assert [name for _, name in find(tmp_path / "classes").files] == ["lens", "other", "lens"]


def test_files_that_are_left_out_are_counted(tmp_path):
    touch(tmp_path, "a.npy", "b.fits.fz", "c.png", "d.png", "labels.csv", "README")
    found, notes = find(tmp_path)
    assert [path.name for path, _ in found] == ["a.npy", "b.fits.fz"]
    (note,) = notes
    assert "4 files in" in note and "2 .png" in note and "1 .csv" in note and "1 no suffix" in note


def test_noise_maps_and_psfs_beside_an_image_are_no_images(tmp_path):
    for lens in ("l1", "l2"):
        touch(tmp_path, *(f"{lens}/{name}.fits" for name in ("data", "noise_map", "psf", "mask")))
    found, notes = find(tmp_path)
    assert [(path.relative_to(tmp_path).as_posix(), name) for path, name in found] == [
        ("l1/data.fits", None),
        ("l2/data.fits", None),
    ]
    assert notes == ["6 noise maps, masks and PSFs beside images are not read, such as mask.fits"]


def test_one_noise_map_beside_one_of_many_images_is_no_image(tmp_path):
    touch(tmp_path, "a.fits", "a_rms.fits", "b.fits", "c_mask.npy")
    found, notes = find(tmp_path)
    assert [path.name for path, _ in found] == ["a.fits", "b.fits", "c_mask.npy"]
    assert len(notes) == 1 and notes[0].startswith("1 ") and notes[0].endswith("such as a_rms.fits")


def test_a_link_to_itself_is_left_out(tmp_path):
    touch(tmp_path, "a.npy")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert len(find(tmp_path).files) == 1


def test_a_folder_that_may_not_be_looked_at_is_left_out(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", np.zeros((8, 8)))
    (tmp_path / "locked").mkdir()
    looked = os.stat

    def stat(path, *arguments, **keywords):
        if str(path).endswith(("locked", "locked/zarr.json")):
            raise PermissionError(13, "Permission denied", str(path))
        return looked(path, *arguments, **keywords)

    monkeypatch.setattr(os, "stat", stat)
    assert [path.name for path, _ in find(tmp_path).files] == ["a.npy"]


def test_numbered_folders_are_no_classes(tmp_path):
    touch(tmp_path, "train/000/a.npy", "train/001/b.npy", "002/c.npy")
    found = find(tmp_path)
    assert {name for _, name in found.files} == {None}
    assert any("sub-folders are numbers" in note for note in found.notes)
    touch(tmp_path, "lenses/d.npy")
    assert {name for _, name in find(tmp_path).files} == {"000", "001", "002", "lenses"}
