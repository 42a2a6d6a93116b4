"""Pages beside predictions: every flag has a meaning there, what was measured, and a picture of its lens."""

import numpy as np

from lenstream.evaluate.real.flags import Doubt
from lenstream.evaluate.real.predicted_pages import MEANINGS, write_pages
from lenstream.evaluate.real.published import prediction_table
from lenstream.evaluate.show.report import RealLensResults

from ..show.test_lens_pages import links, words


def test_flags_pictures_and_numbers_are_there(tmp_path, lenses):
    cutouts = lenses(2)
    doubts = [[], [Doubt("sky", "+3 x noise"), Doubt("no_arc", "S/N 2"), Doubt("sky", "again")]]
    table = prediction_table(
        cutouts, {"theta_E": (np.array([1.0, 2.0]), np.array([0.1, 0.1]))}, "array", ["", "sky;no_arc"]
    )
    page = write_pages(tmp_path, cutouts, RealLensResults(table), doubts)
    assert "found" not in table
    folder = tmp_path / "lenses"
    names = [cutout.name for cutout in cutouts]
    assert {folder / "small" / f"{name}.png" for name in names} < set(links(page))
    text = words(folder / f"{names[1]}.html")
    for flag, found in (("sky", "+3 x noise"), ("no_arc", "S/N 2")):
        assert f"{flag.replace('_', ' ')} {found}. {MEANINGS[flag][0].upper()}{MEANINGS[flag][1:]}." in text
    assert "doubtful" not in words(folder / f"{names[0]}.html")
