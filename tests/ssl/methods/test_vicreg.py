"""VICReg: the formula and its limits; `test_distributed` has its gradient on several ranks."""

import pytest
import torch
from torch import nn

from lenstream.configs.methods import VICRegSettings as Settings
from lenstream.ssl.methods.vicreg import VICReg

SETTINGS = Settings(method="vicreg", hidden_dim=8, projection_dim=6, invariance=3.0, variance=5.0, covariance=7.0)


def terms(z1, z2):
    """Invariance, variance and covariance in float64, sample by sample and feature by feature."""
    z1, z2 = z1.double(), z2.double()
    n, d = z1.shape
    invariance = sum(((z1[i] - z2[i]) ** 2).sum() for i in range(n)) / (n * d)
    variance = covariance = 0
    for z in (z1, z2):
        centred = z - z.mean(0)
        for i in range(d):
            std = ((centred[:, i] ** 2).sum() / (n - 1) + 1e-4).sqrt()
            variance = variance + (1 - std).clamp(min=0) / d / 2
            for j in range(d):
                if i != j:
                    covariance = covariance + ((centred[:, i] * centred[:, j]).sum() / (n - 1)) ** 2 / d
    return invariance, variance, covariance


def test_the_loss_and_its_gradient_are_the_formula(loss_of, flat_views):
    z1, z2 = (0.5 * view.flatten(1).requires_grad_() for view in flat_views)
    loss = loss_of(VICReg, SETTINGS, z1, z2)
    parts = terms(z1, z2)
    assert all(part > 0.01 for part in parts)
    expected = 3 * parts[0] + 5 * parts[1] + 7 * parts[2]
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for got, right in zip(torch.autograd.grad(loss, (z1, z2)), torch.autograd.grad(expected, (z1, z2)), strict=True):
        torch.testing.assert_close(got, right, rtol=1e-4, atol=1e-6)


def test_collapse_costs_the_whole_hinge(loss_of):
    """All projections equal: the standard deviation is sqrt(1e-4)."""
    same = torch.full((12, 16), 3.0)
    assert loss_of(VICReg, SETTINGS, same, same).item() == pytest.approx(5 * 0.99, rel=1e-5)


def test_equal_views_cost_nothing_where_features_vary_and_do_not_correlate(loss_of, plus_minus):
    loss = loss_of(VICReg, SETTINGS, plus_minus, plus_minus)
    assert loss.item() == pytest.approx(5 * 0.99 / 16, rel=1e-5)  # the one feature that is constant
    repeated = plus_minus[:, 1:2].repeat(1, 16)
    assert loss_of(VICReg, SETTINGS, repeated, repeated).item() == pytest.approx(7 * 2 * 15 * (16 / 15) ** 2, rel=1e-5)


def test_the_projector_has_three_layers_and_everything_learns(flat_network, flat_views, flat_step):
    method = VICReg(flat_network, SETTINGS)
    layers = [type(layer) for layer in method.projector.layers]
    assert layers == [nn.Linear, nn.BatchNorm1d, nn.ReLU] * 2 + [nn.Linear]
    assert [m.out_features for m in method.projector.layers if isinstance(m, nn.Linear)] == [8, 8, 6]
    loss, features = method(flat_views, flat_step)
    loss.backward()
    assert features.shape == (12, 8)
    assert all(p.grad is not None for p in method.parameters())
    assert all(p.grad.abs().sum() > 0 for p in method.parameters() if p.dim() > 1)


def test_under_autocast_the_loss_is_float32(loss_of, flat_views):
    z = [view.flatten(1) for view in flat_views]
    with torch.autocast("cpu", torch.bfloat16):
        inside = loss_of(VICReg, SETTINGS, *z)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, loss_of(VICReg, SETTINGS, *z))
