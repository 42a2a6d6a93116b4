"""Heads on frozen features: as scikit-learn has them, or as a formula says, also when they were saved."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from torch import nn
from torch.nn import functional as F

from lenstream.evaluate.tasks import heads, logistic_regression
from lenstream.ssl.methods.supervised import Classifier, Supervised


class Pixels(nn.Module):
    """An encoder whose features are the pixels."""

    num_features = 6

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, images):
        return images.flatten(1) * self.scale


@pytest.fixture(scope="module")
def clouds():
    """Images (300, 1, 2, 3) of three classes that overlap, and their numbers."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, 300)
    centres = rng.normal(size=(3, 6)) * 1.5
    images = (centres[classes] + rng.normal(size=(300, 6)) + 4).astype(np.float32)
    return torch.from_numpy(images.reshape(300, 1, 2, 3)), classes


def learnt(clouds, protocol, n=200):
    images, classes = clouds[0][:n], torch.from_numpy(clouds[1][:n])
    head, features = Classifier(Pixels(), range(3)), images.flatten(1).numpy()
    if protocol == "logistic":
        heads.logistic(head, features, classes.numpy(), seed=0)
    elif protocol == "knn":
        heads.knn(head, features, classes, of_classes=True)
    else:
        heads.trained(head, features, classes[:, None], 0, hidden=protocol == "mlp")
    return head


@pytest.mark.parametrize("protocol", ["logistic", "knn", "linear", "mlp"])
def test_heads_tell_classes_apart_with_probabilities(clouds, protocol):
    p = heads.predict(learnt(clouds, protocol), clouds[0][200:])
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)
    assert (p.argmax(1) == clouds[1][200:]).mean() > 0.8


@pytest.mark.parametrize("protocol", ["logistic", "knn", "linear", "mlp"])
def test_a_saved_head_predicts_the_same(clouds, protocol):
    head, again = learnt(clouds, protocol), Classifier(Pixels(), range(3))
    heads.of_protocol(again, {"protocol": protocol, "n_labels": 200}, of_classes=True)
    again.load_state_dict(head.state_dict())
    np.testing.assert_array_equal(heads.predict(head, clouds[0]), heads.predict(again, clouds[0]))


def test_the_logistic_head_is_the_logistic_regression_of_its_features(clouds):
    x = clouds[0].flatten(1).double().numpy()
    fit = logistic_regression.fit((x - x.mean(0)) / x.std(0), clouds[1], seed=0)
    expected = LogisticRegression(C=fit.strength, tol=1e-8).fit((x - x.mean(0)) / x.std(0), clouds[1])
    p = heads.predict(learnt(clouds, "logistic", 300), clouds[0])
    np.testing.assert_allclose(p, expected.predict_proba((x - x.mean(0)) / x.std(0)), atol=1e-4)


def test_logistic_regression_of_two_classes_and_of_one_without_examples(clouds):
    some = clouds[1] != 1
    images, classes = clouds[0][some], clouds[1][some]
    head = Classifier(Pixels(), range(3))
    heads.logistic(head, images.flatten(1).numpy(), classes, seed=0)
    p = heads.predict(head, images)
    assert (p[:, 1] == 0).all() and (p.argmax(1) == classes).mean() > 0.8


def test_a_class_with_one_example_needs_no_cross_validation(clouds):
    head, classes = Classifier(Pixels(), range(3)), np.array([0] * 9 + [2])
    heads.logistic(head, clouds[0][:10].flatten(1).numpy(), classes, seed=0)
    assert np.isfinite(heads.predict(head, clouds[0])).all()


def nearly_dead(rng, n):
    """Images (n, 1, 2, 3) whose first pixel varies by a millionth in the first 40, then as others do."""
    images = rng.normal(size=(n, 6)).astype(np.float32)
    images[:40, 0] *= 1e-6
    return torch.from_numpy(images.reshape(n, 1, 2, 3))


def test_a_feature_that_hardly_varies_over_few_labels_does_not_decide_a_regression():
    rng = np.random.default_rng(0)
    images = nearly_dead(rng, 400)
    y = images.flatten(1).double().numpy()[:, 1:3] + rng.normal(size=(400, 2))
    head = Supervised(Pixels(), y[:40].mean(0), y[:40].std(0))
    heads.ridge(head, images[:40].flatten(1).numpy(), y[:40])
    assert r2_score(y[40:], heads.predict(head, images[40:])) > 0.3


@pytest.mark.parametrize("protocol", ["logistic", "linear", "mlp"])
def test_a_feature_that_hardly_varies_over_few_labels_does_not_decide_a_class(protocol):
    images = nearly_dead(np.random.default_rng(0), 400) * 3
    classes = (images.flatten(1)[:, 1] > 0).int().numpy()
    p = heads.predict(learnt((images, classes), protocol, 40), images[40:])
    assert (p.argmax(1) == classes[40:]).mean() > 0.75


def test_a_feature_without_any_spread_is_left_out_and_others_are_standardised(clouds):
    x = clouds[0].flatten(1).numpy().copy()
    x[:, 2] = 5
    head = Supervised(Pixels(), [0.0], [1.0])
    heads.ridge(head, x, x[:, :1].astype(float))
    alive = [0, 1, 3, 4, 5]
    np.testing.assert_allclose(head.feature_std[alive], x[:, alive].std(0), rtol=1e-5)
    assert abs(head.head.weight[0, 2]) < 1e-12 and torch.isfinite(head.feature_std).all() and head.feature_std.min() > 0


def test_the_nearest_neighbours_are_weighted_as_in_dino(clouds):
    x, y = clouds[0].flatten(1), clouds[1]
    p = heads.predict(learnt(clouds, "knn"), clouds[0][200:205])
    for k in range(5):
        similar = F.normalize(x[200 + k : 201 + k]) @ F.normalize(x[:200]).T
        near = similar[0].argsort(descending=True)[:20]
        weights = torch.exp(similar[0, near] / 0.07)
        votes = np.array([float(weights[torch.from_numpy(y)[near] == c].sum()) for c in range(3)])
        np.testing.assert_allclose(p[k], votes / votes.sum(), atol=1e-5)


def test_the_nearest_neighbours_of_a_regression_are_averaged_in_the_units_of_the_targets():
    head = Supervised(Pixels(), [100.0], [10.0])
    x = np.eye(6, dtype=np.float32)
    heads.knn(head, x, torch.arange(6.0)[:, None], of_classes=False)
    images = torch.from_numpy(x).reshape(6, 1, 2, 3)
    np.testing.assert_allclose(heads.predict(head, images)[:, 0], 100 + 10 * np.arange(6), atol=1e-3)


def test_trained_heads_learn_a_law_and_are_the_same_for_the_same_seed():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6)).astype(np.float32)
    y = torch.from_numpy((50 + 4 * x[:, :1] * x[:, 1:2]).astype(np.float32))  # of which no line knows
    spread, found = float(y.std()), {}
    for hidden in (False, True):
        head, twin = (Supervised(Pixels(), y.mean(0), y.std(0)) for _ in range(2))
        for one in (head, twin):
            heads.trained(one, x, y, 3, hidden)
        error = heads.predict(head, torch.from_numpy(x).reshape(-1, 1, 2, 3)) - y.numpy()
        found[hidden] = error.std() / spread
        assert all(torch.equal(a, b) for a, b in zip(head.parameters(), twin.parameters(), strict=True))
    assert found[True] < 0.3 and found[False] > 0.9
