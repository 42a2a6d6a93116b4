"""Kernels for fits: those of a population on an image's pixels, and how simple they may be."""

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.evaluate.real.fit_kernels import plainer, usual_kernel
from lenstream.simulate.detector import psf
from lenstream.simulate.systems.scene import make_scene

from .planted import SCALE, kernel


@pytest.mark.parametrize("kind", ["gaussian", "moffat"])
def test_a_kernel_of_the_populations_psf_has_its_width(kind):
    beta = ", beta: 3" if kind == "moffat" else ""
    config = load("tiny", [f"simulate.observation.psf={{kind: {kind}, fwhm: {{uniform: [0.25, 0.35]}}{beta}}}"])
    found, fine = usual_kernel(make_scene(config.simulate, 1), SCALE)
    assert found.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(found, found.T)
    middle = len(found) // 2
    assert found.argmax() == middle * len(found) + middle
    at = np.interp(0.5, found[middle, : middle + 1] / found.max(), np.arange(-middle, 1)) * SCALE / fine
    assert -2 * at == pytest.approx(0.3, abs=0.03)
    if kind == "moffat":
        alone = psf.moffat_kernels(np.array([0.3]), np.array([3.0]), SCALE / fine, len(found))[0]
        np.testing.assert_allclose(found, alone, atol=0.1 * alone.max())


@pytest.mark.parametrize(("scale", "fine"), [(0.15, 1), (0.3, 2)])
def test_a_populations_kernel_is_as_wide_on_other_pixels(planted, scale, fine):
    found, times = usual_kernel(planted.scene, scale)
    np.testing.assert_allclose(found, kernel())
    assert times == fine


def test_a_run_without_a_psf_does_not_blur():
    scene = make_scene(load("tiny", ["simulate.observation.psf={kind: none}"]).simulate, 1)
    found, fine = usual_kernel(scene, SCALE)
    np.testing.assert_array_equal(found, [[1.0]])
    assert fine == 1


def test_a_kernel_is_made_of_few_products():
    noisy = kernel(0.4, 21) + np.random.default_rng(0).normal(0, 1e-5, (21, 21))
    found = plainer(noisy)
    assert found.sum() == pytest.approx(1.0)
    assert np.linalg.norm(found - noisy) < 5e-3 * np.linalg.norm(noisy)
    assert np.linalg.matrix_rank(found, tol=1e-9) < 4 < np.linalg.matrix_rank(noisy, tol=1e-9)
    np.testing.assert_allclose(plainer(np.ones((1, 1))), [[1.0]])
