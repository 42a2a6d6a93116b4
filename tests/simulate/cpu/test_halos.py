"""The shortcut for many subhalos: its error beside their signal and beside the peak.

Errors are those of float32 images with many subhalos summed by polynomials, against every subhalo ray by ray.
"""

import dataclasses

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

N = 16
ROUNDING = 5e-6  # of the peak: float32 images through every subhalo are off by as much, which is more than 1e-3 of the
# signal where that is below 0.5 % of the peak


def errors(scene, **keys):
    """Of N systems: the largest error of the shortcut over the subhalos' largest signal, and over the peak.

    The former is 0 where the error is no larger than rounding.
    """
    without = dataclasses.replace(scene, config=scene.config.model_copy(update={"substructure": []}))
    systems = draw(scene, np.arange(N), Views())
    smooth = dataclasses.replace(systems, halos=())
    exact = render(scene, systems, exact_halos=True, **keys)
    fast = render(scene, systems, **keys)
    signal = np.abs(exact - render(without, smooth, **keys)).max((1, 2, 3))
    peak = exact.max((1, 2, 3))
    assert (signal > 1e-4 * peak).all()  # there is something to see
    error = np.abs(fast - exact).max((1, 2, 3))
    assert (error > 0).any()  # and a shortcut was taken
    return np.where(error > ROUNDING * peak, error / signal, 0.0), error / peak


@pytest.fixture(scope="module")
def w4():
    return make_scene(load("w4").simulate, 1)


@pytest.mark.parametrize("rays", [2, "adaptive"])
def test_the_shortcut_of_w4(w4, rays):
    signal_error, peak_error = errors(w4, rays=rays)
    print(f"\nW4, rays {rays}: {signal_error.max():.1e} of the signal, {peak_error.max():.1e} of the peak")
    assert signal_error.max() <= 1e-3
    assert peak_error.max() <= 1e-4


@pytest.mark.parametrize("profile", ["SIS", "NFW", "TNFW", "POINT_MASS"])
@pytest.mark.parametrize("masses", [(1e6, 1e9), (1e7, 1e10)])
def test_the_shortcut_of_masses(scene_with, profile, masses):
    halos = {"kind": "CDM", "profile": profile, "n_mean": 60, "half_side": 2.56}
    scene = scene_with(substructure=[halos | {"m_min": masses[0], "m_max": masses[1]}])
    signal_error, peak_error = errors(scene)
    print(f"\n{profile} {masses}: {signal_error.max():.1e} of the signal, {peak_error.max():.1e} of the peak")
    assert signal_error.max() <= 1e-3
    assert peak_error.max() <= 1e-4


def test_the_shortcut_of_a_vortex(scene_with):
    signal_error, peak_error = errors(scene_with(substructure=[{"kind": "AXION_VORTEX"}]))
    print(f"\nvortex: {signal_error.max():.1e} of the signal, {peak_error.max():.1e} of the peak")
    assert signal_error.max() <= 1e-3
    assert peak_error.max() <= 1e-4


def test_float64_and_few_subhalos_are_always_exact(w4, scene_with):
    systems = draw(w4, np.arange(2), Views())
    np.testing.assert_array_equal(
        render(w4, systems, dtype=np.float64), render(w4, systems, dtype=np.float64, exact_halos=True)
    )
    few = scene_with(
        substructure=[
            {"kind": "CDM", "n_mean": 5, "count": "fixed", "profile": "SIS", "theta_E": 0.02, "half_side": 2.5}
        ]
    )
    systems = draw(few, np.arange(4), Views())
    difference = np.abs(render(few, systems) - render(few, systems, exact_halos=True)).max()
    assert difference <= 1e-6 * render(few, systems).max()


def test_a_system_with_subhalos_is_the_same_beside_others_with_more_or_less(scene_with):
    """The number of subhalos of other systems decides nothing, not even the order of rays."""
    scene = scene_with(
        image={"num_pix": 40, "pixel_scale": 0.12},
        substructure=[{"kind": "CDM", "n_mean": 12, "m_min": 1e7, "m_max": 1e9, "half_side": 2.4}],
    )
    systems = draw(scene, np.arange(40), Views())
    counts = np.diff(systems.halos[0].first)
    assert counts.min() < 8 and counts.max() > 16
    together = render(scene, systems)
    for i in range(40):
        np.testing.assert_array_equal(render(scene, draw(scene, [i], Views()))[0], together[i])
    np.testing.assert_array_equal(render(scene, systems, threads=3), together)


def test_subhalos_far_outside_the_image_are_right(scene_with):
    """A ring of subhalos around the frame: all of them are in the polynomials of every tile."""
    halos = {"kind": "CDM", "profile": "SIS", "theta_E": 0.05, "n_mean": 40, "count": "fixed", "r_min": 8, "r_max": 12}
    scene = scene_with(substructure=[halos])
    systems = draw(scene, np.arange(4), Views())
    exact = render(scene, systems, exact_halos=True)
    assert np.abs(render(scene, systems) - exact).max() <= 1e-5 * exact.max()
