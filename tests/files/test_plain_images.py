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


def test_bad_and_padded_pixels_of_sky_are_missing(tmp_path):
    sky, flags = np.random.default_rng(1).normal(size=(24, 24)), np.zeros((24, 24), np.int32)
    flags[5, 5], sky[:, 20:] = 1, 0.0
    header = fits.Header({"BUNIT": "ELECTRONS", "EXPTIME": 100.0})
    parts = [fits.ImageHDU(np.ones((24, 24)), name="ERR"), fits.ImageHDU(100 * sky, header, name="SCI")]
    fits.HDUList([fits.PrimaryHDU(), *parts, fits.ImageHDU(flags, name="DQ")]).writeto(tmp_path / "a.fits")
    (image,) = read_images(tmp_path / "a.fits", "image")
    expected = sky.copy()
    expected[5, 5] = expected[:, 20:] = np.nan
    np.testing.assert_allclose(image, expected)
    (kept,) = read_images(save(tmp_path / "psf.npy", sky), "psf")
    assert (kept[:, 20:] == 0).all()  # a kernel may end in zeros


def save(path, array):
    np.save(path, array)
    return path


def test_of_several_images_none_is_guessed_to_be_a_psf(tmp_path):
    parts = [fits.ImageHDU(CUBE[0], name=name) for name in ("A", "B")]
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(tmp_path / "a.fits")
    with pytest.raises(DataError, match=r"a\.fits holds several images, A, B: expected one called PSF"):
        read_images(tmp_path / "a.fits", "psf")


def test_names_and_sizes_beside_the_images_of_an_archive(tmp_path):
    np.savez(tmp_path / "a.npz", pixel_scale=0.1, label=np.arange(3), psf=CUBE)
    np.testing.assert_array_equal(read_images(tmp_path / "a.npz", "psf"), CUBE)


def test_of_several_arrays_the_one_of_the_name_counts(tmp_path):
    np.savez(tmp_path / "a.npz", psf=np.ones((5, 5)), image=np.zeros((9, 9)))
    assert [k.shape for k in read_images(tmp_path / "a.npz", "psf")] == [(5, 5)]
    assert [k.shape for k in read_images(tmp_path / "a.npz", "image")] == [(9, 9)]
