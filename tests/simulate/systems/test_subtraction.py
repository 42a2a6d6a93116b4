"""Subtracted lens light: all of it by a perfect fit, residuals of the errors asked for, anew with the noise."""

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.errors import ArgumentError, ConfigError
from lenstream.simulate.archive.image_facts import inverse_variance
from lenstream.simulate.archive.samples import Samples
from lenstream.simulate.bridge import to_lenstronomy
from lenstream.simulate.gpu.cuda_render import unsupported
from lenstream.simulate.packing import noise_levels
from lenstream.simulate.render import render, render_all, subtracted_light
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene
from lenstream.simulate.systems.subtraction import fitted, unfitted_light

LIGHT = (
    "simulate.lens_light=[{profile: SERSIC_ELLIPSE, magnitude: 18, R_sersic: 0.5, n_sersic: 2, e1: 0.1, e2: 0.05}, "
    "{profile: DOUBLE_SERSIC, magnitude: 19, bulge_fraction: 0.3, R_sersic: 0.8, R_bulge: 0.2, center_x: 0.02}, "
    "{profile: SERSIC_ELLIPSE, magnitude: 22, R_sersic: 0.1, center_x: 0.9}]"
)
NO_LIGHT = "simulate.lens_light=[]"
BOTH = "[{{component: 0, error: {0}}}, {{component: 1, error: {0}}}]"


def scene_of(error=None, *changes, light=LIGHT):
    changes = [light, "simulate.image.num_pix=32", *changes]
    if error is not None:
        changes.append(f"simulate.observation.subtract_lens_light={BOTH.format(error)}")
    return make_scene(load("tiny", changes).simulate, 2)


def images_of(scene, n=6, views=None, **options):
    return render(scene, draw(scene, np.arange(n), views or Views()), **options)


def test_a_perfect_fit_leaves_what_is_not_subtracted():
    left = images_of(scene_of(0), noise=False, dtype=np.float64)
    third = LIGHT.replace(LIGHT[LIGHT.index("{") : LIGHT.index("{profile: SERSIC_ELLIPSE, magnitude: 22")], "")
    without = images_of(scene_of(light=third), noise=False, dtype=np.float64)
    np.testing.assert_allclose(left, without, rtol=0, atol=1e-9 * without.max())


def test_noise_is_that_of_the_light_before():
    whole, left = scene_of(), scene_of(0)
    systems = draw(whole, np.arange(3), Views())
    noise = render(whole, systems) - render(whole, systems, noise=False)
    np.testing.assert_allclose(
        render(left, systems) - render(left, systems, noise=False), noise, rtol=0, atol=1e-4 * np.abs(noise).max()
    )


def test_the_errors_have_the_size_asked_for():
    scene = scene_of(0.02)
    systems = draw(scene, np.arange(4000), Views())
    for k, names in ((0, ("R_sersic", "n_sersic")), (1, ("R_sersic", "R_bulge", "n_bulge"))):
        true, found = systems.lens_light[k], fitted(scene, systems).lens_light[k]
        for name in names:
            assert np.log(found[name] / true[name]).std() == pytest.approx(0.02, rel=0.05)
        assert (found["magnitude"] - true["magnitude"]).std() == pytest.approx(0.02 * 1.0857, rel=0.05)
        assert (found["e1"] - true["e1"]).std() == pytest.approx(0.02, rel=0.05)
        radius = 0.2 if k else 0.5
        assert (found["center_y"] - true["center_y"]).std() == pytest.approx(0.02 * radius, rel=0.05)
        one, other = ((found[n] - true[n])[:, 0] for n in ("e1", "e2"))
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.08
    assert fitted(scene, systems).lens_light[2] is systems.lens_light[2]


def test_a_law_of_errors_gives_lenses_fits_of_different_quality():
    scene = scene_of("{mixture: [{weight: 1, uniform: [0, 1.0e-9]}, {weight: 1, uniform: [0.1, 0.2]}]}")
    systems = draw(scene, np.arange(400), Views())
    wrong = np.abs(fitted(scene, systems).lens_light[0]["e1"] - systems.lens_light[0]["e1"])
    assert 0.4 < (wrong < 1e-7).mean() < 0.6


def test_residuals_are_redrawn_with_the_noise_and_are_a_function_of_the_index():
    scene = scene_of(0.05)

    def subtracted(*redraw):
        return subtracted_light(scene, draw(scene, np.arange(5), Views(2, frozenset(redraw))))

    same, other = subtracted("source"), subtracted("source", "noise")
    np.testing.assert_array_equal(same[:, 0], same[:, 1])
    assert (np.abs(other[:, 0] - other[:, 1]).max(axis=(1, 2, 3)) > 0).all()
    np.testing.assert_array_equal(same[:, 0], other[:, 0])
    alone = render(scene, draw(scene, [3], Views()))
    for threads in (1, 2):
        many = render(scene, draw(scene, np.arange(40), Views()), threads=threads)
        np.testing.assert_array_equal(many[3:4], alone)


def test_lost_pixels_stay_lost():
    scene = scene_of(0.02, "simulate.observation.bad_pixels=0.1")
    seen = render_all(scene, draw(scene, np.arange(3), Views()))
    assert seen.mask.any() and (seen.images[seen.mask] == 0).all()


def unfitted(scene, n, v=1, redraw=(), start=0, stop=None):
    systems = draw(scene, np.arange(n), Views(v, frozenset(redraw)))
    return unfitted_light(scene, systems, start, n if stop is None else stop)


def test_what_stays_unfitted_is_a_fraction_of_the_light_in_multipoles():
    scene = scene_of(0, "simulate.observation.unfitted_light={fraction: 0.02}")
    wrong = unfitted(scene, 400)[:, 0]
    y, x = (np.mgrid[0:32, 0:32] - 15.5) * scene.config.image.pixel_scale
    r = np.hypot(x, y)
    ring = (r > 0.2) & (r < 0.9)
    assert np.sqrt((wrong[:, ring] ** 2).mean()) == pytest.approx(0.02, rel=0.05)
    assert (wrong[:, r > 1.3] == 0).all() and (r > 1.3).any()
    turned = wrong[:, ::-1, ::-1]  # by half a turn: orders 0, 2 and 4 stay, 1 and 3 change their sign
    even, odd = ((wrong + sign * turned)[:, ring] / 2 for sign in (1, -1))
    assert (even**2).mean() / (odd**2).mean() == pytest.approx(3 / 2, rel=0.15)


def test_the_middle_of_a_fit_is_too_bright_by_what_was_asked_for():
    scene = scene_of(0, "simulate.observation.unfitted_light={fraction: 0, centre: 0.1, radius: 0.08}")
    systems = draw(scene, np.arange(2), Views())
    light, exact = (subtracted_light(s, systems)[0, 0, 0] for s in (scene, scene_of(0)))
    x = (np.mgrid[0:32, 0:32][::-1] - 15.5) * scene.config.image.pixel_scale
    square = 0.5 * (x**2).sum(axis=0) / 0.08**2
    expected = 0.1 * (1 - square) * np.exp(-square)
    np.testing.assert_allclose(light / exact - 1, expected, rtol=0, atol=2e-6)
    whole, left = images_of(scene_of(), 2, noise=False), images_of(scene, 2, noise=False)
    np.testing.assert_allclose(whole[0] - left[0], light[None], rtol=0, atol=1e-5 * whole.max())


def test_what_stays_unfitted_is_drawn_with_the_noise_and_whatever_else_is_in_a_batch():
    scene = scene_of(0.05, "simulate.observation.unfitted_light={fraction: 0.02, centre: {uniform: [-0.1, 0.1]}}")
    other = unfitted(scene, 5, 2, ("source", "noise"))
    assert (np.abs(other[:, 0] - other[:, 1]).max(axis=(1, 2)) > 0).all()
    same = unfitted(scene, 5, 2, ("source",))
    np.testing.assert_array_equal(same[:, 0], same[:, 1])
    np.testing.assert_array_equal(unfitted(scene, 9, start=2, stop=5), unfitted(scene, 5)[2:])
    many = render(scene, draw(scene, np.arange(40), Views()), threads=2)
    np.testing.assert_array_equal(many[35:36], render(scene, draw(scene, [35], Views())))


def test_parameters_stay_within_their_ranges():
    scene = scene_of(0.5)
    assert np.isfinite(images_of(scene, 200)).all()  # render refuses any that is out of range


def test_the_inverse_variance_is_that_of_the_light_before():
    scene = scene_of(0.0)
    systems = draw(scene, np.arange(2), Views())
    seen = render_all(scene, systems)
    weights = inverse_variance(Samples(scene, systems, {"images": seen.images}, {}, {}))
    background, exposure, gain = (level[0, 0] for level in noise_levels(scene, systems))
    light = np.maximum(seen.images + subtracted_light(scene, systems), 0)
    np.testing.assert_allclose(weights["images"], 1 / (background**2 + light / (exposure * gain)), rtol=1e-5)


def test_what_has_no_model_of_it_says_so():
    scene = scene_of(0.02)
    assert unsupported(scene) == "a subtraction of lens light"
    with pytest.raises(ArgumentError, match="subtract_lens_light="):
        to_lenstronomy(scene, draw(scene, np.arange(1), Views()), 0)


@pytest.mark.parametrize(
    ("fits", "light", "words"),
    [
        ("[{component: 3, error: 0.1}]", LIGHT, "no lens_light.3; there are 3"),
        ("[{component: 0, error: 0.1}]", NO_LIGHT, "no lens_light.0; there are 0"),
        (
            "[{component: 0, error: 0.1}]",
            "simulate.lens_light=[{profile: INTERPOL, magnitude: 20, R_half: 0.5}]",
            "lens_light.0 is of profile INTERPOL",
        ),
        ("[{component: 0, error: 0.1}, {component: 0, error: 0.2}]", LIGHT, "is there twice"),
        ("[{component: 0, error: 0.51}]", LIGHT, "error must lie between 0 and 0.5"),
        ("[{component: 0, error: {normal: [0, 0.1]}}]", LIGHT, "error must lie between 0 and 0.5"),
    ],
)
def test_what_cannot_be_subtracted_is_refused(fits, light, words):
    with pytest.raises(ConfigError, match=words) as caught:
        load("tiny", [light, f"simulate.observation.subtract_lens_light={fits}"])
    assert len(caught.value.problems) == 1


def test_nothing_stays_unfitted_without_a_fit():
    with pytest.raises(ConfigError, match="unfitted_light: it belongs to a fit, but subtract_lens_light names no"):
        load("tiny", ["simulate.observation.unfitted_light={fraction: 0.1}"])
