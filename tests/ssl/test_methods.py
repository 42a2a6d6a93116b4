"""Methods: gradients where they belong, losses with known values."""

import pytest
import torch
from torch import nn

from lenstream.configs.schema import Encoder
from lenstream.ssl.methods.simclr import SimCLR
from lenstream.ssl.methods.simsiam import SimSiam
from lenstream.ssl.methods.supervised import Supervised


class Flat(nn.Module):
    """The smallest encoder."""

    num_features = 8

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(16, 8)

    def forward(self, images):
        return self.layer(images.flatten(1))


def settings(method):
    return Encoder(method=method, projection_dim=8, hidden_dim=8, prediction_dim=4, temperature=0.5)


@pytest.fixture
def views():
    return torch.randn(12, 2, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def test_simsiam_stops_the_gradient_at_the_projection_and_trains_the_predictor(views):
    torch.manual_seed(0)
    method = SimSiam(Flat(), settings("lensiam"))
    seen = []
    original = method.distance.forward
    method.distance.forward = lambda p, z: (seen.append((p.requires_grad, z.requires_grad)), original(p, z))[1]
    loss, features = method(views)
    loss.backward()
    assert seen == [(True, False)] * 2
    for part in (method.predictor, method.projector, method.network):
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters() if p.dim() > 1)
    assert features.shape == (12, 8)


def test_simsiam_of_equal_views_and_no_predictor_is_at_its_minimum(views):
    """p equal to z: the loss is -1."""
    method = SimSiam(Flat(), settings("lensiam"))
    method.predictor = nn.Identity()
    same = views[:, :1].repeat(1, 2, 1, 1, 1)
    loss, _ = method(same)
    assert loss.item() == pytest.approx(-1.0, abs=1e-6)


def test_the_last_projector_layer_has_norm_without_affine():
    method = SimSiam(Flat(), settings("lensiam"))
    norms = [m for m in method.projector.modules() if isinstance(m, nn.BatchNorm1d)]
    assert not norms[-1].affine
    assert {id(p) for p in method.constant_lr()} == {id(p) for p in method.predictor.parameters()}


def test_simclr_loss_is_nt_xent_with_negatives_from_both_views(views):
    torch.manual_seed(0)
    method = SimCLR(Flat(), settings("lensimclr"))
    loss, _ = method(views)
    z = torch.cat([method.projector(method.network(views[:, k])) for k in range(2)])
    z = nn.functional.normalize(z, dim=1)
    similarity = z @ z.T / 0.5
    similarity.fill_diagonal_(-torch.inf)
    partner = torch.arange(24).roll(12)
    expected = nn.functional.cross_entropy(similarity, partner)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)


def test_supervised_standardises_its_targets(views):
    method = Supervised(Flat(), [1.0, -2.0], [0.5, 3.0])
    nn.init.zeros_(method.head.weight)
    nn.init.zeros_(method.head.bias)
    labels = torch.tensor([[1.0, -2.0]]).repeat(12, 1)
    assert method(views, labels)[0].item() == 0
    assert method(views, labels + torch.tensor([0.5, 3.0]))[0].item() == pytest.approx(1.0)
    assert torch.equal(method.predict(views[:, 0]), labels)
