"""What is said of the figures is what their numbers say."""

import numpy as np
import pandas as pd

from lenstream.evaluate.show import alt_texts
from lenstream.evaluate.show.feature_map import FeatureSpace
from lenstream.evaluate.show.report import RealLensResults, Report
from lenstream.evaluate.show.tables import MeanScores

from .test_report import results


def curve(**encoders):
    """Results in which each encoder has given R2 at 100 and 1000 labels, or at 10, 100 and 1000."""
    rows = results(encoders=list(encoders), protocols=["ridge"], targets=["theta_E"], seeds=1)
    numbers = (10, 100, 1000)[-len(next(iter(encoders.values()))) :]
    if 10 in numbers:
        rows = pd.concat([rows, rows[rows.n_labels == 100].assign(n_labels=10)], ignore_index=True)
    for name, values in encoders.items():
        for n, value in zip(numbers, values, strict=True):
            rows.loc[(rows.encoder == name) & (rows.n_labels == n) & (rows.metric == "r2"), "value"] = value
    return MeanScores(rows[rows.encoder != "supervised"])


def test_the_curve_that_is_highest_and_from_where_on():
    words = alt_texts.r2_against_labels(curve(a=(0.5, 0.985), b=(0.4, 0.9)))
    assert words.startswith("R2 on test lenses for 100, 1,000 labels. theta_E: a (ridge) is highest from 100 labels on")
    assert "on, 0.985 at 1,000; lowest there is b (ridge), 0.900" in words and "the limit is 0.9996" in words
    words = alt_texts.r2_against_labels(curve(a=(0.5, 0.8), b=(0.6, 0.7)))
    assert "a (ridge) is highest at 1,000 labels, 0.800" in words
    words = alt_texts.r2_against_labels(curve(a=(0.5, 0.8), b=(0.85, 0.7)))  # the end counts
    assert "a (ridge) is highest at 1,000 labels, 0.800; lowest there is b (ridge), 0.700" in words
    words = alt_texts.r2_against_labels(curve(a=(0.5, 0.6, 0.8), b=(0.4, 0.65, 0.7)))
    assert "a (ridge) is highest at 1,000 labels" in words  # not from 10 on, as b is between


def test_predictions_name_the_closest_and_the_furthest():
    words = alt_texts.predicted_vs_true(curve(a=(0.5, 0.7), b=(0.6, 0.8), random=(0.1, 0.2)))
    assert "theta_E: closest to the 1:1 line is b (R2 0.800), furthest random (R2 0.200)." in words
    assert "rows for a, b, random" in words


def test_a_map_that_is_ordered_by_a_parameter_is_told_from_one_that_is_not():
    rng = np.random.default_rng(0)
    points, value = rng.uniform(size=(300, 2)).astype(np.float32), np.empty(300)
    value = points[:, 0].astype(float)
    labels = {"theta_E": value, "e1": rng.normal(size=300), "gone": np.full(300, np.nan)}
    words = alt_texts.umap(FeatureSpace({"mine": points}, labels, np.zeros((300, 4, 4))))
    share = float(words.split("theta_E: mine ")[1][:4])
    assert share > 0.9 and "e1: mine 0.00" in words  # 0.08 if a lens were its own neighbour
    assert "gone" not in words and "300 test lenses" in words


def test_labels_that_some_lenses_lack_do_not_spoil_the_others():
    points = np.random.default_rng(1).uniform(size=(100, 2))
    label = np.where(np.arange(100) % 3, points[:, 1], np.nan)
    share = alt_texts._shared_by_neighbours(points, {"gamma": label}, np.arange(100))["gamma"]
    assert 0.7 < share < 1


def test_training_says_how_the_loss_went():
    history = pd.DataFrame({"step": [10, 2000], "loss": [-0.1, -0.912], "feature_std": [1.0, 0.523]})
    words = alt_texts.training_curves({"a": history, "b": history.iloc[::-1].reset_index(drop=True), "c": history[:0]})
    assert (
        "a: the loss falls from -0.1 to -0.912 at step 2,000; the standard deviation of the features ends at 0.52."
        in words
    )
    assert "b: the loss rises from -0.912 to -0.1" in words and "c:" not in words


def test_pairs_and_real_lenses():
    words = alt_texts.pairs({"theta_E": np.array([0.8, np.nan, 1.6]), "e1": np.full(3, np.nan)})
    assert words.startswith("3 pairs") and 'theta_E 0.80 to 1.60"' in words and "e1" not in words
    assert alt_texts.pairs({}) == ""
    table = pd.DataFrame({"name": list("abc"), "theta_E": [1.0, 1.5, 1.2], "flags": ["sky", "", ""]})
    summary = pd.DataFrame([("theta_E", 25, 0.03, 0.1, 0.7)], columns=["target", "n", "bias", "scatter", "correlation"])
    words = alt_texts.real_lenses(RealLensResults(table, summary))
    assert "3 real lenses" in words and "1 of 3 marked as doubtful" in words
    assert 'predicted minus published: 0.03 ± 0.02" for 25 lenses, correlation 0.70.' in words


def test_figures_without_numbers_have_no_text():
    empty = results().iloc[:0]
    report = Report("name", "", {}, empty)
    assert alt_texts.alt_texts(report, {}) == {}
    assert alt_texts.alt_texts(report, {"regression": MeanScores(empty)}) == {}


def test_several_tasks_are_said_one_after_the_other():
    tasks = {"one": curve(a=(0.5, 0.7)), "two": curve(b=(0.5, 0.7))}
    words = alt_texts.alt_texts(Report("name", "", {}, results()), tasks)["r2_against_labels"]
    assert words.startswith("one: R2 on test lenses") and " two: R2 on test lenses" in words
