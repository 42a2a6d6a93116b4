"""From which predictions refined estimates start, and what cannot be refined."""

from dataclasses import replace

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.errors import DataError
from lenstream.evaluate.refining import bounds_of, estimates_of, refinement_problems, starts_of
from lenstream.evaluate.tasks.refined import NOTHING

from .made_up import evaluation, score


def test_an_encoder_starts_from_its_best_head_with_the_most_labels():
    scores = []
    for protocol, r2 in (("ridge", 0.5), ("mlp", 0.7)):
        scores += [score("a", protocol, "r2", r2), score("a", protocol, "rmse", 1 - r2)]
        scores += [score("a", protocol, "r2", 0.9, n_labels=10), score("a", protocol, "rmse", 0.01, n_labels=10)]
        scores += [score("a", protocol, "r2", 0.99, shift="wider_psf"), score("a", protocol, "r2", 0.95, seed=1)]
    scores += [score("b", "ridge", "r2", 0.1), score("b", "ridge", "rmse", 0.9)]
    starts, of = starts_of(evaluation(scores, [("a", "ridge"), ("a", "mlp"), ("b", "ridge")]), 3)
    assert list(starts) == ["a", "b", "population"] and starts["population"] == NOTHING
    predicted, sigma = starts["a"].predicted["e1"]
    assert list(predicted) == [1, 1, 1] and abs(sigma - 0.3) < 1e-12 and of == {"a": ["mlp", 100], "b": ["ridge", 100]}


def test_an_encoder_with_a_posterior_starts_from_the_samples_of_its_most_probable_one():
    scores = [score("a", "ridge", "r2", 0.9), score("a", "ridge", "rmse", 0.1), score("b", "ridge", "r2", 0.2)]
    for protocol, nll, n_labels in (("gaussian", -1.0, 100), ("flow", -2.0, 100), ("stream", -1.5, 0)):
        scores += [score("a", protocol, metric, 0.4, n_labels) for metric in ("r2", "rmse")]
        scores += [score("a", protocol, "nll", nll, n_labels, "all")]
    scores += [score("a", "gaussian", "nll", -9.0, 50, "all"), score("a", "gaussian", "nll", -9.0, 100, "all", seed=1)]
    heads = [("a", "ridge"), ("a", "gaussian"), ("a", "flow"), ("a", "stream"), ("b", "ridge")]
    of = evaluation(scores, heads)
    drawn = {head: {"e1": np.full((4, 9), float(k)), "all": np.zeros((4, 9))} for k, head in enumerate(heads[:4]) if k}
    starts, heads_of_starts = starts_of(replace(of, drawn=drawn), 3)
    assert heads_of_starts == {"a": ["flow", 100], "b": ["ridge", 100]}
    assert {of.shape for of in starts["a"].drawn.values()} == {(3, 9)} and (starts["a"].drawn["e1"] == 2).all()
    assert starts["a"].predicted["e1"][1] == 0.4 and starts["b"].drawn == {}
    del drawn["a", "flow"]  # one that was evaluated by an earlier version left no samples
    assert starts_of(replace(of, drawn=drawn), 3)[1]["a"] == ["stream", 0]


def test_heads_without_predictions_start_nothing():
    starts, _ = starts_of(evaluation([score("limit", "cramer-rao", "r2", 1.0)], []), 2)
    assert list(starts) == ["population"]


def test_what_cannot_be_refined_is_said_in_sentences():
    assert refinement_problems(load("demo", ["evaluate.refine={}"])) == []
    (said,) = refinement_problems(load("find_lenses"))
    assert said.startswith("evaluate.refine: ")
    light = "simulate.lens_light=[{profile: SERSIC_ELLIPSE, magnitude: 20, R_sersic: 1, n_sersic: 4, e1: 0, e2: 0}]"
    assert refinement_problems(load("demo", ["evaluate.refine={}", light])) == []
    light = "simulate.lens_light=[{profile: INTERPOL, catalogue: procedural, magnitude: 20, R_half: 1}]"
    (said,) = refinement_problems(load("demo", ["evaluate.refine={}", light]))
    assert said.startswith("evaluate.refine: simulate.lens_light.0.profile: ")


def test_the_limit_is_that_with_any_shape_if_there_is_one():
    known, any_shape = {"e1": np.arange(4.0)}, {"e1": 2 * np.arange(4.0)}
    of = evaluation([], [])
    assert bounds_of(of, 2) == {}
    assert list(bounds_of(replace(of, bounds={"cramer-rao": known}), 2)["e1"]) == [0, 1]
    both = replace(of, bounds={"cramer-rao": known, "cramer-rao-any-shape": any_shape})
    assert list(bounds_of(both, 3)["e1"]) == [0, 2, 4]


ROWS = "start,index,e1,chi2\na,0,0.5,1\na,1,,1\n'=b,0,0.25,1\n"


def test_estimates_are_read_by_start(tmp_path):
    (tmp_path / "refined.csv").write_text(ROWS)
    found = estimates_of(tmp_path, evaluation([], []))
    assert list(found) == ["a", "=b"] and list(found["a"]) == ["e1"]
    np.testing.assert_array_equal(found["a"]["e1"], [0.5, np.nan])
    np.testing.assert_array_equal(found["=b"]["e1"], [0.25])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "refined.csv"),
        ("", "refined.csv"),
        ("PK\x03\x04", "refined.csv"),
        (ROWS.replace("index", "lens"), "has no column index"),
        (ROWS.replace("a,1", "a,7"), "the rows of a are not those of the first test lenses in order"),
        (ROWS.replace("0.5", "half"), "the column e1 does not hold numbers"),
    ],
    ids=["missing", "empty", "archive", "no index", "other lenses", "words"],
)
def test_a_damaged_file_is_refused_in_one_sentence(tmp_path, text, words):
    if text is not None:
        (tmp_path / "refined.csv").write_text(text)
    with pytest.raises(DataError) as refused:
        estimates_of(tmp_path, evaluation([], []))
    said = str(refused.value)
    assert words in said and said.endswith(f"; lenstream refine --run {tmp_path} computes it anew") and "\n" not in said


def test_a_changed_file_is_refused(tmp_path):
    (tmp_path / "refined.csv").write_text(ROWS)
    of = evaluation([score("a", "refined", "trusted", 1.0)], [])
    of.save(tmp_path)
    assert list(estimates_of(tmp_path, of)) == ["a", "=b"]
    (tmp_path / "refined.csv").write_text(ROWS.replace("0.5", "0.6"))
    with pytest.raises(DataError, match=r"refined\.csv was changed since it was written"):
        estimates_of(tmp_path, of)
    of.save(tmp_path)  # an evaluation that wrote the file anew lists it anew
    assert estimates_of(tmp_path, of)["a"]["e1"][0] == 0.6
    of.with_scores([]).save(tmp_path)  # one that refined nothing does not care about it
    assert "refined.csv" not in (tmp_path / "SHA256SUMS").read_text()
