"""Numbers that mark a missing value, such as -99, are missing where they cannot be meant, and this is said."""

import logging

import numpy as np
import pytest

from lenstream.files.columns import read_table
from lenstream.files.missing_values import without_marks


@pytest.mark.parametrize("mark", [-99, -99.0, -999, -9999, 99, 99.99, 999, 1e30, -1e30, 3.4e38, -1, -9, -32768])
def test_marks_are_missing_in_a_column_where_they_cannot_be_meant(mark):
    values = without_marks("t.csv", {"theta_E": np.array([1.5, mark, 0.8])})["theta_E"]
    np.testing.assert_array_equal(values, [1.5, np.nan, 0.8])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PA", -99.0),
        ("flux", 1e30),
        ("x", -99.0),
        ("n", 99),
        ("theta_E", -3.5),
        ("mag", -99.4),
        ("z", 9.99),
        ("e1", 135.0),
    ],
)
def test_what_can_be_meant_or_is_no_mark_stays(name, value):
    columns = {name: np.array([1, value])}
    assert without_marks("t.csv", columns)[name] is columns[name]


def test_marks_are_known_before_units_are_converted(tmp_path):
    (tmp_path / "t.csv").write_text("theta_E [mas],R_sersic [deg]\n-99,99\n99,1e-4\n1200,-999\n")
    read = read_table(tmp_path / "t.csv")
    np.testing.assert_allclose(read["theta_E"], [np.nan, 0.099, 1.2])
    np.testing.assert_allclose(read["R_sersic"], [np.nan, 0.36, np.nan])


def test_how_many_are_missing_is_said_once_a_table(tmp_path, caplog):
    (tmp_path / "t.csv").write_text("name,theta_E,mag\na,-99,99\nb,-99,20\nc,1.2,1e30\n")
    with caplog.at_level(logging.WARNING, "lenstream"):
        read_table(tmp_path / "t.csv")
        assert len(caplog.records) == 1
        assert "t.csv" in caplog.text and "2 of -99 in theta_E; 2 of 99, 1e+30 in mag" in caplog.text
        caplog.clear()
        read_table(tmp_path / "t.csv", lambda name: name == "name")
    assert not caplog.records
