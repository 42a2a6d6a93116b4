"""Barlow Twins: the formula and its limits; `test_distributed` has its gradient on several ranks."""

import pytest
import torch
from torch import nn

from lenstream.configs.methods import BarlowTwinsSettings as Settings
from lenstream.ssl.methods.barlow import BarlowTwins

SETTINGS = Settings(method="barlow", hidden_dim=8, projection_dim=6, redundancy=0.1)


def formula(z1, z2, redundancy):
    """Eqs. 1 and 2 of the paper in float64, with the 1e-5 that keeps constant features from dividing by zero."""
    z1, z2 = ((z - z.mean(0)) / (z.var(0, correction=0) + 1e-5).sqrt() for z in (z1.double(), z2.double()))
    loss = 0
    for i in range(z1.shape[1]):
        for j in range(z1.shape[1]):
            c = (z1[:, i] * z2[:, j]).mean()
            loss = loss + ((1 - c) ** 2 if i == j else redundancy * c**2)
    return loss


def test_the_loss_and_its_gradient_are_the_formula(loss_of, flat_views):
    z1, z2 = (view.flatten(1).requires_grad_() for view in flat_views)
    loss, expected = loss_of(BarlowTwins, SETTINGS, z1, z2), formula(z1, z2, 0.1)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for got, right in zip(torch.autograd.grad(loss, (z1, z2)), torch.autograd.grad(expected, (z1, z2)), strict=True):
        torch.testing.assert_close(got, right, rtol=1e-4, atol=1e-6)


def test_collapse_costs_one_for_each_feature(loss_of):
    """All projections equal: no feature correlates with itself."""
    same = torch.full((12, 16), 3.0)
    assert loss_of(BarlowTwins, SETTINGS, same, same).item() == pytest.approx(16, rel=1e-5)


def test_equal_views_cost_nothing_where_features_do_not_correlate(loss_of, plus_minus):
    loss = loss_of(BarlowTwins, SETTINGS, plus_minus, plus_minus)
    assert loss.item() == pytest.approx(1, abs=1e-4)  # the one feature that is constant
    repeated = plus_minus[:, 1:2].repeat(1, 16)
    assert loss_of(BarlowTwins, SETTINGS, repeated, repeated).item() == pytest.approx(0.1 * 16 * 15, rel=1e-4)
    assert loss_of(BarlowTwins, SETTINGS, plus_minus, -plus_minus).item() == pytest.approx(1 + 4 * 15, rel=1e-4)


def test_the_projector_has_three_layers_and_everything_learns(flat_network, flat_views, flat_step):
    method = BarlowTwins(flat_network, SETTINGS)
    layers = [type(layer) for layer in method.projector.layers]
    assert layers == [nn.Linear, nn.BatchNorm1d, nn.ReLU] * 2 + [nn.Linear]
    loss, features = method(flat_views, flat_step)
    loss.backward()
    assert features.shape == (12, 8)
    assert all(p.grad is not None for p in method.parameters())
    assert all(p.grad.abs().sum() > 0 for p in method.parameters() if p.dim() > 1)


def test_under_autocast_the_loss_is_float32(loss_of, flat_views):
    z = [view.flatten(1) for view in flat_views]
    with torch.autocast("cpu", torch.bfloat16):
        inside = loss_of(BarlowTwins, SETTINGS, *z)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, loss_of(BarlowTwins, SETTINGS, *z))
