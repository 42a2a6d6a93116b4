"""From which predictions refined estimates start, and what cannot be refined."""

import numpy as np

from lenstream.configs.load import load
from lenstream.evaluate.refining import refinement_problems, starts_of
from lenstream.evaluate.results import Evaluation, Score


def score(encoder, protocol, metric, value, n_labels=100, target="e1", seed=0, shift=""):
    return Score("regression", encoder, protocol, n_labels, seed, target, metric, value, shift)


def evaluation(scores, heads):
    n = 4
    predictions = {head: {"e1": np.full(n, float(k))} for k, head in enumerate(heads)}
    return Evaluation(scores, np.arange(n, dtype=np.uint64), {"e1": np.zeros(n)}, predictions, {})


def test_an_encoder_starts_from_its_best_head_with_the_most_labels():
    scores = []
    for protocol, r2 in (("ridge", 0.5), ("mlp", 0.7)):
        scores += [score("a", protocol, "r2", r2), score("a", protocol, "rmse", 1 - r2)]
        scores += [score("a", protocol, "r2", 0.9, n_labels=10), score("a", protocol, "rmse", 0.01, n_labels=10)]
        scores += [score("a", protocol, "r2", 0.99, shift="wider_psf"), score("a", protocol, "r2", 0.95, seed=1)]
    scores += [score("b", "ridge", "r2", 0.1), score("b", "ridge", "rmse", 0.9)]
    starts, n_labels = starts_of(evaluation(scores, [("a", "ridge"), ("a", "mlp"), ("b", "ridge")]), 3)
    assert list(starts) == ["a", "b", "population"] and starts["population"] == {}
    predicted, sigma = starts["a"]["e1"]
    assert list(predicted) == [1, 1, 1] and abs(sigma - 0.3) < 1e-12 and n_labels == {"a": 100, "b": 100}


def test_heads_without_predictions_start_nothing():
    starts, _ = starts_of(evaluation([score("limit", "cramer-rao", "r2", 1.0)], []), 2)
    assert list(starts) == ["population"]


def test_what_cannot_be_refined_is_said_in_sentences():
    assert refinement_problems(load("demo", ["evaluate.refine={}"])) == []
    (said,) = refinement_problems(load("find_lenses"))
    assert said.startswith("evaluate.refine: ")
    light = "simulate.lens_light=[{profile: SERSIC_ELLIPSE, magnitude: 20, R_sersic: 1, n_sersic: 4, e1: 0, e2: 0}]"
    for problem in refinement_problems(load("demo", [light])):
        assert problem.startswith("evaluate.refine: simulate.lens_light")
