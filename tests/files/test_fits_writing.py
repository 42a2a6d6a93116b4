"""FITS as bytes, against astropy: values, long names, checksums."""

import warnings

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from lenstream.files.fits_writing import card, image_extension, ones_sum, primary, primary_image, wrong_sums


def opened(tmp_path, content):
    path = tmp_path / "a.fits"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True) as hdus:
            hdus.verify("exception")
            return fits.HDUList([hdu.copy() for hdu in hdus])


@given(st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**63), st.booleans()))
def test_numbers_come_back_bit_for_bit(value):
    for key in ("theta_E", "source_R_sersic", "view0 gamma"):
        found = fits.Card.fromstring(card(key, value, "a comment")).value
        assert found == value and type(found) is type(value)
        assert len(card(key, value)) == 80


@pytest.mark.parametrize("value", [float("nan"), None])
def test_what_is_not_defined_has_no_value(value):
    assert isinstance(fits.Card.fromstring(card("gamma", value)).value, fits.card.Undefined)
    assert isinstance(fits.Card.fromstring(card("source_gamma", value)).value, fits.card.Undefined)


def test_texts_quotes_and_infinities():
    assert fits.Card.fromstring(card("CONFIG", "it's", "a name")).value == "it's"
    assert float(fits.Card.fromstring(card("source_gamma", float("-inf"))).value) == -np.inf
    long = fits.Card.fromstring(card("CONFIG", "x" * 100)).value
    assert long.startswith("x" * 50) and len(card("CONFIG", "x" * 100)) == 80


def test_astropy_finds_files_whole_and_their_sums_right(tmp_path):
    pixels = np.random.default_rng(1).normal(size=(5, 7)).astype(np.float32)
    lost = np.eye(5, dtype=np.uint8)
    content = primary([card("INDEX", 12), card("source_R_sersic", 0.25, "[arcsec] radius")])
    content += image_extension("IMAGE", pixels, [card("BUNIT", "electron/s")]) + image_extension("MASK", lost)
    hdus = opened(tmp_path, content)
    assert [hdu.name for hdu in hdus] == ["PRIMARY", "IMAGE", "MASK"]
    np.testing.assert_array_equal(hdus["IMAGE"].data, pixels)
    np.testing.assert_array_equal(hdus["MASK"].data, lost)
    assert hdus[0].header["SOURCE_R_SERSIC"] == 0.25 and hdus["IMAGE"].header["BUNIT"] == "electron/s"


def test_a_cube_in_the_primary_hdu(tmp_path):
    cube = np.arange(24, dtype=np.float32).reshape(3, 4, 2)
    (hdu,) = opened(tmp_path, primary_image(cube, [card("theta_E", 1.2)]))
    assert hdu.header["NAXIS1"] == 2 and hdu.header["theta_E"] == 1.2
    np.testing.assert_array_equal(hdu.data, cube)


@given(st.binary(min_size=4, max_size=400))
def test_the_sum_is_that_of_astropy(content):
    content = content[: len(content) // 4 * 4]
    theirs = fits.hdu.base._ValidHDU()._compute_checksum(np.frombuffer(content, np.uint8))
    assert ones_sum(content) % 0xFFFFFFFF == int(theirs) % 0xFFFFFFFF


def test_wrong_sums_are_named(tmp_path):
    pixels = np.ones((40, 40), np.float32)
    content = primary([card("INDEX", 12)]) + image_extension("IMAGE", pixels) + image_extension("MASK", pixels)
    path = tmp_path / "a.fits"
    path.write_bytes(content)
    assert wrong_sums(path) == []
    start = content.index(b"XTENSION")
    for place, said in (
        (10 + content.index(b"INDEX"), "header of PRIMARY"),
        (start + 2880 + 5, "IMAGE"),
        (len(content) - 4000, "MASK"),
    ):
        bad = bytearray(content)
        bad[place] ^= 1
        path.write_bytes(bad)
        assert wrong_sums(path) == [said]
    path.write_bytes(content[:-2880])
    assert wrong_sums(path) == ["MASK", "end of the file"]
