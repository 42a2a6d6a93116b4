"""Point-spread functions: against scipy, lenstronomy and integrals, for any size of image and kernel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lenstronomy.Data.imaging_data import ImageData
from lenstronomy.Data.psf import PSF
from lenstronomy.ImSim.image_model import ImageModel
from lenstronomy.LightModel.light_model import LightModel
from lenstronomy.LightModel.Profiles.moffat import Moffat
from lenstronomy.Util import kernel_util, util
from scipy import integrate, ndimage, signal

from lenstream.simulate.core import compiled
from lenstream.simulate.detector import psf

gaussian_blur = compiled.cached(psf.gaussian_blur)  # kept on disk, so that only the first run of the tests compiles
convolve = compiled.cached(psf.convolve)
convolve_down = compiled.cached(psf.convolve_down)
bin_down = compiled.cached(psf.bin_down)

sides = st.integers(1, 40)
dtypes = st.sampled_from([np.float32, np.float64])


def random_image(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).random(shape).astype(dtype)


def buffer_for(image):
    return np.full(psf.work_size(*image.shape), np.nan, image.dtype)  # whatever was there before must not matter


def convolved(image, kernel):
    out = image.copy()
    convolve(out, kernel.astype(image.dtype), buffer_for(image))
    return out


@settings(deadline=None, max_examples=40)
@given(sides, sides, st.floats(0.01, 30.0), st.floats(1.0, 6.0), dtypes)
def test_a_gaussian_is_scipys(ny, nx, sigma, truncation, dtype):
    image = random_image((ny, nx), dtype)
    blurred, weights = image.copy(), np.empty(int(truncation * sigma + 0.5) + 1, dtype)
    gaussian_blur(blurred, sigma, truncation, buffer_for(image), weights)
    expected = ndimage.gaussian_filter(image.astype(float), sigma, mode="nearest", truncate=truncation)
    assert np.abs(blurred - expected).max() < (1e-13 if dtype == np.float64 else 2e-6)


@settings(deadline=None, max_examples=40)
@given(sides, sides, st.integers(0, 45), st.integers(0, 3), dtypes)
def test_a_kernel_is_scipys_also_when_larger_than_the_image(ny, nx, half, zeros, dtype):
    image, kernel = random_image((ny, nx), dtype), random_image((2 * half + 1, 2 * half + 1), seed=1)
    kernel[:, : min(zeros, half)] = 0.0
    kernel /= kernel.sum()
    expected = signal.convolve2d(image, kernel, mode="full")[half : half + ny, half : half + nx]
    assert np.abs(convolved(image, kernel) - expected).max() < (1e-13 if dtype == np.float64 else 2e-6)


def test_a_point_becomes_the_kernel_unmirrored():
    image, kernel = np.zeros((21, 21)), random_image((7, 7))
    image[10, 9] = 1.0
    np.testing.assert_array_equal(convolved(image, kernel)[7:14, 6:13], kernel)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 14), st.integers(1, 14), st.integers(1, 5), st.integers(0, 25))
def test_convolving_and_summing_at_once_is_one_after_the_other(ny, nx, factor, half):
    fine, kernel = random_image((ny * factor, nx * factor)), random_image((1, 2 * half + 1, 2 * half + 1), seed=1)
    out, expected = np.empty((ny, nx)), np.empty((ny, nx))
    convolve_down(fine, psf.phase_kernels(kernel, factor)[0], factor, 0.3, out, buffer_for(out))
    bin_down(convolved(fine, kernel[0]), factor, 0.3, expected)
    np.testing.assert_allclose(out, expected, rtol=1e-12)


def test_binning_keeps_the_counts():
    fine, out = random_image((12, 20)), np.empty((3, 5))
    bin_down(fine, 4, 1.0, out)
    np.testing.assert_allclose(out, fine.reshape(3, 4, 5, 4).sum((1, 3)))
    same = np.empty((12, 20))
    bin_down(fine, 1, 0.5, same)
    np.testing.assert_array_equal(same, 0.5 * fine)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_supersampled_kernel_is_lenstronomys(factor):
    size, scale, side = 31, 0.1, 8 * factor + 1
    kernel = psf.moffat_kernels(0.2, 3.0, scale / factor, side)[0] * (1 + 0.3 * random_image((side, side)))
    kernel /= kernel.sum()
    grid = util.make_grid_with_coordtransform(size, scale, left_lower=False, inverse=False)
    data = ImageData(np.zeros((size, size)), ra_at_xy_0=grid[2], dec_at_xy_0=grid[3], transform_pix2angle=grid[6])
    lens_psf = PSF("PIXEL", kernel_point_source=kernel.copy(), point_source_supersampling_factor=factor)
    sersic = LightModel(["SERSIC_ELLIPSE"])
    kwargs = {"amp": 3.0, "R_sersic": 0.3, "n_sersic": 1.5, "e1": 0.1, "e2": -0.2, "center_x": 0.13, "center_y": 0.21}
    numerics = {
        "supersampling_factor": factor,
        "supersampling_convolution": True,
        "supersampling_kernel_size": None,  # by default the outer part of the kernel acts on whole pixels
    }
    model = ImageModel(data, lens_psf, source_model_class=sersic, kwargs_numerics=numerics)
    expected = model.image(kwargs_source=[kwargs])
    x, y = util.make_grid(size * factor, scale / factor)
    fine = util.array2image(sersic.surface_brightness(x, y, [kwargs])) * (scale / factor) ** 2
    out = np.empty((size, size))
    convolve_down(fine, psf.phase_kernels(kernel[None], factor)[0], factor, 1.0, out, buffer_for(out))
    assert np.abs(out - expected).max() < 1e-9 * expected.max()


def test_too_small_a_buffer_is_refused():
    image = random_image((8, 8))
    with pytest.raises(ValueError, match="work_size"):
        gaussian_blur(image, 1.0, 5.0, np.empty(8 * 8), np.empty(20))
    with pytest.raises(ValueError, match="work_size"):
        convolve(image, np.ones((3, 3)) / 9, np.empty(8 * 8))


@settings(deadline=None, max_examples=20)
@given(st.floats(1.0, 6.0), st.floats(1.2, 8.0))
def test_a_moffat_pixel_holds_the_integral_over_its_area(fwhm, beta):
    kernel = psf.moffat_kernels(fwhm, beta, 1.0, 15)[0]
    alpha = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))

    def light(x, y):
        return Moffat().function(x, y, 1.0, alpha, beta)

    def integral(i, j):
        return integrate.dblquad(light, i - 0.5, i + 0.5, j - 0.5, j + 0.5, epsabs=1e-10)[0]

    places = ((0, 0), (1, 0), (1, 1), (0, -2), (3, 0), (-2, 3), (5, 1), (0, 7))
    ours = np.array([kernel[7 + j, 7 + i] for i, j in places])
    theirs = np.array([integral(i, j) for i, j in places])
    assert np.abs(ours / ours[0] - theirs / theirs[0]).max() < 2e-6


def test_a_well_sampled_moffat_is_lenstronomys_and_cut_at_a_circle():
    kernel = psf.moffat_kernels(0.7, 2.5, 0.01, 301)[0]
    y, x = np.mgrid[-150:151, -150:151]
    inside = np.hypot(x, y) <= 150.5
    expected = kernel_util.kernel_moffat(301, 0.01, 0.7, 2.5) * inside
    expected /= expected.sum()
    assert np.abs(kernel - expected).max() < 2e-4 * expected.max()  # theirs are values at the centres of pixels
    assert not kernel[~inside].any() and (kernel[inside] > 0).all()


def test_moffats_come_in_batches_and_sum_to_one():
    fwhm, beta = np.array([0.5, 0.9, 0.7]), np.array([2.0, 3.0, 4.765])
    kernels = psf.moffat_kernels(fwhm, beta, 0.2, 21)
    assert kernels.shape == (3, 21, 21)
    np.testing.assert_allclose(kernels.sum((1, 2)), 1.0, rtol=1e-12)
    for k in range(3):
        np.testing.assert_array_equal(kernels[k], psf.moffat_kernels(fwhm[k], beta[k], 0.2, 21)[0])
    np.testing.assert_array_equal(kernels, kernels[:, ::-1].transpose(0, 2, 1))
