"""The figure of real lenses: what it shows of any number of lenses, of flags and of published values."""

import numpy as np
import pytest
from matplotlib.image import imread

from lenstream.configs.schema import RealLenses
from lenstream.evaluate.real.catalogue import match, read_catalogue
from lenstream.evaluate.real.cutouts import read_cutouts
from lenstream.evaluate.real.lens_figure import DOUBTFUL, draw
from lenstream.evaluate.real.published import beside_published, prediction_table, summary


def table_of(cutouts, flags):
    n = len(cutouts)
    rng = np.random.default_rng(n)
    predictions = {"theta_E": (rng.normal(1, 0.2, n), np.full(n, 0.1)), "e1": (np.full(n, 0.1), np.zeros(n))}
    table = prediction_table(cutouts, predictions, "array", flags)
    return beside_published(table, {"theta_E": 1 + 0.1 * np.arange(n), "e1": np.full(n, 0.1)})


def orange(path):
    """Pixels in the colour of what is doubtful."""
    colour = np.array([int(DOUBTFUL[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return int((np.abs(imread(path)[..., :3] - colour).max(-1) < 0.02).sum())


def test_without_catalogue(tmp_path, lenses):
    table = prediction_table(lenses(2), {"theta_E": ([1, 2], [0.1, 0.1])}, "array", ["", ""])
    draw(lenses(2), table, tmp_path / "new" / "figure.png")
    assert imread(tmp_path / "new" / "figure.png").std() > 0.05


@pytest.mark.parametrize("n", [1, 9, 30])
def test_figure_of_any_number_of_lenses(tmp_path, n, lenses):
    draw(lenses(n), table_of(lenses(n), [""] * n), tmp_path / "figure.png")
    image = imread(tmp_path / "figure.png")
    assert min(image.shape[:2]) > 400 and image[..., :3].std() > 0.1


def test_flagged_lenses_are_marked(tmp_path, lenses):
    n, marked = 4, []
    for flags in ([""] * n, ["sky", "", "", ""], ["sky", "noise;sky", "no_arc", "sky"]):
        draw(lenses(n), table_of(lenses(n), flags), tmp_path / "figure.png")
        marked.append(orange(tmp_path / "figure.png"))
    assert marked[0] == 0 and marked[1] > 200 and marked[2] > 3 * marked[1]


def test_values_that_are_not_known_leave_the_figure_whole(tmp_path, lenses):
    table = table_of(lenses(3), [""] * 3)
    table.loc[0, ["e1", "e1_std", "e1_difference"]] = np.nan  # of an image without a WCS, in the frame north_east
    draw(lenses(3), table, tmp_path / "figure.png")
    assert imread(tmp_path / "figure.png").std() > 0.05


def test_real_lenses_end_to_end(tmp_path, slacs):
    cutouts, _ = read_cutouts(slacs, 48, 0.1)
    published = read_catalogue(slacs / "catalogue.csv")
    names = [c.name for c in cutouts]
    values, _ = match(published, names, ["theta_E"], [c.facts.orientation for c in cutouts], RealLenses())
    predictions = {"theta_E": (values["theta_E"] + 0.05, np.full(21, 0.1))}
    table = beside_published(prediction_table(cutouts, predictions, "array", [""] * 21), values)
    row = summary(table).iloc[0]
    assert row["n"] == 21 and row["bias"] == pytest.approx(0.05) and row["scatter"] == pytest.approx(0, abs=1e-9)
    draw(cutouts, table, tmp_path / "figure.png")
    assert imread(tmp_path / "figure.png").std() > 0.1
