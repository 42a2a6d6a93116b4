"""The table of several runs: means of scores, aligned cells, and only the keys of configs that differ."""

import numpy as np
import pandas as pd
import pytest

from lenstream.configs.load import load
from lenstream.evaluate.results import Evaluation, Score
from lenstream.evaluate.show import comparison
from lenstream.evaluate.show.comparison import Compared


def scores(
    task="regression", encoders=("a", "b"), metrics=("r2", "rmse"), targets=("theta_E", "e1"), n_labels=(20, 40)
):
    rng = np.random.default_rng(len(task))
    return [
        Score(task, encoder, "ridge", n, seed, target, metric, rng.random())
        for encoder in encoders
        for n in n_labels
        for seed in (0, 1, 2)
        for target in targets
        for metric in metrics
    ]


def test_means_and_spreads_are_those_of_the_seeds():
    one, two = Compared("one", None, scores()), Compared("two", None, scores(n_labels=[40]))
    table = comparison.scores_of([one, two])
    assert len(table) == 2 * 2 * 4 + 2 * 4 and (table["seeds"] == 3).all()
    for run in (one, two):
        values = [s.value for s in run.scores if (s.encoder, s.n_labels, s.target, s.metric) == ("b", 40, "e1", "rmse")]
        row = table[(table["run"] == run.name) & (table["encoder"] == "b") & (table["n_labels"] == 40)]
        row = row[(row["target"] == "e1") & (row["metric"] == "rmse")].iloc[0]
        assert row["mean"] == pytest.approx(np.mean(values)) and row["std"] == pytest.approx(np.std(values, ddof=1))


def test_a_row_of_the_file_has_all_metrics_of_a_head_and_other_tasks_leave_it_empty():
    classes = scores("classification", metrics=("auc",), targets=("macro",), encoders=("a",))
    table = comparison.scores_of([Compared("one", None, scores()), Compared("two", None, classes)])
    wide = comparison.wide(table)
    assert list(wide.columns[:6]) == [*comparison.KEYS, "seeds"] and len(wide) == 4 + 2
    assert wide[["run", *comparison.KEYS[1:]]].duplicated().sum() == 0
    assert wide.loc[wide["run"] == "two", "theta_E/r2"].isna().all()
    assert wide.loc[wide["run"] == "one", "macro/auc"].isna().all()
    for _, row in table.iterrows():
        same = np.logical_and.reduce([wide[key] == row[key] for key in comparison.KEYS])
        assert wide.loc[same, f"{row['target']}/{row['metric']}"].tolist() == [row["mean"]]
        assert wide.loc[same, f"{row['target']}/{row['metric']}/std"].tolist() == [row["std"]]


def test_of_two_classes_the_auc_of_both_is_compared_once_and_the_table_keeps_all():
    known = scores("classification", metrics=("auc", "average_precision"), targets=("macro", "a", "b"))
    table = comparison.scores_of([Compared("one", None, known)])
    assert comparison.leading(table) == [("macro", "auc")]
    assert {"macro/auc", "a/auc", "b/auc"} <= set(comparison.wide(table))


def test_intervals_of_the_first_seed_stand_beside_their_scores():
    row = {"task": "regression", "encoder": "b", "protocol": "ridge", "n_labels": 40, "target": "e1", "metric": "r2"}
    rows = [row | {"seed": seed, "low_95": 0.1 + seed, "high_95": 0.9 + seed} for seed in (0, 1)]
    run = Compared("one", None, scores(), Evaluation([], np.arange(0), {}, {}, {}, intervals=rows))
    wide = comparison.wide(comparison.scores_of([run]), comparison.intervals_of([run]))
    known = wide.set_index(["encoder", "n_labels"])[["e1/r2/low_95", "e1/r2/high_95"]].dropna()
    assert known.index.tolist() == [("b", 40)] and known.to_numpy().tolist() == [[0.1, 0.9]]
    assert "theta_E/r2/low_95" not in wide


def test_what_leads_comes_first_and_a_metric_that_nobody_knows_is_shown():
    table = comparison.scores_of([Compared("one", None, scores(metrics=("rmse", "r2", "novelty")))])
    pairs = comparison.columns_of(table)
    assert pairs[:2] == [("theta_E", "r2"), ("e1", "r2")] and len(pairs) == 6
    assert comparison.leading(table) == [("theta_E", "r2"), ("e1", "r2")]
    rows, cells = comparison.in_words(table, pairs)
    assert len(rows) == 4 and all(cells[pair][k] for pair in pairs for k in range(4))
    assert "±" in cells["e1", "novelty"][0]


def test_the_most_labels_are_those_of_each_run():
    few = Compared("few", None, scores(n_labels=[20]))
    limit = [Score("regression", "limit", "cramer-rao", 0, 0, "e1", "r2", 1.0)]
    table = comparison.at_most_labels(comparison.scores_of([few, Compared("many", None, scores() + limit)]))
    assert set(zip(table["run"], table["n_labels"], strict=True)) == {("few", 20), ("many", 40), ("many", 0)}


def test_only_keys_that_differ_are_named():
    one = load("tiny", ["name=one"])
    two = load("tiny", ["name=two", "pretrain.steps=9", "simulate.lens_mass.0.theta_E={uniform: [1, 1.6]}"])
    three = load(
        "tiny", ["name=three", "pretrain.encoders.simsiam=null", "evaluate.overlay={m: x}", "evaluate.limit=false"]
    )
    runs = [Compared(c.name, c, []) for c in (one, two, three)]
    assert comparison.differences(runs[:1]) == {} == comparison.differences([runs[0], runs[0]])
    found = comparison.differences([*runs, Compared("lost", None, [])])
    assert found == {
        "pretrain.steps": ["6", "9", "6", "-"],
        "simulate.lens_mass.0.theta_E.uniform": ["[0.8, 1.6]", "[1.0, 1.6]", "[0.8, 1.6]", "-"],
        "pretrain.encoders.simsiam": ["there", "there", "-", "-"],
        "evaluate.limit": ["true", "true", "false", "-"],
        "evaluate.overlay.m": ["-", "-", "there", "-"],
    }


def test_nothing_scored_is_an_empty_table():
    assert comparison.scores_of([Compared("a", None, [])]).empty
    assert isinstance(comparison.wide(comparison.scores_of([])), pd.DataFrame)
