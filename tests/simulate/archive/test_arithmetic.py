"""How far numbers of this machine are from stored ones: nothing, a share of the noise, or a value that is not there."""

import dataclasses

import numpy as np
import pytest

from lenstream.simulate.archive import shard_making
from lenstream.simulate.archive.arithmetic import difference
from lenstream.simulate.archive.statements import Statements


@pytest.fixture
def said(copy_of, tmp_path):
    return Statements(copy_of(tmp_path / "d"))


def test_differences_are_in_units_of_the_noise(said, other_arithmetic):
    assert difference(said, said.shards[1]) == ""
    noise = said.scene.config.observation.background_noise
    other_arithmetic(0.25 * noise)
    assert "shard 1, which is intact, images differ by up to 0.25 of the noise, labels by up to 0 of their size" in (
        difference(said, said.shards[1])
    )


def test_a_value_that_one_of_them_lacks_is_no_small_difference(said, monkeypatch):
    real = shard_making.make_samples

    def lacking(*arguments, **keys):
        samples = real(*arguments, **keys)
        theta_E = np.where(np.arange(len(samples.indices)) == 2, np.nan, samples.labels["theta_E"])
        return dataclasses.replace(samples, labels=samples.labels | {"theta_E": theta_E})

    monkeypatch.setattr(shard_making, "make_samples", lacking)
    assert "images differ by up to 0 of the noise, labels by up to inf of their size" in difference(
        said, said.shards[0]
    )
