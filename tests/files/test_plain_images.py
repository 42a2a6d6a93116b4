"""Files of plain images (PSF kernels, sky): every format gives the same images."""

import numpy as np
import pytest
from astropy.io import fits

from lenstream.errors import DataError
from lenstream.files.plain_images import read_images

CUBE = np.random.default_rng(0).normal(size=(3, 5, 7))


@pytest.mark.parametrize("array", [CUBE, CUBE[0]])
def test_every_format_gives_the_same_images(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", x=array, y=2 * array)
    fits.writeto(tmp_path / "a.fits", array)
    expected = list(array) if array.ndim == 3 else [array]
    for name in ("a.npy", "a.fits"):
        np.testing.assert_array_equal(read_images(tmp_path / name, "image"), expected)
    twice = read_images(tmp_path / "a.npz", "image")
    np.testing.assert_array_equal(twice, [*expected, *(2 * image for image in expected)])


def test_the_extension_of_the_role_counts(tmp_path):
    parts = [fits.ImageHDU(CUBE[0], name="IMAGE"), fits.ImageHDU(CUBE[1], name="PSF")]
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(tmp_path / "a.fits")
    np.testing.assert_array_equal(read_images(tmp_path / "a.fits", "psf"), CUBE[1:2])
    np.testing.assert_array_equal(read_images(tmp_path / "a.fits", "image"), CUBE[:1])


def test_absurd_values_are_missing(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[1.0, -1e30], [np.inf, 2.0]]))
    np.testing.assert_array_equal(read_images(tmp_path / "a.npy", "image")[0], [[1.0, np.nan], [np.nan, 2.0]])


@pytest.mark.parametrize("array", [np.ones(5), np.ones((2, 2, 5, 5)), np.ones((0, 5)), np.full((5, 5), "x")])
def test_what_is_no_image(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(DataError, match=r"a\.npy holds an array of shape .* expected numbers, an image or a cube"):
        read_images(tmp_path / "a.npy", "image")
    fits.HDUList([fits.PrimaryHDU()]).writeto(tmp_path / "a.fits", overwrite=True)
    with pytest.raises(DataError, match="holds no image"):
        read_images(tmp_path / "a.fits", "image")
    np.savez(tmp_path / "a.npz")
    with pytest.raises(DataError, match=r"a\.npz: .*it holds no array"):
        read_images(tmp_path / "a.npz", "image")
