"""SimSiam: the stop-gradient where it belongs, a predictor that learns."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lenstream.configs.methods import SimSiamSettings as Settings
from lenstream.ssl.methods.simsiam import SimSiam

SETTINGS = Settings(method="simsiam", hidden_dim=8, projection_dim=8, prediction_dim=4)


@pytest.fixture
def method(flat_network):
    return SimSiam(flat_network, SETTINGS)


def test_the_gradient_is_that_of_the_paper(method, flat_views, flat_step):
    """Stopped at the projections, not at the predictions."""
    parameters = list(method.parameters())
    found = torch.autograd.grad(method(flat_views, flat_step)[0], parameters)
    z1, z2 = (method.projector(method.network(view)) for view in flat_views)
    p1, p2 = method.predictor(z1), method.predictor(z2)
    loss = -0.5 * (F.cosine_similarity(p1, z2.detach()).mean() + F.cosine_similarity(p2, z1.detach()).mean())
    for got, expected in zip(found, torch.autograd.grad(loss, parameters), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-6)


def test_predictor_projector_and_network_learn(method, flat_views, flat_step):
    loss, features = method(flat_views, flat_step)
    loss.backward()
    for part in (method.predictor, method.projector, method.network):
        assert all(p.grad.abs().sum() > 0 for p in part.parameters() if p.dim() > 1)
    assert features.shape == (12, 8)
    torch.testing.assert_close(features, method.network(flat_views[0]))


def test_equal_views_without_a_predictor_are_at_the_minimum(method, flat_views, flat_step):
    """p equal to z: the loss is -1."""
    method.predictor = nn.Identity()
    loss, _ = method([flat_views[0]] * 2, flat_step)
    assert loss.item() == pytest.approx(-1.0, abs=1e-6)


def test_the_last_norm_of_the_projector_has_no_weights_and_the_predictor_a_constant_rate(method):
    norms = [m for m in method.projector.modules() if isinstance(m, nn.BatchNorm1d)]
    assert len(norms) == 3
    assert [norm.affine for norm in norms] == [True, True, False]
    assert isinstance(list(method.projector.modules())[-1], nn.BatchNorm1d)  # no ReLU after it
    assert {id(p) for p in method.constant_lr()} == {id(p) for p in method.predictor.parameters()}


def test_the_predictor_follows_the_schedule_if_asked_to(flat_network):
    settings = Settings(method="simsiam", predictor_lr="schedule")
    assert SimSiam(flat_network, settings).constant_lr() == []


def test_under_autocast_the_loss_is_float32(loss_of, flat_views):
    z1, z2 = (view.flatten(1) for view in flat_views)

    def loss():
        torch.manual_seed(0)
        return loss_of(NoPredictor, Settings(method="simsiam"), z1, z2)

    with torch.autocast("cpu", torch.bfloat16):
        inside = loss()
    assert inside.dtype == torch.float32
    assert torch.equal(inside, loss())


class NoPredictor(SimSiam):
    def __init__(self, network, settings):
        super().__init__(network, settings)
        self.predictor = nn.Identity()


def test_autocast_trains(method, flat_views, flat_step):
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = method(flat_views, flat_step)
    loss.backward()
    assert loss.dtype == torch.float32
    assert all(torch.isfinite(p.grad).all() for p in method.parameters())
