"""What is printed: the numbers that were found, under the names of their columns."""

import numpy as np
import pandas as pd
import pytest

from lenstream.evaluate.show import terminal

COLUMNS = ["task", "encoder", "protocol", "n_labels", "seed", "target", "metric", "value"]


@pytest.fixture
def predictions():
    table = {"name": ["a", "b"], "theta_E": [1.234, 0.9], "theta_E_std": [0.03, 0.05]}
    return pd.DataFrame(table | {"theta_E_published": [1.16, np.nan]})


def lines(capsys):
    """What was printed to stdout and stderr, which is empty: results go to one, messages to the other."""
    printed = capsys.readouterr()
    assert not (printed.out and printed.err)
    return [" ".join(line.split()) for line in (printed.out or printed.err).splitlines()]


def test_scores_are_the_mean_of_the_seeds_at_most_labels_beside_the_limit(capsys):
    rows = [["regression", "lensiam", "ridge", 20, 0, "gamma", "r2", 0.1]]
    rows += [["regression", "lensiam", "ridge", 40, seed, "gamma", "r2", value] for seed, value in ((0, 0.5), (1, 0.6))]
    rows += [["regression", "lensiam", "ridge", 40, 0, "gamma", "rmse", 7.0]]
    rows += [["regression", "limit", "cramer-rao", 0, 0, "gamma", "r2", 0.9]]
    terminal.print_scores(pd.DataFrame(rows, columns=COLUMNS))
    printed = lines(capsys)
    assert "R2 with 40 labels" in printed
    assert "lensiam ridge 0.55 ± 0.07" in printed and "limit cramer-rao 0.900" in printed


def test_the_title_names_all_that_is_shown_of_classes(capsys):
    rows = [["classification", "mine", "knn", 40, 0, "all", "accuracy", 0.5]]
    rows += [["classification", "mine", "knn", 40, 0, "macro", "auc", 0.75]]
    terminal.print_scores(pd.DataFrame(rows, columns=COLUMNS))
    assert "accuracy and AUC with 40 labels" in lines(capsys)
    rows += [["classification", "mine", "knn", 40, 0, c, m, 0.75] for c in "ab" for m in ("auc", "average_precision")]
    terminal.print_scores(pd.DataFrame(rows, columns=COLUMNS))
    assert lines(capsys)[:2] == ["accuracy and AUC with 40 labels", "accuracy AUC"]  # that of both classes is one


def test_published_values_stand_in_brackets(predictions, capsys):
    columns = ["target", "n", "bias", "scatter", "nmad", "mean_std", "correlation"]
    summary = pd.DataFrame([["theta_E", 1, 0.07412, 0.1, 0.1, 0.04, 0.5]], columns=columns)
    terminal.print_predictions(predictions, ["theta_E"], summary)
    printed = lines(capsys)
    assert "2 lenses, published in brackets" in printed
    assert "a 1.23 ± 0.03 (1.16)" in printed and "b 0.90 ± 0.05" in printed
    assert "theta_E 1 0.07 ± 0.10 0.10 0.10 0.040 0.50" in printed


def test_without_published_values_there_is_one_table(predictions, capsys):
    terminal.print_predictions(predictions.drop(columns="theta_E_published"), ["theta_E"], None)
    printed = lines(capsys)
    assert "2 lenses" in printed and "a 1.23 ± 0.03" in printed
    assert "predicted - published" not in printed
    terminal.print_predictions(predictions.drop(columns="theta_E_published")[:1], ["theta_E"], None)
    assert "1 lens" in lines(capsys)


def test_what_is_not_known_is_a_dash(predictions, capsys):
    turned = predictions.assign(e1=[0.1, np.nan], e1_std=[0.05, np.nan])
    terminal.print_predictions(turned, ["theta_E", "e1"], None)
    assert "b 0.90 ± 0.05 -" in lines(capsys)


def test_flags_and_the_frame_are_shown(predictions, capsys):
    flagged = predictions.assign(frame="north_east", flags=["sky;noise", ""])
    terminal.print_predictions(flagged, ["theta_E"], None)
    printed = lines(capsys)
    assert "frame north_east" in " ".join(printed)
    assert "a 1.23 ± 0.03 (1.16) sky noise" in printed and "b 0.90 ± 0.05" in printed
    terminal.print_predictions(flagged.assign(flags=""), ["theta_E"], None)
    assert "flags" not in " ".join(lines(capsys))
    terminal.print_sentences(["sky: 1 lens (lens[1] +5): subtract it."])
    assert lines(capsys) == ["sky: 1 lens (lens[1] +5): subtract it."]


def test_names_of_files_are_printed_as_they_are(capsys):
    terminal.print_skipped([("lens[1].fits", "all pixels are NaN")])
    assert lines(capsys) == ["skipped lens[1].fits: all pixels are NaN"]


def test_probabilities_have_no_more_digits_than_mean_something(capsys):
    columns = {"name": ["a", "b"], "class": ["lens", "lens"], "flags": ["", ""]}
    columns |= {"p_lens": [0.9999972, 0.87], "p_lens_spread": [1.8e-7, 0.04]}
    terminal.print_classes(pd.DataFrame(columns))
    assert lines(capsys)[-2:] == ["a lens 1.000", "b lens 0.87 ± 0.04"]


def test_many_skipped_files_are_one_line(capsys):
    terminal.print_skipped([(f"lens[{k}].fits", "all pixels are NaN") for k in range(300)])
    assert lines(capsys) == ["skipped all pixels are NaN: 300 files, e.g. lens[0].fits, lens[1].fits, lens[2].fits"]


def test_a_table_is_aligned_whatever_its_names(capsys):
    frame = pd.DataFrame(
        {"[red]R2": [0.5, -10.25, np.nan], "n": [1, 20, 3]}, index=["[x]", "\u6f22\u5b57\x1b[31m", "a\nb"]
    )
    terminal.print_table(frame, "title [x]")
    assert capsys.readouterr().out.splitlines() == [
        "title [x]",
        "           [red]R2   n",
        "----------------------",
        "[x]          0.500   1",
        "\u6f22\u5b57?[31m  -10.250  20",
        "a?b            nan   3",
    ]


def test_a_table_is_as_wide_as_it_has_to_be(capsys):
    terminal.print_table(pd.DataFrame({f"parameter_{k}": [float(k)] for k in range(40)}, index=["lens"]), "wide")
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 4 and shown[3].split() == ["lens", *(f"{k}.000" for k in range(40))]


def test_published_values_keep_the_others_in_line(predictions, capsys):
    terminal.print_predictions(predictions, ["theta_E"], None)
    *_, first, second = capsys.readouterr().out.splitlines()
    assert first.index("\u00b1") == second.index("\u00b1")


def test_a_table_of_reconstructions_says_what_its_columns_are(capsys):
    keys = ["masked_share", "mse_masked", "mse_all", "mse_masked_min_max", "mse_all_min_max"]
    keys += ["lens_correlation", "noise_correlation", "untrained_noise_correlation"]
    terminal.print_reconstructions({"mae": {key: k / 16 for k, key in enumerate(keys)} | {"images": "test lenses"}})
    printed = lines(capsys)
    assert "reconstructions of test lenses" in printed[0]
    assert " ".join(["mae", *(f"{k / 16:.4f}" for k in range(8))]) in printed
    assert "near 0 if no lens is invented" in printed[-1]


def test_posteriors_have_a_table_of_their_own(capsys):
    columns = ["task", "encoder", "protocol", "n_labels", "seed", "target", "metric", "value"]
    scores = [("e1", "r2", 0.5), ("e1", "coverage_68", 0.671), ("e1", "coverage_95", 0.944)]
    scores += [("all", "nll", -4.5), ("all", "tarp", 0.021)]
    rows = [["regression", "lensiam", "flow", 100, 0, *score] for score in scores]
    rows += [["regression", "lensiam", "ridge", 100, 0, "e1", "r2", 0.6]]
    terminal.print_scores(pd.DataFrame(rows, columns=columns))
    first, second = capsys.readouterr().out.split("\n\n")
    assert "lensiam ridge" in first and first.startswith("R2 with 100 labels") and "all" not in first
    title, names, _, values = second.strip().splitlines()
    assert title.startswith("posteriors with 100 labels")
    assert names.split() == ["NLL", "TARP", "e1", "in", "68", "%", "e1", "in", "95", "%"]
    assert values.split() == ["lensiam", "flow", "-4.500", "0.021", "0.671", "0.944"]
