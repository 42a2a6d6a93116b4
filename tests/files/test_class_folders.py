"""Folders of classes: DeepLense's with its pickled axions, real cut-outs, splits, stacks."""

import pickle

import numpy as np
import pytest

from lenstream.errors import DataError
from lenstream.files.dataset_layouts import identify

from .layouts import SIZE, RunsCommand, axion, cutouts, deeplense, image, save


def test_deeplense(tmp_path):
    found = identify(deeplense(tmp_path))
    assert found.kind == "DeepLense folder"
    assert found.classes == ("axion", "cdm", "no_sub")
    np.testing.assert_array_equal(found.labels["class"], np.repeat([0, 1, 2], 3))
    np.testing.assert_allclose(found.labels["mass"], [1e-23, 2e-23, 3e-23, *[np.nan] * 6])
    assert found.names[0] == "axion/axion_0.npy"
    np.testing.assert_array_equal(found.read(1), image(21)[None, None])
    np.testing.assert_array_equal(found.read(8), image(2)[None, None])
    assert (found.height, found.width, found.bands, found.views) == (SIZE, SIZE, ("",), 1)


def test_a_hostile_axion_is_refused_and_not_run(tmp_path):
    held = np.empty(2, dtype=object)
    held[0], held[1] = image(0), RunsCommand(tmp_path / "ran")
    np.save(deeplense(tmp_path / "d") / "axion" / "z.npy", held, allow_pickle=True)
    with pytest.raises(DataError, match=r"z\.npy.*Python objects.*asks for posix\.system, which is never run"):
        identify(tmp_path / "d")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("held", [[1.0, 2.0], ["a", "b"], [image(0), "b"], [image(0), 1.0, 2.0], [], [[image(0)], 1.0]])
def test_other_objects_are_refused(tmp_path, held):
    array = np.empty(len(held), dtype=object)
    array[:] = held
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(DataError, match="Python objects"):
        identify(tmp_path)


def test_a_cut_axion(tmp_path):
    path = axion(tmp_path / "a.npy")
    path.write_bytes(path.read_bytes()[:-600])
    with pytest.raises(DataError, match="Python objects"):
        identify(tmp_path)


def test_real_cutouts(tmp_path):
    found = identify(cutouts(tmp_path))
    assert (found.kind, found.classes) == ("lenses and others", ("lenses", "nonlenses"))
    assert (len(found), len(found.bands)) == (8, 3)
    np.testing.assert_array_equal(found.read(4)[0], image(100, 3, SIZE, SIZE))


def test_splits_with_classes_below(tmp_path):
    cutouts(tmp_path / "train", 2)
    cutouts(tmp_path / "Validation", 1)
    found = identify(tmp_path)
    assert found.classes == ("lenses", "nonlenses")
    assert sorted(found.splits) == ["train", "validation"]
    assert all(found.names[k].startswith("Validation/") for k in found.splits["validation"])
    assert len(found.splits["train"]) == 4


def test_stacks_count_image_by_image(tmp_path):
    save(tmp_path / "a" / "x.npy", image(0, 20, SIZE, SIZE))
    np.savez_compressed((tmp_path / "a") / "y.npz", images=image(1, 15, SIZE, SIZE))
    found = identify(tmp_path)
    assert len(found) == 35
    assert found.names[34] == "a/y.npz[14]"
    np.testing.assert_array_equal(found.read(34)[0, 0], image(1, 15, SIZE, SIZE)[14])
    with pytest.raises(IndexError):
        found.read(35)
    with pytest.raises(IndexError):
        found.read(-1)


def test_views_of_a_stack(tmp_path):
    save(tmp_path / "x.npy", image(0, 5, 2, 3, SIZE, SIZE))
    found = identify(tmp_path / "x.npy")
    assert (len(found), found.views, len(found.bands)) == (5, 2, 3)
    np.testing.assert_array_equal(found.read(4), image(0, 5, 2, 3, SIZE, SIZE)[4])


def test_readers_go_into_other_processes(tmp_path):
    np.savez_compressed(tmp_path / "y.npz", images=image(1, 15, SIZE, SIZE))
    found = pickle.loads(pickle.dumps(identify(tmp_path)))
    np.testing.assert_array_equal(found.read(3)[0, 0], image(1, 15, SIZE, SIZE)[3])


def test_some_in_no_class(tmp_path):
    save(deeplense(tmp_path) / "loose.npy", image(0))
    found = identify(tmp_path)
    assert (found.labels["class"] == -1).sum() == 1
    assert any("1 images lie in no sub-folder" in note for note in found.notes)


def test_other_shapes_are_said(tmp_path):
    save(cutouts(tmp_path) / "lenses" / "z.npy", image(0, 3, 20, 20))
    found = identify(tmp_path)
    assert (found.height, found.width) == (SIZE, SIZE)
    assert any("2 shapes: 8 of 16 x 16 pixels in 3 bands, 1 of 20 x 20" in note for note in found.notes)


def test_nothing(tmp_path):
    (tmp_path / "notes.docx").write_text("x")
    with pytest.raises(DataError, match=r"no data set that is known; it holds 1 \.docx; expected images"):
        identify(tmp_path)
    with pytest.raises(DataError, match="there is no such file or folder"):
        identify(tmp_path / "absent")


def test_numbered_folders_are_no_classes(tmp_path):
    for part in range(3):
        save(tmp_path / "parts" / f"{part:03}" / f"{part}.npy", image(part))
        save(tmp_path / "digits" / f"{part}" / f"{part}.npy", image(part))
        for side, edge in (("LR", SIZE), ("HR", 2 * SIZE)):
            save(tmp_path / "pairs" / side / f"{part:03}" / "a.npy", image(part, edge, edge))
    found = identify(tmp_path / "parts")
    assert found.classes == () and "class" not in found.labels and found.names[2] == "002/2.npy"
    assert "sub-folders are numbers, such as 000, and no classes" in found.notes
    assert identify(tmp_path / "pairs").classes == ()
    assert identify(tmp_path / "digits").classes == ("0", "1", "2")


def test_every_image_of_a_stack_is_of_the_class_of_its_folder(tmp_path):
    save(tmp_path / "cdm" / "a.npy", image(0, 100, 16, 16))
    save(tmp_path / "no_sub" / "a.npy", image(1, 60, 16, 16))
    found = identify(tmp_path)
    assert found.labels["class"].tolist() == [0] * 100 + [1] * 60
