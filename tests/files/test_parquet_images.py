"""Parquet files of images: structs of lists, lists of structs, splits by name, lost pixels, row groups."""

import pickle

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from lenstream.errors import DataError
from lenstream.files.dataset_layouts import identify

from .layouts import image

H, W, BANDS = 10, 14, ("g", "r")


def struct(seed, n, mask=None):
    """A struct of lists: what `datasets` writes for a sequence of bands."""
    rows = [
        {
            "band": list(BANDS),
            "flux": flux.tolist(),
            "ivar": np.ones(flux.shape).tolist(),
            "mask": (np.ones(flux.shape, bool) if mask is None else mask).tolist(),
            "psf_fwhm": [0.7, 0.8],
            "scale": [0.2, 0.2],
        }
        for flux in image(seed, n, len(BANDS), H, W)
    ]
    planes = pa.list_(pa.list_(pa.list_(pa.float32())))
    fields = [("band", pa.list_(pa.string())), ("flux", planes), ("ivar", planes)]
    fields += [("mask", pa.list_(pa.list_(pa.list_(pa.bool_()))))]
    fields += [("psf_fwhm", pa.list_(pa.float32())), ("scale", pa.list_(pa.float32()))]
    return pa.array(rows, pa.struct(fields))


def as_structs(column):
    """The same as a list of structs, one for each band, which newer writers prefer."""
    rows = [[{k: v[b] for k, v in row.items()} for b in range(len(BANDS))] for row in column.to_pylist()]
    plane = pa.list_(pa.list_(pa.float32()))
    fields = [("band", pa.string()), ("flux", plane), ("ivar", plane), ("mask", pa.list_(pa.list_(pa.bool_())))]
    fields += [("psf_fwhm", pa.float32()), ("scale", pa.float32())]
    return pa.array(rows, pa.list_(pa.struct(fields)))


def write(path, column, name="image", **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table({name: column, **columns}), path, row_group_size=2)
    return path


@pytest.mark.parametrize("form", [lambda column: column, as_structs])
def test_images_labels_and_names(tmp_path, form):
    path = write(
        tmp_path / "a.parquet", form(struct(0, 5)), object_id=list("vwxyz"), theta_E=np.arange(5.0), n=range(5)
    )
    found = pickle.loads(pickle.dumps(identify(path)))
    assert found.kind == "Parquet images"
    assert (len(found), found.views, found.bands, found.height, found.width) == (5, 1, BANDS, H, W)
    assert found.pixel_scale == pytest.approx(0.2)
    assert list(found.names) == list("vwxyz")
    assert found.labels["theta_E"].tolist() == [0, 1, 2, 3, 4]
    assert found.labels["n"].dtype == np.int64
    for k in (0, 3, 4, 1):  # from all row groups, and back
        np.testing.assert_array_equal(found.read(k)[0], image(0, 5, 2, H, W)[k])


def test_splits_by_the_names_of_files(tmp_path):
    write(tmp_path / "data" / "train-00000-of-00002.parquet", struct(0, 3), theta_E=[1.0] * 3)
    write(tmp_path / "data" / "train-00001-of-00002.parquet", struct(1, 2), theta_E=[2.0] * 2)
    write(tmp_path / "data" / "test-00000-of-00001.parquet", struct(2, 1), theta_E=[3.0])
    found = identify(tmp_path)
    assert {name: numbers.tolist() for name, numbers in found.splits.items()} == {"test": [0], "train": [1, 2, 3, 4, 5]}
    assert found.labels["theta_E"].tolist() == [3, 1, 1, 1, 2, 2]
    np.testing.assert_array_equal(found.read(5)[0], image(1, 2, 2, H, W)[1])


def test_lost_pixels(tmp_path):
    mask = np.ones((2, H, W), bool)
    mask[1, 2, 3] = False
    found = identify(write(tmp_path / "a.parquet", struct(0, 2, mask)))
    assert np.argwhere(np.isnan(found.read(1))).tolist() == [[0, 1, 2, 3]]


def test_plain_lists(tmp_path):
    fluxes = image(0, 3, H, W)
    found = identify(write(tmp_path / "a.parquet", pa.array(fluxes.tolist(), pa.list_(pa.list_(pa.float32(), W), H))))
    np.testing.assert_array_equal(found.read(2)[0, 0], fluxes[2])


def test_a_table_of_labels_is_none(tmp_path):
    parquet.write_table(pa.table({"name": ["a"], "theta_E": [1.0]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="no data set that is known"):
        identify(tmp_path / "a.parquet")


def test_ragged_and_absent_images(tmp_path):
    ragged = pa.array([[[1.0] * W] * 8 + [[1.0] * (W - 1)] * 2], pa.list_(pa.list_(pa.float32())))
    with pytest.raises(DataError, match="lists of one image differ in length"):
        identify(write(tmp_path / "a.parquet", ragged))
    absent = pa.array([None, [[1.0] * W] * H], pa.list_(pa.list_(pa.float32())))
    with pytest.raises(DataError, match="a row has no image"):
        identify(write(tmp_path / "a.parquet", absent))


def test_damage(tmp_path):
    path = write(tmp_path / "a.parquet", struct(0, 3))
    whole = path.read_bytes()
    for data in (whole[:-20], b"", b"PAR1" + bytes(100) + b"PAR1", b"text"):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"a\.parquet: cannot be read as Parquet"):
            identify(path)


def test_a_table_of_labels_beside_the_images(tmp_path):
    """Whatever it is called: labels.parquet comes before train-0.parquet."""
    write(tmp_path / "train-0.parquet", struct(0, 3), object_id=list("abc"))
    parquet.write_table(pa.table({"object_id": list("cab"), "theta_E": [3.0, 1.0, 2.0]}), tmp_path / "labels.parquet")
    found = identify(tmp_path)
    assert found.kind == "Parquet images" and found.labels["theta_E"].tolist() == [1, 2, 3]


def test_splits_by_the_names_of_folders(tmp_path):
    write(tmp_path / "train" / "0.parquet", struct(0, 2))
    write(tmp_path / "test" / "0.parquet", struct(1, 1))
    found = identify(tmp_path)
    assert {name: numbers.tolist() for name, numbers in found.splits.items()} == {"test": [0], "train": [1, 2]}


def test_colours_may_be_last(tmp_path):
    pictures = image(0, 2, 16, 20, 3)
    column = pa.array(pictures.tolist(), pa.list_(pa.list_(pa.list_(pa.float32()))))
    found = identify(write(tmp_path / "a.parquet", column))
    assert (len(found.bands), found.height, found.width) == (3, 16, 20)
    np.testing.assert_array_equal(found.read(1)[0], np.moveaxis(pictures[1], -1, 0))


def test_files_of_which_some_say_no_split_have_none(tmp_path):
    write(tmp_path / "test-0.parquet", struct(0, 2))
    write(tmp_path / "more.parquet", struct(1, 1))
    assert identify(tmp_path).splits == {}
