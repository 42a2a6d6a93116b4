"""Posteriors learnt on frozen features: right where the posterior is known, honest with few labels, reproducible."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge, RidgeCV
from torch import nn

from lenstream.evaluate.tasks import calibration, posterior_heads, posteriors, regression
from lenstream.evaluate.tasks.task import Labelled
from lenstream.ssl import checkpoint
from lenstream.ssl.methods.posterior import KINDS, Density
from lenstream.ssl.probe import STRENGTHS, features_of

PRIOR = np.array([[1.0, 0.3], [0.3, 0.5]])
SEEN = np.random.default_rng(11).normal(size=(2, 9))  # what pixels see of the targets, with noise 1
UNITS, ORIGIN = np.array([0.1, 30.0]), np.array([1.0, -200.0])
COVARIANCE = np.linalg.inv(np.linalg.inv(PRIOR) + SEEN @ SEEN.T)  # of the posterior, in standardised targets


class Pixels(nn.Module):
    """An encoder whose features are the pixels."""

    num_features = 9

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(9))

    def forward(self, images):
        return images.flatten(1) * self.scale


def toy(n, seed):
    """Images, whose posterior is a known Gaussian, and its means (n, 2)."""
    rng = np.random.default_rng(seed)
    values = rng.multivariate_normal([0, 0], PRIOR, n)
    pixels = values @ SEEN + rng.normal(size=(n, 9))
    mean = pixels @ SEEN.T @ COVARIANCE
    images = torch.tensor(pixels.reshape(n, 1, 3, 3), dtype=torch.float32)
    true = torch.tensor(values * UNITS + ORIGIN, dtype=torch.float32)
    return Labelled(images, {"x": true[:, 0], "y": true[:, 1]}, np.arange(n)), mean * UNITS + ORIGIN


def task():
    return regression.Regression(None, ["x", "y"], None)


def trained(kind, n, seed=0):
    train, network = toy(n, 100 + seed)[0], Pixels()
    return task().train(kind, network, train, features_of(network, train.images), seed)


@pytest.fixture(scope="module")
def heads():
    return {kind: trained(kind, 2000) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_it_reaches_the_posterior_that_is_known(heads, kind):
    test, mean = toy(300, 1)
    drawn = (posteriors.samples(heads[kind], test.images, 1000, seed=4) - ORIGIN) / UNITS
    error = drawn.mean(1) - (mean - ORIGIN) / UNITS
    assert (error**2).mean(0) == pytest.approx(0, abs=0.02 * COVARIANCE.diagonal().min())
    found = np.mean([np.cov(of.T) for of in drawn], axis=0)
    np.testing.assert_allclose(found, COVARIANCE, atol=0.06 * COVARIANCE.diagonal().max())
    values = np.stack([v.numpy() for v in test.true.values()], axis=1)
    left = (values - mean) / UNITS
    far = np.einsum("ni,ij,nj->n", left, np.linalg.inv(COVARIANCE), left)
    exact = -0.5 * (far + np.linalg.slogdet(2 * np.pi * COVARIANCE)[1]) - np.log(UNITS).sum()
    assert posteriors.log_prob(heads[kind], test.images, values).mean() == pytest.approx(exact.mean(), abs=0.03)


@pytest.mark.parametrize(("kind", "n"), [("gaussian", 2000), ("flow", 2000), ("gaussian", 100)])
def test_its_intervals_hold_what_they_say(heads, kind, n):
    test, _ = toy(2000, 4)
    head = heads[kind] if n == 2000 else trained(kind, n)
    true = {target: values.numpy() for target, values in test.true.items()}
    found = posteriors.judged(head, test.images, true)
    near = 0.03 if n == 2000 else 0.08  # the spread of a few labels is known to some per cent, only
    for target in ("x", "y"):
        assert found.scores[target, "coverage_68"] == pytest.approx(0.68, abs=near)
        assert found.scores[target, "coverage_95"] == pytest.approx(0.95, abs=near / 1.5)
    if n == 2000:
        assert found.scores["all", "tarp"] < calibration.trusted_distance(2000)
    assert list(found.ranks) == ["x", "y", "all"] and all(of.shape == (2000,) for of in found.ranks.values())


def test_estimates_are_leave_one_out_ridge_regressions():
    rng = np.random.default_rng(0)
    x, values = rng.normal(size=(30, 9)) + 5, rng.normal(size=(30, 2)) + np.array([3, 0])
    values[:, 0] += x[:, 0] * 2
    head = Density("gaussian", 9, 2, 1)
    known = posterior_heads._linear(head, x, values)
    for k in range(2):
        fit = RidgeCV(STRENGTHS).fit(x, values[:, k])
        np.testing.assert_allclose(head.centre.weight[k].detach(), fit.coef_, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(head.centre.bias[k].detach(), fit.intercept_, rtol=1e-4)
        for i in (0, 17):
            others = np.arange(30) != i
            alone = Ridge(fit.alpha_).fit(x[others], values[others, k])
            assert known.estimates[i, k] == pytest.approx(alone.predict(x[i : i + 1])[0], rel=0.02, abs=0.02)
    given = head.directions(torch.tensor(x, dtype=torch.float32)).detach().numpy()
    np.testing.assert_allclose(given, known.directions, atol=1e-4)
    np.testing.assert_allclose(np.cov(given.T, bias=True), np.eye(4), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_head_and_the_callers_numbers_go_on(kind):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, again = (trained(kind, 60).state_dict() for _ in range(2))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(one[name], again[name]) for name in one)
    train, network = toy(60, 100)[0], Pixels()
    other = task().train(kind, network, train, features_of(network, train.images), 1).state_dict()
    assert any(not torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_head_draws_the_same_samples(heads, kind, tmp_path):
    facts = task().facts({("x", "rmse"): 0.1, ("y", "rmse"): 0.2, ("all", "nll"): -1.5}) | {"protocol": kind}
    assert facts["nll"] == -1.5
    checkpoint.save(tmp_path / "a.safetensors", heads[kind].state_dict(), **facts)
    tensors, known = checkpoint.load(tmp_path / "a.safetensors")
    again = task().head(Pixels(), known)
    again.load_state_dict(tensors)
    images = toy(7, 3)[0].images
    drawn = posteriors.samples(heads[kind], images, 50, seed=9)
    assert drawn.shape == (7, 50, 2) and drawn.dtype == np.float32
    np.testing.assert_array_equal(posteriors.samples(again, images, 50, seed=9), drawn)
    assert not np.array_equal(posteriors.samples(again, images, 50, seed=8), drawn)
    for target, values in task().predict(heads[kind], images).items():
        np.testing.assert_array_equal(task().predict(again, images)[target], values)


def test_values_that_are_all_the_same_and_dead_features_do_no_harm():
    train, _ = toy(40, 6)
    images = train.images.clone()
    images[:, 0, 0] = 3.0
    same = Labelled(images, {"x": torch.full((40,), 2.0), "y": train.true["y"]}, train.indices)
    head = task().train("gaussian", Pixels(), same, features_of(Pixels(), images), 0)
    drawn = posteriors.samples(head, images, 20, seed=0)
    assert np.isfinite(drawn).all() and drawn[..., 0].mean() == pytest.approx(2, abs=0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_targets_as_small_as_the_mass_of_an_axion(kind):
    train, _ = toy(100, 6)
    tiny = Labelled(train.images, {t: v * 1e-24 for t, v in train.true.items()}, train.indices)
    found = []
    for data in (train, tiny):
        head = task().train(kind, Pixels(), data, features_of(Pixels(), data.images), 0)
        true = {t: v.numpy() for t, v in data.true.items()}
        found.append(posteriors.judged(head, data.images, true).scores)
    assert found[1]["all", "nll"] == pytest.approx(found[0]["all", "nll"] + 2 * np.log(1e-24), abs=0.1)
    assert found[1]["x", "coverage_68"] == pytest.approx(found[0]["x", "coverage_68"], abs=0.05)
