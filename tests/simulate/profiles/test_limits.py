"""Limits of given parameters: what cannot be rendered as it is labelled is refused in one sentence that names it."""

import dataclasses

import numpy as np
import pytest

from lenstream.errors import DataError
from lenstream.simulate.bridge import to_lenstronomy
from lenstream.simulate.profiles import limits, registry
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views

SMALL = {"num_pix": 16, "pixel_scale": 0.2, "rays": 2}
GIVEN = [
    (
        "lens_mass",
        0,
        {"e1": 0.95, "e2": 0.0},
        r"e1 and e2 must have \|e\| = hypot\(e1, e2\) of at most 0.9 .* got 0.95",
    ),
    ("lens_mass", 0, {"e1": 0.7, "e2": -0.7}, "got 0.99"),
    ("lens_mass", 0, {"theta_E": -1.0}, r"lens_mass.0.theta_E must lie between 0 and 100, got -1"),
    ("lens_mass", 0, {"gamma": 3.0}, r"lens_mass.0.gamma must lie between 1.05 and 2.95, got 3"),
    ("lens_mass", 1, {"m": 2.5}, r"lens_mass.1.m must be a whole number, got 2.5"),
    ("lens_mass", 1, {"m": 16.0}, r"lens_mass.1.m must lie between 1 and 15, got 16"),
    ("lens_mass", 2, {"Rs": 0.0}, r"lens_mass.2.Rs must lie between 1e-05 and 1000, got 0"),
    ("source", 0, {"e1": 0.6, "e2": 0.8}, r"source.0: e1 and e2 must have"),
    ("source", 0, {"n_sersic": 0.1}, r"source.0.n_sersic must lie between 0.3 and 8"),
    ("source", 0, {"R_sersic": 1e-5}, r"source.0.R_sersic must lie between 0.001 and 100"),
    ("lens_light", 0, {"e2": -0.93}, r"lens_light.0: e1 and e2"),
    ("lens_light", 0, {"R_sersic": np.inf}, r"lens_light.0.R_sersic must be a finite number in every system, got inf"),
]


@pytest.fixture(scope="module")
def rich(scene_with):
    light = {"magnitude": 22, "R_sersic": 0.3, "e1": 0.1}
    return scene_with(
        image=SMALL,
        lens_mass=[
            {"profile": "EPL", "theta_E": 1.0, "e1": 0.1},
            {"profile": "MULTIPOLE", "m": 4, "a_m": 0.01},
            {"profile": "NFW", "Rs": 2.0, "alpha_Rs": 0.1},
        ],
        source=[{"profile": "SERSIC_ELLIPSE", **light}],
        lens_light=[{"profile": "DOUBLE_SERSIC", **light, "bulge_fraction": 0.3, "R_bulge": 0.1}],
    )


def edited(systems, group, k, values):
    components = list(getattr(systems, group))
    for name, value in values.items():
        changed = components[k][name].copy()
        changed[1] = value
        components[k] = components[k] | {name: changed}
    return dataclasses.replace(systems, **{group: tuple(components)})


@pytest.mark.parametrize(("group", "k", "values", "said"), GIVEN)
def test_a_given_value_beyond_its_range_is_refused_by_render_and_bridge(rich, group, k, values, said):
    systems = draw(rich, np.arange(3), Views())
    broken = edited(systems, group, k, values)
    for use in (lambda: render(rich, broken), lambda: to_lenstronomy(rich, broken, 1)):
        with pytest.raises(DataError, match=said) as caught:
            use()
        assert "\n" not in str(caught.value)
    to_lenstronomy(rich, broken, 0)  # the system that was not changed


def test_what_is_absent_from_a_class_is_not_looked_at(everything):
    systems = draw(everything, np.arange(8), Views())
    assert np.isnan(systems.lens_mass[0]["theta_E"]).any()
    render(everything, systems)


@pytest.mark.parametrize("modulus", [0.9, 0.9 * (1 - 1e-12)])
def test_the_largest_ellipticity_is_rendered_as_it_is_given(rich, modulus):
    """By lenstronomy at 0.9; 1e-3 beyond, where derivatives step, it is not clipped either."""
    systems = draw(rich, np.arange(3), Views())
    at = {"e1": 0.6 * modulus, "e2": 0.8 * modulus}
    first, second = (
        render(rich, edited(systems, "lens_mass", 0, {n: v * f for n, v in at.items()}), noise=False, dtype=np.float64)
        for f in (1.0, 1.003)
    )
    assert np.abs(first[1] - second[1]).max() > 1e-4 * first[1].max()
    np.testing.assert_array_equal(first[0], second[0])


def test_every_profile_has_its_limits_in_the_order_of_its_row():
    for known, profiles in ((limits.MASS, registry.MASS), (limits.LIGHT, registry.LIGHT)):
        for name, profile in profiles.items():
            assert known[name].names == profile.columns and (known[name].low < known[name].high).all()
    assert limits.MASS["SIE"].e1 == limits.MASS["SIE"].names.index("e1") and limits.MASS["NFW"].e1 == -1
