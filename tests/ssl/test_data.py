"""Where a training's images come from: which systems of the stream a step sees, on which rank."""

from types import SimpleNamespace

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl.data import image_facts, open_data


@pytest.fixture(scope="module")
def tiny():
    config = load("tiny")
    return config, make_scene(config.simulate, config.seed)


def batch_of(config, scene, step, rank=0, world=1):
    """The first batch of a training that goes on at `step`."""
    fabric = SimpleNamespace(global_rank=rank, world_size=world, device="cpu")
    with open_data(config, "lensiam", scene, 2, step, fabric) as data:
        return next(data)


def test_a_step_sees_the_systems_whose_turn_it_is(tiny):
    config, scene = tiny
    assert batch_of(config, scene, 0).indices.tolist() == list(range(16))
    batch = batch_of(config, scene, 3)
    assert batch.indices.tolist() == list(range(48, 64))
    assert batch.images.shape == (16, 2, 1, 32, 32)


def test_a_long_training_stays_below_the_labelled_and_the_test_lenses(tiny):
    config, scene = tiny
    last = (1 << 40) // 16 - 1
    assert batch_of(config, scene, last).indices.max() < 1 << 40


def test_ranks_share_a_batch(tiny):
    config, scene = tiny
    halves = [batch_of(config, scene, 3, rank, 2).indices.tolist() for rank in (0, 1)]
    assert halves == [list(range(48, 56)), list(range(56, 64))]


def test_the_noise_of_a_network_is_the_instruments(tiny):
    config, scene = tiny
    statistics, bands, num_pix = image_facts(config, "lensiam", scene)
    np.testing.assert_allclose(statistics.noise, 0.02)
    assert (bands, num_pix) == (1, 32)


def test_an_encoder_with_a_network_of_its_own_gets_statistics_for_it(tiny):
    """zscore needs the mean and spread of bright pixels too, so images are looked at."""
    config = load("tiny", ["pretrain.encoders.lensiam.backbone={name: test_resnet, normalize: zscore}"])
    measured, _, _ = image_facts(config, "lensiam", tiny[1])
    told, _, _ = image_facts(config, "simsiam", tiny[1])
    assert measured.std[0] > 1.2 * measured.noise[0] > 0
    assert measured.mean[0] > 0 and told.mean[0] == 0
