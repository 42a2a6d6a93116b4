"""Tests of the kernels under numba's CUDA simulator; `test_simulated.py` runs them."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from numpy.polynomial import Legendre

from lenstream.configs.load import load
from lenstream.simulate import moments
from lenstream.simulate import stream as stream_module
from lenstream.simulate.gpu import cuda_moment_blur, cuda_moments, kernels
from lenstream.simulate.gpu.cuda_render import make_renderer
from lenstream.simulate.render import render_all
from lenstream.simulate.selection import draw
from lenstream.simulate.stream import LensStream
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

CPU = torch.device("cpu")
TINY = ["simulate.image.num_pix=10", "simulate.image.pixel_scale=0.4"]
# Two bands with lens light, a galaxy image and a Sersic profile as sources, correlated noise, two PSFs
RICH = [
    "simulate.source=[{profile: SERSIC_ELLIPSE, magnitude: 22, R_sersic: 0.2, n_sersic: 2, e1: 0.1, e2: -0.1, "
    "center_x: 0.05, center_y: 0.1}, {profile: INTERPOL, n_galaxies: 3, magnitude: 23, R_half: 0.3, "
    "center_x: -0.1, center_y: 0}]",
    "simulate.lens_light=[{profile: SERSIC_ELLIPSE, magnitude: 20, R_sersic: 0.6, n_sersic: 3, e1: 0, e2: 0.1, "
    "center_x: 0, center_y: 0}]",
    "simulate.observation.noise_correlation=0.2",
    "simulate.observation.noise_scale=0.8",
]


@pytest.fixture(autouse=True, scope="module")
def patient_simulator():
    """numba's simulator asks its threads without pause whether they are done, which doubles the time of compiling."""
    from numba.cuda.simulator.kernel import BlockThread

    def is_alive(thread, asked=BlockThread.is_alive):
        thread.join(0.01)
        return asked(thread)

    BlockThread.is_alive = is_alive


def tiny(recipe, *overrides):
    return make_scene(load(recipe, [*TINY, *overrides]).simulate, 3)


def both(scene, n=2, dtype=np.float32, **options):
    """Images and arcs by the CPU, and by the kernels."""
    systems = draw(scene, np.arange(5, 5 + n), Views(2))
    cpu = render_all(scene, systems, dtype=dtype, exact_halos=True, arcs=True, **options)
    options["noisy"] = options.pop("noise", None)
    torch_dtype = torch.float32 if dtype == np.float32 else torch.float64
    return cpu, make_renderer(scene, CPU, torch_dtype)(systems, arcs=True, **options)


def assert_same(cpu, device, tolerance):
    assert cpu.images.shape == tuple(device.images.shape)
    peak = np.abs(cpu.images).max((-2, -1), keepdims=True)
    assert (np.abs(device.images.numpy() - cpu.images) / peak).max() < tolerance
    np.testing.assert_allclose(device.arcs.numpy(), cpu.arcs, rtol=10 * tolerance)


def test_the_simulator_runs():
    assert kernels.SIMULATED


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-6), (np.float64, 1e-13)])
def test_fixed_rays(dtype, tolerance):
    assert_same(*both(tiny("w1"), dtype=dtype, rays=2, noise=False), tolerance)


def test_many_profiles_with_fixed_rays_and_correlated_noise():
    assert_same(*both(tiny("demo", *RICH), rays=2, noise=True), 5e-6)


def test_many_profiles_with_adaptive_rays():
    cpu, device = both(tiny("demo", *RICH), rays="adaptive", noise=False)
    assert_same(cpu, device, 5e-6)
    fixed, _ = both(tiny("demo", *RICH), rays=1, noise=False)
    assert np.abs(fixed.images - cpu.images).max() > 1e-3 * cpu.images.max()  # there was something to refine


def test_subhalos():
    scene = tiny("w4")
    cpu, device = both(scene, n=1, rays=2, noise=False)
    assert_same(cpu, device, 5e-6)


def test_a_kernel_as_psf_on_fine_pixels(tmp_path):
    kernel = np.exp(-0.5 * (np.hypot(*np.mgrid[-3:4, -3:4]) / 1.2) ** 2)
    kernel[0, 3] = 0.2  # no symmetry that could hide a turned kernel
    np.save(tmp_path / "psf.npy", kernel / kernel.sum())
    psf = f"simulate.observation.psf={{kind: pixel, file: {tmp_path / 'psf.npy'}, supersampling: 2}}"
    assert_same(*both(tiny("w1", psf), rays=2, noise=False), 2e-6)


def test_a_batch_in_parts_is_the_same(monkeypatch):
    scene = tiny("w4")
    systems = draw(scene, np.arange(3), Views(1))
    whole = make_renderer(scene, CPU)(systems, arcs=True)
    monkeypatch.setattr("lenstream.simulate.gpu.cuda_render.AT_ONCE", 100)
    parts = make_renderer(scene, CPU)(systems, arcs=True)
    assert torch.equal(whole.images, parts.images) and torch.equal(whole.arcs, parts.arcs)


@pytest.mark.parametrize("bands", ["{}", "{r: {}, i: {noise_correlation: 0.2, image: {num_pix: 5}}}"])
def test_the_stream_hands_over_what_the_kernels_made(monkeypatch, bands):
    class Beside:
        def __init__(self, device):
            self.handed = []

        def run(self, make):
            with nullcontext():
                return make(), "done"

        def hand_over(self, event, tensors):
            assert event == "done" and len(tensors) > 2
            assert all(isinstance(tensor, torch.Tensor) for tensor in tensors)

    scene = tiny("w1", f"simulate.bands={bands}", "simulate.observation.noise=true")
    with LensStream(scene, 2, views=Views(2)) as stream:
        expected = [next(stream) for _ in range(2)]
    monkeypatch.setattr(stream_module, "renders_on", lambda scene, device: True)
    monkeypatch.setattr(stream_module, "SideStream", Beside)
    with LensStream(scene, 2, views=Views(2)) as stream:
        found = [next(stream) for _ in range(2)]
        assert stream.position == 4
    for a, b in zip(expected, found, strict=True):
        assert torch.equal(a.indices, b.indices) and list(a.labels) == list(b.labels)
        assert torch.equal(a.labels["theta_E"], b.labels["theta_E"])
        torch.testing.assert_close(a.labels["magnification"], b.labels["magnification"], rtol=1e-3, atol=0)
        pairs = [(a.images, b.images)] if bands == "{}" else zip(a.images, b.images, strict=True)
        for ours, there in pairs:
            assert (ours - there).abs().max() < 2e-3 * ours.abs().max()  # adaptive: within the tolerance


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 5e-6), (np.float64, 1e-12)])
def test_the_psf_sees_where_in_a_pixel_the_light_lies(dtype, tolerance):
    cpu, device = both(tiny("demo", *RICH), dtype=dtype, rays="adaptive", noise=False)
    assert_same(cpu, device, tolerance)
    whole, _ = both(tiny("demo", *RICH, "simulate.observation.psf.supersampling=1"), rays="adaptive", noise=False)
    assert np.abs(whole.images - cpu.images).max() > 5e-3 * cpu.images.max()  # there was something to see


@pytest.mark.parametrize("fwhm", [3.0, 1.0, 0.3, 0.15])
def test_moments_of_every_degree(fwhm):
    psf = f"simulate.observation.psf={{kind: gaussian, fwhm: {fwhm}}}"
    assert_same(*both(tiny("w1", psf), n=1, rays="adaptive", noise=False), 5e-6)


def test_a_moffat_of_several_terms_and_a_dark_border():
    psf = "simulate.observation.psf={kind: moffat, fwhm: 0.9, beta: 3}"
    assert_same(*both(tiny("w1", psf), n=1, rays="adaptive", noise=False), 5e-6)


def test_light_is_nowhere_below_0_behind_a_psf_of_moments_unless_it_was_so_before():
    size, degree = 9, moments.degree_for(0.3)
    taps = torch.from_numpy(moments.gaussian_taps([0.3], 5.0, degree)[:, None])
    others = cuda_moments.make_others(degree, 3, size, torch.float64, CPU)
    mean = torch.zeros(3, size * size, dtype=torch.float64)
    others.planes.zero_()
    mean[:, 40] = 1.0
    for k, (a, b) in enumerate(moments.pairs(degree)[1:]):  # a point in the pixel in the middle
        others.planes[:, k, 40] = Legendre.basis(a)(0.7) * Legendre.basis(b)(-0.4)
    mean[1] *= -1.0
    others.planes[1] *= -1.0
    spread = cuda_moment_blur.MomentSpread(
        degree, torch.tensor([0, 0, -1]), taps, torch.ones(3, 2, dtype=torch.float64), torch.zeros(3, dtype=torch.bool)
    )
    out = torch.full((1, 3, size, size), -5.0, dtype=torch.float64)
    cuda_moment_blur.blur_moments(mean[None], others, 2.0, spread, out, kernels.current_stream(CPU))
    above, below, untouched = out[0]
    assert below.max() > 1e-9  # a series of moments swings to the other side of 0
    assert torch.equal(above, (-below).clamp(min=0)) and (untouched == -5).all()
    assert float(above.sum()) == pytest.approx(2.0, rel=1e-3)
