"""A folder of images is recognised, and what has changed in it is said."""

import os
import shutil

import numpy as np
import pytest
import zarr

from lenstream.configs.training import Folder
from lenstream.ssl.folder import ImageFolder
from lenstream.ssl.same_images import difference, facts_of, refusal


@pytest.fixture
def folder(tmp_path):
    """Five images of two classes, and a Zarr group."""
    root, rng = tmp_path / "images", np.random.default_rng(0)
    for k in range(5):
        path = root / ("lenses" if k < 3 else "others") / f"{k}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, rng.normal(size=(64, 64)))
    zarr.create_group(str(root / "others" / "a.zarr")).create_array("images", data=rng.normal(size=(2, 1, 64, 64)))
    return root


def facts(root):
    return facts_of(ImageFolder(Folder(path=str(root))))


def change_a_pixel(root):
    image = np.load(root / "lenses" / "1.npy")
    image[0, 0] += 1
    np.save(root / "lenses" / "1.npy", image)


CHANGES = {
    "added": (lambda root: np.save(root / "lenses" / "9.npy", np.ones((64, 64))), "files, were"),
    "removed": (lambda root: (root / "lenses" / "1.npy").unlink(), "files, were"),
    "renamed": (lambda root: (root / "lenses" / "1.npy").rename(root / "lenses" / "8.npy"), "not of the same names"),
    "another class": (lambda root: (root / "lenses" / "1.npy").rename(root / "others" / "1.npy"), "not of the same na"),
    "another type": (lambda root: np.save(root / "lenses" / "1.npy", np.ones((64, 64), np.float32)), "of other sizes"),
    "more in a file": (lambda root: np.save(root / "lenses" / "1.npy", np.ones((2, 1, 64, 64))), "8 images, were 7"),
    "a pixel": (change_a_pixel, "with other content"),
    "all pixels": (lambda root: np.save(root / "others" / "3.npy", np.ones((64, 64))), "with other content"),
    "a chunk": (lambda root: next(root.rglob("c/*/*/*/*")).unlink(), "files, were"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_noticed_and_said(folder, what):
    change, said = CHANGES[what]
    before = facts(folder)
    assert difference(before, facts(folder)) == ""
    change(folder)
    now = facts(folder)
    assert said in difference(before, now)
    assert refusal(folder, before, now).startswith(
        f"pretrain.data.path: {folder} is not as it was when the training be"
    )


def test_times_and_the_place_do_not_matter(folder, tmp_path):
    before = facts(folder)
    for path in folder.rglob("*.npy"):
        os.utime(path, (1, 1))
    (folder / "notes.txt").write_text("no image")
    moved = shutil.move(folder, tmp_path / "elsewhere")
    assert facts(moved) == before
    assert refusal(moved, None, before) == ""  # of a training that did not write them down


def test_one_large_file_is_looked_at_in_many_places(tmp_path):
    images = np.random.default_rng(0).normal(size=(200, 1, 32, 32))
    np.save(tmp_path / "all.npy", images)
    before = facts(tmp_path)
    np.save(tmp_path / "all.npy", np.where(np.arange(200)[:, None, None, None] < 150, images, 2 * images))
    assert "with other content" in difference(before, facts(tmp_path))
