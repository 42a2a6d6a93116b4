"""Frozen and fine-tuned regression: right where the answer is known, reproducible, scored as said."""

import numpy as np
import pytest
import torch
from torch import nn

from lenstream.configs.load import load
from lenstream.configs.schema import Finetune
from lenstream.evaluate.tasks import regression
from lenstream.simulate.systems.scene import make_scene


class Pixels(nn.Module):
    """An encoder whose features are the pixels."""

    num_features = 16

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(16))

    def forward(self, images):
        return images.flatten(1) * self.scale


@pytest.fixture(scope="module")
def linear():
    """Images whose targets are linear in their pixels, but for some noise."""
    g = torch.Generator().manual_seed(0)
    images = torch.randn(400, 1, 4, 4, generator=g) * 3 + 1
    targets = images.flatten(1) @ torch.randn(16, 2, generator=g) + torch.tensor([5.0, -300.0])
    targets = targets + 0.1 * torch.randn(400, 2, generator=g)
    return regression.Labelled(images, targets, np.arange(400))


def test_ridge_finds_a_linear_law(linear):
    train, network = linear.first(300), Pixels()
    regressor = regression.ridge(network, train, regression.features(network, train.images))
    predicted = regression.predict(regressor, linear.images[300:])
    error = predicted - linear.targets[300:].numpy()
    np.testing.assert_allclose(error.std(0), 0.1, rtol=0.25)
    assert np.abs(error.mean(0)).max() < 0.05


def test_finetuning_learns_leaves_its_start_alone_and_is_reproducible(linear):
    settings = Finetune(epochs=60, min_steps=10, batch_size=64, lr=3e-2)
    network = Pixels()
    train = linear.first(300)
    a, b = (regression.finetune(network, train, settings, seed=1) for _ in range(2))
    assert torch.equal(network.scale, torch.ones(16))
    for x, y in zip(a.parameters(), b.parameters(), strict=True):
        assert torch.equal(x, y)
    rows = regression.scores(
        "e", "p", 300, 1, ["x", "y"], linear.targets[300:].numpy(), regression.predict(a, linear.images[300:])
    )
    assert all(row[-1] > 0.99 for row in rows if row[-2] == "r2")


def test_scores_are_tidy_and_right():
    true = np.array([[0.0], [1.0], [2.0], [3.0]])
    rows = regression.scores("enc", "ridge", 10, 0, ["theta_E"], true, true + np.array([[1.0], [-1.0], [1.0], [-1.0]]))
    assert [len(r) for r in rows] == [len(regression.COLUMNS)] * 2
    values = {r[-2]: r[-1] for r in rows}
    assert values["rmse"] == pytest.approx(1.0)
    assert values["r2"] == pytest.approx(1 - 4 / 5)


def test_the_limits_scores_are_those_of_an_estimator_that_reaches_it():
    rng = np.random.default_rng(0)
    true = rng.normal(0, 2.0, (100_000, 1))
    bound = {"theta_E": np.full(100_000, 0.5)}
    reached = regression.scores("", "", 0, 0, ["theta_E"], true, true + rng.normal(0, 0.5, true.shape))
    promised = regression.limit_scores(["theta_E"], true, bound)
    for a, b in zip(reached, promised, strict=True):
        assert a[-1] == pytest.approx(b[-1], rel=0.01)


def test_labelled_lenses_of_splits_and_seeds_never_meet():
    config = load("tiny")
    scene = make_scene(config.simulate, 3)
    sets = [
        regression.labelled_lenses(scene, ["theta_E", "e1"], split, 50, skip=skip)
        for split, skip in (("labelled", 0), ("labelled", 50), ("test", 0))
    ]
    indices = np.concatenate([s.indices for s in sets])
    assert len(np.unique(indices)) == 150
    assert indices.min() >= 1 << 40  # far above where training streams begin
    assert sets[0].images.shape == (50, 1, 32, 32)
    assert sets[0].targets.shape == (50, 2)
    assert len(sets[0].first(7).indices) == 7
