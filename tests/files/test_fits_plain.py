"""What is read without astropy is what astropy reads."""

import numpy as np
import pytest
from astropy.io import fits

from lenstream.errors import DataError
from lenstream.files import fits_plain
from lenstream.files.fits_writing import card, image_extension, primary, primary_image

CARDS = {
    "INDEX": 2**41 + 7,
    "ON": True,
    "E1": -1.5e-17,
    "NAME": "it's a lens / one",
    "source_R_sersic": 0.1234567890123456,
    "view0 magnitude": 24.5,
    "LACKING": float("nan"),
    "long_and_lacking": float("nan"),
    "ENDLESS": float("inf"),
}


def written(path, cards=CARDS):
    """A file with an image, a cube and many cards."""
    pixels = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    lost = np.random.default_rng(1).integers(0, 2, (2, 5, 7), np.uint8)
    content = primary([card(key, value, "a comment / with a slash") for key, value in cards.items()])
    path.write_bytes(content + image_extension("IMAGE_r", pixels) + image_extension("MASK", lost))
    return pixels, lost


def test_it_reads_what_astropy_reads(tmp_path):
    pixels, lost = written(tmp_path / "a.fits")
    hdus = fits_plain.read(tmp_path / "a.fits")
    assert list(hdus) == ["", "IMAGE_r", "MASK"]
    np.testing.assert_array_equal(hdus["IMAGE_r"].pixels, pixels)
    np.testing.assert_array_equal(hdus["MASK"].pixels, lost)
    first = fits_plain.first(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as theirs:
        for key in CARDS:
            their = theirs[0].header[key]
            assert hdus[""][key] == first[key] == (None if isinstance(their, fits.card.Undefined) else their)
    assert hdus[""]["source_R_sersic"] == CARDS["source_R_sersic"] and hdus[""]["e1"] == CARDS["E1"]
    assert hdus[""].get("VIEW", 0) == 0
    with pytest.raises(KeyError):
        hdus[""]["VIEW"]


def test_a_header_of_many_blocks_is_read_to_its_end(tmp_path):
    written(tmp_path / "a.fits", {f"KEY{k}": k for k in range(500)})
    assert fits_plain.first(tmp_path / "a.fits")["KEY499"] == 499


def test_the_first_image_belongs_to_the_first_header(tmp_path):
    cube = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    (tmp_path / "a.fits").write_bytes(primary_image(cube, []))
    np.testing.assert_array_equal(fits_plain.read(tmp_path / "a.fits")[""].pixels, cube)


@pytest.mark.parametrize("size", [0, 80, 2880 + 80, 2 * 2880, -2880])
def test_a_file_that_was_cut_is_refused(tmp_path, size):
    written(tmp_path / "a.fits")
    content = (tmp_path / "a.fits").read_bytes()
    (tmp_path / "a.fits").write_bytes(content[:size])
    with pytest.raises(DataError, match=r"a\.fits"):
        fits_plain.read(tmp_path / "a.fits")


def test_what_is_not_there_or_no_fits_is_refused(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        fits_plain.first(tmp_path / "a.fits")
    (tmp_path / "a.fits").write_bytes(bytes(range(256)) * 30)
    with pytest.raises(DataError, match=r"a\.fits"):
        fits_plain.first(tmp_path / "a.fits")
