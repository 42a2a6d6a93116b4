"""Predictions beside published values: catalogue, table, summary, figure."""

import os
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from lenstream.errors import DataError
from lenstream.evaluate.real.cutouts import Cutout, read_cutouts
from lenstream.evaluate.real.published import SUMMARY_COLUMNS, draw, prediction_table, read_catalogue, summary

DATA = Path(os.environ.get("LENSTREAM_DATA", Path(__file__).resolve().parents[3] / "../shared/data"))
SLACS = DATA / "slacs_dev"
needs_slacs = pytest.mark.skipif(
    not SLACS.is_dir(), reason="the real lenses slacs_dev are not there: set LENSTREAM_DATA"
)


def lenses(n, size=16):
    rng = np.random.default_rng(0)
    noise = np.full((size, size), 0.1, np.float32)
    return [
        Cutout(f"L{i}", rng.normal(0, 0.1, (size, size)).astype(np.float32), noise, 0.01 * i, True, 0.1)
        for i in range(n)
    ]


def catalogue(tmp_path, text):
    path = tmp_path / "catalogue.csv"
    path.write_text(text)
    return read_catalogue(path)


def test_table_and_summary_by_hand(tmp_path):
    published = catalogue(tmp_path, "name, theta_E_published, e1\nL2,1.0,0.1\nL0,2.0,\nother,5,0\n")
    predictions = {
        "theta_E": ([2.1, 9.0, 1.3], [0.1, 0.2, 0.3]),
        "e1": ([0, 0, 0.2], [1, 1, 1]),
        "gamma": ([2] * 3, [1] * 3),
    }
    table = prediction_table(lenses(3), predictions, published)
    assert list(table.columns) == [
        "name",
        "theta_E",
        "theta_E_std",
        "e1",
        "e1_std",
        "gamma",
        "gamma_std",
        "masked",
        "theta_E_published",
        "theta_E_difference",
        "e1_published",
        "e1_difference",
    ]
    np.testing.assert_allclose(table["theta_E_difference"], [0.1, np.nan, 0.3])
    np.testing.assert_allclose(table["masked"], [0, 0.01, 0.02])
    rows = summary(table).set_index("target")
    assert list(rows.index) == ["theta_E", "e1"]
    row = rows.loc["theta_E"]
    assert row["n"] == 2 and row["bias"] == pytest.approx(0.2) and row["rms"] == pytest.approx(np.sqrt(0.05))
    assert row["scatter"] == pytest.approx(0.2 / np.sqrt(2)) and row["nmad"] == pytest.approx(0.14826)
    assert row["mean_std"] == pytest.approx(0.2) and row["correlation"] == pytest.approx(1)
    assert rows.loc["e1", "n"] == 1 and np.isnan(rows.loc["e1", "scatter"]) and np.isnan(rows.loc["e1", "correlation"])


def test_without_catalogue(tmp_path):
    cutouts = lenses(2)
    table = prediction_table(cutouts, {"theta_E": ([1, 2], [0.1, 0.1])})
    assert list(table.columns) == ["name", "theta_E", "theta_E_std", "masked"]
    assert list(summary(table).columns) == SUMMARY_COLUMNS and len(summary(table)) == 0
    draw(cutouts, table, tmp_path / "new" / "figure.png")
    assert imread(tmp_path / "new" / "figure.png").std() > 0.05


def test_no_lens_in_the_catalogue(tmp_path):
    published = catalogue(tmp_path, "name,theta_E\nl0,1\nQ7,2\n")
    with pytest.raises(DataError, match=r"none of the 2 cut-outs: expected names such as L0.*Did you mean \"l0\"\?"):
        prediction_table(lenses(2), {"theta_E": ([1, 2], [1, 1])}, published)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("names,theta_E\nL0,1\n", 'no column name .*it has names, theta_E. Did you mean "names"'),
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


def test_missing_binary_and_wordy_catalogue(tmp_path):
    with pytest.raises(DataError, match="There is no catalogue"):
        read_catalogue(tmp_path / "missing.csv")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 20)
    with pytest.raises(DataError):
        read_catalogue(tmp_path / "binary.csv")
    published = catalogue(tmp_path, "name,theta_E\nL0,about one\n")
    with pytest.raises(DataError, match="column theta_E has to hold numbers"):
        prediction_table(lenses(1), {"theta_E": ([1], [1])}, published)


@pytest.mark.parametrize("n", [1, 9, 30])
def test_figure_of_any_number_of_lenses(tmp_path, n):
    rng = np.random.default_rng(n)
    published = catalogue(tmp_path, "name,theta_E,e1\n" + "".join(f"L{i},{1 + 0.1 * i},0.1\n" for i in range(n)))
    predictions = {"theta_E": (rng.normal(1, 0.2, n), np.full(n, 0.1)), "e1": (np.full(n, 0.1), np.zeros(n))}
    cutouts = lenses(n)
    draw(cutouts, prediction_table(cutouts, predictions, published), tmp_path / "figure.png")
    image = imread(tmp_path / "figure.png")
    assert min(image.shape[:2]) > 400 and image[..., :3].std() > 0.1


@needs_slacs
def test_real_lenses_end_to_end(tmp_path):
    cutouts, _ = read_cutouts(SLACS, 48, 0.1)
    published = read_catalogue(SLACS / "catalogue.csv")
    truth = published["theta_E_published"].loc[[c.name for c in cutouts]].to_numpy()
    table = prediction_table(cutouts, {"theta_E": (truth + 0.05, np.full(21, 0.1))}, published)
    row = summary(table).iloc[0]
    assert row["n"] == 21 and row["bias"] == pytest.approx(0.05) and row["scatter"] == pytest.approx(0, abs=1e-9)
    draw(cutouts, table, tmp_path / "figure.png")
    assert imread(tmp_path / "figure.png").std() > 0.1
