"""Sets are read in pieces: the same numbers as at once, with the pixels of few images in memory."""

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lenstream.configs.load import load
from lenstream.evaluate.real import seen_sets
from lenstream.evaluate.real.cutouts import Cutout
from lenstream.evaluate.real.expected_images import of_scene
from lenstream.simulate.systems.scene import make_scene

SIZE = 32


@pytest.fixture(scope="module")
def expected():
    config = load("tiny")
    return of_scene(make_scene(config.simulate, config.seed))


@pytest.fixture(scope="module")
def training(expected):
    return expected.training()


class Mean(torch.nn.Module):
    """A network whose features are the mean and the middle of an image."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, images):
        return torch.stack([images.mean((1, 2, 3)), images[:, 0, SIZE // 2, SIZE // 2]], dim=1) * self.weight


@pytest.fixture
def stack(tmp_path):
    """A stack of 40 images of noise, and a folder of one alone."""
    images = np.random.default_rng(0).normal(size=(40, SIZE, SIZE)).astype(np.float32)
    np.save(tmp_path / "many.npy", images)
    (tmp_path / "one").mkdir()
    np.save(tmp_path / "one" / "a.npy", images[7])
    return tmp_path


def test_pieces_have_the_numbers_of_all_at_once_and_images_are_read_again(expected, training, stack, monkeypatch):
    places = [str(stack / "many.npy"), str(stack / "one")]
    whole = seen_sets.read_set(expected, training, {"m": Mean()}, places, 0.15)
    assert len(whole.names) == 41 and whole.features["m"].shape == (41, 2)
    monkeypatch.setattr(seen_sets, "BATCH", 7)
    monkeypatch.setattr(seen_sets, "HELD", 3)
    parts = seen_sets.read_set(expected, training, {"m": Mean()}, places, 0.15)
    assert parts.names == whole.names and parts.prints == whole.prints
    np.testing.assert_allclose(parts.features["m"], whole.features["m"], rtol=1e-6)
    parts.images.fetch([2, 30, 40])
    for k in (2, 30, 40, 17):
        np.testing.assert_array_equal(parts.images[k], whole.images[k])
    assert whole.prints[7] == whole.prints[40] and len(set(whole.prints)) == 40


def test_a_fingerprint_is_that_of_the_pixels():
    image = np.array([[0.0, 1.0, np.nan]], dtype=np.float32)
    other = np.array([[-0.0, 1.0, -np.nan]], dtype=np.float32)
    assert seen_sets.fingerprint(image) == seen_sets.fingerprint(other) != seen_sets.fingerprint(image + 1)


def test_memory_does_not_grow_with_the_images(expected, training, monkeypatch):
    monkeypatch.setattr(seen_sets, "HELD", 16)
    monkeypatch.setattr(seen_sets, "BATCH", 16)

    def read(expected, lenses, asked):
        rng = np.random.default_rng(0)
        for k in range(n):
            image, noise = rng.normal(size=(SIZE, SIZE)).astype(np.float32), np.ones((SIZE, SIZE), np.float32)
            cutouts.append(asked.kept(Cutout(f"image {k}", image, noise, 0.0, False, 0.15)))
        return SimpleNamespace(cutouts=cutouts, labels={}, skipped=[], notes=[])

    monkeypatch.setattr(seen_sets, "read", read)
    peaks = []
    for n in (100, 400):
        cutouts = []
        tracemalloc.start()
        found = seen_sets.read_set(expected, training, {"m": Mean()}, "x")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(found.features["m"]) == n
    assert peaks[1] - peaks[0] < 300 * SIZE * SIZE * 4 / 2  # half of what the pixels of the others take
