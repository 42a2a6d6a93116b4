"""Online probes: images that nothing is trained on or finally judged by, scores that tell chance from knowledge."""

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from lenstream.configs.load import load
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl import probe as probing
from lenstream.ssl.probe import N_PROBED, Probe, features_of, make_probe, probe

from . import tiny


class Features(nn.Module):
    """The pixels of an image are its features."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, images):
        return images.flatten(1) * self.scale


def random_images(n=1000, pixels=8):
    return torch.randn(n, 1, 1, pixels, generator=torch.Generator().manual_seed(0))


def test_the_probe_looks_at_labelled_and_validation_lenses_and_at_no_test_lens(monkeypatch):
    config = load("tiny")
    scene, asked = make_scene(config.simulate, config.seed), []
    simulate = probing.simulate

    def spied(scene, indices, *args, **options):
        asked.append(np.asarray(indices).copy())
        return simulate(scene, indices, *args, **options)

    monkeypatch.setattr(probing, "simulate", spied)
    images = make_probe(config, scene)
    (indices,) = asked
    assert indices[:N_PROBED].tolist() == list(range(1 << 40, (1 << 40) + N_PROBED))
    assert indices[N_PROBED:].tolist() == list(range(1 << 42, (1 << 42) + N_PROBED))
    assert set(images.targets) == {"theta_E", "e1", "e2", "gamma"}
    assert all(len(values) == len(images.images) == 2 * N_PROBED for values in images.targets.values())


def test_random_features_tell_nothing():
    """A probe that fitted what it judges would find much."""
    targets = {"x": np.random.default_rng(1).normal(size=1000)}
    scores = probe(Features(), Probe(random_images(pixels=64), targets))
    assert set(scores) == {"ridge/x", "knn/x"}
    assert max(scores.values()) < 0.05


def test_features_that_hold_the_target_tell_it():
    images = random_images()
    scores = probe(Features(), Probe(images, {"x": images[:, 0, 0, 3].double().numpy()}))
    assert scores["ridge/x"] > 0.999
    assert 0.5 < scores["knn/x"] < 1


def test_the_first_half_teaches_and_the_second_is_judged():
    """What the first half teaches is the wrong way round in the second: R2 is 1 - 4 there, and 1 or 0 elsewhere."""
    images = random_images()
    values = images[:, 0, 0, 3].double().numpy()
    values[500:] *= -1
    scores = probe(Features(), Probe(images, {"x": values}))
    assert scores["ridge/x"] == pytest.approx(-3.0, abs=0.1)
    assert -3 < scores["knn/x"] < -1


def test_twenty_neighbours_tell_more_than_one_where_values_scatter():
    """Of a value with as much scatter as signal one neighbour knows nothing: R2 is 1 - (s^2 + s^2 + d^2) / 2 s^2."""
    images = random_images(pixels=1)
    values = images[:, 0, 0, 0].double().numpy() + np.random.default_rng(1).normal(size=1000)
    assert probe(Features(), Probe(images, {"x": values}))["knn/x"] > 0.3


def test_a_feature_of_another_scale_counts_as_much():
    """Neighbours are looked for among standardised features: one a thousand times as large does not hide another."""
    images = random_images(pixels=2) * torch.tensor([1000.0, 1.0])
    found = probe(Features(), Probe(images, {"x": images[:, 0, 0, 1].double().numpy()}))
    assert found["knn/x"] > 0.8


def test_a_class_is_scored_by_accuracy():
    images = random_images()
    targets = {
        "class": (images[:, 0, 0, 0] > 0).long().numpy(),
        "chance": np.random.default_rng(1).integers(0, 2, 1000),
    }
    scores = probe(Features(), Probe(images, targets))
    assert scores["ridge/class"] > 0.9 and scores["knn/class"] > 0.8
    assert scores["ridge/chance"] == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("training", [True, False])
def test_features_are_those_of_evaluation_and_the_mode_stays(training):
    network = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(8, 4)).train(training)
    images = random_images(n=300)
    found = features_of(network, images)
    assert network.training == training and network[1].training == training
    np.testing.assert_allclose(found, network[2](images.flatten(1)).detach().numpy(), rtol=1e-5, atol=1e-6)


def test_one_class_has_no_score_and_few_images_have_one():
    """Any answer would be right where there is one class; and 15 images have no 20 neighbours."""
    images = random_images(30)
    classes = (images[:, 0, 0, 0] > 0).long().numpy()
    assert probe(Features(), Probe(images, {"class": np.zeros(30, int)})) == {}
    assert probe(Features(), Probe(images, {"class": np.repeat([0, 1], [29, 1])})) == {}
    assert set(probe(Features(), Probe(images, {"class": classes}))) == {"ridge/class", "knn/class"}
    assert probe(Features(), Probe(images[:2], {"x": np.arange(2.0)})) == {}


def test_images_without_a_value_are_left_out():
    images = random_images()
    values = images[:, 0, 0, 3].double().numpy()
    some = np.where(np.arange(1000) % 3 == 0, np.nan, values)
    scores = probe(Features(), Probe(images, {"x": some, "none": np.full(1000, np.nan)}))
    assert set(scores) == {"ridge/x", "knn/x"} and scores["ridge/x"] > 0.999


def on_files(path, *overrides):
    """A training on images in files, without scores."""
    return tiny.tiny("simsiam", f"pretrain.data={{path: {path}}}", "evaluate=null", *overrides)


def test_a_folder_of_classes_gives_a_mixture(tmp_path):
    for name, value in (("a", 0), ("b", 1)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "all.npy", np.full((50, 16, 16), value, dtype=np.float32))
    found, again = (make_probe(on_files(tmp_path), None) for _ in range(2))
    classes = found.targets["class"]
    assert found.images.shape == (100, 1, 16, 16) and found.images.dtype == torch.float32
    assert classes.dtype == np.int64 and classes.tolist() == found.images[:, 0, 0, 0].int().tolist()
    assert 15 < classes[:50].sum() < 35  # either half of them has both
    assert torch.equal(found.images, again.images)


def test_images_in_any_layout_are_probed_but_those_of_unknown_class(tmp_path):
    """An HDF5 file, of whose images every third has no class."""
    images = np.random.default_rng(0).normal(size=(48, 16, 16)).astype(np.float32)
    classes = np.where(np.arange(48) % 3 == 0, np.nan, np.arange(48) % 2)
    images[:, 0, 0] = classes
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"], file["label"] = np.nan_to_num(images, nan=7), classes
    config = on_files(tmp_path / "a.h5", "pretrain.probe_every=1", "pretrain.steps=2")
    found = make_probe(config, None)
    assert found.targets["class"].tolist() == found.images[:, 0, 0, 0].int().tolist() and len(found.images) == 32
    assert not tiny.train(config, tmp_path / "run")
    assert "knn/class" in (tmp_path / "run" / "metrics.jsonl").read_text()
