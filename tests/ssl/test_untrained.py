"""The networks that trainings begin with."""

import numpy as np
import pytest
import torch

from lenstream.errors import ConfigError
from lenstream.ssl.untrained import make_encoder, make_method

from . import tiny as configs


def test_an_encoder_starts_with_the_weights_that_its_method_starts_with(tiny):
    config, scene = tiny
    encoder = make_encoder(config, "lensiam", scene).state_dict()
    inside = make_method(config, "lensiam", scene).network.state_dict()
    assert all(torch.equal(encoder[k], inside[k]) for k in encoder)
    other = make_encoder(config, "simsiam", scene).state_dict()
    assert any(not torch.equal(encoder[k], other[k]) for k in encoder)


def test_labels_of_the_simulator_are_not_learnt_from_files(tmp_path):
    for k in range(4):
        np.save(tmp_path / f"{k}.npy", np.random.default_rng(k).normal(size=(1, 32, 32)).astype(np.float32))
    config = configs.tiny("supervised", f"pretrain.data={{path: {tmp_path}}}")
    with pytest.raises(ConfigError, match="supervised needs the labels of the simulator, which images in files lack"):
        make_method(config, "tiny", None)


def test_classes_that_count_as_one_are_learnt_as_one():
    of_classes = ["simulate.classes={lens: 1, spiral: 1, never: 0, ring: 1}", "simulate.lens_mass.0.only=[lens]"]
    task = "evaluate={task: classification, merge: {nonlens: [spiral, ring]}}"
    config = configs.tiny("supervised", *of_classes, task)
    method = make_method(config, "tiny", configs.scene_of(config))
    assert method.number_of.tolist() == [0, 1, -1, 1] and method.head.out_features == 2
