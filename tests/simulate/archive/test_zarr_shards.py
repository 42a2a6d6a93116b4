"""The Zarr format: what xarray and zarr read is what was simulated, and every damaged byte is found."""

import warnings

import numpy as np
import pytest
import xarray
import zarr
from astropy import units
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lenstream.errors import DataError
from lenstream.simulate.archive import writing, zarr_shards
from lenstream.simulate.archive.samples import content_digest, make_samples
from lenstream.simulate.archive.shard_making import opened
from lenstream.simulate.archive.writing import describe, write_archive
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene

from .folders import Broken, broken


def samples_of(folder):
    description, scene = opened(folder)
    indices = np.arange(description.start, description.start + description.count)
    return make_samples(scene, indices, description.drawn_views)


def test_xarray_reads_it_with_names_and_units_and_no_warning(dataset):
    made = samples_of(dataset)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        held = xarray.open_zarr(dataset).load()
    assert held.images.dims == held["mask"].dims == ("system", "view", "band", "y", "x")
    np.testing.assert_array_equal(held.images, made.images["images"])
    np.testing.assert_array_equal(held["mask"], made.masks["mask"])
    assert held["mask"].dtype == bool and held["mask"].any()
    assert set(held.data_vars) == {"images", "mask"}
    for name, value in made.labels.items():
        coordinate = held.coords[name]
        np.testing.assert_array_equal(coordinate, value)
        assert coordinate.dtype == value.dtype and coordinate.dims == ("system", "view")[: value.ndim]
        units.Unit(coordinate.units)
        assert coordinate.description
    assert units.Unit(held.theta_E.units) == units.arcsec
    assert units.Unit(held.images.units) == units.electron / units.s
    np.testing.assert_array_equal(held.coords["index"], np.arange(20))
    np.testing.assert_allclose(held.x, (np.arange(16) - 7.5) * 0.2)
    assert held.attrs["name"] == "w1" and held.attrs["seed"] == 1 and "lens_mass" in held.attrs["config"]


def test_plain_zarr_reads_it(dataset):
    made = samples_of(dataset)
    group = zarr.open_group(dataset, mode="r")
    np.testing.assert_array_equal(group["images"][9:17], made.images["images"][9:17])
    np.testing.assert_array_equal(group["theta_E"][:], made.labels["theta_E"])
    np.testing.assert_array_equal(group["source_magnitude"][19], made.labels["source_magnitude"][19])
    assert group["images"].shards == (8, 2, 1, 16, 16)


def test_bands_of_several_grids_have_axes_of_their_own(two_grids_with, tmp_path, monkeypatch):
    from lenstream.configs.load import check, load

    simulation = two_grids_with().config
    config = check(
        load("w1").model_dump(exclude_none=True) | {"simulate": simulation.model_dump(exclude_none=True)}, ""
    )
    description = describe(config, make_scene(config), "zarr", 3, Views(2), 5, "test")
    write_archive(config, tmp_path / "set", description)
    held, made = xarray.open_zarr(tmp_path / "set").load(), samples_of(tmp_path / "set")
    for name, image in made.images.items():
        np.testing.assert_array_equal(held[name], image)
        ending = name.removeprefix("images")
        assert held[name].dims == ("system", "view", f"band{ending}", f"y{ending}", f"x{ending}")
        assert held[f"band{ending}"].values.tolist() == ending.lstrip("_").split("-")
    assert held["index"].values.tolist() == [FIRST_INDEX["test"] + k for k in (5, 6, 7)]
    assert held["class"].dtype == np.int64


def test_what_is_stored_has_the_digest_of_what_was_made(dataset):
    description, scene = opened(dataset)
    for shard in description.shards:
        stored = zarr_shards.read(dataset, description, scene, shard)
        made = make_samples(scene, np.arange(shard.first, shard.first + shard.count), Views(2))
        assert content_digest(stored) == content_digest(made)
        assert zarr_shards.damaged(dataset, description, scene, shard) == []
        labels = zarr_shards.read_labels(dataset, description, scene, shard)
        assert labels.images == {} and list(labels.labels) == list(made.labels)
        np.testing.assert_array_equal(labels.labels["e1"], made.labels["e1"])


def test_a_chunk_is_a_part_of_a_shard(described, tmp_path, monkeypatch):
    monkeypatch.setattr(zarr_shards, "CHUNK_BYTES", 2 * 4 * 16 * 16)
    config, description = described(21)
    write_archive(config, tmp_path / "set", description)
    group, made = zarr.open_group(tmp_path / "set", mode="r"), samples_of(tmp_path / "set")
    assert group["images"].chunks[0] == 2
    np.testing.assert_array_equal(group["images"][:], made.images["images"])
    _, scene = opened(tmp_path / "set")
    stored = zarr_shards.read(tmp_path / "set", description, scene, description.shards[2])
    np.testing.assert_array_equal(stored.images["images"], made.images["images"][16:])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_every_flipped_byte_is_found_with_its_name(dataset, tmp_path, data):
    description, scene = opened(dataset)
    shard = description.shards[data.draw(st.integers(0, 2))]
    name = data.draw(st.sampled_from(zarr_shards.shard_files(description, scene, shard)))
    path = dataset / name
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = whole[at] ^ data.draw(st.integers(1, 255))
    try:
        path.write_bytes(whole[:at] + bytes([flipped]) + whole[at + 1 :])
        (found,) = zarr_shards.damaged(dataset, description, scene, shard)
        assert found.startswith(name)
        with pytest.raises(DataError, match="damaged") as caught:
            zarr_shards.read(dataset, description, scene, shard)
        assert str(path) in str(caught.value)
    finally:
        path.write_bytes(whole)


def test_the_name_of_a_chunk_is_its_place(dataset):
    description, scene = opened(dataset)
    shard = description.shards[0]
    path = dataset / "images/c/0/0/0/0/0"
    whole = path.read_bytes()
    try:
        path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
        assert zarr_shards.damaged(dataset, description, scene, shard) == ["images/c/0/0/0/0/0 chunk (0, 0, 0, 0, 0)"]
        path.write_bytes(whole[:100])
        assert zarr_shards.damaged(dataset, description, scene, shard) == ["images/c/0/0/0/0/0"]
        path.unlink()
        assert zarr_shards.damaged(dataset, description, scene, shard) == []
        with pytest.raises(DataError, match="no such file"):
            zarr_shards.read(dataset, description, scene, shard)
    finally:
        path.write_bytes(whole)


def test_nobody_opens_a_dataset_whose_shards_are_not_all_there(described, tmp_path, monkeypatch):
    """Zarr reads a file that is not there as zeros."""
    config, description = described(20)
    monkeypatch.setattr(writing, "finish", broken)
    with pytest.raises(Broken):
        write_archive(config, tmp_path / "set", description)
    with pytest.raises(FileNotFoundError):
        zarr.open_group(tmp_path / "set", mode="r")
    monkeypatch.undo()
    write_archive(config, tmp_path / "set", description)
    assert zarr.open_group(tmp_path / "set", mode="r")["images"].shape[0] == 20


def test_classes_have_their_names_by_number(described, tmp_path):
    config, description = described(12, "simulate.classes={lens: 1, galaxy: 1, a double: 1}")
    write_archive(config, tmp_path / "set", description)
    held = xarray.open_zarr(tmp_path / "set")["class"]
    assert held.attrs["flag_meanings"].split() == ["lens", "galaxy", "a_double"]
    assert list(held.attrs["flag_values"]) == [0, 1, 2] and set(held.values) == {0, 1, 2}
