"""The PSF of a lens: where it is found, and what of it is used."""

import numpy as np
import pytest
from astropy.io import fits

from lenstream.errors import DataError
from lenstream.files.cutout_psf import psf_of, usable_kernel


def peaked(rows, columns, at, dtype=float):
    """A kernel that falls from a pixel as a Gaussian with wings, twice as wide along x."""
    y, x = np.indices((rows, columns))
    return (100.0 / (1.0 + (y - at[0]) ** 2 + 0.25 * (x - at[1]) ** 2)).astype(dtype)


def write(path, **planes):
    hdus = [fits.ImageHDU(plane, name=name) for name, plane in planes.items()]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    return path


IMAGE = np.zeros((20, 20), np.float32)


@pytest.mark.parametrize("name", ["PSF", "KERNEL", "psf_model"])
def test_an_extension_of_that_name_is_the_kernel(tmp_path, name):
    kernel = peaked(7, 7, (3, 3), np.float32)
    path = write(tmp_path / "a.fits", IMAGE=IMAGE, **{name: kernel})
    found = psf_of((path,))
    assert found.dtype == np.float64
    assert found.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(found, kernel / kernel.sum(dtype=float), rtol=1e-6)


def test_a_file_beside_the_image_is_the_kernel(tmp_path):
    kernel = peaked(5, 5, (2, 2))
    image = write(tmp_path / "a.fits", IMAGE=IMAGE)
    fits.writeto(tmp_path / "a.psf.fits", kernel)
    np.testing.assert_allclose(psf_of((image, tmp_path / "a.psf.fits")), kernel / kernel.sum())


def test_without_one_there_is_none(tmp_path):
    assert psf_of((write(tmp_path / "a.fits", IMAGE=IMAGE, NOISE=IMAGE + 1),)) is None


@pytest.mark.parametrize("first", ["F606W", "F814W"])
@pytest.mark.parametrize("bands", [("F814W",), ("HST/ACS_F814W",), ("f814w", "F606W")])
def test_it_is_that_of_the_first_band(tmp_path, first, bands):
    other = {"F606W": "F814W", "F814W": "F606W"}[first]
    planes = {f"PSF_{first}": peaked(5, 5, (2, 2)), f"PSF_{other}": peaked(5, 5, (2, 2))}
    planes["PSF_F814W"] = peaked(7, 7, (3, 3))
    path = write(tmp_path / "a.fits", IMAGE=IMAGE, **planes)
    assert psf_of((path,), bands).shape == (7, 7)


def test_one_of_its_band_comes_before_one_of_none_and_that_before_others(tmp_path):
    kernels = {f"PSF{band}": peaked(k, k, (k // 2, k // 2)) for band, k in (("_G", 3), ("", 5), ("_R", 7))}
    path = write(tmp_path / "a.fits", IMAGE=IMAGE, **kernels)
    assert psf_of((path,), ("r",)).shape == (7, 7)
    assert psf_of((path,), ("i",)).shape == psf_of((path,)).shape == (5, 5)
    only = write(tmp_path / "b.fits", IMAGE=IMAGE, PSF_G=kernels["PSF_G"])
    assert psf_of((only,), ("r",)).shape == (3, 3)


def test_a_kernel_of_a_cube_is_that_of_the_band(tmp_path):
    cube = fits.ImageHDU(np.stack([peaked(5, 5, (2, 2)), peaked(5, 5, (1, 2))]), name="PSF")
    cube.header["BANDS"] = "gr"
    path = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(IMAGE, name="IMAGE"), cube]).writeto(path)
    assert np.argmax(psf_of((path,), ("r",))) == 1 * 5 + 2
    assert np.argmax(psf_of((path,), ("g",))) == 2 * 5 + 2


def test_the_next_is_taken_where_one_cannot_be_used(tmp_path):
    path = write(tmp_path / "a.fits", IMAGE=IMAGE, PSF=np.zeros((5, 5)), KERNEL=peaked(3, 3, (1, 1)))
    assert psf_of((path,)).shape == (3, 3)


@pytest.mark.parametrize("shape", [(6, 6), (6, 7), (7, 6), (7, 8), (16, 17)])
def test_the_brightest_pixel_comes_to_the_middle(shape):
    """From any of the places that count as the middle of an even side, that of fftshift among them."""
    for y in {(shape[0] - 1) // 2, shape[0] // 2}:
        for x in {(shape[1] - 1) // 2, shape[1] // 2}:
            whole = peaked(*shape, (y, x))
            found = usable_kernel(whole)
            k = len(found)
            assert found.shape == (k, k)
            assert k == min(shape) - (min(shape) % 2 == 0)
            assert np.unravel_index(np.argmax(found), found.shape) == (k // 2, k // 2)
            reach = k // 2
            own = whole[y - reach : y + reach + 1, x - reach : x + reach + 1]
            np.testing.assert_allclose(found, own / own.sum())


def test_an_odd_kernel_stays_as_it_is_wherever_it_is_bright():
    kernel = peaked(7, 7, (1, 5))
    np.testing.assert_allclose(usable_kernel(kernel), kernel / kernel.sum())


def test_a_kernel_of_integers_has_a_sum_of_one():
    kernel = peaked(5, 5, (2, 2), np.uint16)
    np.testing.assert_allclose(usable_kernel(kernel), kernel / kernel.sum(dtype=float))


@pytest.mark.parametrize(
    "kernel",
    [
        np.ones((5, 9)),
        np.zeros((5, 5)),
        -peaked(5, 5, (2, 2)),
        np.where(np.eye(5) > 0, np.nan, 1.0),
        np.where(np.eye(5) > 0, np.inf, 1.0),
        np.where(np.eye(5) > 0, 1e30, 1.0),
        np.ones(5),
        np.ones((5, 5, 5, 5)),
    ],
)
def test_what_is_no_kernel_counts_as_none(kernel):
    assert usable_kernel(kernel) is None


def test_one_pixel_is_no_blur():
    np.testing.assert_array_equal(usable_kernel(np.full((1, 1), 3.0)), [[1.0]])
    np.testing.assert_array_equal(usable_kernel(np.array([[3.0, 2.0], [1.0, 1.0]])), [[1.0]])


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(b"no FITS at all")
    with pytest.raises(DataError, match=r"a\.fits: cannot be read as FITS"):
        psf_of((path,))
