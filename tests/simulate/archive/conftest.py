"""Small datasets that the tests of several formats write."""

import numpy as np
import pytest

from lenstream.simulate.archive.description import Description
from lenstream.simulate.archive.formats import format_of
from lenstream.simulate.archive.samples import make_samples

SHARD = 4  # systems


@pytest.fixture(scope="session")
def described():
    """described(scene, format, count=6, start=0, views=1, **changes): a `Description` of shards of 4 systems."""

    def describe(scene, name, count=6, start=0, views=1, split=None):
        redraw = ("noise", "source")
        return Description(name, "small", scene.seed, start, count, views, redraw, SHARD, split, "0.1.0")

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
def written(described, samples_of, tmp_path):
    """written(scene, format, **facts): the folder, its `Description` and the `Samples` of each shard, all written."""

    def write(scene, name, **facts):
        description = described(scene, name, **facts)
        form, samples = format_of(name), samples_of(scene, description)
        form.begin(tmp_path, description, scene)
        for shard, own in zip(description.shards, samples, strict=True):
            form.write(tmp_path, description, own, shard)
        form.finish(tmp_path, description, scene)
        return tmp_path, description, samples

    return write
