"""Columns of the table of lenses: values side by side, sorted by numbers, missing ones empty."""

import math

import pytest

from lenstream.evaluate.show.lens_columns import alone, columns, difference_as_text, interval
from lenstream.evaluate.show.lens_rows import lenses

from .test_lens_rows import fitted, predicted


def test_network_and_fit_stand_side_by_side_with_what_is_published():
    found = columns(lenses(predicted(theta_E_published=[1.05, 2.0]), fitted()), ["theta_E", "e1"])
    assert [(c.of, c.head) for c in found] == [
        ("theta_E", "network"),
        ("theta_E", "refined"),
        ("theta_E", "published"),
        ("theta_E", "off"),
        ("e1", "network"),
        ("", "chi2"),
    ]
    network, refined, published, off, _, chi2 = found
    assert [text.strip() for text in network.texts] == [
        "1.00 ± 0.10",
        "2.0\N{FIGURE SPACE} ± 0.2",
        "",
    ] and network.numbers[:2] == [
        1.0,
        2.0,
    ]
    assert refined.texts[0] == "" and math.isnan(refined.numbers[0]) and refined.numbers[1] == 2.1
    assert [text.strip() for text in published.texts] == ["1.05", "2.00", ""]
    assert off.numbers[:2] == pytest.approx([0.05 / 1.05, 0.05]) and off.texts[0].startswith("\N{MINUS SIGN}4.8")
    assert off.texts[1].startswith("+5.0")  # of the fit, where there is one
    of_zero = columns(lenses(predicted(theta_E_published=[0.0, 2.0])), ["theta_E"])
    assert math.isnan(of_zero[2].numbers[0]) and of_zero[2].numbers[1] == 0.0
    assert chi2.texts[1].strip() == "1.10"


def test_published_values_have_the_digits_that_one_of_them_needs():
    assert alone([1.0, 1.16, math.nan]) == ["1.00", "1.16", ""]
    assert alone([-0.03678, 0.1]) == ["\N{MINUS SIGN}0.037", "0.100"]
    assert alone([1.0, 2e10]) == ["1", "2e+10"]


def test_intervals_have_the_digits_that_their_width_leaves():
    assert interval(1.123, 1.207) == "1.12 to 1.21"
    assert interval(-0.1234, 0.0567) == "\N{MINUS SIGN}0.12 to 0.06"
    assert interval(100.0, 300.0) == "100 to 300"
    assert interval(math.nan, 1.0) == "" and interval(1.0, 1.0) == "1.000 to 1.000"


def test_differences_have_a_sign():
    assert difference_as_text(0.02, in_per_cent=True) == "+2.0\N{NO-BREAK SPACE}%"
    assert difference_as_text(-0.02, in_per_cent=False) == "\N{MINUS SIGN}0.020"
    assert difference_as_text(-0.0001, in_per_cent=False) == "+0.000"
    assert difference_as_text(math.nan, in_per_cent=True) == ""
