"""Sentences for the user: the nearest name, and one for many files of one fault."""

import pickle

import pytest

from lenstream.errors import ConfigError, grouped, nearest, short


def test_the_nearest_name_is_offered_only_if_it_is_near():
    assert nearest("thetaE", ["theta_E", "gamma"]) == ' Did you mean "theta_E"?'
    assert nearest("x", ["theta_E", "gamma"]) == ""


def test_many_files_of_one_fault_are_one_sentence_with_their_number():
    problems = [(f"lens{k}.fits", f"/a b/lens{k}.fits: cannot be read as FITS (it was cut short).") for k in range(300)]
    (said,) = grouped(problems)
    assert said == ("cannot be read as FITS (it was cut short): 300 files, e.g. lens0.fits, lens1.fits, lens2.fits")


def test_reasons_that_differ_only_in_numbers_are_one_kind():
    problems = [(f"g{k}", f"its {k} x {k + 1} pixels are too few") for k in range(4)]
    assert grouped(problems, "galaxies") == ["its 0 x 1 pixels are too few, and the like: 4 galaxies, e.g. g0, g1, g2"]


@pytest.mark.parametrize(
    ("problems", "said"),
    [
        ([], []),
        ([("a.fits", "all is NaN.")], ["a.fits: all is NaN"]),
        ([("a.fits", "all is NaN"), ("b.fits", "all is NaN")], ["all is NaN: 2 files, a.fits, b.fits"]),
        ([("a", "x"), ("b", "y"), ("c", "y")], ["y: 2 files, b, c", "a: x"]),
        ([("b.fits", "B"), ("a.fits", "A")], ["b.fits: B", "a.fits: A"]),
        ([("it", "two\nlines"), (7, OSError("seven"))], ["it: two lines", "7: seven"]),
        ([("1", "band 1 is dark"), ("2", "band 1 is dark")], ["band 1 is dark: 2 files, 1, 2"]),
    ],
)
def test_each_kind_of_problem_is_one_sentence(problems, said):
    assert grouped(problems) == said


def test_no_file_is_lost():
    problems = [(f"f{k}", f"reason {'abc'[k % 3]}") for k in range(31)]
    assert sum(int(s.split(": ")[1].split()[0]) for s in grouped(problems)) == 31


def test_problems_survive_the_way_from_another_process():
    error = pickle.loads(pickle.dumps(ConfigError(["a: wrong", "b: wrong"])))
    assert error.problems == ["a: wrong", "b: wrong"] and str(error) == "a: wrong\nb: wrong"
    assert ConfigError("one").problems == ["one"]


@pytest.mark.parametrize(
    ("text", "said"),
    [("demo", "demo"), ("x" * 100, "x" * 100), ("x" * 101, f"'{'x' * 60}'..."), ("a\nb", r"'a\nb'...")],
)
def test_what_a_user_gave_is_repeated_on_one_line(text, said):
    assert short(text) == said
