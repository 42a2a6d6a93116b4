"""Tables of scores on shifted test lenses: the right means, side by side, whatever metrics there are."""

from lenstream.evaluate.results import Score
from lenstream.evaluate.show.robustness import AS_TRAINED, robustness, side_by_side, title
from lenstream.evaluate.show.terminal import print_robustness


def scores(encoder, values, metric="r2", targets=("e1", "e2"), protocol="ridge", n_labels=100):
    """Scores of the first target as given, by shift; those of the second are 0.2 higher."""
    return [
        Score("regression", encoder, protocol, n_labels, 0, target, metric, value + 0.2 * k, shift)
        for shift, value in values.items()
        for k, target in enumerate(targets)
    ]


FOUND = [
    *scores("a", {"": 0.5, "wider_psf": 0.4, "lens_light": -30.0}),
    *scores("random", {"": 0.1, "wider_psf": 0.05}, protocol="d4"),
    *scores("a", {"": 0.3}, n_labels=20),  # with few labels there are none on shifted lenses
    *scores("limit", {"": 1.0}, protocol="cramer-rao", n_labels=0),
    *scores("a", {"": 0.12, "wider_psf": 0.15}, metric="rmse"),
    *scores("a", {"": 0.68, "wider_psf": 0.5}, metric="coverage_68"),
    Score("regression", "a", "ridge", 100, 1, "e1", "r2", 0.9),  # of another seed
]


def test_without_shifted_scores_there_is_no_table():
    assert robustness([score for score in FOUND if not score.shift]) == [] == robustness([])


def test_means_over_targets_come_first_then_each_target_by_itself():
    mean, _, e1, e2 = robustness(FOUND)
    assert mean.columns == [AS_TRAINED, "wider_psf", "lens_light"]
    assert mean.rows == [("a", "ridge"), ("random", "d4")]
    stripped = [[[text.strip() for text in row] for row in table.cells] for table in (mean, e1, e2)]
    assert stripped[0] == [["0.60", "0.50", "< -1"], ["0.20", "0.15", "-"]]
    assert stripped[1] == [["0.50", "0.40", "< -1"], ["0.10", "0.05", "-"]]
    assert stripped[2][1] == ["0.30", "0.25", "-"]
    assert (e1.targets, mean.targets) == (["e1"], ["e1", "e2"])


def test_any_other_share_has_a_table_and_an_error_with_a_unit_has_none():
    metrics = [table.metric for table in robustness(FOUND)]
    assert metrics == ["r2", "coverage_68", "r2", "r2"]
    coverage = robustness(FOUND)[1]
    assert coverage.rows == [("a", "ridge")]  # only of heads that have it
    assert [[text.strip() for text in row] for row in coverage.cells] == [["0.78", "0.60", "-"]]


def test_of_classes_the_mean_over_them_is_shown():
    found = [
        *scores("a", {"": 0.9, "more_noise": 0.8}, "auc", ("lens", "macro", "other")),
        *scores("a", {"": 0.7, "more_noise": 0.6}, "accuracy", ("all",)),
        *scores("a", {"": 0.7, "more_noise": 0.6}, "average_precision", ("lens", "other")),
    ]
    auc, accuracy = robustness(found)
    assert (auc.metric, auc.targets, accuracy.targets) == ("auc", ["macro"], ["all"])
    assert [text.strip() for text in auc.cells[0]] == ["1.10", "1.00"]


def test_a_title_says_of_what_the_numbers_are():
    mean, _, e1, _ = robustness(FOUND)
    assert title(mean) == "R2, mean over e1, e2, on shifted test lenses, with 100 labels"
    assert title(e1) == "R2 of e1 on shifted test lenses, with 100 labels"


def test_runs_with_other_shifts_and_numbers_of_labels_share_a_table():
    other = scores("b", {"": 0.7, "subhalos": 0.6}, n_labels=300)
    mean, coverage = side_by_side({"one": FOUND, "two": other, "none": scores("c", {"": 0.2})})
    assert mean.columns == [AS_TRAINED, "wider_psf", "lens_light", "subhalos"]
    assert mean.rows == [("one", "a", "ridge"), ("one", "random", "d4"), ("two", "b", "ridge")]
    assert [text.strip() for text in mean.cells[2]] == ["0.80", "-", "-", "0.70"]
    assert "with the most labels" in title(mean) and "with 100 labels" in title(coverage)
    alone = side_by_side({"one": FOUND, "e1": scores("b", {"": 0.7, "subhalos": 0.6}, targets=("e1",))})
    assert [table.targets for table in alone] == [["e1", "e2"], ["e1", "e2"], ["e1"]]  # means over others do not mix


def test_the_terminal_says_what_was_changed(capsys):
    print_robustness(FOUND, {"wider_psf": "the PSF is 20 % wider"})
    said = capsys.readouterr().out
    assert "R2, mean over e1, e2, on shifted test lenses, with 100 labels" in said
    assert "in 68 %, mean over" in said and "R2 of e1" not in said
    assert "wider_psf: the PSF is 20 % wider" in said
    print_robustness([], {})
    assert capsys.readouterr().out == ""
