"""Classes in the names of files of one flat folder."""

import numpy as np
import pytest

from lenstream.errors import DataError
from lenstream.files.dataset_layouts import identify

from .layouts import image, save, save_fits


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lens_001.npy", "nonlens_001.npy"),
        ("LENS-1.npy", "Non-Lens-1.npy"),
        ("hst_lens_7.npy", "hst_not_lens_7.npy"),
        ("12_lensed.npy", "12_unlensed.npy"),
        ("J1_pos.npy", "J1_neg.npy"),
    ],
)
def test_lens_or_not(tmp_path, one, other):
    save(tmp_path / one, image(0))
    save(tmp_path / other, image(1))
    found = identify(tmp_path)
    assert found.classes == ("lens", "nonlens")
    classes = {name: found.classes[number] for name, number in zip(found.names, found.labels["class"], strict=True)}
    assert classes == {one: "lens", other: "nonlens"}
    assert found.what.endswith("with the class in each file's name")


def test_kinds_of_dark_matter_in_fits(tmp_path):
    for name in ("no_sub_1.fits", "cdm_1.fits", "axion_1.fits"):
        save_fits(tmp_path / name, image(0))
    assert identify(tmp_path).classes == ("axion", "cdm", "no_sub")


@pytest.mark.parametrize(
    "names", [("lens_1", "lens_2"), ("lens_1", "b_2"), ("lensing", "nonlensing"), ("J0008-0004", "J0029")]
)
def test_names_that_say_nothing(tmp_path, names):
    for name in names:
        save(tmp_path / f"{name}.npy", image(0))
    found = identify(tmp_path)
    assert (found.classes, "class" in found.labels) == ((), False)


def test_folders_of_classes_count_more(tmp_path):
    save(tmp_path / "a" / "lens_1.npy", image(0))
    save(tmp_path / "b" / "nonlens_1.npy", image(0))
    found = identify(tmp_path)
    assert found.classes == ("a", "b")
    np.testing.assert_array_equal(found.labels["class"], [0, 1])


def test_a_pattern_says_the_class(tmp_path):
    for name in ("ring_1.npy", "disc_2.npy", "ring_3.npy", "4.npy"):
        save(tmp_path / name, image(len(name)))
    found = identify(tmp_path, class_from="^([a-z]+)_")
    assert found.classes == ("disc", "ring")
    of = dict(zip(found.names, found.labels["class"].tolist(), strict=True))
    assert of == {"ring_1.npy": 1, "disc_2.npy": 0, "ring_3.npy": 1, "4.npy": -1}
    assert any("classes by the pattern ^([a-z]+)_: disc, ring; 1 of 4 images have none" in n for n in found.notes)
    with pytest.raises(DataError, match=r'the pattern "\^\(ring\)" finds one class, ring, in the names of 4 images'):
        identify(tmp_path, class_from="^(ring)")
    with pytest.raises(DataError, match=r'the pattern "\(zz\)" finds no class in the names'):
        identify(tmp_path, class_from="(zz)")
