"""FITS files: what is found in them by name, and that nothing cut short or damaged passes for whole."""

import gzip
import os

import numpy as np
import pytest
from astropy.io import fits as astropy_fits
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.errors import DataError
from lenstream.files import fits
from lenstream.files.unreadable import Unreadable

RNG = np.random.default_rng(0)
PLANES = {"IMAGE": RNG.normal(size=(20, 24)), "MASK": np.zeros((20, 24), np.uint8), "PSF": RNG.normal(size=(3, 9, 9))}


def write(path, packed=False):
    """A file with an empty primary HDU, the planes above and a table between them."""
    image_hdu = astropy_fits.CompImageHDU if packed else astropy_fits.ImageHDU
    image, mask, psf = (image_hdu(plane, name=name) for name, plane in PLANES.items())
    table = astropy_fits.BinTableHDU.from_columns([astropy_fits.Column("a", "E", array=[1.0])])
    primary = astropy_fits.PrimaryHDU(header=astropy_fits.Header({"PIXSCALE": 0.05}))
    astropy_fits.HDUList([primary, image, table, mask, psf]).writeto(path)
    return path


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["a.fits", "a.fits.gz"])
def test_images_by_name_and_number(tmp_path, name, packed):
    path = write(tmp_path / name, packed)
    images = fits.look(path)
    assert [(i.hdu, i.name, i.shape) for i in images] == [
        (1, "IMAGE", (20, 24)),
        (3, "MASK", (20, 24)),
        (4, "PSF", (3, 9, 9)),
    ]
    assert images[0].headers[0]["EXTNAME"] == "IMAGE" and images[0].headers[1]["PIXSCALE"] == 0.05
    mask, psf = fits.read(path, 3, 4)
    np.testing.assert_array_equal(mask, PLANES["MASK"])
    np.testing.assert_allclose(psf, PLANES["PSF"], atol=0.5 if packed else 0)  # packed floats lose digits
    some, row = fits.sections(path, (4, (1, slice(2, 5))), (3, (0,)))
    np.testing.assert_array_equal(some, psf[1, 2:5])
    np.testing.assert_array_equal(row, mask[0])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a plain file, of one with compressed planes, and of a gzip file."""
    folder = tmp_path_factory.mktemp("whole")
    plain, packed = (write(folder / f"{k}.fits", packed=bool(k)).read_bytes() for k in (0, 1))
    return {"plain": plain, "packed": packed, "gzip": gzip.compress(plain)}


@settings(deadline=None, max_examples=60)
@given(kept=st.floats(0.0, 1.0), compression=st.sampled_from(["plain", "packed", "gzip"]))
def test_a_file_cut_anywhere_is_refused(tmp_path_factory, whole, kept, compression):
    path = tmp_path_factory.mktemp("cut") / ("a.fits.gz" if compression == "gzip" else "a.fits")
    content = whole[compression]
    cut = min(int(kept * len(content)), len(content) - 1)
    # A block may be the end of an extension, where nothing tells of the next.
    if compression != "gzip" and cut % fits.BLOCK == 0:
        cut += 1
    path.write_bytes(content[:cut])
    with pytest.raises(Unreadable, match=r"cut short|damaged") as caught:
        fits.look(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("more", [b"\0" * 2880, b" " * 100])
def test_zeros_or_blanks_behind_the_end_are_no_damage(tmp_path, whole, more):
    (tmp_path / "a.fits").write_bytes(whole["plain"] + more)
    assert len(fits.look(tmp_path / "a.fits")) == 3


@pytest.mark.parametrize("header", [b"XTENSIOM", bytes(range(1, 241)) * 12])
def test_an_extension_whose_header_is_damaged(tmp_path, whole, header):
    content = whole["plain"]
    second = content.index(b"XTENSION", content.index(b"XTENSION") + 1)
    (tmp_path / "a.fits").write_bytes(content[:second] + header + content[second + len(header) :])
    with pytest.raises(Unreadable, match="damaged"):
        fits.look(tmp_path / "a.fits")


def test_a_header_that_promises_more_than_there_is(tmp_path):
    header = astropy_fits.Header({"SIMPLE": True, "BITPIX": -32, "NAXIS": 3, "NAXIS1": 100, "NAXIS2": 100})
    header["NAXIS3"] = 10**9
    (tmp_path / "a.fits").write_bytes(header.tostring().encode())
    with pytest.raises(Unreadable, match="cut short"):
        fits.look(tmp_path / "a.fits")


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.fits")
    (tmp_path / "folder.fits").mkdir()
    for name, words in (("pipe", "it is not a file"), ("folder", "it is a folder"), ("none", "there is no such file")):
        with pytest.raises(Unreadable) as caught:
            fits.look(tmp_path / f"{name}.fits")
        assert caught.value.reason == words and isinstance(caught.value, DataError)


def test_a_compressed_image_larger_than_its_file_can_be_is_refused(tmp_path):
    write(tmp_path / "a.fits", packed=True)
    with astropy_fits.open(tmp_path / "a.fits", disable_image_compression=True) as hdus:
        hdus[1].header["ZNAXIS2"] = 10**9
        hdus.writeto(tmp_path / "huge.fits")
    with pytest.raises(Unreadable, match="more pixels than can be packed"):
        fits.look(tmp_path / "huge.fits")
