"""Random numbers that methods get: they belong to a sample, whichever part of the batch it is in."""

import itertools

import pytest
import torch

from lenstream.ssl.methods.base import Draws, Method, Step


def draw(draws):
    return [draws.uniform(5), draws.normal(2, 3), draws.uniform()]


@pytest.mark.parametrize("bounds", [(0, 6, 12), (0, 3, 6, 9, 12), (0, 1, 12)])
def test_parts_of_a_batch_draw_the_rows_of_the_whole(bounds):
    whole = draw(Draws(7, 12))
    parts = [draw(Draws(7, 12, slice(*ends))) for ends in itertools.pairwise(bounds)]
    for drawn, pieces in zip(whole, zip(*parts, strict=True), strict=True):
        assert torch.equal(drawn, torch.cat(pieces))


def test_samples_and_seeds_differ_and_a_seed_repeats():
    first, again, other = (Draws(seed, 12).uniform(5) for seed in (7, 7, 8))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len(first.unique(dim=0)) == 12


def test_shapes_and_distributions():
    draws = Draws(2**63 - 1, 2000, slice(0, 1000))
    uniform, normal = draws.uniform(4), draws.normal(4)
    assert uniform.shape == normal.shape == (1000, 4)
    assert uniform.dtype == normal.dtype == torch.float32
    assert 0 <= uniform.min() < 0.01 and 0.99 < uniform.max() <= 1
    assert uniform.mean().item() == pytest.approx(0.5, abs=0.02)
    assert normal.mean().item() == pytest.approx(0, abs=0.05)
    assert normal.std().item() == pytest.approx(1, abs=0.05)


def test_a_method_keeps_its_network_and_has_no_wishes(flat_network):
    method = Method(flat_network)
    assert method.encoder() is flat_network
    assert method.constant_lr() == []
    assert method.n_views == 2
    before = {k: v.clone() for k, v in method.state_dict().items()}
    step = Step(3, 0.5, Draws(0, 12))
    method.after_backward(step)
    method.after_step(step)
    assert all(torch.equal(v, before[k]) for k, v in method.state_dict().items())
    assert step.labels is None
