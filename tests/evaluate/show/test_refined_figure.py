"""The figure of refined estimates: shares of known errors, of the right lenses, from the file that has them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lenstream.errors import DataError
from lenstream.evaluate.results import Evaluation, Score
from lenstream.evaluate.show import refined_figure
from lenstream.evaluate.show.refined_figure import RefinedErrors

N = 6  # test lenses, of which the first 4 are refined
REFINED = [0.5, 1.5, 2.5, 3.5]  # limits
BEFORE = [2.0, 20.0, 40.0, 80.0, 1.0, 1.0]


@pytest.fixture
def run(tmp_path):
    """An evaluation with known errors, and the folder with its refined.csv."""
    true = {t: np.linspace(1, 2, N).astype(np.float32) for t in ("theta_E", "e1")}
    bound = {"theta_E": np.linspace(0.01, 0.02, N), "e1": np.full(N, 0.1)}
    signs = np.array([1, -1, 1, -1, 1, -1])
    predicted = {t: np.asarray(true[t], float) + np.array(BEFORE) * signs * bound[t] for t in true}
    scores = [Score("regression", "a", "ridge", 100, 0, t, m, 0.5) for t in true for m in ("r2", "rmse")]
    scores.append(Score("regression", "a", "refined", 100, 0, "all", "trusted", 1.0))
    bounds = {"cramer-rao": {t: 0.1 * b for t, b in bound.items()}, "cramer-rao-any-shape": bound}
    indices = np.arange(N, dtype=np.uint64) + np.uint64(2**41)
    found = Evaluation(scores, indices, true, {("a", "ridge"): predicted}, {}, bounds)
    rows = {"start": ["a"] * 4 + ["population"] * 4, "index": [*indices[:4], *indices[:4]]}
    for t in true:
        values = np.asarray(true[t][:4], float) - np.array(REFINED) * bound[t][:4]
        rows[t] = [*values, *values[:3], np.nan]
    pd.DataFrame(rows).to_csv(tmp_path / "refined.csv", index=False)
    return found, tmp_path


def test_errors_are_in_units_of_each_lens_and_its_limit_with_any_shape(run):
    evaluation, folder = run
    a, population = refined_figure.refined_errors(folder, evaluation)
    assert (a.start, a.protocol, population.start, population.protocol) == ("a", "ridge", "population", "")
    for target in ("theta_E", "e1"):
        np.testing.assert_allclose(a.refined[target], REFINED, rtol=1e-9)
        np.testing.assert_allclose(a.before[target], BEFORE[:4], rtol=1e-9)  # of the same lenses
        np.testing.assert_allclose(population.refined[target], [*REFINED[:3], np.inf])
    assert population.before == {}


def test_shares_are_those_of_the_lenses_below():
    errors = RefinedErrors("a", "ridge", {"e1": np.array(REFINED)}, {"e1": np.array([np.inf, 2.0, 5.0, 5.0])})
    assert errors.share("e1", 3) == 0.75 and errors.share("e1", 3, before=True) == 0.25
    np.testing.assert_array_equal(errors.share("e1", np.array([0.4, 1.0, 1e9])), [0, 0.25, 1])
    assert errors.share("e1", 1e9, before=True) == 0.75  # a fit that failed is never right


def test_an_estimate_at_the_limit_is_normal():
    at = np.interp([1, 3], refined_figure.ERRORS, refined_figure.AT_LIMIT)
    np.testing.assert_allclose(at, [0.6827, 0.9973], atol=2e-4)


def test_without_refined_estimates_or_a_limit_there_is_no_figure(run):
    evaluation, folder = run
    heads = [score for score in evaluation.scores if score.protocol != "refined"]
    assert refined_figure.refined_errors(folder, evaluation.with_scores(heads)) == []
    assert refined_figure.refined_errors(folder, replace(evaluation, bounds={})) == []
    (folder / "refined.csv").unlink()
    with pytest.raises(DataError, match=r"refined\.csv.*; lenstream refine --run .* computes it anew"):
        refined_figure.refined_errors(folder, evaluation)


def test_it_is_drawn_on_both_papers_with_a_line_for_each_start(run, monkeypatch):
    evaluation, folder = run
    shown, drawn = refined_figure.refined_errors(folder, evaluation), []
    monkeypatch.setattr(refined_figure, "plain", drawn.append)
    refined_figure.refined_figure(shown, folder / "refined.png")
    assert {p.name for p in folder.glob("*.png")} == {"refined.png", "refined_dark.png"}
    assert len(drawn) == 2
    before, refined, population, at_limit, mark = drawn[0].lines
    np.testing.assert_array_equal(before.get_ydata(), shown[0].share("theta_E", refined_figure.ERRORS, before=True))
    np.testing.assert_array_equal(refined.get_ydata(), shown[0].share("theta_E", refined_figure.ERRORS))
    assert before.get_color() == refined.get_color() != population.get_color()
    assert before.is_dashed() and not refined.is_dashed() and not population.is_dashed()
    assert population.get_ydata()[-1] == 0.75 and set(mark.get_xdata()) == {3}
    np.testing.assert_array_equal(at_limit.get_ydata(), refined_figure.AT_LIMIT)


def test_its_words_have_the_shares(run):
    evaluation, folder = run
    words = refined_figure.refined_in_words(refined_figure.refined_errors(folder, evaluation))
    assert words.startswith("The share of 4 test lenses")
    assert "theta_E: 75% (a) of the refined estimates, 25% (a) of the networks' own." in words
    worse = RefinedErrors("b", "", {"theta_E": np.full(4, 9.0)}, {})
    words = refined_figure.refined_in_words([*refined_figure.refined_errors(folder, evaluation), worse])
    assert "theta_E: 0% (b) to 75% (a) of" in words
    assert refined_figure.refined_in_words([]) == ""
