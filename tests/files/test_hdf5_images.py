"""HDF5 files of images: the Multimodal Universe's and plain ones, with labels, ids and lost pixels."""

import pickle

import h5py
import numpy as np
import pytest

from lenstream.errors import DataError
from lenstream.files.dataset_layouts import identify

from .layouts import SIZE, image


def universe(path, n=5, seed=0, **more):
    """As the Multimodal Universe writes it: a dataset a column."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {
        "object_id": np.array([f"{seed}{k}".encode() for k in range(n)]),
        "image_band": np.array([[b"hsc-g", b"hsc-r"]] * n),
        "image_array": image(seed, n, 2, SIZE, SIZE),
        "image_ivar": np.ones((n, 2, SIZE, SIZE), np.float32),
        "image_mask": np.ones((n, 2, SIZE, SIZE), bool),
        "image_psf_fwhm": np.full((n, 2), 0.7),
        "image_scale": np.full((n, 2), 0.168, np.float32),
        "ra": np.arange(n) + 100.0 * seed,
        "healpix": np.arange(n),
    } | more
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            if values is not None:
                file[name] = values
    return path


def test_the_universe(tmp_path):
    found = identify(universe(tmp_path / "a.hdf5"))
    assert found.kind == "HDF5 images"
    assert found.what == "1 HDF5 file of the Multimodal Universe's layout"
    assert (len(found), found.views, found.bands) == (5, 1, ("hsc-g", "hsc-r"))
    assert found.pixel_scale == pytest.approx(0.168)
    assert found.names[2] == "02"
    np.testing.assert_array_equal(found.labels["ra"], np.arange(5))
    assert found.labels["healpix"].dtype == np.int64
    np.testing.assert_array_equal(found.read(4)[0], image(0, 5, 2, SIZE, SIZE)[4])
    assert found.read(4).dtype == np.float32


def test_a_folder_of_parts(tmp_path):
    universe(tmp_path / "healpix=1" / "001-of-001.hdf5", 3, 1)
    universe(tmp_path / "healpix=2" / "001-of-001.hdf5", 4, 2)
    found = pickle.loads(pickle.dumps(identify(tmp_path)))
    assert len(found) == 7
    np.testing.assert_array_equal(found.labels["ra"], [100, 101, 102, 200, 201, 202, 203])
    np.testing.assert_array_equal(found.read(3)[0], image(2, 4, 2, SIZE, SIZE)[0])


def test_folders_of_splits(tmp_path):
    universe(tmp_path / "train" / "a.hdf5", 3, 1)
    universe(tmp_path / "test" / "a.hdf5", 2, 2)
    found = identify(tmp_path)
    assert {name: numbers.tolist() for name, numbers in found.splits.items()} == {"test": [0, 1], "train": [2, 3, 4]}


def test_masks_are_true_where_good_and_weights_zero_where_bad(tmp_path):
    """Also in an image that is bad for the most part."""
    mask, ivar = np.ones((5, 2, SIZE, SIZE), bool), np.ones((5, 2, SIZE, SIZE), np.float32)
    mask[1, 0, 3, 4], ivar[1, 1, 5, 6] = False, 0
    mask[2, :, 1:] = False
    found = identify(universe(tmp_path / "a.h5", image_mask=mask, image_ivar=ivar))
    assert np.argwhere(np.isnan(found.read(1)[0])).tolist() == [[0, 3, 4], [1, 5, 6]]
    assert np.isfinite(found.read(0)).all()
    np.testing.assert_array_equal(np.isfinite(found.read(2)[0]), mask[2])


@pytest.mark.parametrize("good", [True, False])
def test_masks_of_others_have_one_sense(tmp_path, good):
    mask = np.full((5, SIZE, SIZE), good)
    mask[1, 3, 4], mask[2, 1:] = not good, not good
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"], file["mask"] = image(0, 5, SIZE, SIZE), mask
    found = identify(tmp_path / "a.h5")
    for k in range(5):
        np.testing.assert_array_equal(np.isfinite(found.read(k)[0, 0]), mask[k] == good)


def test_plain_images_with_labels(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"], file["theta_E"] = image(0, 20, SIZE, SIZE), np.arange(20.0)
        file["other"], file["kind"] = np.zeros(3), ["a", "b"] * 10
    found = identify(tmp_path / "a.h5")
    assert (len(found), found.bands) == (20, ("",))
    np.testing.assert_array_equal(found.labels["theta_E"], np.arange(20))
    np.testing.assert_array_equal(found.read(7)[0, 0], image(0, 20, SIZE, SIZE)[7])
    assert "not read: other" in found.notes
    assert "columns of words, which only evaluate.data takes, as classes or objects: kind" in found.notes


@pytest.mark.parametrize("shape", [(3, SIZE, SIZE), (6, SIZE, SIZE, 2), (6, 2, 1, SIZE, SIZE)])
def test_axes(tmp_path, shape):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = image(0, *shape)
    found = identify(tmp_path / "a.h5")
    assert len(found) == shape[0]
    expected = image(0, *shape)[1]
    expected = {3: expected[None, None], 5: expected}.get(len(shape), np.moveaxis(expected, -1, 0)[None])
    np.testing.assert_array_equal(found.read(1), expected)


def test_a_table_beside_it(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = image(0, 20, SIZE, SIZE)
    (tmp_path / "a.csv").write_text("theta_E\n" + "1.5\n" * 20)
    assert identify(tmp_path / "a.h5").labels["theta_E"].tolist() == [1.5] * 20


def test_what_holds_no_images(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["ra"] = np.zeros(4)
    with pytest.raises(DataError, match=r"a\.h5: cannot be read as HDF5 \(it holds no array of images: ra\)"):
        identify(tmp_path)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["u"] = file["v"] = image(0, 20, SIZE, SIZE)
    with pytest.raises(DataError, match="it holds several arrays of images: u, v"):
        identify(tmp_path)


def test_damage(tmp_path):
    path = universe(tmp_path / "a.h5")
    whole = path.read_bytes()
    for data in (whole[: len(whole) // 2], b"", b"\x89HDF\r\n\x1a\n" + bytes(500), b"text"):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"a\.h5: cannot be read as HDF5"):
            identify(path)


def test_chunks_that_are_not_there(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("images", (20, SIZE, SIZE), "f4", chunks=(5, SIZE, SIZE))[:5] = image(0, 5, SIZE, SIZE)
    with pytest.raises(DataError, match="it was cut short: 3 of its 4 chunks are not there"):
        identify(tmp_path)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["images"][5:] = image(1, 15, SIZE, SIZE)
    np.testing.assert_array_equal(identify(tmp_path).read(19)[0, 0], image(1, 15, SIZE, SIZE)[14])


def test_one_image_of_three_colours(tmp_path):
    colours, ivar = image(0, 64, 64, 3), np.ones((64, 64, 3), np.float32)
    ivar[5, 6, 2] = 0
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"], file["ivar"], file["z"] = colours, ivar, [0.5]
    found = identify(tmp_path / "a.h5")
    assert (len(found), len(found.bands), found.height, found.labels["z"].tolist()) == (1, 3, 64, [0.5])
    read = found.read(0)[0]
    assert np.argwhere(np.isnan(read)).tolist() == [[2, 5, 6]]
    np.testing.assert_array_equal(read[0], colours[:, :, 0])


def test_an_array_that_was_never_written(tmp_path):
    """In one piece, of any length that it likes to say: nothing as long is made."""
    for n in (20, 1 << 50):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.create_dataset("images", (n, SIZE, SIZE), "f4")
        with pytest.raises(DataError, match=r"it was cut short: ([\d,]+) of its \1 bytes are not there"):
            identify(tmp_path)


def test_a_view_of_more_images_than_there_can_be(tmp_path):
    layout = h5py.VirtualLayout((1 << 40, SIZE, SIZE), "f4")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_virtual_dataset("images", layout)
    with pytest.raises(DataError, match=r"it says that it is a view of 1,099,511,627,776 images"):
        identify(tmp_path)


def test_several_pixel_scales_are_none(tmp_path):
    scales = np.full((5, 2), 0.168, np.float32)
    scales[3] = 0.2
    assert identify(universe(tmp_path / "a.h5", image_scale=scales)).pixel_scale is None
