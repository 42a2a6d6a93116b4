"""Densities of targets: what they say agrees with what they draw, and training reaches a posterior that is known."""

import numpy as np
import pytest
import torch
from torch import nn

from lenstream.ssl.methods.base import Step
from lenstream.ssl.methods.posterior import FOR_MEAN, KINDS, Density, Gaussian, TargetPosterior


class Flat(nn.Module):
    """An encoder whose features are the pixels."""

    num_features = 4

    def forward(self, images):
        return images.flatten(1)


@pytest.fixture(autouse=True)
def seed():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def made(kind, members=2, targets=3):
    """A `TargetPosterior` whose weights, unlike those at the start, differ from 0."""
    out = TargetPosterior(Flat(), [1.0, -2.0, 0.5][:targets], [2.0, 0.1, 1.0][:targets], kind, members)
    with torch.no_grad():
        for weights in out.head.members.parameters():
            weights.add_(0.3 * torch.randn_like(weights))
        factor = torch.tensor([[0.5, 0.0, 0.0], [-1.0, 2.0, 0.0], [0.3, 0.2, 0.7]])
        out.head.factor.copy_(factor[:targets, :targets])
    return out.eval()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("targets", [1, 2])
@torch.no_grad()
def test_the_density_is_normalised_and_that_of_the_samples(kind, targets):
    posterior = made(kind, targets=targets)
    image = torch.randn(1, 1, 2, 2)
    drawn = posterior.samples_of(image.flatten(1), torch.randn(1, 20_000, targets))[0]
    box = [
        torch.linspace(float(d.min()) - 3 * float(d.std()), float(d.max()) + 3 * float(d.std()), 300) for d in drawn.T
    ]
    grid = torch.cartesian_prod(*box).reshape(-1, targets)
    density = posterior.log_prob_of(image.flatten(1).expand(len(grid), -1), grid).exp()
    cell = np.prod([float(axis[1] - axis[0]) for axis in box])
    assert float(density.sum()) * cell == pytest.approx(1, abs=0.02)
    for k in range(targets):
        mean = float((grid[:, k] * density).sum()) * cell
        assert mean == pytest.approx(float(drawn[:, k].mean()), abs=4 * float(drawn[:, k].std()) / 100)


@torch.no_grad()
def test_a_gaussian_is_that_of_its_moments():
    member = Gaussian(3, 5)
    for weights in member.parameters():
        weights.add_(0.3 * torch.randn_like(weights))
    given, values = torch.randn(6, 5), torch.randn(6, 3)
    mean, factor = member.moments(given)
    assert torch.equal(factor, factor.tril()) and (factor.diagonal(dim1=1, dim2=2) > 0).all()
    covariance = factor @ factor.mT
    far = torch.einsum("ni,nij,nj->n", values - mean, torch.linalg.inv(covariance), values - mean)
    expected = -0.5 * (far + torch.logdet(2 * torch.pi * covariance))
    torch.testing.assert_close(member.log_prob(values, given), expected, rtol=1e-3, atol=1e-4)
    noise = torch.randn(6, 50, 3)
    left = (member.samples(given, noise) - mean[:, None]).mT
    torch.testing.assert_close(torch.linalg.solve(factor, left).mT, noise, rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_a_new_gaussian_is_the_standard_one():
    density = Density("gaussian", 4, 2, 3)
    nn.init.zeros_(density.centre.weight), nn.init.zeros_(density.centre.bias)
    values = torch.randn(5, 2)
    expected = torch.distributions.Normal(0, 1).log_prob(values).sum(1)
    torch.testing.assert_close(density.log_prob(torch.randn(5, 4), values), expected)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_members_are_drawn_in_turn_and_the_mean_is_that_of_all(kind):
    posterior = made(kind, members=5)
    features = torch.randn(3, 4)
    whole = posterior.samples_of(features, torch.zeros(1, 5, 3))
    assert len(torch.unique(whole[0, :, 0])) == 5
    alone = Density.samples(posterior.head, features, torch.zeros(1, 10, 3))
    torch.testing.assert_close(alone[:, :5], alone[:, 5:])
    many = posterior.samples_of(features, torch.randn(1, 20_000, 3)).mean(1)
    found = posterior.predict(features.reshape(3, 1, 2, 2))
    assert (found - many).abs().max() < (0.05 if kind == "gaussian" else 0.3)
    assert FOR_MEAN % 5 == 0
    assert torch.equal(found, posterior.predict(features.reshape(3, 1, 2, 2)))


def test_units_change_the_density_by_their_factor():
    one, other = made("gaussian"), made("gaussian")
    other.load_state_dict(one.state_dict() | {"mean": one.mean * 10, "std": one.std * 10})
    features, values = torch.randn(4, 4), torch.randn(4, 3)
    difference = one.log_prob_of(features, values) - other.log_prob_of(features, values * 10)
    torch.testing.assert_close(difference, torch.full((4,), 3 * np.log(10.0)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_in_bf16_is_that_of_the_features_in_float32(kind):
    """The network may work in bf16; the density does not, as targets need more than three digits."""
    posterior, images, labels = made(kind), torch.rand(8, 1, 2, 2), torch.randn(8, 3)
    exact, _ = posterior([images], Step(0, 0.0, None, labels))
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = posterior([images], Step(0, 0.0, None, labels))
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, exact, rtol=1e-6, atol=1e-6)  # these features are the pixels


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_leads_to_a_posterior_that_is_known(kind):
    """y = x + noise whose spread depends on another pixel, in batches that never come again."""
    posterior = TargetPosterior(Flat(), [0.0, 0.0], [1.0, 1.0], kind)
    optimizer = torch.optim.Adam(posterior.parameters(), lr=1e-2)
    factor = torch.tensor([[0.5, 0.0], [0.4, 0.3]])

    def batch(n):
        images = torch.rand(n, 1, 2, 2)
        size = 0.5 + images[:, 0, 1, 1]
        return images, images[:, 0, 0] + size[:, None] * (torch.randn(n, 2) @ factor.T)

    for step in range(400):
        images, labels = batch(256)
        loss, _ = posterior([images], Step(step, 0.0, None, labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step == 300:
            optimizer.param_groups[0]["lr"] = 1e-3
    images, labels = batch(2000)
    with torch.no_grad():
        found = float(posterior.loss_of(images.flatten(1), labels))
        size = 0.5 + images[:, 0, 1, 1]
        exact = torch.distributions.MultivariateNormal(images[:, 0, 0], scale_tril=size[:, None, None] * factor)
        assert found == pytest.approx(-float(exact.log_prob(labels).mean()), abs=0.05)
        one = torch.tensor([[[[0.5, 0.2], [0.5, 0.5]]]])
        drawn = posterior.samples_of(one.flatten(1), torch.randn(1, 20_000, 2))[0]
    torch.testing.assert_close(drawn.mean(0), torch.tensor([0.5, 0.2]), atol=0.08, rtol=0)
    torch.testing.assert_close(torch.cov(drawn.T), factor @ factor.T, atol=0.03, rtol=0.12)
