"""Predictions beside published values: catalogue, table, summary."""

import numpy as np
import pytest

from lenstream.errors import DataError
from lenstream.evaluate.real.catalogue import read_catalogue
from lenstream.evaluate.real.published import SUMMARY_COLUMNS, beside_published, prediction_table, summary


def catalogue(tmp_path, text):
    path = tmp_path / "catalogue.csv"
    path.write_text(text)
    return read_catalogue(path)


def test_table_and_summary_by_hand(lenses):
    predictions = {
        "theta_E": ([2.1, 9.0, 1.3], [0.1, 0.2, 0.3]),
        "e1": ([0, 0, 0.2], [1, 1, 1]),
        "gamma": ([2] * 3, [1] * 3),
    }
    table = prediction_table(lenses(3), predictions, "array", ["", "sky;noise", ""])
    table = beside_published(table, {"theta_E": np.array([2.0, np.nan, 1.0]), "e1": np.array([np.nan, np.nan, 0.1])})
    assert list(table.columns) == [
        "name",
        "theta_E",
        "theta_E_std",
        "e1",
        "e1_std",
        "gamma",
        "gamma_std",
        "masked",
        "frame",
        "flags",
        "theta_E_published",
        "theta_E_difference",
        "e1_published",
        "e1_difference",
    ]
    np.testing.assert_allclose(table["theta_E_difference"], [0.1, np.nan, 0.3])
    np.testing.assert_allclose(table["masked"], [0, 0.01, 0.02])
    assert list(table["flags"]) == ["", "sky;noise", ""] and set(table["frame"]) == {"array"}
    rows = summary(table).set_index("target")
    assert list(rows.index) == ["theta_E", "e1"]
    row = rows.loc["theta_E"]
    assert row["n"] == 2 and row["bias"] == pytest.approx(0.2) and row["rms"] == pytest.approx(np.sqrt(0.05))
    assert row["scatter"] == pytest.approx(0.2 / np.sqrt(2)) and row["nmad"] == pytest.approx(0.14826)
    assert row["mean_std"] == pytest.approx(0.2) and row["correlation"] == pytest.approx(1)
    assert rows.loc["e1", "n"] == 1 and np.isnan(rows.loc["e1", "scatter"]) and np.isnan(rows.loc["e1", "correlation"])


def test_without_catalogue(lenses):
    table = prediction_table(lenses(2), {"theta_E": ([1, 2], [0.1, 0.1])}, "north_east", ["", ""])
    assert list(table.columns) == ["name", "theta_E", "theta_E_std", "masked", "frame", "flags"]
    assert list(summary(table).columns) == SUMMARY_COLUMNS and len(summary(table)) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("names,theta_E\nL0,1\n", "no column name .*it has names, theta_E. Is names the column for name"),
        ("", "cannot be read as CSV"),
        ("name,theta_E\nL0,1\nL0,2\n", "L0 in more than one row"),
        ('name,theta_E\n"L0,1\n', "cannot be read as CSV"),
        ("name,theta_E\nL0,1\nL1,2,3,4,5\n", "cannot be read as CSV"),
    ],
)
def test_bad_catalogue(tmp_path, text, expected):
    with pytest.raises(DataError, match=expected) as error:
        catalogue(tmp_path, text)
    assert "\n" not in str(error.value)


def test_missing_and_binary_catalogue(tmp_path):
    with pytest.raises(DataError, match="There is no catalogue"):
        read_catalogue(tmp_path / "missing.csv")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 20)
    with pytest.raises(DataError):
        read_catalogue(tmp_path / "binary.csv")
