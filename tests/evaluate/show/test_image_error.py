"""What a preview says about errors: those by the rays, and those by the PSF on whole pixels."""

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.evaluate.show import preview
from lenstream.evaluate.show.image_error import _worst, image_errors
from lenstream.simulate.systems.scene import make_scene

SMALL = ["simulate.image.num_pix=24", "simulate.image.pixel_scale=0.2"]


def errors(*overrides):
    return image_errors(make_scene(load("w1", [*SMALL, *overrides]).simulate, 1), np.arange(4))


def test_adaptive_rays_and_auto_have_small_errors_and_fixed_ones_do_not():
    (rays, psf), (fixed, whole) = errors("simulate.image.rays=adaptive"), errors()
    assert rays.max() < 1e-3 and psf.max() < 2e-3
    assert np.all(rays < fixed) and np.all(psf < whole) and np.median(whole) > 1e-2


def test_finer_pixels_lower_the_error_by_the_psf():
    of = [errors("simulate.image.rays=12", f"simulate.observation.psf.supersampling={s}")[1] for s in (1, 2, 4)]
    assert np.median(of[0]) > 2 * np.median(of[1]) > 4 * np.median(of[2])


def test_a_looser_tolerance_raises_the_error_by_the_rays():
    rays = [errors("simulate.image.rays=adaptive", f"simulate.image.tolerance={t}")[0] for t in (1e-2, 1e-4)]
    assert np.median(rays[0]) > 2 * np.median(rays[1])


@pytest.mark.parametrize("kind", ["none", "pixel"])
def test_without_a_psf_that_is_known_in_pixels_only_the_rays_err(kind, tmp_path):
    np.save(tmp_path / "psf.npy", np.ones((3, 3)))
    file = f", file: {tmp_path / 'psf.npy'}" if kind == "pixel" else ""
    rays, psf = errors("simulate.image.rays=adaptive", f"simulate.observation.psf={{kind: {kind}{file}}}")
    assert psf is None and rays.max() < 1e-3
    config = load("w1", [*SMALL, f"simulate.observation.psf={{kind: {kind}{file}}}"])
    (said,) = [line for line in preview._errors_in_words(make_scene(config.simulate, 1), np.arange(2)) if "PSF" in line]
    assert ("not known" if kind == "pixel" else "none") in said


def test_of_bands_on_several_grids_the_worst_counts():
    scene = make_scene(load("w1", [*SMALL, "simulate.bands={r: {}, i: {image: {pixel_scale: 0.3}}}"]).simulate, 1)
    both, *each = (image_errors(s, np.arange(3)) for s in (scene, *scene.grids))
    assert len(each) == 2
    np.testing.assert_array_equal(both, np.maximum(*each))


def test_an_error_is_a_share_of_the_peak_of_its_own_band_and_the_worst_band_counts():
    truth = np.zeros((2, 1, 2, 5, 5))
    truth[:, 0, 0, 2, 2], truth[:, 0, 1, 2, 2] = 100.0, 1.0
    wrong = truth.copy()
    wrong[0, 0, 0, 1, 1], wrong[0, 0, 1, 1, 1] = 3.0, -0.2
    wrong[1, 0, 0, 1, 1] = 3.0
    np.testing.assert_allclose(_worst(wrong, truth), [0.2, 0.03])
