"""A value has the digits that its uncertainty leaves meaning, and columns have their points in line."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lenstream.evaluate.show.digits import aligned, percent, plus_minus, with_minus


@pytest.mark.parametrize(
    ("value", "std", "text"),
    [
        (1.2234, 0.0412, "1.22 ± 0.04"),
        (0.9712, 0.0149, "0.971 ± 0.015"),  # two digits, as 0.01 would be a third less
        (0.97, 0.096, "0.97 ± 0.10"),
        (1234, 56, "1230 ± 60"),
        (1234, 96, "1230 ± 100"),
        (0.3, 20, "0 ± 20"),
        (-0.001, 0.04, "0.00 ± 0.04"),  # no minus zero
        (1.2e-9, 3.4e-10, "(1.2 ± 0.3)e-9"),
        (5e-324, 5e-324, "(5 ± 5)e-324"),
        (1.24e10, 3.1e9, "(1.2 ± 0.3)e10"),  # halo masses in Msun
        (1e300, 1.4e298, "(1.000 ± 0.014)e300"),
        (-2.4e7, 6.1e6, "-24000000 ± 6000000"),
        (1.0, 1e-12, "1.000 ± 1e-12"),  # no more than rounding
        (0.0200004, 2.1e-7, "0.0200004 ± 0.0000002"),
        (0.0200004, 2.1e-6, "0.020000 ± 0.000002"),
        (-0.97, 1.4e-7, "-0.97000000 ± 0.00000014"),
        (3, 0, "3.000 ± 0"),
        (3, math.nan, "3.000"),
        (-0.0001, math.nan, "0.000"),
        (3, math.inf, "3.000"),
        (math.nan, 0.1, ""),
        (math.inf, 0.1, ""),
    ],
)
def test_a_value_is_rounded_by_its_uncertainty(value, std, text):
    assert plus_minus(value, std) == text


@given(st.floats(-1e3, 1e3), st.floats(1e-5, 1e3))
def test_rounding_changes_a_value_by_less_than_its_uncertainty(value, std):
    """And both end at the same digit; the uncertainty keeps its value to a quarter."""
    shown, spread = plus_minus(value, std).split(" ± ")
    assert abs(float(shown) - value) <= 0.51 * std
    assert float(spread) == pytest.approx(std, rel=0.26)
    assert len(shown.partition(".")[2]) == len(spread.partition(".")[2])
    assert len(spread.replace(".", "").strip("0")) <= 2


def test_points_stand_in_line():
    cells = ["1.23 ± 0.03 (1.16)", "10.5 ± 0.2", "-", "", "-0.123 ± 0.012"]
    columns = [cell.rjust(30) for cell in aligned(cells)]
    assert {cell.index(".") for cell in columns if "." in cell} == {columns[0].index(".")}
    assert len({cell.index(".", cell.index("±")) for cell in columns if "±" in cell}) == 1
    assert columns[2].index("-") == columns[0].index(".") - 1  # where the units stand
    assert [" ".join(cell.split()) for cell in columns] == cells
    assert aligned(["1.5", "1.25"], "_") == ["1.5_", "1.25"]
    assert aligned([]) == [] and aligned(["a", "b"]) == ["a", "b"]


def test_shares_and_minus_signs():
    assert (
        percent(0.049) == "5\N{NO-BREAK SPACE}%" and percent(-0.012, "+.1f") == "\N{MINUS SIGN}1.2\N{NO-BREAK SPACE}%"
    )
    assert with_minus("-0.1 ± 0.2") == "\N{MINUS SIGN}0.1 ± 0.2" and with_minus("(1 ± 2)e-9, a-b") == "(1 ± 2)e-9, a-b"
