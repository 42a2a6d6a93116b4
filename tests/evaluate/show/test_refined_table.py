"""Tables of refined estimates: the numbers of the scores, beside those of the starts and of the limit."""

import pandas as pd

from lenstream.evaluate.results import Score, frame
from lenstream.evaluate.show import refined_table
from lenstream.evaluate.show.terminal import print_refined

KNOWN = {
    ("theta_E", "error_over_limit"): 1.25,
    ("theta_E", "rmse"): 0.0044,
    ("theta_E", "rmse_of_start"): 0.16,
    ("theta_E", "limit"): 0.0038,
    ("theta_E", "coverage_68"): 0.6,
    ("theta_E", "coverage_95"): 0.9,
    ("e1", "error_over_limit"): 11.5,
    ("e1", "rmse"): 0.018,
    ("e1", "rmse_of_start"): 0.081,
    ("e1", "limit"): 0.013,
    ("e1", "coverage_68"): 0.7,
    ("e1", "coverage_95"): 1.0,
    ("all", "within_3_limits"): 0.93,
    ("all", "within_3_limits_of_start"): 0.03,
    ("all", "trusted"): 0.99,
    ("all", "seconds"): 0.61,
    ("all", "lenses"): 100.0,
}


def refined(start="lensiam", without=(), **changed):
    """Scores of one start; without: metrics that it lacks; changed: values by metric."""
    return frame(
        [
            Score("regression", start, "refined", 1000, 0, target, metric, changed.get(metric, value))
            for (target, metric), value in KNOWN.items()
            if metric not in without
        ],
        refined=True,
    )


def both(*parts):
    return pd.concat(parts, ignore_index=True)


NO_START = ("rmse_of_start", "within_3_limits_of_start")


def stripped(table):
    return {row: [" ".join(cell.split()) for cell in table.frame.loc[row]] for row in table.frame.index}


def test_errors_in_limits_and_rmse_of_the_same_lenses():
    errors, rmse = refined_table.refined_tables(both(refined(), refined("population", NO_START)))
    assert errors.title.startswith("Refined by the simulator, the first 100 test lenses: ")
    assert list(errors.frame) == ["right", "before", "theta_E", "e1", "68 %", "95 %", "trusted", "s a lens"]
    assert stripped(errors) == {
        "lensiam": ["93%", "3%", "1.25", "11.50", "65%", "95%", "99%", "0.61"],
        "population": ["93%", "-", "1.25", "11.50", "65%", "95%", "99%", "0.61"],
    }
    assert stripped(rmse) == {
        "limit": ['0.0038"', "0.013"],
        "lensiam": ['0.16" → 0.0044"', "0.081 → 0.018"],
        "population": ['0.0044"', "0.018"],
    }


def test_numbers_stand_with_their_points_in_a_line():
    _, rmse = refined_table.refined_tables(both(refined(), refined("random", rmse_of_start=0.081, rmse=0.1)))
    one, other = rmse.frame["theta_E"][["lensiam", "random"]]
    assert (one, other) == ('0.16"  → 0.0044"', '0.081" → 0.10"  ')


def test_without_a_limit_and_of_earlier_versions_the_rest_is_shown():
    gone = (*NO_START, "limit", "error_over_limit", "within_3_limits", "lenses")
    errors, rmse = refined_table.refined_tables(refined(without=gone))
    assert stripped(errors) == {"lensiam": ["-", "-", "-", "-", "65%", "95%", "99%", "0.61"]}
    assert stripped(rmse) == {"lensiam": ['0.0044"', "0.018"]}
    assert "test lenses" not in errors.title


def test_what_failed_altogether_has_no_numbers():
    nan = float("nan")
    errors, rmse = refined_table.refined_tables(refined(rmse=nan, error_over_limit=nan, coverage_68=nan))
    assert stripped(errors)["lensiam"][2:5] == ["-", "-", "-"]
    assert stripped(rmse)["lensiam"] == ['0.16" → -', "0.081 → -"]


def test_runs_side_by_side_with_targets_of_their_own():
    other = refined("simsiam", lenses=40.0).replace({"target": {"e1": "gamma"}})
    found = refined_table.side_by_side({"a": refined(), "none": refined().iloc[:0], "b": other})
    assert list(found.frame) == [
        *("lenses", "right", "before", "theta_E", "e1", "gamma"),
        *("68 %", "95 %", "trusted", "s a lens"),
    ]
    assert [" ".join(cell.split()) for cell in found.frame.loc["a", "lensiam"][:6]] == [
        *("100", "93%", "3%", "1.25", "11.50", "-"),
    ]
    assert [cell.strip() for cell in found.frame.loc["b", "simsiam"][["lenses", "e1", "gamma"]]] == ["40", "-", "11.50"]


def of_posterior(start="lensiam", share=0.1234):
    """Scores of a start with a posterior."""
    own = {"effective_share": share, "apart": 0.2}
    own = [Score("regression", start, "refined", 1000, 0, "all", metric, value) for metric, value in own.items()]
    return both(refined(start), frame(own, refined=True))


def test_what_posteriors_say_of_refined_estimates_has_columns_of_its_own():
    errors, _ = refined_table.refined_tables(both(of_posterior(), refined("population", NO_START)))
    assert list(errors.frame)[-3:] == ["s a lens", "ESS/n", "apart"]
    assert stripped(errors)["lensiam"][-2:] == ["0.123", "20%"] and stripped(errors)["population"][-2:] == ["-", "-"]
    assert list(refined_table.meanings(errors)) == list(refined_table.MEANING)
    found = refined_table.side_by_side({"a": refined(), "b": of_posterior()})
    assert [cell.strip() for cell in found.frame["ESS/n"]] == ["-", "0.123"] and list(found.frame)[-1] == "apart"


def test_nothing_refined_is_no_table(capsys):
    assert refined_table.refined_tables(frame([], refined=True)) == []
    assert refined_table.side_by_side({"a": frame([], refined=True)}) is None
    print_refined(frame([], refined=True))
    assert capsys.readouterr().out == ""


def test_the_terminal_prints_both_tables_and_what_the_columns_mean(capsys):
    print_refined(refined())
    out = capsys.readouterr().out
    assert 'lensiam  0.16" → 0.0044"' in out and "lensiam    93%      3%" in out
    shown = [column for column in refined_table.MEANING if f"\n{column}: " in out]
    assert shown == [column for column in refined_table.MEANING if column not in ("ESS/n", "apart")]
    print_refined(of_posterior())
    out = capsys.readouterr().out
    for column in refined_table.MEANING:
        assert f"\n{column}: " in out
    assert max(map(len, out.splitlines())) <= 110
