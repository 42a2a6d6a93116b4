"""Extreme parameters: finite and lenstronomy's, or refused in one sentence."""

import copy
import dataclasses

import numpy as np
import pytest

from lenstream.configs.load import available, check, load
from lenstream.errors import ConfigError, DataError
from lenstream.simulate.labels import all_labels
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

IMAGE = {"num_pix": 16, "pixel_scale": 0.16, "rays": 2}
ODD = {"num_pix": 15, "pixel_scale": 0.16, "rays": 1}  # a ray through the very middle
SOURCE = {"profile": "SERSIC_ELLIPSE", "magnitude": 23, "R_sersic": 0.2, "center_x": 0.1, "center_y": 0.05}
BEHIND = SOURCE | {"center_x": 0, "center_y": 0}
EPL = {"profile": "EPL", "theta_E": 0.8, "gamma": 2.1, "e1": 0.2}
FLAT = {"e1": 2 / 3 * np.cos(0.6), "e2": 2 / 3 * np.sin(0.6)}  # an axis ratio of 0.2

CASES = {
    "nearly round": {"lens_mass": [EPL | {"e1": 1e-9}]},
    "round": {"lens_mass": [EPL | {"e1": 0}]},
    "axis ratio of 0.2": {"lens_mass": [EPL | FLAT]},
    "axis ratio of 0.2, isothermal": {"lens_mass": [{"profile": "SIE", "theta_E": 0.8} | FLAT]},
    "axis ratio of 0.2, shallow": {"lens_mass": [EPL | FLAT | {"gamma": 1.3}]},
    "no mass": {"lens_mass": [EPL | {"theta_E": 0}]},
    "no mass in any": {
        "lens_mass": [
            {"profile": "SIS", "theta_E": 0},
            {"profile": "NFW", "Rs": 1, "alpha_Rs": 0},
            {"profile": "TNFW", "Rs": 1, "alpha_Rs": 0, "r_trunc": 1},
            {"profile": "POINT_MASS", "theta_E": 0},
        ]
    },
    "shallowest": {"lens_mass": [EPL | {"gamma": 1.05}]},
    "steepest": {"lens_mass": [EPL | {"gamma": 2.95}]},
    "source behind the centre": {"lens_mass": [EPL], "source": [BEHIND]},
    "ray through the centre": {"image": ODD, "lens_mass": [EPL], "source": [BEHIND]},
    "ray through a steep centre": {"image": ODD, "lens_mass": [EPL | {"gamma": 2.6}]},
    "ray through a sphere": {"image": ODD, "lens_mass": [{"profile": "SIS", "theta_E": 0.8}]},
    "ray through a halo": {"image": ODD, "lens_mass": [{"profile": "NFW", "Rs": 1, "alpha_Rs": 0.8}]},
    "ray through a cut halo": {
        "image": ODD,
        "lens_mass": [{"profile": "TNFW", "Rs": 1, "alpha_Rs": 0.8, "r_trunc": 1}],
    },
    "ray through a point": {"image": ODD, "lens_mass": [{"profile": "POINT_MASS", "theta_E": 0.8}]},
    "ray through light": {"image": ODD, "lens_light": [BEHIND | {"n_sersic": 8}]},
    "smallest index": {"source": [SOURCE | {"n_sersic": 0.3}], "lens_light": [SOURCE | {"n_sersic": 0.3}]},
    "largest index": {"source": [SOURCE | {"n_sersic": 8}], "lens_light": [SOURCE | {"n_sersic": 8}]},
    "flattest source": {"source": [SOURCE | {"e1": 0.8}]},
    "smallest source": {"source": [SOURCE | {"R_sersic": 1e-3}]},
    "smallest image": {"image": IMAGE | {"num_pix": 4}},
}


def scene_of(scene_with, name, **image):
    keys = {"image": IMAGE, "source": [SOURCE]} | CASES[name]
    return scene_with(**keys | {"image": keys["image"] | image})


@pytest.mark.parametrize("name", CASES)
def test_an_extreme_system_is_lenstronomys(scene_with, differences, name):
    scene = scene_of(scene_with, name)
    assert differences(scene, 2).max() <= 1e-8
    # the rounding of a deflection, 1e-7 arcsec or a few of them, is 1e-4 of the smallest R_sersic
    assert differences(scene, 2, np.float32).max() <= (5e-4 if name == "smallest source" else 3e-5)


@pytest.mark.parametrize("name", CASES)
def test_an_extreme_system_is_finite_with_adaptive_rays_and_in_its_labels(scene_with, name):
    scene = scene_of(scene_with, name, rays="adaptive")
    systems = draw(scene, np.arange(2), Views())
    for dtype in (np.float32, np.float64):
        image = render(scene, systems, dtype=dtype)
        assert np.isfinite(image).all() and image.min() >= 0
    for label, value in all_labels(scene, systems).items():
        assert np.isfinite(value).all(), label


def test_random_extremes_stay_finite(scene_with):
    lens = {"profile": "EPL", "theta_E": {"uniform": (0.0, 3.0)}, "gamma": {"uniform": (1.05, 2.95)}}
    source = {"profile": "SERSIC_ELLIPSE", "magnitude": 22, "R_sersic": {"loguniform": (0.001, 3)}}
    keys = {
        "lens_mass": [lens | {"e1_e2": {"rayleigh": (0.5, 0.85)}}],
        "source": [source | {"n_sersic": {"uniform": (0.3, 8)}}],
    }
    for rays in (2, "adaptive"):
        scene = scene_with(image={"num_pix": 32, "pixel_scale": 0.16, "rays": rays}, **keys)
        for dtype in (np.float32, np.float64):
            assert np.isfinite(render(scene, draw(scene, np.arange(200), Views()), dtype=dtype)).all()


@pytest.mark.parametrize(
    "psf",
    [
        {"kind": "gaussian", "fwhm": 5.0},
        {"kind": "moffat", "fwhm": 2.0, "beta": 2.0, "size": 41},
        {"kind": "moffat", "fwhm": 0.5, "beta": 2.5},
    ],
)
def test_a_psf_wider_than_the_image_is_still_right(scene_with, observed, differences, psf):
    scene = scene_with(image={"num_pix": 8, "pixel_scale": 0.3, "rays": 1}, observation=observed(psf=psf))
    assert differences(scene, 3).max() < 1e-8
    assert differences(scene, 3, np.float32).max() < 3e-5


def test_a_kernel_wider_than_the_image_is_still_right(scene_with, observed, differences, tmp_path):
    from astropy.io import fits

    fits.writeto(tmp_path / "psf.fits", np.random.default_rng(1).random((31, 31)))
    scene = scene_with(
        image=IMAGE | {"num_pix": 12}, observation=observed(psf={"kind": "pixel", "file": str(tmp_path / "psf.fits")})
    )
    assert differences(scene, 3).max() < 1e-8


@pytest.mark.parametrize("shape", [(8, 8), (9, 8), (7, 9)])
def test_an_even_sided_kernel_is_refused(scene_with, observed, tmp_path, shape):
    from astropy.io import fits

    fits.writeto(tmp_path / "psf.fits", np.ones(shape))
    with pytest.raises(DataError, match="expected square and odd-sided") as caught:
        scene_with(observation=observed(psf={"kind": "pixel", "file": str(tmp_path / "psf.fits")}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("lens_mass.0.gamma=1.0", "gamma must lie between 1.05 and 2.95, but 1 is asked for"),
        ("lens_mass.0.gamma={uniform: [2, 3.2]}", "gamma must lie between 1.05 and 2.95, but 2 to 3.2"),
        ("lens_mass.0.gamma={normal: [2, 0.1]}", "gamma must lie between 1.05 and 2.95, but -inf to inf"),
        ("lens_mass.0.theta_E=-1", "theta_E must lie between 0 and 100"),
        ("source.0.n_sersic=0.2", "n_sersic must lie between 0.3 and 8"),
        ("source.0.R_sersic=0", "R_sersic must lie between 0.001 and 100"),
        ("observation.psf.fwhm=0", "fwhm must lie between 1e-06 and 100"),
        ("observation.psf={kind: moffat, fwhm: 1, beta: 3, size: 8}", "size must be odd"),
    ],
)
def test_what_is_outside_its_range_is_refused_in_a_sentence(problems, change, said):
    (problem,) = problems(f"simulate.{change}", recipe="w1")
    assert said in problem and "\n" not in problem


def numbers(values, path=()):
    """The paths of all numbers in nested dictionaries and lists."""
    entries = values.items() if isinstance(values, dict) else enumerate(values)
    for k, value in entries:
        if isinstance(value, dict | list | tuple):
            yield from numbers(value, (*path, k))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield (*path, k)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_no_number_of_any_recipe_may_be_nan_or_infinite(bad):
    seen = set()
    for recipe in available():
        plain = load(recipe).model_dump()
        for path in numbers(plain):
            if (name := tuple(p for p in path if isinstance(p, str))) in seen:
                continue
            seen.add(name)
            values, place = copy.deepcopy(plain), None
            place = values
            for part in path[:-1]:
                place[part] = list(place[part]) if isinstance(place[part], tuple) else place[part]
                place = place[part]
            place[path[-1]] = bad
            with pytest.raises(ConfigError) as caught:
                check(values, recipe)
            (problem,) = caught.value.problems
            assert "\n" not in problem and path[0] in problem, problem
    assert len(seen) > 80


def test_a_nan_among_drawn_parameters_is_refused_by_name(scene_with, observed):
    scene = scene_with(
        image=IMAGE,
        source=[SOURCE],
        lens_light=[SOURCE],
        substructure=[
            {"kind": "CDM", "profile": "SIS", "theta_E": 0.01, "n_mean": 5, "count": "fixed", "half_side": 2}
        ],
    )
    systems = draw(scene, np.arange(3), Views())

    def refused(name, **changes):
        with pytest.raises(DataError, match=f"{name} must be a finite number in every system, got nan") as caught:
            render(scene, dataclasses.replace(systems, **changes))
        assert "\n" not in str(caught.value)

    def spoilt(values):
        values = values.copy()
        values[1] = np.nan
        return values

    for group in ("lens_mass", "source", "lens_light"):
        first, *rest = getattr(systems, group)
        for name in set(first) - {"magnitude"}:  # amp follows from it
            refused(f"{group}.0.{name}", **{group: (first | {name: spoilt(first[name])}, *rest)})
    for name in systems.optics:
        refused(f"optics.{name}", optics=systems.optics | {name: spoilt(systems.optics[name])})
    (halos,) = systems.halos
    for name in halos.parameters:
        changed = dataclasses.replace(halos, parameters=halos.parameters | {name: spoilt(halos.parameters[name])})
        refused(f"substructure.{name}", halos=(changed,))


def test_a_scene_of_a_recipe_is_not_changed_by_its_use(w1):
    again = make_scene(w1.config, w1.seed)
    a, b = (render(s, draw(s, np.arange(3), Views())) for s in (w1, again))
    np.testing.assert_array_equal(a, b)
