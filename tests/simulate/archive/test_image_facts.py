"""What files say of an image: PSF kernels and widths, noise with blank sky, units."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lenstream.simulate.archive.image_facts import (
    flux_unit,
    has_noise_model,
    inverse_variance,
    pixel_centres,
    psf_kernels,
    psf_widths,
)
from lenstream.simulate.archive.samples import make_samples
from lenstream.simulate.systems.draw import Views


@pytest.fixture
def scene_of(scene_with, observed):
    def make(rays="adaptive", **changes):
        image = {"num_pix": 16, "pixel_scale": 0.1, "rays": rays}
        return scene_with(image=image, observation=observed(**changes))

    return make


def test_a_gaussian_on_whole_pixels_is_that_which_is_applied(scene_of):
    scene = scene_of(rays=1, psf={"kind": "gaussian", "fwhm": 0.25})
    kernel = psf_kernels(scene)(0, 0.25, 0.0, 0)
    point = np.zeros((31, 31))
    point[15, 15] = 1
    sigma = 0.25 / 0.1 / np.sqrt(8 * np.log(2))
    assert kernel.shape == (11, 11)
    np.testing.assert_allclose(kernel, gaussian_filter(point, sigma, truncate=5.0)[10:21, 10:21], rtol=1e-12)


def test_a_gaussian_within_pixels_is_integrated_over_them(scene_of):
    scene = scene_of(psf={"kind": "gaussian", "fwhm": 0.12})
    kernel = psf_kernels(scene)(0, 0.12, 0.0, 0)
    sigma = 0.12 / 0.1 / np.sqrt(8 * np.log(2))
    fine = (np.arange(0, 1000) - 499.5) / 1000
    line = [np.exp(-0.5 * ((k + fine) / sigma) ** 2).sum() for k in range(-3, 4)]
    assert kernel.shape == (7, 7)
    np.testing.assert_allclose(kernel[3] / kernel[3].sum(), np.array(line) / np.sum(line), rtol=1e-5)


@pytest.mark.parametrize("kind", ["moffat", "none"])
def test_other_kernels_sum_to_one(scene_of, kind):
    psf = {"kind": "moffat", "fwhm": 0.3, "beta": 3.0} if kind == "moffat" else {"kind": "none"}
    kernel = psf_kernels(scene_of(psf=psf))(0, 0.3, 3.0, 0)
    assert kernel.sum() == pytest.approx(1) and kernel.shape[0] % 2 == 1
    assert np.unravel_index(kernel.argmax(), kernel.shape) == (len(kernel) // 2,) * 2


def test_the_width_of_a_kernel_from_a_file_is_measured(scene_of, tmp_path):
    y, x = np.mgrid[-12:13, -12:13]
    np.save(tmp_path / "psf.npy", np.exp(-4 * np.log(2) * (x**2 + y**2) / 5.0**2))  # 5 fine pixels
    scene = scene_of(psf={"kind": "pixel", "file": str(tmp_path / "psf.npy"), "supersampling": 2})
    own = make_samples(scene, np.arange(2), Views(2))
    assert psf_widths(scene, own.systems).shape == (2, 2, 1)
    np.testing.assert_allclose(psf_widths(scene, own.systems), 5.0 * 0.1 / 2, rtol=0.02)
    np.testing.assert_array_equal(psf_kernels(scene)(0, 0.0, 0.0, 0.0), scene.instrument.kernels[0])


def test_of_blank_sky_the_background_is_its_rms(scene_of, tmp_path):
    sky = np.random.default_rng(1).normal(0, 0.02, (64, 64)).astype(np.float32)
    np.save(tmp_path / "sky.npy", sky)
    changes = {"background_noise": None, "sky_cutouts": str(tmp_path), "noise": True}
    scene = scene_of(**changes)
    own = make_samples(scene, np.arange(1), Views())
    image = own.images["images"]
    found = inverse_variance(own)["images"]
    np.testing.assert_allclose(1 / found[image < 0], sky.std() ** 2, rtol=1e-4)
    assert (image < 0).any() and (found[image > 0] < found[image < 0].max()).all()


def test_units_say_what_a_count_is(scene_of):
    assert flux_unit(scene_of()) == "electron/s"
    assert flux_unit(scene_of(data_count_unit="ADU", ccd_gain=2.0)) == "adu/s"
    assert flux_unit(scene_of(defect="double_poisson")) == "count"


def test_pixels_lie_about_the_middle():
    np.testing.assert_allclose(pixel_centres(4, 0.2), [-0.3, -0.1, 0.1, 0.3])


def test_without_noise_there_is_no_inverse_variance(scene_of):
    assert has_noise_model(scene_of(noise=True))
    assert not has_noise_model(scene_of(noise=False))
    assert not has_noise_model(scene_of(noise=True, defect="double_poisson"))


def test_weights_are_those_of_the_noise_that_was_drawn_in_either_unit(scene_of):
    """Poisson noise of a bright arc: chi^2 is one a pixel in electrons, and in counts of two electrons each."""
    for unit in ({}, {"data_count_unit": "ADU", "ccd_gain": 2.0}):
        facts = {"background_noise": 1e-4, "exposure_time": 1000, "num_exposures": 1, **unit}
        noisy, clean = (make_samples(scene_of(noise=noise, **facts), np.arange(40), Views()) for noise in (True, False))
        weight = inverse_variance(noisy)["images"]
        flux = clean.images["images"]
        bright = flux > np.quantile(flux, 0.8)
        chi2 = (noisy.images["images"] - flux)[bright] ** 2 * weight[bright]
        assert np.mean(chi2) == pytest.approx(1.0, abs=0.12)
