"""Small datasets that tests of the archive share."""

import pytest

from lenstream.configs.load import load
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
    import dataclasses

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
