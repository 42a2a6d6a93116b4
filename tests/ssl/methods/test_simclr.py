"""SimCLR: NT-Xent with the negatives of both views; `test_distributed` has those of all ranks."""

import pytest
import torch
from torch import nn

from lenstream.configs.methods import ContrastSettings
from lenstream.configs.methods import SimCLRSettings as Settings
from lenstream.ssl.methods.simclr import SimCLR

SETTINGS = Settings(method="simclr", hidden_dim=8, projection_dim=8, temperature=0.5)


def nt_xent(z1, z2, temperature):
    """Eq. 1 of the paper in float64: the partner against the 2n - 2 others, averaged over both directions."""
    z = nn.functional.normalize(torch.cat([z1, z2]).double(), dim=1)
    similarity = (z @ z.T / temperature).fill_diagonal_(-torch.inf)
    return nn.functional.cross_entropy(similarity, torch.arange(len(z)).roll(len(z1)))


def test_the_loss_is_nt_xent_with_negatives_from_both_views(flat_network, flat_views, flat_step):
    method = SimCLR(flat_network, SETTINGS)
    loss, features = method(flat_views, flat_step)
    z = [method.projector(method.network(view)) for view in flat_views]
    assert loss.item() == pytest.approx(nt_xent(*z, 0.5).item(), rel=1e-4)
    assert features.shape == (12, 8)


@pytest.mark.parametrize("pretext", ["rotation", "noise"])
def test_the_pretexts_have_the_same_loss_and_their_own_temperature(pretext, loss_of, flat_views):
    z = [view.flatten(1) for view in flat_views]
    settings = ContrastSettings(method=pretext, temperature=0.2)
    assert loss_of(SimCLR, settings, *z).item() == pytest.approx(nt_xent(*z, 0.2).item(), rel=1e-4)


def test_cross_view_negatives_leave_similarities_within_a_view_out(loss_of, flat_views):
    z = [view.flatten(1) for view in flat_views]
    settings = SETTINGS.model_copy(update={"negatives": "cross_view"})
    a, b = (nn.functional.normalize(v.double(), dim=1) for v in z)
    pairs = torch.arange(12)
    directions = [nn.functional.cross_entropy(s / 0.5, pairs) for s in (a @ b.T, b @ a.T)]
    expected = sum(directions) / 2
    assert loss_of(SimCLR, settings, *z).item() == pytest.approx(expected.item(), rel=1e-5)
    assert abs(expected - nt_xent(*z, 0.5)) > 0.1


def test_a_projector_without_norms_is_two_layers_with_a_relu_between(flat_network):
    def layers(**changes):
        return [type(m).__name__ for m in SimCLR(flat_network, SETTINGS.model_copy(update=changes)).projector.layers]

    assert layers(projector_norm=False) == ["Linear", "ReLU", "Linear"]
    assert layers() == ["Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d"]


def test_every_parameter_learns(flat_network, flat_views, flat_step):
    method = SimCLR(flat_network, SETTINGS)
    method(flat_views, flat_step)[0].backward()
    assert all(p.grad is not None for p in method.parameters())
    assert all(p.grad.abs().sum() > 0 for p in method.parameters() if p.dim() > 1)


def test_under_autocast_the_loss_is_float32(loss_of, flat_views):
    z = [view.flatten(1) for view in flat_views]
    with torch.autocast("cpu", torch.bfloat16):
        inside = loss_of(SimCLR, SETTINGS, *z)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, loss_of(SimCLR, SETTINGS, *z))
