"""Words on sets of images."""

from pathlib import Path

import numpy as np
import pytest

from lenstream.evaluate.show.image_set_lines import set_lines, spread
from lenstream.files.image_sets import ImageSet


def a_set(**more):
    facts = {"path": Path("/nowhere/a b"), "kind": "folder of images", "what": "", "names": range(500), "views": 1}
    facts |= {"bands": ("g", ""), "height": 20, "width": 20, "read": None}
    return ImageSet(**facts | more)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.0, 2.5], "1 to 2.5"),
        ([1.0, np.nan], "1, 1 of 2 NaN"),
        ([np.nan, np.nan], "NaN in all of 2"),
        ([3, 4], "3 to 4"),
    ],
)
def test_ranges(values, words):
    assert spread(np.array(values)) == words


def test_bands_and_classes():
    numbers = np.array([0] * 300 + [1] * 199 + [-1])
    lines = dict(
        (line[:12].strip(), line[12:]) for line in set_lines(a_set(classes=("a", "b"), labels={"class": numbers}))
    )
    assert lines["bands"] == "2 (g)"
    assert lines["classes"] == "a 300, b 199, without one 1"
    assert lines["pixels"] == "20 x 20, of unknown size"


def test_many_labels_and_classes_are_cut():
    labels = {f"l{k}": np.zeros(500) for k in range(60)} | {"class": np.arange(500) % 30}
    lines = list(set_lines(a_set(classes=tuple(f"c{k}" for k in range(30)), labels=labels)))
    assert lines[-1].strip() == "and 20 more"
    assert any(line.endswith("c11 17, and 18 more") for line in lines)
