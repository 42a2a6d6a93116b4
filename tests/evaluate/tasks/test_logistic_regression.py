"""Logistic regression: the minimum and the choice of strength that scikit-learn has, in far fewer iterations."""

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from lenstream.evaluate.tasks import logistic_regression


def correlated(n, d, k, seed=0):
    """Standardised features whose covariance has a steep spectrum, as those of encoders have, and classes."""
    rng = np.random.default_rng(seed)
    classes = np.append(np.arange(k), rng.integers(0, k, n - k))
    hidden = rng.normal(size=(n, d)) + rng.normal(size=(k, d))[classes] * 0.5
    x = (hidden * np.arange(1, d + 1) ** -1.0) @ rng.normal(size=(d, d))
    return StandardScaler().fit_transform(x), classes


@pytest.mark.parametrize("n, d", [(200, 12), (25, 60)])
@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("strength", [1e-3, 1.0, 100.0])
def test_the_minimum_is_that_of_scikit_learn(n, d, k, strength):
    x, classes = correlated(n, d, k)
    ours = logistic_regression.fit(x, classes, strength)
    theirs = LogisticRegression(C=strength, tol=1e-9, max_iter=100_000).fit(x, classes)
    weight, bias = theirs.coef_, theirs.intercept_
    if k == 2:
        weight, bias = np.stack([-weight[0], weight[0]]) / 2, np.array([-bias[0], bias[0]]) / 2
    np.testing.assert_allclose(ours.weight, weight, atol=2e-3 * np.abs(weight).max())
    np.testing.assert_allclose(ours.bias - ours.bias.mean(), bias - bias.mean(), atol=2e-3 * max(np.ptp(bias), 1))


@pytest.mark.parametrize("n, seed", [(120, 0), (120, 1), (400, 2)])
def test_the_strength_is_the_one_that_cross_validation_chooses(n, seed):
    x, classes = correlated(n, 20, 3, seed)
    folds = StratifiedKFold(5, shuffle=True, random_state=7)
    theirs = LogisticRegressionCV(
        Cs=logistic_regression.C,
        l1_ratios=(0,),
        cv=folds,
        scoring="neg_log_loss",
        tol=1e-6,
        max_iter=10_000,
        use_legacy_attributes=False,
    ).fit(x, classes)
    assert logistic_regression.fit(x, classes, seed=7).strength == theirs.C_ != logistic_regression.C[-1]


def test_few_iterations_do_for_strongly_correlated_features(monkeypatch):
    x, classes = correlated(600, 128, 3)
    exact = logistic_regression.fit(x, classes, 100.0)
    monkeypatch.setattr(logistic_regression, "ITERATIONS", 10)
    ours = logistic_regression.fit(x, classes, 100.0)
    with pytest.warns(ConvergenceWarning):
        theirs = LogisticRegression(C=100.0, max_iter=10, tol=1e-9).fit(x, classes)

    def loss(weight, bias):
        logarithms = log_softmax(x @ weight.T + bias, axis=1)
        return -logarithms[np.arange(len(x)), classes].mean() + (weight**2).sum() / (2 * 100.0 * len(x))

    least = loss(*exact[:2])
    assert loss(*ours[:2]) - least < 0.1 * (loss(theirs.coef_, theirs.intercept_) - least)


def test_a_class_with_one_example_has_the_strength_1_and_the_same_fit_comes_twice():
    x, classes = correlated(40, 5, 3)
    classes[classes == 2] = 1
    classes[0] = 2
    fits = [logistic_regression.fit(x, classes, seed=1) for _ in range(2)]
    assert fits[0].strength == 1.0 and np.array_equal(fits[0].weight, fits[1].weight)
