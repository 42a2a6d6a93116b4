"""Cells as numbers or words: missing ones, decimal commas, and names that are made of digits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lenstream.files.cells import numbers_or_words, words, words_as_numbers


@pytest.mark.parametrize(
    "missing", ["", "NaN", "nan", "NA", "N/A", "null", "None", "...", "--", "-", "INDEF", "\\N", "?"]
)
def test_what_stands_for_a_missing_number(missing):
    np.testing.assert_array_equal(numbers_or_words(("1.5", missing, "2")), [1.5, np.nan, 2.0])
    assert numbers_or_words(("word", missing)).tolist() == ["word", missing]
    np.testing.assert_array_equal(words_as_numbers(("1", missing)), [1.0, np.nan])


@pytest.mark.parametrize(
    ("cells", "values", "kind"),
    [
        (("1", "-2", "+3"), [1, -2, 3], "i"),
        (("1", "2.5", "1e3", ".5", "5."), [1, 2.5, 1000, 0.5, 5], "f"),
        (("1,5", "2", "-,25"), [1.5, 2, -0.25], "f"),
        (("1.5D+01", "\N{MINUS SIGN}2.5"), [15, -2.5], "f"),
        (("inf", "-Infinity"), [np.inf, -np.inf], "f"),
        (("18446744073709551615", "1"), [2**64 - 1, 1], "u"),
        (("True", "false"), [True, False], "b"),
        ((), [], "f"),
        (("007", "010"), ["007", "010"], "U"),
        (("1234567890123456789", ""), ["1234567890123456789", ""], "U"),
        (("99999999999999999999", "1"), ["99999999999999999999", "1"], "U"),
        (("1_000", "2"), ["1_000", "2"], "U"),
        (("1,234.5", "2"), ["1,234.5", "2"], "U"),
        (("1,5", "2.5"), ["1,5", "2.5"], "U"),
        (("\N{SUPERSCRIPT TWO}", "1"), ["\N{SUPERSCRIPT TWO}", "1"], "U"),
        (("1\n2", "3"), ["1\n2", "3"], "U"),
        (("0x1F", "1"), ["0x1F", "1"], "U"),
        (("2024-01-01",), ["2024-01-01"], "U"),
    ],
)
def test_a_column_is_numbers_only_where_every_cell_is(cells, values, kind):
    read = numbers_or_words(cells)
    assert read.dtype.kind == kind and read.tolist() == values


@given(st.lists(st.floats(allow_nan=False)))
def test_numbers_come_back_to_the_last_bit(values):
    assert numbers_or_words(tuple(map(repr, values))).tolist() == values


def test_the_first_word_that_is_no_number_is_named():
    with pytest.raises(ValueError, match=r"^abc$"):
        words_as_numbers(["1", "abc", "def"])
    assert words_as_numbers(["0123", "1.5d1"]).tolist() == [123, 15]


def test_words_that_spreadsheets_were_told_are_no_formulas():
    assert words(("'=a", "'b", "=c", "NA")).tolist() == ["=a", "'b", "=c", "NA"]
