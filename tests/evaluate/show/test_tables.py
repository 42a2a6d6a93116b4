"""Tables of scores and predictions: means, spreads, ratios, and digits by their uncertainty."""

import numpy as np
import pandas as pd
import pytest

from lenstream.evaluate.show import tables

from .test_refined_table import NO_START, refined
from .test_report import results


def test_the_main_table_has_means_spreads_and_ratios():
    table = results()
    groups = dict(tables.main_table(tables.MeanScores(table)))
    encoder, _, cells = groups["ridge"][0]
    rmse = table.query("encoder == 'lensiam' and protocol == 'ridge' and n_labels == 1000 and target == 'theta_E'")
    ratio = rmse.query("metric == 'rmse'")["value"].mean() / 0.004
    assert encoder == "lensiam" and cells[0] == (
        "0.971 ± 0.002",
        True,
        "\N{MULTIPLICATION SIGN}" + f" {ratio:#.2g}".rstrip("."),
    )
    assert [row[0] for row in groups["finetune"]] == ["lensiam", "simsiam", "random", "supervised"]
    assert tables.limit_rows(tables.MeanScores(table)) == {"limit": [("0.9996", '0.0040"'), ("0.9996", "0.0040")]}


def test_refined_estimates_are_the_last_rows_in_limits_of_their_own_lenses():
    table, estimates = results(), pd.concat([refined(), refined("population", (*NO_START, "limit"))])
    groups = tables.main_table(tables.MeanScores(table), tables.MeanScores(estimates))
    assert [group[0] for group in groups[:-1]] == [group[0] for group in tables.main_table(tables.MeanScores(table))]
    protocol, ((encoder, colour, cells), (other, _, in_units)) = groups[-1]
    assert (protocol, encoder, other) == ("refined", "lensiam", "population")
    assert colour == dict((name, hue) for name, hue, _ in groups[0][1])["lensiam"]
    assert [(r2.strip(), best, error.strip()) for r2, best, error in cells] == [
        ("", False, "\N{MULTIPLICATION SIGN} 1.2"),  # 0.0044 of 0.0038
        ("", False, ""),  # gamma was not refined
    ]
    assert in_units[0][2].strip() == '0.0044"'


def test_the_row_to_speak_of_is_pretrained_then_frozen_then_the_best():
    table = results(targets=["theta_E"], seeds=1)
    for encoder, protocol, r2 in (
        ("random", "ridge", 0.99),
        ("supervised", "finetune", 0.995),
        ("lensiam", "finetune", 0.98),
    ):
        table.loc[(table.encoder == encoder) & (table.protocol == protocol) & (table.metric == "r2"), "value"] = r2
    assert tables.MeanScores(table).best() == ("lensiam", "ridge", 1000)
    assert tables.MeanScores(table[table.protocol != "ridge"]).best() == ("lensiam", "finetune", 1000)
    untrained = table[table.encoder.isin(["random", "supervised"])]
    assert tables.MeanScores(untrained).best() == ("random", "ridge", 1000)
    assert tables.MeanScores(table[:0]).best() is None
    table.loc[(table.encoder == "simsiam") & (table.metric == "r2"), "value"] = 0.975
    assert tables.MeanScores(table).best() == ("simsiam", "ridge", 1000)


@pytest.mark.parametrize(
    ("value", "text"), [(1.04, "1.0"), (23.4, "23"), (99.9, "100"), (131.2, "130"), (0.98, "0.98")]
)
def test_a_ratio_has_two_digits_and_no_power_of_ten(value, text):
    assert tables.show_ratio(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.9712, "0.97"), (0.99963, "0.9996"), (0.9951, "0.995"), (1.0, "1.00"), (-0.456, "-0.46")]
)
def test_r2_close_to_one_keeps_its_digits(value, text):
    assert tables.show_r2(value) == text


def test_digits_follow_the_spread_of_the_seeds():
    assert tables.cell_r2((0.97123, 0.0004)) == "0.9712 ± 0.0004"
    assert tables.cell_r2((0.31, 0.24)) == "0.3 ± 0.2"
    assert tables.cell_r2((0.5, float("nan"))) == "0.500" and tables.cell_r2((0.99963, float("nan"))) == "0.9996"
    assert tables.cell_r2(None) == "" and tables.cell_rmse(None, "e1") == ""
    assert tables.cell_rmse((0.0312, 0.0021), "theta_E") == '0.031 ± 0.002"'
    assert tables.cell_rmse((0.0312, float("nan")), "phi_m") == "0.031 rad"


def test_a_column_has_its_points_in_line_whatever_the_spreads():
    table = results(limit=False, protocols=["ridge"], targets=["gamma"])
    random = (table["encoder"] == "random") & (table["metric"] == "r2")
    table.loc[random, "value"] += np.where(table.loc[random, "seed"] == 0, 0.3, 0.0)
    rows = [cells[0][0] for _, group in tables.main_table(tables.MeanScores(table)) for _, _, cells in group]
    assert len({len(text) for text in rows}) == 1 and len({len(text.split()[-1]) for text in rows}) > 1
    assert len({text.index(".") for text in rows}) == 1 and len({text.rindex(".") for text in rows}) == 1


def test_predictions_are_rounded_by_their_uncertainty_and_so_are_published_values():
    table = {"name": list("abcd"), "e1": [0.12345, -1.5, np.nan, 0.1], "e1_std": [0.0312, 0.14, np.nan, 0.0031]}
    table |= {"e1_published": [0.1, np.nan, 0.2, 0.1234], "flags": ["", "sky;noise", "", ""]}
    words = tables.predictions_in_words(pd.DataFrame(table), ["e1"])
    assert [" ".join(text.split()).replace(" )", ")") for text in words["e1"]] == [
        "0.12 ± 0.03 (0.10)",
        "-1.50 ± 0.14",
        "- (0.20)",
        "0.100 ± 0.003 (0.123)",
    ]
    assert list(words["flags"]) == ["", "sky noise", "", ""] and list(words.index) == list("abcd")


def test_a_bias_has_its_standard_error():
    summary = {"target": ["theta_E", "e1"], "n": [25, 1], "bias": [0.0312, 0.5], "scatter": [0.1, np.nan]}
    summary |= {"nmad": [0.0934, 0.0], "correlation": [0.756, np.nan]}
    words = tables.agreement(pd.DataFrame(summary))
    assert [text.strip() for text in words["bias"]] == ["0.03 ± 0.02", "0.50"]
    assert [text.strip() for text in words["scatter"]] == ["0.10", "-"]
    assert [text.strip() for text in words["correlation"]] == ["0.76", "-"] and list(words["n"]) == ["25", "1"]


def test_a_posterior_is_not_best_by_its_nll_nor_spoken_of_by_it():
    scores = [("e1", "r2", 0.5), ("e1", "coverage_68", 0.67), ("all", "nll", -4.5), ("all", "tarp", 0.02)]
    rows = [["regression", "a", "flow", 100, 0, *score] for score in scores]
    rows += [
        ["regression", "b", "flow", 100, 0, "all", "nll", 9.0],
        ["regression", "b", "flow", 100, 0, "e1", "r2", 0.4],
    ]
    columns = ["task", "encoder", "protocol", "n_labels", "seed", "target", "metric", "value"]
    found = tables.MeanScores(pd.DataFrame(rows, columns=columns))
    assert found.merit() == "r2" and found.told() == ["e1"] and found.best().encoder == "a"
    (_, [(_, _, cells), (_, _, others)]) = tables.main_table(found)[0]
    assert cells[1][0].strip() == "-4.500" and not cells[1][1] and not others[1][1] and cells[0][1]


def test_errors_are_multiples_of_the_limit_that_knows_no_shape():
    """With both limits there is a row of each; an older run has the one with known shapes alone."""
    table = results()
    wider = table[table.encoder == "limit"].assign(protocol="cramer-rao-any-shape")
    wider["value"] = np.where(wider["metric"] == "rmse", 0.008, 0.9984)
    scores = tables.MeanScores(pd.concat([table, wider], ignore_index=True))
    assert scores.limit("gamma", "rmse")[0] == 0.008
    rows = tables.limit_rows(scores)
    assert rows["limit, any shape"][1] == ("0.998", "0.0080")
    assert rows["limit, shape known"][1] == ("0.9996", "0.0040")
    alone, both = (dict(tables.main_table(s))["ridge"][0][2][0][2] for s in (tables.MeanScores(table), scores))
    ratios = [float(words.split()[-1]) for words in (alone, both)]
    assert ratios[0] == pytest.approx(2 * ratios[1], rel=0.1)
