"""Folders of bands: systems put together by number, coarse bands left out, gaps named."""

import pytest

from lenstream.errors import DataError
from lenstream.files.dataset_layouts import identify

from .layouts import challenge, image, save_fits


def test_the_first_challenge(tmp_path):
    """Band1, Band2, ... with the filter in the names of files."""
    for b, band in enumerate("RIGU"):
        for k in range(3):
            save_fits(tmp_path / f"Band{b + 1}" / f"imageSDSS_{band}-{100_000 + k}.fits", image(10 * b + k))
    found = identify(tmp_path)
    assert found.bands == ("R", "I", "G", "U")
    assert len(found) == 3
    assert (found.read(2)[0, 3] == image(32)).all()


def test_bands_of_other_pixels_are_left_out(tmp_path):
    challenge(tmp_path, 2, ("EUC_VIS",))
    for k in range(2):
        save_fits(tmp_path / "EUC_J" / f"imageEUC_J-{100_000 + k}.fits", image(k, 10, 10))
        save_fits(tmp_path / "EUC_H" / f"imageEUC_H-{100_000 + k}.fits", image(k, 10, 10))
    found = identify(tmp_path)
    assert found.bands == ("VIS",)
    assert found.read(0).shape == (1, 1, 16, 16)
    assert "EUC_H, EUC_J: not read, as its pixels are not those of EUC_VIS" in found.notes


def test_a_system_without_a_band(tmp_path):
    challenge(tmp_path)
    (tmp_path / "EUC_J" / "imageEUC_J-100002.fits").unlink()
    with pytest.raises(DataError, match=r"1 systems are not in all folders of bands, e\.g\. 100002 \(EUC_VIS differs"):
        identify(tmp_path)


def test_folders_of_classes_are_no_bands(tmp_path):
    for name in ("lenses", "nonlenses"):
        for k in range(2):
            save_fits(tmp_path / name / f"a_{k}.fits", image(k))
    assert identify(tmp_path).classes == ("lenses", "nonlenses")


def test_numbers_need_no_leading_zeros(tmp_path):
    """By letters 10 comes before 2, and the bands of a system stay together."""
    for b, band in enumerate("gr"):
        for k in (1, 2, 10):
            save_fits(tmp_path / f"Band{b + 1}" / f"sdss_{band}_{k}.fits", image(100 * b + k))
    found = identify(tmp_path)
    assert found.names == ["Band1/sdss_g_1.fits", "Band1/sdss_g_2.fits", "Band1/sdss_g_10.fits"]
    for place, k in enumerate((1, 2, 10)):
        assert (found.read(place)[0] == [image(k), image(100 + k)]).all()
