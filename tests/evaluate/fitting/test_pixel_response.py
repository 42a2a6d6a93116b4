"""Responses of pixels against the renderer's PSFs and against formulas."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import shift
from scipy.special import erf

from lenstream.configs.load import load
from lenstream.evaluate.fitting.pixel_response import pixel_response
from lenstream.simulate.detector.instrument import FWHM_PER_SIGMA
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

N, SCALE = 20, 0.1
SMOOTH = (
    "simulate.source=[{profile: SERSIC_ELLIPSE, magnitude: 21, R_sersic: 0.3, n_sersic: 0.5, e1: 0.2, e2: -0.1, "
    "center_x: 0.07, center_y: -0.12}]"
)


def scene_of(*overrides):
    """An unlensed smooth galaxy in the middle of 20 x 20 pixels."""
    common = [
        "simulate.lens_mass=[{profile: SHEAR, gamma1: {uniform: [0, 1e-9]}, gamma2: 0}]",
        "evaluate.targets=[gamma1]",
        SMOOTH,
        f"simulate.image={{num_pix: {N}, pixel_scale: {SCALE}}}",
    ]
    return make_scene(load("tiny", [*common, *overrides]).simulate, 1)


def image_of(scene, **options):
    return render(scene, draw(scene, [0], Views()), noise=False, dtype=np.float64, **options)[0, 0]


def response_of(scene, **optics):
    return pixel_response(scene.instrument, {"fwhm": 0.0, "beta": 0.0, "kernel": 0} | optics, N)


def seen(response, fine):
    """Light on fine pixels behind the PSF, tap by tap as `PixelResponse` says."""
    out = np.zeros((N + 200, N + 200))
    for y, x in zip(*np.nonzero(fine), strict=True):
        taps = np.einsum("tp,tq->pq", response.taps_y[:, y], response.taps_x[:, x])
        own = slice(response.first[y] + 100, None), slice(response.first[x] + 100, None)
        out[own][: len(taps), : len(taps)] += fine[y, x] * taps
    return out[100:-100, 100:-100]


def light_on(scene, fine):
    """What a ray in the middle of each pixel finer by `fine` sees, times its area [counts/s]."""
    finer = f"simulate.image={{num_pix: {N * fine}, pixel_scale: {SCALE / fine}, rays: 1}}"
    return image_of(scene_of(finer, "simulate.observation.psf={kind: none}"))


def kernel(size=9, width=1.3):
    """Smooth, round nowhere, not centred."""
    y, x = np.mgrid[:size, :size] - size // 2
    blob = np.exp(-0.5 * ((x - 0.3) ** 2 + (y + 0.5) ** 2 + 0.7 * x * y) / width**2)
    blob += 0.3 * np.exp(-0.5 * ((x + 2) ** 2 + (y - 1) ** 2) / width**2)
    return blob / blob.sum()


@pytest.mark.parametrize(("supersampling", "fine"), [(1, 2), (3, 3)])
def test_a_kernel_is_applied_as_by_the_renderer(supersampling, fine):
    """With one ray a fine pixel both compute the same sums, but for the terms that are left out."""
    scene = scene_of("simulate.observation.psf={kind: none}", f"simulate.image.rays={fine}")
    own = replace(
        scene.instrument, psf_kind="pixel", kernels=kernel(width=1.3)[None], supersampling=supersampling, psf_size=9
    )
    scene = replace(scene, bands={"": own})
    response, expected = response_of(scene), image_of(scene)
    assert response.fine == fine
    np.testing.assert_allclose(seen(response, light_on(scene, fine)), expected, atol=1e-5 * expected.max())
    np.testing.assert_array_less(1e-2 * expected.max(), np.abs(expected - expected.T).max())  # it is round nowhere


@pytest.mark.parametrize("psf", ["{kind: gaussian, fwhm: 0.17}", "{kind: moffat, fwhm: 0.15, beta: 3, size: 41}"])
def test_a_gaussian_and_a_moffat_are_the_converged_ones(psf):
    """Also at the edge, where light goes on beyond the frame of a Gaussian; there steep light is taken as flat."""
    scene = scene_of(f"simulate.observation.psf={psf}", "simulate.image.tolerance=0.0001")
    found = seen(response_of(scene, fwhm=scene.instrument.fwhm, beta=scene.instrument.beta), light_on(scene, 2))
    expected = image_of(scene)
    np.testing.assert_allclose(found, expected, atol=1e-3 * expected.max())
    inner = slice(3, -3), slice(3, -3)
    np.testing.assert_allclose(found[inner], expected[inner], atol=2e-4 * expected.max())


def test_the_edges_of_a_gaussian_go_on():
    """Even light stays even up to the corners."""
    response = response_of(scene_of(), fwhm=0.25)
    np.testing.assert_allclose(seen(response, np.ones((2 * N, 2 * N))), 4.0, rtol=1e-6)


def test_a_gaussian_is_integrated_over_the_pixel():
    response = response_of(scene_of(), fwhm=0.2)
    sigma = 0.2 / FWHM_PER_SIGMA / SCALE  # pixels
    for place in (12, 17, 24):  # fine columns, whose middles are (place + 1/2) / 2 pixels from the left edge
        edges = (np.arange(response.taps_x.shape[2] + 1) + response.first[place] - (place + 0.5) / 2) / sigma
        expected = np.diff(0.5 * (1 + erf(edges / np.sqrt(2))))
        np.testing.assert_allclose(response.taps_x[0, place], expected, atol=2e-6)
    assert len(response.taps_x) == 1
    np.testing.assert_array_equal(response.taps_x, response.taps_y)


def test_without_a_psf_fine_pixels_are_added_up():
    fine = np.random.default_rng(0).random((2 * N, 2 * N))
    response = response_of(scene_of("simulate.observation.psf={kind: none}"))
    np.testing.assert_allclose(seen(response, fine), fine.reshape(N, 2, N, 2).sum(axis=(1, 3)), rtol=1e-12)


@pytest.mark.parametrize(
    "psf", ["{kind: gaussian, fwhm: 0.3}", "{kind: moffat, fwhm: 0.2, beta: 3, size: 15}", "{kind: none}"]
)
def test_flux_is_kept_and_light_at_the_edge_leaves_the_frame(psf):
    scene = scene_of(f"simulate.observation.psf={psf}")
    response = response_of(scene, fwhm=scene.instrument.fwhm, beta=scene.instrument.beta)
    in_the_middle, at_the_edge = np.zeros((2, 2 * N, 2 * N))
    in_the_middle[19, 22], at_the_edge[0, 0] = 1.0, 1.0
    assert seen(response, in_the_middle).sum() == pytest.approx(1.0, abs=2e-4)
    if "moffat" in psf:
        assert seen(response, at_the_edge).sum() < 0.8


def test_a_kernel_lies_where_it_says():
    """Light in the middle of a pixel, so from four fine pixels, gives the kernel itself around that pixel."""
    scene = scene_of("simulate.observation.psf={kind: none}", "simulate.image.rays=2")
    own = replace(scene.instrument, psf_kind="pixel", kernels=kernel()[None], psf_size=9)
    fine = np.zeros((2 * N, 2 * N))
    fine[20:22, 16:18] = 0.25  # pixel (10, 8)
    expected = shift(np.pad(kernel(), (N - 9) // 2 + np.array([[0, 1], [0, 1]])), (1, -1), order=0)
    found = seen(response_of(replace(scene, bands={"": own})), fine)
    np.testing.assert_allclose(found, expected, atol=2e-4 * expected.max())
