"""Adaptive rays with the PSF on the light within pixels, against the PSF on pixels 9 times as fine."""

import dataclasses

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lenstream.configs.load import check, load
from lenstream.evaluate.show.image_error import converged
from lenstream.simulate.packing import pack
from lenstream.simulate.render import render, render_all
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

SETUPS = {  # recipe, pixel scale, FWHM [arcsec], pixels on a side
    "W1": ("w1", 0.08, 0.16, 56),
    "demo": ("demo", 0.1, 0.12, 40),
    "Euclid VIS": ("w1", 0.1, 0.16, 48),
    "LSST r": ("w1", 0.2, 0.7, 24),
    "HST F814W": ("w1", 0.05, 0.09, 90),
}
N = 5
SERSIC = {"profile": "SERSIC_ELLIPSE", "magnitude": 23, "R_sersic": 0.1, "n_sersic": 1.0, "center_x": 0.03}


def scene_of(recipe="w1", scale=0.1, fwhm=0.16, num_pix=32, psf=None, rays="adaptive", **changes):
    config = load(recipe).model_dump()
    simulate = config["simulate"]
    simulate["image"] |= {"num_pix": num_pix, "pixel_scale": scale, "rays": rays}
    simulate["observation"]["psf"] = {"kind": "gaussian", "fwhm": fwhm} | (psf or {})
    return make_scene(check(config | {"simulate": simulate | changes}, "a test").simulate, 1)


def images(scene, n=N, first=0, **options):
    size = scene.config.image.num_pix
    systems = draw(scene, np.arange(first, first + n), Views())
    return render(scene, systems, noise=False, **options).reshape(n, -1, size, size)


def errors(scene, truth=None, n=N, **options):
    truth = images(converged(scene), n) if truth is None else truth
    off = abs(images(scene, n, **options) - truth).max((2, 3)) / truth.max((2, 3))
    return off.max(1)


@pytest.mark.parametrize("setup", SETUPS)
def test_an_image_is_its_converged_value_behind_the_psf(setup):
    off = errors(scene_of(*SETUPS[setup]))
    assert np.median(off) <= 5e-4 and off.max() <= 1.5e-3


def test_the_truth_agrees_with_many_fixed_rays():
    scene = scene_of("w1", 0.1, 0.16, 24)
    fine = converged(scene)
    off = errors(dataclasses.replace(scene, bands=fine.bands), images(fine, 3), 3, rays=45)
    assert off.max() < 1.5e-3


@settings(deadline=None, max_examples=12)
@given(st.floats(0.02, 0.5), st.sampled_from([0.05, 0.1, 0.2]), st.integers(0, 1000))
@example(0.02, 0.2, 0)
def test_any_width_and_pixel_scale_converges(fwhm, scale, first):
    mass = [{"profile": "EPL", "theta_E": 0.4, "gamma": 2.0, "e1": 0.1, "e2": 0.05}]
    source = [SERSIC | {"center_x": {"uniform": [-0.1, 0.1]}, "center_y": {"uniform": [-0.1, 0.1]}}]
    scene = scene_of(scale=scale, fwhm=fwhm, num_pix=40, lens_mass=mass, source=source)
    systems = draw(scene, np.arange(first, first + 2), Views())
    fine = 18 if fwhm < scale / 5 else 9  # pixels of the truth that are as wide as its PSF would blur it
    found, truth = (render(s, systems, noise=False) for s in (scene, converged(scene, fine)))
    peak = truth.max((2, 3), keepdims=True)
    assert (abs(found - truth) / peak).max() < 3e-3


@pytest.mark.parametrize("beta", [2.5, 4.0])
@pytest.mark.parametrize(("scale", "fwhm"), [(0.2, 0.7), (0.1, 0.2)])
def test_a_moffat_converges(scale, fwhm, beta):
    off = errors(scene_of("w1", scale, fwhm, 24, {"kind": "moffat", "beta": beta}), n=3)
    assert np.median(off) <= 8e-4 and off.max() <= 2e-3


def test_with_a_number_of_rays_auto_is_1():
    auto, one = (scene_of(rays=2, psf={"supersampling": s}) for s in ("auto", 1))
    np.testing.assert_array_equal(images(auto), images(one))


def test_double_precision_agrees_with_single():
    scene = scene_of()
    single, double = images(scene), images(scene, dtype=np.float64)
    assert abs(single - double).max() < 3e-4 * double.max()


def test_threads_give_the_same_images():
    scene = scene_of(num_pix=16)
    np.testing.assert_array_equal(images(scene, 40), images(scene, 40, threads=2))


def test_an_image_with_a_drawn_psf_does_not_depend_on_its_batch():
    for psf in ({}, {"kind": "moffat", "beta": {"uniform": [2.5, 4]}}):
        scene = scene_of(fwhm={"uniform": [0.1, 0.6]}, num_pix=20, psf=psf)
        together = images(scene, 8)
        np.testing.assert_array_equal(np.concatenate([images(scene, 1, k) for k in range(8)]), together)


def test_bands_keep_their_own_psfs():
    config = load("w1").model_dump()
    simulate = config["simulate"]
    simulate["image"] |= {"num_pix": 24, "pixel_scale": 0.1, "rays": "adaptive"}
    widths = {"g": 0.3, "r": 0.2}
    simulate["bands"] = {name: {"psf": {"kind": "gaussian", "fwhm": width}} for name, width in widths.items()}
    both = images(make_scene(check(config | {"simulate": simulate}, "a test").simulate, 1), 3)
    for k, width in enumerate(widths.values()):
        alone = scene_of(scale=0.1, fwhm=width, num_pix=24)
        np.testing.assert_allclose(both[:, k], images(alone, 3)[:, 0], rtol=0, atol=3e-4 * both.max())


def test_a_mirrored_lens_gives_a_mirrored_image():
    light = SERSIC | {"R_sersic": 0.2, "n_sersic": 1.5}

    def image(sign):
        mass = [{"profile": "EPL", "theta_E": 0.6, "gamma": 2.1, "e1": 0.1, "e2": sign * 0.15}]
        source = [light | {"center_x": 0.04, "center_y": sign * 0.07}]
        return images(scene_of(num_pix=25, lens_mass=mass, source=source), 1, dtype=np.float64)[0, 0]

    up, down = image(1), image(-1)
    np.testing.assert_allclose(up, down[::-1], atol=2e-4 * up.max())


def test_light_is_neither_lost_nor_made():
    mass = [{"profile": "EPL", "theta_E": 0.5, "gamma": 2.0, "e1": 0.1, "e2": 0.0}]
    wide, narrow = (
        images(scene_of(fwhm=fwhm, num_pix=48, lens_mass=mass, source=[SERSIC]), 1).sum() for fwhm in (0.3, 0.1)
    )
    assert wide == pytest.approx(narrow, rel=3e-4)


def test_arcs_that_the_border_cuts_are_nearly_converged():
    mass = [{"profile": "EPL", "theta_E": 1.0, "gamma": 2.0, "e1": 0.1, "e2": 0.05}]
    off = errors(scene_of(num_pix=18, lens_mass=mass), n=4)
    assert np.median(off) < 1e-3 and off.max() < 4e-3


def test_lens_light_and_arcs_are_blurred_alike_together_and_apart():
    light = [{"profile": "SERSIC_ELLIPSE", "magnitude": 21, "R_sersic": 0.4, "n_sersic": 4, "e1": 0.1}]
    scene = scene_of(num_pix=24, lens_light=light)
    systems = draw(scene, np.arange(3), Views())
    together, apart = (render_all(scene, systems, noise=False, arcs=arcs) for arcs in (False, True))
    np.testing.assert_allclose(together.images, apart.images, rtol=1e-5, atol=1e-6 * apart.images.max())
    assert errors(scene, n=3).max() < 2e-3
    assert np.all(apart.arcs[..., 0] > 0)


def test_layers_without_a_psf_of_their_own_keep_no_moments(tmp_path):
    np.save(tmp_path / "psf.npy", np.ones((3, 3)))
    for psf in ({"kind": "none"}, {"kind": "pixel", "file": str(tmp_path / "psf.npy")}, {"supersampling": 2}):
        scene = scene_of(psf={"fwhm": None if "kind" in psf else 0.2} | psf)
        blur = pack(scene, draw(scene, np.arange(2), Views()), np.float32).blur
        assert blur.degree == 0 and np.all(blur.which == -1)
    assert blur.sigma[0, 0] == pytest.approx(2 * 0.2 / 2.35482 / 0.1, rel=1e-4)
