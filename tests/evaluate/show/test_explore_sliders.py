"""The ranges of sliders: those of the recipe, wider, and never beyond what can be rendered."""

import numpy as np
import pytest

from lenstream.configs.load import check
from lenstream.evaluate.show.explore_sliders import Slider, sliders
from lenstream.evaluate.show.explore_state import start
from lenstream.simulate.systems.scene import make_scene

SIMULATE = {
    "image": {"num_pix": 8, "pixel_scale": 0.5},
    "lens_mass": [
        {"profile": "EPL", "theta_E": {"uniform": [0.8, 1.6]}, "gamma": 2.0, "e1_e2": {"rayleigh": [0.2, 0.8]}},
        {"profile": "MULTIPOLE", "m": 4, "a_m": 0.01, "phi_m": 0.3},
    ],
    "source": [
        {
            "profile": "SERSIC_ELLIPSE",
            "magnitude": 23,
            "R_sersic": {"loguniform": [0.003, 3]},
            "n_sersic": {"uniform": [1, 4]},
            "center_x": {"follow": {"parameter": "lens_mass.0.theta_E", "factor": 0.1}},
        }
    ],
    "substructure": [{"kind": "AXION_VORTEX", "n_masses": 3}],
    "observation": {
        "exposure_time": 100,
        "magnitude_zero_point": 25,
        "background_noise": 0.01,
        "psf": {"kind": "moffat", "fwhm": {"uniform": [0.6, 0.8]}, "beta": 3},
    },
}


@pytest.fixture(scope="module")
def scene():
    return make_scene(check({"name": "case", "simulate": SIMULATE}, "here").simulate, 0)


@pytest.fixture(scope="module")
def by_path(scene):
    return {slider.path: slider for own in sliders(scene).values() for slider in own}


def test_every_parameter_of_a_system_has_one_slider_that_holds_its_value(scene, by_path):
    for index in range(20):
        values = start(scene, index).values
        assert set(values) == set(by_path)
        inside = [
            s.low - s.step <= s.shown(values[p]) <= s.high + s.step for p, s in by_path.items() if "R_sersic" not in p
        ]
        assert np.mean(inside) > 0.97


def test_groups_are_components_in_their_order(scene):
    components = ["lens_mass.0 EPL", "lens_mass.1 MULTIPOLE", "source.0 SERSIC_ELLIPSE", "substructure.0 AXION_VORTEX"]
    assert list(sliders(scene)) == [*components, "observation"]


def test_ranges_are_wider_than_the_recipes_and_within_the_profiles(by_path):
    theta_E = by_path["lens_mass.0.theta_E"]
    assert 0.0 <= theta_E.low < 0.6 and 1.8 < theta_E.high < 2.1
    assert theta_E.title == "theta_E [arcsec]" and theta_E.meaning.startswith("Einstein radius")
    n = by_path["source.0.n_sersic"]
    assert n.low >= 0.3 and n.high <= 8
    assert max(abs(by_path[f"lens_mass.0.{e}"].low) for e in ("e1", "e2")) <= 0.8


def test_a_number_that_is_the_same_in_all_systems_has_a_range_around_it(by_path):
    gamma, magnitude, e1 = (by_path[p] for p in ("lens_mass.0.gamma", "source.0.magnitude", "source.0.e1"))
    assert 1.05 <= gamma.low < 2.0 < gamma.high <= 2.95
    assert (magnitude.low, magnitude.high) == (21, 25)
    assert (e1.low, e1.high) == (-0.3, 0.3)


def test_what_spans_decades_is_shown_by_its_logarithm(by_path):
    axion, size = by_path["substructure.0.axion_mass"], by_path["source.0.R_sersic"]
    assert axion.logarithmic and axion.title == "log10 axion_mass [eV]"
    assert axion.low < -24 and axion.high > -22
    assert size.number(size.shown(0.2)) == pytest.approx(0.2) and size.low >= -3.0


def test_whole_numbers_and_angles(by_path):
    assert by_path["lens_mass.1.m"].step == 1.0
    angle = by_path["lens_mass.1.phi_m"]
    assert angle.low == 0.0 and 6.2 < angle.high <= 6.29


def test_what_follows_another_parameter_has_a_range_too(by_path):
    follows = by_path["source.0.center_x"]
    assert follows.low <= 0.08 and follows.high >= 0.16


def test_steps_are_round_and_the_ends_lie_on_them(by_path):
    for slider in by_path.values():
        digits = f"{slider.step:e}".split("e")[0].rstrip("0").rstrip(".")
        assert digits in ("1", "2", "5")
        assert slider.low / slider.step == pytest.approx(round(slider.low / slider.step), abs=1e-6)
        assert 20 < (slider.high - slider.low) / slider.step < 600 or slider.step == 1.0


def test_a_logarithm_is_taken_back():
    slider = Slider("a", "g", "a", "", -3.0, 1.0, 0.01, True)
    assert slider.number(slider.shown(0.02)) == pytest.approx(0.02)
