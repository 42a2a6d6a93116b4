"""Supervised regression on the stream: standardised targets, estimates in their own units."""

import pytest
import torch
from torch import nn

from lenstream.ssl.methods.base import Draws, Step
from lenstream.ssl.methods.supervised import Supervised

MEAN, STD = [1.0, -2.0], [0.5, 3.0]


@pytest.fixture
def method(flat_network):
    return Supervised(flat_network, MEAN, STD)


@pytest.fixture
def labels():
    generator = torch.Generator().manual_seed(1)
    return torch.tensor(MEAN) + torch.tensor(STD) * torch.randn(12, 2, generator=generator)


def step(labels):
    return Step(0, 0.0, Draws(0, 12), labels)


def test_targets_are_standardised(method, flat_views):
    nn.init.zeros_(method.head.weight)
    nn.init.zeros_(method.head.bias)
    labels = torch.tensor([MEAN]).repeat(12, 1)
    assert method(flat_views[:1], step(labels))[0].item() == 0
    assert method(flat_views[:1], step(labels + torch.tensor(STD)))[0].item() == pytest.approx(1.0)
    assert torch.equal(method.predict(flat_views[0]), labels)


def test_one_view_is_enough_and_every_parameter_learns(method, flat_views, labels):
    assert method.n_views == 1
    loss, features = method(flat_views[:1], step(labels))
    loss.backward()
    assert features.shape == (12, 8)
    assert all(p.grad.abs().sum() > 0 for p in method.parameters())


def test_the_loss_is_the_error_of_the_predictions(method, flat_views, labels):
    method.feature_mean.fill_(0.3)
    method.feature_std.fill_(2.0)
    error = (method.predict(flat_views[0]) - labels) / torch.tensor(STD)
    loss, _ = method(flat_views[:1], step(labels))
    assert loss.item() == pytest.approx(error.square().mean().item(), rel=1e-5)


def test_under_autocast_the_loss_is_float32(method, flat_views, labels):
    exact = method(flat_views[:1], step(labels))[0].item()
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = method(flat_views[:1], step(labels))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact, rel=0.02)
