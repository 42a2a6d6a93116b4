"""Scores of classifications: those of scikit-learn, and recalls of hand-made cases."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score

from lenstream.evaluate.tasks.class_scores import recall, scores

CLASSES = ["no_sub", "cdm", "axion"]


def guesses(n=500, ties=False):
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, n)
    logits = rng.normal(size=(n, 3)) + 1.5 * np.eye(3)[true]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return true, (np.round(p, 1) if ties else p).astype(np.float32)


@pytest.mark.parametrize("ties", [False, True])
def test_they_are_those_of_scikit_learn(ties):
    true, p = guesses(ties=ties)
    found = scores(CLASSES, true, p)
    each = {"auc": roc_auc_score, "average_precision": average_precision_score}
    for metric, independent in each.items():
        expected = [independent(true == k, p[:, k]) for k in range(3)]
        for name, value in zip(CLASSES, expected, strict=True):
            assert found[name, metric] == pytest.approx(value, abs=1e-6)
        assert found["macro", metric] == pytest.approx(np.mean(expected), abs=1e-6)
    assert found["all", "accuracy"] == pytest.approx(accuracy_score(true, p.argmax(1)), abs=1e-6)


def test_recall_above_a_threshold_that_few_others_pass():
    own, others = np.array([0.9, 0.8, 0.5, 0.3]), np.array([0.7, 0.4, *np.linspace(0, 0.2, 198)])
    given, of_class = np.concatenate([own, others]), np.arange(204 - 2 + 2) < 4
    assert recall(given, of_class, 0.0) == 0.5  # none of the others: above 0.7
    assert recall(given, of_class, 0.005) == 0.75  # one of 200: above 0.4
    assert recall(given, of_class, 0.01) == 1.0  # two of 200


def test_what_is_as_high_as_one_of_the_others_is_not_above_it():
    assert recall(np.array([0.7, 0.9, 0.7]), np.array([True, True, False]), 0.0) == 0.5


def test_a_class_that_is_not_tested_has_no_score_and_leaves_the_mean_alone():
    true, p = guesses()
    some = true != 2
    found = scores(CLASSES, true[some], p[some])
    assert np.isnan(found["axion", "auc"]) and np.isnan(found["axion", "recall_at_fpr_1"])
    assert found["macro", "auc"] == pytest.approx(np.mean([found[c, "auc"] for c in CLASSES[:2]]))


def test_a_class_that_all_images_are_of_has_no_score():
    _, p = guesses(40)
    found = scores(CLASSES, np.zeros(40, int), p)
    for metric in ("auc", "average_precision", "recall_at_full_purity", "recall_at_fpr_1"):
        assert np.isnan([found[name, metric] for name in CLASSES]).all(), metric
    assert np.isnan(found["macro", "auc"]) and 0 < found["all", "accuracy"] < 1
