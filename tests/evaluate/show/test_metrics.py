"""How metrics are written: with their digits and units, those that lead first."""

import numpy as np
import pandas as pd
import pytest

from lenstream.evaluate.show import metrics, tables

COLUMNS = ["task", "encoder", "protocol", "n_labels", "seed", "target", "metric", "value"]


@pytest.mark.parametrize(
    ("value", "name", "text"),
    [
        (0.97123, "auc", "0.97"),
        (0.99963, "auc", "0.9996"),
        (31.234, "psnr", "31.23 dB"),
        (0.000123, "mse", "0.00012"),
        (0.8, "accuracy", "0.80"),
        (0.5, "something", "0.50"),
    ],
)
def test_a_number_in_a_sentence(value, name, text):
    assert metrics.shown(value, name) == text


def test_a_cell_has_the_spread_of_the_seeds_and_the_unit():
    assert metrics.cell((31.234, 0.21), "psnr") == "31.2 ± 0.2 dB"
    assert metrics.cell((31.234, np.nan), "psnr") == "31.23 dB" and metrics.cell(None, "psnr") == ""
    assert metrics.cell((0.9712, 0.004), "auc") == "0.971 ± 0.004"
    assert metrics.cell((0.9712, 6e-8), "auc") == "0.971"  # seeds that differ by the rounding of float32
    assert metrics.cell((1 - 1.2e-7, 0.0), "auc") == "1.00"


def test_what_leads_comes_first():
    assert metrics.in_order(["rmse", "r2"]) == ["r2", "rmse"]
    assert metrics.in_order(["auc", "average_precision"]) == ["auc", "average_precision"]


CLASSES = "lens", "galaxy", "star"


def classified(*classes):
    """Scores of a classification: two encoders and one that was trained on the stream. Of three classes, or those."""
    rows = []
    for encoder, protocol, n, auc in (
        ("simclr", "logistic", 100, 0.93),
        ("random", "logistic", 100, 0.8),
        ("supervised", "finetune", 100, 0.85),
        ("by_stream", "stream", 0, 0.99),
    ):
        of_unit = [("all", "accuracy", auc - 0.1), ("macro", "auc", auc), ("macro", "average_precision", auc - 0.05)]
        of_unit += [(c, m, auc) for c in classes or CLASSES for m in ("auc", "average_precision", "recall_at_fpr_1")]
        rows += [["classification", encoder, protocol, n, 0, *score] for score in of_unit]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_the_tables_of_a_classification():
    scores = tables.MeanScores(classified())
    assert scores.n_labels == 100 and scores.best().encoder == "simclr"
    groups = dict(tables.main_table(scores))
    assert list(groups) == ["logistic", "finetune", "stream"]
    (encoder, _, cells) = groups["logistic"][0]
    assert encoder == "simclr" and [first for first, *_ in cells] == ["0.830", "0.930", "0.930", "0.930", "0.930"]
    assert groups["stream"][0][2][1][1] and not cells[1][1]  # the best of all
    assert tables.limit_rows(scores) == {}
    numbers = {row[:3]: row[3] for row in tables.all_numbers(scores)}
    assert numbers["random", "logistic", 100][2] == ("0.800", "0.800", "0.800")


def test_intervals_are_those_of_the_first_seed_and_of_metrics_that_lead():
    row = {"encoder": "simclr", "protocol": "knn", "n_labels": 100, "seed": 0, "target": "macro", "metric": "auc"}
    row |= {"value": 0.93, "low_95": 0.9, "low_68": 0.92, "high_68": 0.94, "high_95": 0.96, "shift": ""}
    others = [row | {"seed": 1}, row | {"metric": "average_precision"}]
    expected = ("simclr", "knn", 100, "macro", "AUC", "0.930", "0.920 to 0.940", "0.900 to 0.960")
    assert tables.intervals([row, *others]) == [expected]


def test_of_two_classes_the_auc_of_both_is_shown_once():
    scores = tables.MeanScores(classified("lens", "galaxy"))
    assert [scores.lead(t) for t in scores.targets] == ["accuracy", "auc", "average_precision", "average_precision"]
    assert scores.told() == ["all", "macro"] and scores.merit() == "auc" and scores.best().encoder == "simclr"
    (_, _, cells) = dict(tables.main_table(scores))["logistic"][0]
    assert [first for first, *_ in cells] == ["0.830", "0.930", "0.930", "0.930"]
    assert [len(values) for values in tables.all_numbers(scores)[0][3]] == [1, 2, 2, 2]
    rows = [
        r | dict.fromkeys(("low_95", "low_68", "high_68", "high_95"), 0.5)
        for r in classified("a", "b").to_dict("records")
    ]
    shown = [(target, metric) for _, _, _, target, metric, *_ in tables.intervals(rows[:9])]
    assert shown == [("all", "accuracy"), ("macro", "AUC")]
    three = tables.MeanScores(classified())
    assert three.told() == ["all", "macro", *CLASSES]
