"""HDF5 datasets through h5py and xarray: dimensions, units, and all shards as one."""

import os
import shutil
import warnings

import h5py
import numpy as np
import pytest
import xarray as xr
from astropy import units as u

from lenstream.configs.quantities import quantity
from lenstream.simulate.archive import hdf5_shards


@pytest.fixture
def moved(written, lossy):
    """A dataset of two shards in another folder than it was written to, and what is in it."""
    folder, description, samples = written(lossy, "hdf5", views=2, start=1 << 41)
    shutil.move(folder, other := folder.parent / "moved")
    yield other, description, samples
    shutil.move(other, folder)


def test_h5py_opens_all_shards_as_one(moved, monkeypatch):
    folder, description, samples = moved
    monkeypatch.chdir(os.sep)  # paths of the shards must not be looked up from where the reader stands
    with h5py.File(folder / "dataset.h5") as file:
        images = np.concatenate([own.images["images"] for own in samples])
        assert file["images"].is_virtual and file["images"].shape == (6, 2, 1, 20, 20)
        np.testing.assert_array_equal(file["images"], images)
        np.testing.assert_array_equal(file["index"], (1 << 41) + np.arange(6))
        np.testing.assert_array_equal(file["theta_E"], np.concatenate([own.labels["theta_E"] for own in samples]))
        assert [dim[0].name for dim in file["images"].dims] == ["/system", "/view", "/band", "/y", "/x"]
        assert file.attrs["seed"] == description.seed


@pytest.mark.parametrize("name", ["dataset.h5", "data-00001.h5"])
def test_xarray_has_dimensions_coordinates_and_units(moved, name):
    folder, _, samples = moved
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with xr.open_dataset(folder / name, engine="h5netcdf") as held:
            held.load()
    assert list(held) == ["images", "mask"] and held["images"].dims == ("system", "view", "band", "y", "x")
    assert held["mask"].dtype == bool and held["mask"].sum() == np.isnan(held["images"]).sum() > 0
    last = samples[1]
    own = held.isel(system=slice(-2, None))
    np.testing.assert_array_equal(own["images"], last.images["images"])
    np.testing.assert_array_equal(own["mask"], last.masks["mask"])
    assert {*last.labels} | {"index", "band", "x", "y"} == {*held.coords}
    for label, values in last.labels.items():
        np.testing.assert_array_equal(own[label], values)
        assert held[label].dims == ("system", "view")[: values.ndim]
        assert held[label].attrs["description"] == quantity(label).meaning
        assert u.Unit(held[label].attrs.get("units", "")) == u.Unit(quantity(label).unit)
    assert u.Unit(held["images"].attrs["units"]) == u.electron / u.s
    np.testing.assert_array_equal(own["index"], last.indices.astype(np.int64))
    np.testing.assert_allclose(held["x"], (np.arange(20) - 9.5) * 0.1)


def test_bands_on_several_grids_have_axes_of_their_own(written, several_grids):
    folder, _, samples = written(several_grids, "hdf5")
    with xr.open_dataset(folder / "dataset.h5", engine="h5netcdf") as held:
        assert held["images_H-Y"].dims == ("system", "view", "band_H-Y", "y_H-Y", "x_H-Y")
        assert held["band_H-Y"].values.tolist() == ["H", "Y"] and held["band_VIS"].values.tolist() == ["VIS"]
        assert float(held["x_H-Y"][1] - held["x_H-Y"][0]) == pytest.approx(0.3)
        points = [t.magnitude_zero_point for name, t in several_grids.bands.items() if name != "VIS"]
        assert held["images_H-Y"].attrs["magnitude_zero_point"].tolist() == points
        np.testing.assert_array_equal(held["images_VIS"][:4], samples[0].images["images_VIS"])


def test_damage_is_named_by_dataset_and_systems(written, lossy, monkeypatch):
    monkeypatch.setattr(hdf5_shards, "CHUNK_BYTES", 2 * 20 * 20 * 4)  # of one system
    folder, description, samples = written(lossy, "hdf5", count=4)
    path = folder / "data-00000.h5"
    content = bytearray(path.read_bytes())
    for values in (samples[0].images["images"][2], samples[0].labels["gamma"]):
        content[content.index(values.tobytes()) + 5] ^= 64
    path.write_bytes(content)
    assert hdf5_shards.damaged(folder, description, lossy, description.shards[0]) == [
        "data-00000.h5: images of the systems 2 to 3 of the shard",
        "data-00000.h5: gamma",
    ]
