"""Small datasets that tests of the archive share."""

import dataclasses
import shutil

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.simulate.archive import shard_making
from lenstream.simulate.archive.description import Description
from lenstream.simulate.archive.formats import format_of
from lenstream.simulate.archive.samples import make_samples
from lenstream.simulate.archive.writing import describe, write_archive
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

SMALL = [
    "simulate.image={num_pix: 16, pixel_scale: 0.2, rays: 1}",
    "simulate.observation.noise=true",
    "simulate.observation.bad_pixels=0.02",
]


def small_config(*overrides):
    return load("w1", [*SMALL, *overrides])


def small_shards(description, size):
    """A description with shards of another size, so that few systems fill several."""
    return dataclasses.replace(description, shard_size=size)


@pytest.fixture(scope="session")
def described():
    """described(count, *overrides, form="zarr", views=1, size=8, start=0, split=None): config and description."""

    def make(count, *overrides, form="zarr", views=1, size=8, start=0, split=None):
        config = small_config(*overrides)
        whole = describe(config, make_scene(config), form, count, Views(views), start, split)
        return config, small_shards(whole, size)

    return make


@pytest.fixture(scope="session")
def dataset(described, tmp_path_factory):
    """A finished dataset of 20 systems with two views, in shards of 8: its folder. Not to be changed."""
    folder = tmp_path_factory.mktemp("dataset") / "set"
    config, description = described(20, views=2)
    write_archive(config, folder, description)
    return folder


@pytest.fixture(scope="session")
def copy_of(described, tmp_path_factory):
    """copy_of(folder, form="zarr", seed=1): a finished dataset of 20 systems in shards of 8, to be damaged."""
    written = {}

    def copy(folder, form="zarr", seed=1):
        if (form, seed) not in written:
            place = tmp_path_factory.mktemp(form) / "set"
            config, description = described(20, f"seed={seed}", form=form, views=2 if form == "fits-pairs" else 1)
            write_archive(config, place, description)
            written[form, seed] = place
        shutil.copytree(written[form, seed], folder)
        return folder

    return copy


@pytest.fixture
def other_arithmetic(monkeypatch):
    """other_arithmetic(by): from now on images come out with `by` counts/s more in one pixel."""
    real = shard_making.make_samples

    def begin(by):
        def make(*arguments, **keys):
            samples = real(*arguments, **keys)
            images = {name: array.copy() for name, array in samples.images.items()}
            for array in images.values():
                array[..., 3, 4] += np.float32(by)
            return dataclasses.replace(samples, images=images)

        monkeypatch.setattr(shard_making, "make_samples", make)

    return begin


@pytest.fixture(scope="session")
def described_as():
    """described_as(scene, format, count=6, start=0, views=1, **changes): a `Description` of shards of 4 systems."""

    def describe(scene, name, count=6, start=0, views=1, split=None):
        redraw = ("noise", "source")
        return Description(name, "small", scene.seed, start, count, views, redraw, 4, split, "0.1.0")

    return describe


@pytest.fixture(scope="session")
def samples_of():
    """samples_of(scene, description): the `Samples` of each shard."""

    def make(scene, description):
        return [
            make_samples(scene, np.arange(s.first, s.first + s.count, dtype=np.uint64), description.drawn_views)
            for s in description.shards
        ]

    return make


@pytest.fixture(scope="session")
def lossy(scene_with, observed):
    """One band of 20 pixels, some of which are lost and hold NaN."""
    losses = {"background_noise": 0.01, "exposure_time": 500, "bad_pixels": 0.05, "mask_value": "nan"}
    return scene_with(image={"num_pix": 20, "pixel_scale": 0.1}, observation=observed(noise=True, **losses))


@pytest.fixture(scope="session")
def several_grids(two_grids_with):
    """Three bands on two pixel grids, one of which loses pixels."""
    return two_grids_with(image={"num_pix": 16}, selection=None)


@pytest.fixture
def written(described_as, samples_of, tmp_path):
    """written(scene, format, **facts): the folder, its `Description` and the `Samples` of each shard, all written."""

    def write(scene, name, **facts):
        description = described_as(scene, name, **facts)
        form, samples = format_of(name), samples_of(scene, description)
        form.begin(tmp_path, description, scene)
        for shard, own in zip(description.shards, samples, strict=True):
            form.write(tmp_path, description, own, shard)
        form.finish(tmp_path, description, scene)
        return tmp_path, description, samples

    return write
