"""Folders of classes with a NumPy file for every image."""

from types import SimpleNamespace

import numpy as np
import pytest

from lenstream.errors import ConfigError
from lenstream.files import image_folders
from lenstream.simulate.archive import npy_shards
from lenstream.simulate.archive.label_file import stored_labels


def test_files_lie_in_folders_of_their_classes(written, everything):
    folder, _, samples = written(everything, "npy-folders", count=5, views=2)
    names = list(everything.config.classes)
    for own in samples:
        for i, index in enumerate(own.indices):
            for view in range(2):
                place = folder / "npy" / names[own.labels["class"][i]] / f"{index:06d}_{view}.npy"
                image = np.load(place, allow_pickle=False)
                assert image.dtype == np.float32 and image.shape == (2, 24, 24)
                np.testing.assert_array_equal(image, own.images["images"][i, view])
    found = image_folders.find(folder / "npy")
    known = {path.stem: name for path, name in found.files}
    assert len(known) == 10 and known["000000_1"] == names[samples[0].labels["class"][0]]


def test_without_classes_there_is_one_folder(written, lossy):
    folder, description, samples = written(lossy, "npy-folders")
    assert sorted(path.name for path in (folder / "npy" / "lens").iterdir()) == [f"{i:06d}.npy" for i in range(6)]
    with np.load(folder / "labels" / "00001.npz", allow_pickle=False) as labels:
        np.testing.assert_array_equal(labels["theta_E"], samples[1].labels["theta_E"])
        np.testing.assert_array_equal(labels["mask"], samples[1].masks["mask"])
    stored = stored_labels(folder, description, lossy, description.shards[1])
    np.testing.assert_array_equal(stored.labels["theta_E"], samples[1].labels["theta_E"])


def test_damage_to_labels_is_named(written, lossy):
    folder, description, samples = written(lossy, "npy-folders", count=4)
    path = folder / "labels" / "00000.npz"
    content = bytearray(path.read_bytes())
    content[content.index(samples[0].labels["gamma"].tobytes()) + 3] ^= 1
    path.write_bytes(content)
    assert npy_shards.damaged(folder, description, lossy, description.shards[0]) == ["labels/00000.npz: gamma"]


def test_several_pixel_grids_are_refused(described_as, several_grids):
    with pytest.raises(ConfigError, match=r"one pixel grid, and the config has several \(H, Y: 16 x 16"):
        npy_shards.check(described_as(several_grids, "npy-folders"), several_grids)


@pytest.mark.parametrize("name", ["../../x", "", "a/b", ".hidden", "..", "a\\b", "a\nb", "x" * 256])
def test_classes_that_are_no_names_of_folders_are_refused(name):
    def scene(*names):
        return SimpleNamespace(grids=(None,), config=SimpleNamespace(classes=dict.fromkeys(names, 1.0)))

    npy_shards.check(None, scene("lens", "no sub-structure", "CDM (z=0.5)"))
    with pytest.raises(ConfigError, match="npy-folders: classes are folders here"):
        npy_shards.check(None, scene("lens", name))
