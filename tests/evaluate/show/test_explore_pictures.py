"""Pictures and numbers of a system set by hand."""

from dataclasses import replace

import numpy as np
import pytest

from lenstream.configs.load import check
from lenstream.evaluate.show import explore_pictures as pictures
from lenstream.evaluate.show import explore_state as states
from lenstream.simulate.labels import all_labels
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

SIMULATE = {
    "image": {"num_pix": 32, "pixel_scale": 0.16},
    "lens_mass": [{"profile": "EPL", "theta_E": 1.0, "gamma": 1.9, "e1": 0.1}],
    "source": [{"profile": "SERSIC_ELLIPSE", "magnitude": 23, "R_sersic": 0.15, "center_x": 0.1, "center_y": -0.05}],
    "observation": {
        "exposure_time": 100,
        "magnitude_zero_point": 25,
        "background_noise": 0.01,
        "psf": {"kind": "gaussian", "fwhm": 0.3},
    },
}
SUBHALO = {"kind": "CDM", "profile": "SIS", "n_mean": 3, "theta_E": 0.05, "r_max": 2.0, "count": "fixed"}


def scene_of(**more):
    return make_scene(check({"name": "case", "simulate": SIMULATE | more}, "here").simulate, 3)


@pytest.fixture(scope="module")
def base():
    return scene_of()


@pytest.fixture(scope="module")
def frame(base):
    return states.shown(base, states.start(base, 0))


def moved(base, **values):
    state = states.start(base, 0)
    return states.shown(
        base, replace(state, values=state.values | {k.replace("__", "."): v for k, v in values.items()})
    )


def test_numbers_are_the_labels_and_the_images_of_the_source(base, frame):
    found = dict(pictures.numbers(frame))
    labels = all_labels(base, draw(base, [0], Views()))
    for name in ("theta_E_mean_kappa", "theta_E_critical_area", "magnification", "arc_snr"):
        assert found[name] == pytest.approx(float(np.ravel(labels[name])[0]), rel=1e-6)
    assert found["images"] == 2.0
    inside = dict(pictures.numbers(moved(base, source__0__center_x=0.02, source__0__center_y=0.01)))
    assert inside["images"] == 4.0
    outside = dict(pictures.numbers(moved(base, lens_mass__0__theta_E=0.5, source__0__center_x=1.5)))
    assert outside["images"] == 1.0


def test_subhalos_are_counted():
    base = scene_of(substructure=[SUBHALO])
    assert dict(pictures.numbers(states.shown(base, states.start(base, 0))))["n_halos"] == 3.0


def test_the_source_plane_shows_the_source_where_it_is(base):
    half = 1.0
    plane = pictures.source_plane(moved(base, source__0__center_x=0.4, source__0__center_y=-0.5), "", half)
    row, column = np.unravel_index(plane.argmax(), plane.shape)
    pixel = 2 * half / len(plane)
    assert -half + (column + 0.5) * pixel == pytest.approx(0.4, abs=pixel)
    assert -half + (row + 0.5) * pixel == pytest.approx(-0.5, abs=pixel)


def test_the_source_plane_has_the_sources_flux_without_lens_and_psf(base):
    plane = pictures.source_plane(moved(base, source__0__n_sersic=0.5), "", 1.5)
    assert plane.sum() == pytest.approx(10 ** (-0.4 * (23 - 25)), rel=0.02)


def test_errors_are_of_the_rays_and_of_the_psf_and_grow_with_a_coarse_setting(base):
    fine = pictures.errors(states.shown(base, states.start(base, 0)), "")
    coarse_base = scene_of(image=SIMULATE["image"] | {"rays": 1})
    coarse = pictures.errors(states.shown(coarse_base, states.start(coarse_base, 0)), "")
    assert fine[0].shape == fine[1].shape == (32, 32)
    assert np.abs(fine[0]).max() < 2e-3 < np.abs(coarse[0]).max()
    no_psf = scene_of(observation=SIMULATE["observation"] | {"psf": {"kind": "none"}})
    assert pictures.errors(states.shown(no_psf, states.start(no_psf, 0)), "")[1] is None


def test_curves_at_rest_see_subhalos_and_moving_ones_do_not():
    base = scene_of(substructure=[SUBHALO])
    frame = states.shown(base, states.start(base, 0))
    moving, resting = (
        sum(c.kind == "tangential" for c in pictures.curves(frame, at_rest)) for at_rest in (False, True)
    )
    assert moving == 1 and resting > 1


def test_the_source_planes_square_holds_caustics_and_source(base, frame):
    lines = pictures.curves(frame, at_rest=False)
    half = pictures.source_half(frame, "", lines)
    assert all(np.abs([line.source_x, line.source_y]).max() < half for line in lines)
    far = pictures.source_half(moved(base, source__0__center_x=1.5), "", lines)
    assert half < 1.5 < far <= pictures.half_width(base, "")


@pytest.mark.parametrize("stretch", ["linear", "asinh", "log"])
def test_a_stretch_keeps_the_order_of_pixels_and_marks_lost_ones(stretch):
    image = np.random.default_rng(0).normal(0, 0.1, (20, 20)).astype(np.float32)
    image[5:9, 5:9] += np.arange(16).reshape(4, 4)
    image[0, 3] = np.nan
    out = pictures.stretched(image, stretch)
    assert np.isnan(out[0, 3]) and np.isfinite(out).sum() == 399
    order = np.argsort(image[5:9, 5:9].ravel())
    assert (np.diff(out[5:9, 5:9].ravel()[order]) >= 0).all()
    assert np.nanmax(out) == 1.0 and np.nanmin(out) >= 0.0 and out.dtype == np.float32


@pytest.mark.parametrize("stretch", ["linear", "asinh", "log"])
@pytest.mark.parametrize("value", [0.0, np.nan, -1.0, 1e-20, 1e20])
def test_a_stretch_of_a_flat_image_is_no_error(stretch, value):
    with np.errstate(all="raise"):
        out = pictures.stretched(np.full((6, 6), value, np.float32), stretch)
    assert np.isnan(out).all() if np.isnan(value) else ((out >= 0) & (out <= 1)).all()
