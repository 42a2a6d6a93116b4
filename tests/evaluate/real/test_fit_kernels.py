"""Kernels for fits: of the run's PSF, on finer pixels, and as few products of a row and a column."""

from dataclasses import replace

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.evaluate.real.fit_kernels import FINE, LEFT_OUT, kernel_of, plainer, usual_kernel
from lenstream.simulate.systems.scene import make_scene

GAUSSIAN = {"fwhm": 0.15, "beta": 0.0, "kernel": 0}


def instrument(*changes):
    return make_scene(load("tiny", list(changes))).instrument


def rms_radius(kernel, pixel):
    place = (np.arange(len(kernel)) - len(kernel) // 2) * pixel
    return np.sqrt((kernel.sum(0) * place**2).sum())


def test_a_gaussian_has_its_width():
    kernel, fine = kernel_of(instrument(), GAUSSIAN, 0.15)
    assert fine == FINE and kernel.shape[0] % 2 == 1 and kernel.sum() == pytest.approx(1.0)
    assert rms_radius(kernel, 0.15 / fine) == pytest.approx(0.15 / 2.3548, rel=0.02)


def test_a_moffat_is_lenstronomys():
    from lenstronomy.LightModel.Profiles.moffat import Moffat
    from lenstronomy.Util import kernel_util

    moffat = instrument("simulate.observation.psf={kind: moffat, fwhm: 0.3, beta: 2.5}")
    kernel, fine = kernel_of(moffat, {"fwhm": 0.3, "beta": 2.5, "kernel": 0}, 0.1)
    n, inner = len(kernel), 9  # the mean over the area of each pixel, as ours has it
    axis = (np.arange(n * inner) + 0.5 - n * inner / 2) * 0.1 / fine / inner
    alpha = 0.3 / (2 * np.sqrt(2 ** (1 / 2.5) - 1))
    value = Moffat().function(*np.meshgrid(axis, axis), amp=1.0, alpha=alpha, beta=2.5)
    value = value.reshape(n, inner, n, inner).mean((1, 3))
    theirs = kernel_util.kernel_norm(np.where(kernel > 0, value, 0.0))
    np.testing.assert_allclose(kernel, theirs, atol=3e-4 * kernel.max())


def test_a_kernel_of_a_file_keeps_its_pixels(tmp_path):
    given = np.outer([1.0, 2, 1], [1.0, 3, 1])
    np.save(tmp_path / "psf.npy", given)
    psf = f"simulate.observation.psf={{kind: pixel, file: {tmp_path}/psf.npy, supersampling: 2}}"
    kernel, fine = kernel_of(instrument(psf), {"kernel": 0}, 0.15)
    np.testing.assert_allclose(kernel, given / given.sum())
    assert fine == 2
    assert kernel_of(instrument(psf), {"kernel": 0}, 0.3)[1] == 4  # pixels twice as large


def test_without_a_psf_light_stays_in_its_pixel():
    kernel, fine = kernel_of(instrument("simulate.observation.psf={kind: none}"), {"kernel": 0}, 0.15)
    assert kernel.tolist() == [[1.0]] and fine == 1


def test_the_usual_kernel_is_the_median_of_the_population():
    scene = make_scene(load("tiny", ["simulate.observation.psf={kind: gaussian, fwhm: {uniform: [0.1, 0.3]}}"]))
    kernel, fine = usual_kernel(scene, 0.15)
    assert rms_radius(kernel, 0.15 / fine) == pytest.approx(0.2 / 2.3548, rel=0.1)


def test_a_plainer_kernel_is_nearly_the_same_with_fewer_products():
    moffat = replace(instrument(), psf_kind="moffat")
    kernel, _ = kernel_of(moffat, {"fwhm": 0.1, "beta": 1.8, "kernel": 0}, 0.1)
    plain = plainer(kernel)
    assert np.linalg.norm(plain - kernel) < 2 * LEFT_OUT * np.linalg.norm(kernel) and plain.sum() == pytest.approx(1.0)
    assert np.linalg.matrix_rank(plain, 1e-9) < np.linalg.matrix_rank(kernel, 1e-9)
