"""Cut-outs of lenses in FITS files: image, noise, mask and lens light are found by their names."""

import numpy as np
import pytest
from astropy.io import fits

from lenstream.errors import DataError
from lenstream.files.cutout_layout import read_planes

RNG = np.random.default_rng(0)


def write(path, **planes):
    hdus = [fits.ImageHDU(plane, name=name) for name, plane in planes.items()]
    fits.HDUList([fits.PrimaryHDU(header=fits.Header({"PIXSCALE": 0.05})), *hdus]).writeto(path)
    return path


def test_parts_are_found_whatever_their_order(tmp_path):
    image, noise, light = RNG.normal(size=(3, 12, 14)).astype(">f4")
    mask = (RNG.random((12, 14)) > 0.97).astype(np.uint8)
    mask[5:8, 5:9] = 0
    path = write(tmp_path / "a.fits", ERR=noise, LENSLIGHT=light, MASK=mask, OTHER=np.ones((3, 3)), SCI=image)
    planes = read_planes(path)
    for plane, expected in ((planes.image, image), (planes.noise, noise), (planes.light, light)):
        np.testing.assert_array_equal(plane, expected)
        assert plane.dtype == np.float64
    np.testing.assert_array_equal(planes.good, (mask == 0) & (noise > 0))
    assert planes.headers[0]["EXTNAME"] == "SCI" and planes.headers[1]["PIXSCALE"] == 0.05
    assert planes.ignored == ("OTHER",)


def test_one_plain_image(tmp_path):
    image = RNG.normal(size=(12, 14))
    fits.writeto(tmp_path / "a.fits", image)
    planes = read_planes(tmp_path / "a.fits")
    assert planes.noise is None and planes.light is None and planes.good.all() and planes.ignored == ()
    np.testing.assert_array_equal(planes.image, image)


@pytest.mark.parametrize(
    ("planes", "message"),
    [
        ({}, "it holds no image of a lens: expected an extension IMAGE"),
        (
            {"IMAGE": np.zeros((2, 9, 9))},
            r"its image has 2 bands, shape \(2, 9, 9\), and the network was trained on one",
        ),
        ({"IMAGE": np.zeros((9, 9)), "NOISE": np.ones((9, 8))}, r"its noise \(NOISE\) has shape \(9, 8\)"),
    ],
)
def test_what_is_no_cutout(tmp_path, planes, message):
    with pytest.raises(DataError, match=message):
        read_planes(write(tmp_path / "a.fits", **planes))
    with pytest.raises(DataError, match=r"^it cannot be read as FITS \(there is no such file\)\.$"):
        read_planes(tmp_path / "none.fits")
