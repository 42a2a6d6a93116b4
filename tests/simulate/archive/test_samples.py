"""Samples to be stored are those of the stream, bit for bit, however they are made; and what their digest sees."""

import dataclasses

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.simulate.archive import samples
from lenstream.simulate.archive.samples import content_digest, image_names, make_samples, mask_names
from lenstream.simulate.stream import simulate
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene


@pytest.fixture(scope="module", params=["demo", "lens_finding", "several grids"])
def scene(request, two_grids_with):
    if request.param == "several grids":
        return two_grids_with()
    small = {"demo": ["simulate.source.0.n_galaxies=8"], "lens_finding": ["simulate.source.0.n_galaxies=8"]}
    return make_scene(load(request.param, small[request.param]))


def test_samples_are_those_of_the_stream(scene, monkeypatch):
    monkeypatch.setattr(samples, "PIECE", 3)
    indices, views = FIRST_INDEX["test"] + np.arange(5, 13), Views(2)
    made, batch = make_samples(scene, indices, views, threads=2), simulate(scene, indices, views)
    by_grid = batch.images if isinstance(batch.images, tuple) else (batch.images,)
    assert len(by_grid) == len(scene.grids)
    for name, streamed, grid in zip(made.images, by_grid, scene.grids, strict=True):
        np.testing.assert_array_equal(made.images[name], streamed.numpy())
        assert made.images[name].dtype == np.float32
        assert made.images[name].shape == (8, 2, len(grid.bands), *2 * [grid.config.image.num_pix])
    if batch.mask is None:
        assert made.masks == {}
    else:
        for stored, streamed in zip(made.masks.values(), batch.mask, strict=True):
            np.testing.assert_array_equal(stored, streamed.numpy())
        assert any(mask.any() for mask in made.masks.values())
    assert list(made.labels) == list(batch.labels)
    for name, value in made.labels.items():
        assert value.dtype == (np.int64 if name in ("class", "n_halos") else np.float64)
        np.testing.assert_array_equal(value.astype(np.float32), batch.labels[name].numpy())
    np.testing.assert_array_equal(made.indices, batch.indices.numpy().astype(np.uint64))
    assert made.indices.dtype == np.uint64


def test_the_parameters_of_joined_pieces_are_those_of_all_at_once(two_grids_with, monkeypatch):
    scene = two_grids_with()  # with a selection, so that attempts count
    at_once = make_samples(scene, np.arange(8), Views(2)).systems
    assert at_once.attempt.any()
    monkeypatch.setattr(samples, "PIECE", 3)
    pieces = make_samples(scene, np.arange(8), Views(2)).systems
    np.testing.assert_array_equal(pieces.attempt, at_once.attempt)
    for ours, theirs in zip(pieces.lens_mass + pieces.source, at_once.lens_mass + at_once.source, strict=True):
        for name, value in theirs.items():
            np.testing.assert_array_equal(ours[name], value)


def test_no_systems_have_the_shapes_of_all(two_grids_with):
    scene = two_grids_with()
    none, some = (make_samples(scene, indices, Views(2)) for indices in ([], [4]))
    for group in ("images", "masks", "labels"):
        found, expected = getattr(none, group), getattr(some, group)
        assert list(found) == list(expected)
        for name, value in expected.items():
            assert found[name].shape == (0, *value.shape[1:]) and found[name].dtype == value.dtype


def test_arrays_are_named_by_their_grid(two_grids_with, w1):
    scene = two_grids_with()
    assert list(image_names(scene)) == [f"images_{'-'.join(grid.bands)}" for grid in scene.grids]
    assert list(mask_names(scene)) == [f"mask_{'-'.join(grid.bands)}" for grid in scene.grids]
    assert list(image_names(w1)) == ["images"]


def test_the_digest_sees_every_array_and_no_kind_of_nan(w1):
    made = make_samples(w1, np.arange(3), Views())
    known = content_digest(made)
    images, labels = {"images": made.images["images"].copy()}, dict(made.labels)
    images["images"][2, 0, 0, 5, 7] *= -1
    assert content_digest(dataclasses.replace(made, images=images)) != known
    assert content_digest(dataclasses.replace(made, labels=labels | {"theta_E": labels["theta_E"] + 1e-12})) != known
    assert content_digest(dataclasses.replace(made, masks={"mask": made.images["images"] > 0})) != known
    reshaped = {"images": made.images["images"].reshape(3, 1, 1, 32, 128)}
    assert content_digest(dataclasses.replace(made, images=reshaped)) != known
    payload = np.array([0x7FF8000000000001] * 3, np.uint64).view(float)
    nan, other = (dataclasses.replace(made, labels=labels | {"gamma": v}) for v in (np.full(3, np.nan), payload))
    assert content_digest(nan) == content_digest(other) != known
    big = {n: v.astype(v.dtype.newbyteorder(">")) for n, v in made.images.items()}
    assert content_digest(dataclasses.replace(made, images=big)) == known
