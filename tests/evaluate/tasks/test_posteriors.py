"""What posteriors say of images: intervals, and that only heads with posteriors are judged as such."""

import numpy as np
import pytest
import torch
from torch import nn

from lenstream.evaluate.tasks import posteriors
from lenstream.ssl.methods.posterior import TargetPosterior
from lenstream.ssl.methods.supervised import Supervised


class Pixels(nn.Module):
    """An encoder whose features are the pixels."""

    num_features = 2

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, images):
        return images.flatten(1) * self.scale


def known(spread):
    """A posterior that is normal around the first pixel, of a known spread, and the second target around the other."""
    head = TargetPosterior(Pixels(), [0.0, 0.0], [1.0, 1.0], "gaussian", 1)
    with torch.no_grad():
        head.head.centre.weight.copy_(torch.eye(2))
        head.head.centre.bias.zero_()
        head.head.factor.copy_(spread * torch.eye(2))
    return head


def test_scores_are_those_of_a_posterior_that_is_known():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3000, 2)).astype(np.float32)
    images = torch.tensor((values + 0.5 * rng.normal(size=(3000, 2))).reshape(-1, 1, 1, 2), dtype=torch.float32)
    true = {"x": values[:, 0], "y": values[:, 1]}
    found = posteriors.judged(known(0.5), images, true)  # of a flat prior
    assert found.scores["x", "coverage_68"] == pytest.approx(0.68, abs=0.03)
    assert found.scores["y", "coverage_95"] == pytest.approx(0.95, abs=0.015)
    assert found.scores["all", "nll"] == pytest.approx(2 * (0.5 + 0.5 * np.log(2 * np.pi * 0.25)), abs=0.05)
    wide = posteriors.judged(known(1.0), images, true).scores
    assert wide["all", "nll"] > found.scores["all", "nll"] + 0.3 and wide["all", "tarp"] > found.scores["all", "tarp"]
    assert wide["x", "coverage_68"] == pytest.approx(0.953, abs=0.02)
    assert list(found.scores) == [
        *((t, f"coverage_{level}") for t in true for level in (68, 95)),
        ("all", "nll"),
        ("all", "tarp"),
    ]


def test_a_head_without_a_posterior_has_no_scores():
    head = Supervised(Pixels(), [0.0], [1.0])
    assert posteriors.judged(head, torch.zeros(3, 1, 1, 2), {"x": np.zeros(3)}) == ({}, {})


def test_samples_of_many_images_are_those_of_parts_of_them():
    head, images = known(0.5), torch.randn(700, 1, 1, 2, generator=torch.Generator().manual_seed(0))
    drawn = posteriors.samples(head, images, 4, seed=1)
    np.testing.assert_allclose(drawn[:, :, 0].mean(1), images[:, 0, 0, 0], atol=1.5)
    at_once = head.samples_of(images.flatten(1), torch.randn(700, 4, 2, generator=torch.Generator().manual_seed(1)))
    np.testing.assert_array_equal(drawn, at_once.detach().numpy())
    assert posteriors.log_prob(head, images, np.zeros((700, 2))).shape == (700,)


def test_samples_are_kept_with_the_density_of_each():
    head, images = known(0.5), torch.randn(320, 1, 1, 2, generator=torch.Generator().manual_seed(0))
    found = posteriors.drawn(head, images, ["x", "y"])
    assert {target: of.shape for target, of in found.items()} == dict.fromkeys(["x", "y", "all"], (300, 199))
    for k in (0, 198):
        values = np.stack([found["x"][:, k], found["y"][:, k]], axis=1)
        np.testing.assert_allclose(found["all"][:, k], posteriors.log_prob(head, images[:300], values), rtol=1e-4)
    np.testing.assert_allclose(found["x"].mean(1), images[:300, 0, 0, 0], atol=0.2)
    assert posteriors.drawn(Supervised(Pixels(), [0.0], [1.0]), images, ["x"]) == {}


def test_intervals_hold_the_share_of_samples_that_they_name():
    drawn = np.linspace(0, 1, 1001)[None, :, None] * [[[1.0, 10.0]]]
    found = posteriors.intervals(drawn)
    assert list(found) == ["low_68", "high_68", "low_95", "high_95"]
    np.testing.assert_allclose(found["low_68"], [[0.16, 1.6]])
    np.testing.assert_allclose(found["high_95"], [[0.975, 9.75]])
