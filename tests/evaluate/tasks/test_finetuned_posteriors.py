"""Fine-tuned posteriors: honest where networks learn labels by heart, reproducible, rebuilt from their weights."""

import numpy as np
import pytest
import torch
from torch import nn

from lenstream.configs.evaluation import POSTERIORS
from lenstream.configs.training import Finetune
from lenstream.evaluate.results import FINETUNED
from lenstream.evaluate.tasks import finetuned_posteriors, heads, posterior_heads, posteriors, regression
from lenstream.evaluate.tasks.finetuned_posteriors import NETWORKS, ROUNDS, as_of_all, encoder_of
from lenstream.evaluate.tasks.symmetry import label_matrices, turned
from lenstream.evaluate.tasks.task import Labelled
from lenstream.ssl.probe import features_of

PROTOCOLS = [name for name in POSTERIORS if name in FINETUNED]
SEEN = np.random.default_rng(11).normal(size=(2, 9)) / 2  # what pixels see of the targets, with noise 1


class Wide(nn.Module):
    """An encoder that can learn a hundred labels by heart."""

    num_features = 16

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(9, 128), nn.ReLU(), nn.Linear(128, 16))

    def forward(self, images):
        return self.net(images)


def toy(n, seed):
    """Images of noise that shows two targets, `Labelled`."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 2))
    pixels = torch.tensor((values @ SEEN + rng.normal(size=(n, 9))).reshape(n, 1, 3, 3), dtype=torch.float32)
    true = torch.tensor(values * [0.1, 30] + [1, -200], dtype=torch.float32)
    return Labelled(pixels, {"e1": true[:, 0], "e2": true[:, 1]}, np.arange(n))


def task(min_steps=150):
    finetuning = Finetune(epochs=1, min_steps=min_steps, batch_size=32, lr=3e-3, weight_decay=0)
    return regression.Regression(None, ["e1", "e2"], finetuning)


@pytest.fixture(scope="module")
def head():
    return task().train("finetune_gaussian", Wide(), toy(100, 1), None, seed=0)


def coverage(head, n=2000):
    test = toy(n, 2)
    found = posteriors.judged(head, test.images, {t: v.numpy() for t, v in test.true.items()})
    return [found.scores[t, "coverage_68"] for t in test.true], found


def test_a_hundred_labels_that_are_learnt_by_heart_leave_honest_posteriors(head):
    shares, found = coverage(head)
    assert all(0.6 < share < 0.76 for share in shares)
    assert all(0.9 < found.scores[t, "coverage_95"] < 0.99 for t in ("e1", "e2"))
    assert list(found.ranks) == ["e1", "e2", "all"]


def test_by_its_own_labels_the_same_network_would_be_too_sure(head):
    """What would be the mistake: errors are those that networks make of labels that they have seen."""
    train = toy(100, 1)
    own = heads.predict(task().train("finetune", Wide(), train, None, seed=0), train.images)
    table = torch.stack(list(train.true.values()), dim=1)
    features = np.concatenate([own, features_of(encoder_of(head), train.images)], axis=1)
    sure = posterior_heads.posterior_on(head.network, features, table, "gaussian", 0)
    assert np.mean(coverage(sure)[0]) < np.mean(coverage(head)[0]) - 0.12


def test_errors_of_a_few_networks_as_those_of_all():
    rng = np.random.default_rng(4)
    common, own = 0.3 * rng.normal(size=(50_000, 1)), np.array([0.5, 0.0])
    unseen = common + own * rng.normal(size=(ROUNDS, 50_000, 2)) + 7
    errors = as_of_all(unseen, np.full((50_000, 2), 7.0)) - 7
    known = np.sqrt(0.3**2 + own**2 / NETWORKS)
    np.testing.assert_allclose(np.sqrt((errors**2).mean(0)), known, rtol=0.02)
    assert np.isfinite(as_of_all(np.ones((ROUNDS, 5, 1)), np.ones((5, 1)))).all()


def test_its_features_are_the_mean_estimate_of_all_networks_and_those_of_the_encoder_as_it_was(head):
    images = toy(7, 3).images
    each = torch.stack([regressor.predict(images) for regressor in head.network.regressors])
    assert len(each) == NETWORKS and (each.std(0) > 1e-4).all()
    torch.testing.assert_close(head.network(images)[:, :2], each.mean(0))
    torch.testing.assert_close(head.network(images)[:, 2:], Wide()(images))
    assert isinstance(encoder_of(head), Wide)
    plain = task(min_steps=1).train("finetune", Wide(), toy(20, 1), None, 0)
    assert encoder_of(plain) is plain.network


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_same_seed_gives_the_same_head_which_is_rebuilt_from_weights_and_facts(protocol, monkeypatch):
    monkeypatch.setattr(posterior_heads, "STEPS", 3)
    shares, of = [], task(min_steps=3)
    assert not of.needs_features(protocol)
    train, network = toy(30, 5), Wide()
    before = {name: values.clone() for name, values in network.state_dict().items()}
    one = of.train(protocol, network, train, None, 2, shares.append)
    again, other = (of.train(protocol, network, train, None, seed).state_dict() for seed in (2, 3))
    assert all(torch.equal(values, again[name]) for name, values in one.state_dict().items())
    assert any(not torch.equal(values, other[name]) for name, values in one.state_dict().items())
    assert all(torch.equal(values, before[name]) for name, values in network.state_dict().items())
    assert shares == sorted(shares) and shares[0] >= 0 and 0.8 < shares[-1] < 1
    rebuilt = of.head(Wide(), {"targets": ["e1", "e2"], "protocol": protocol, "n_labels": 30})
    rebuilt.load_state_dict(one.state_dict())
    drawn = posteriors.samples(one, train.images, 20, seed=1)
    assert np.isfinite(drawn).all()
    np.testing.assert_array_equal(posteriors.samples(rebuilt, train.images, 20, seed=1), drawn)


def test_estimates_of_d4_turn_with_the_image(monkeypatch):
    monkeypatch.setattr(posterior_heads, "STEPS", 3)
    train = toy(30, 5)
    head = task(min_steps=3).train("finetune_d4_gaussian", Wide(), train, None, 0)
    plain = head.network(train.images)[:, :2]
    for k, matrix in enumerate(label_matrices(["e1", "e2"])):
        torch.testing.assert_close(head.network(turned(train.images, k))[:, :2], plain @ matrix.T, rtol=1e-4, atol=1e-4)


def test_no_network_estimates_a_label_that_it_has_seen(monkeypatch):
    """Labels that are nothing but noise: what was not seen cannot be told from them."""
    monkeypatch.setattr(posterior_heads, "STEPS", 3)
    train, kept = toy(60, 6), []
    noise = torch.randn(60, generator=torch.Generator().manual_seed(0))
    train = Labelled(train.images, {"e1": noise, "e2": noise.flip(0)}, train.indices)
    monkeypatch.setattr(finetuned_posteriors, "as_of_all", lambda unseen, true: kept.append(unseen) or unseen.mean(0))
    task().train("finetune_gaussian", Wide(), train, None, 0)
    (unseen,) = kept
    for of_round in unseen:
        assert abs(np.corrcoef(of_round[:, 0], noise.numpy())[0, 1]) < 0.4
