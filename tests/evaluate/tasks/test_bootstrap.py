"""Bootstrap intervals: the scores of resampled test images, as they would be found one by one."""

import time

import numpy as np
import pytest

from lenstream.evaluate.tasks import bootstrap
from lenstream.evaluate.tasks.class_scores import scores
from lenstream.evaluate.tasks.regression import scores as regression_scores

from .test_class_scores import CLASSES, guesses


def _class_intervals(*known):
    return bootstrap.intervals(bootstrap.class_scores(*known))


@pytest.mark.parametrize("ties", [False, True])
def test_a_resampling_has_the_scores_of_the_images_repeated(ties, monkeypatch):
    true, p = guesses(200, ties)
    rng = np.random.default_rng(1)
    chosen = rng.integers(0, 200, 200)
    weights = np.bincount(chosen, minlength=200)[None] / 200
    monkeypatch.setattr(bootstrap, "resamplings", lambda n: [weights])
    found = _class_intervals(CLASSES, true, p)
    expected = scores(CLASSES, true[chosen], p[chosen])
    assert set(found) == set(expected)
    for key, value in expected.items():
        assert found[key].low_95 == found[key].high_95 == pytest.approx(value, abs=1e-6)


def test_so_has_one_of_a_regression(monkeypatch):
    rng = np.random.default_rng(1)
    true = {"e1": rng.normal(3, 1, 200)}
    predicted, chosen = {"e1": true["e1"] + rng.normal(0, 0.3, 200)}, rng.integers(0, 200, 200)
    monkeypatch.setattr(bootstrap, "resamplings", lambda n: [np.bincount(chosen, minlength=200)[None] / 200])
    found = bootstrap.intervals(bootstrap.regression_scores(true, predicted))
    expected = regression_scores({"e1": true["e1"][chosen]}, {"e1": predicted["e1"][chosen]})
    for key, value in expected.items():
        assert found[key].low_68 == pytest.approx(value, rel=1e-9)


def test_an_interval_is_as_wide_as_the_spread_of_other_test_sets():
    own = _class_intervals(CLASSES, *guesses(1000))["macro", "auc"]
    rng, others = np.random.default_rng(5), []
    for _ in range(60):
        true = rng.integers(0, 3, 1000)
        logits = rng.normal(size=(1000, 3)) + 1.5 * np.eye(3)[true]
        others.append(scores(CLASSES, true, np.exp(logits) / np.exp(logits).sum(1, keepdims=True))["macro", "auc"])
    assert own.high_68 - own.low_68 == pytest.approx(2 * np.std(others), rel=0.35)
    assert own.high_95 - own.low_95 == pytest.approx(4 * np.std(others), rel=0.35)


def test_they_are_the_same_each_time_and_fast():
    true, p = guesses(1000)
    begun = time.process_time()
    first = _class_intervals(CLASSES, true, p)
    assert time.process_time() - begun < 10
    assert _class_intervals(CLASSES, true, p) == first


def test_a_resampling_of_one_class_alone_has_no_mean_over_classes(monkeypatch):
    true, p = np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]])
    monkeypatch.setattr(bootstrap, "resamplings", lambda n: [np.array([[1, 1, 0], [1, 1, 1]]) / [[2], [3]]])
    found = _class_intervals(["a", "b"], true, p)
    assert found["macro", "auc"] == found["a", "auc"] == bootstrap.Interval(1.0, 1.0, 1.0, 1.0)


def test_ten_thousand_tests_of_six_classes_take_seconds_as_weights_and_orders_are_shared():
    rng = np.random.default_rng(0)
    true, p = rng.integers(0, 6, 10_000), rng.dirichlet(np.ones(6), 10_000).astype(np.float32)
    begun = time.process_time()
    weights = list(bootstrap.resamplings(10_000))
    of_weights, begun = time.process_time() - begun, time.process_time()
    found = bootstrap.class_scores(list("abcdef"), true, p)
    assert time.process_time() - begun < 8 * of_weights  # 2.5 times here; 13 where each class draws and sorts anew
    assert {values.shape for values in found.values()} == {(bootstrap.RESAMPLED,)}
    assert np.allclose(found["all", "accuracy"], np.concatenate([w @ (p.argmax(1) == true) for w in weights]))


def test_values_that_are_all_the_same_have_no_r2_but_an_error():
    true = {"e1": np.full(50, 0.1, dtype=np.float32)}
    found = bootstrap.regression_scores(true, {"e1": true["e1"] + np.float32(0.25)})
    assert np.isnan(found["e1", "r2"]).all() and found["e1", "rmse"] == pytest.approx(0.25)
