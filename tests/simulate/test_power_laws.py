"""The closed forms of power laws against searching, known answers and lenstronomy's convergence; who has one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lenstronomy.LensModel.lens_model import LensModel

from lenstream.simulate import arcs, einstein_radius
from lenstream.simulate.power_laws import critical_curve_radius, mean_kappa_radius, power_laws
from lenstream.simulate.render import tracer
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views

SMALL = {"num_pix": 16, "pixel_scale": 0.2, "rays": 1}
SHEET = {"profile": "CONVERGENCE", "kappa": {"uniform": (-0.4, 0.6)}, "ra_0": 0.4}
SHEAR = {"profile": "SHEAR", "gamma1": {"normal": (0, 0.1)}, "gamma2": {"normal": (0, 0.1)}}


def epl(**changes):
    centre = {"center_x": {"normal": (0, 0.3)}, "center_y": -0.1}
    return {"profile": "EPL", "theta_E": {"uniform": (0.1, 3)}, "gamma": {"uniform": (1.2, 2.8)}} | centre | changes


def ellipticity(q, phi):
    f = (1 - q) / (1 + q)
    return {"e1": f * np.cos(2 * phi), "e2": f * np.sin(2 * phi)}


@settings(deadline=None, max_examples=25)
@given(st.floats(0.2, 1), st.floats(0, np.pi), st.integers(0, 1000))
def test_both_radii_are_those_that_searching_finds(scene_with, q, phi, first):
    """As far as searching is good: to 1e-6 of a circle, to 1e-4 of a smooth curve."""
    deflectors = [SHEAR, epl(**ellipticity(q, phi)), SHEET, SHEAR]
    scene = scene_with(image=SMALL, lens_mass=deflectors)
    systems = draw(scene, np.arange(first, first + 8), Views())
    assert power_laws(scene, systems).all()
    trace, (x, y) = tracer(scene, systems), arcs.centre(scene, systems)
    found = mean_kappa_radius(scene, systems)
    np.testing.assert_allclose(found, einstein_radius.mean_kappa_radius(trace, x, y, found), rtol=1e-6)
    area = critical_curve_radius(scene, systems)
    reached = (area > found / 2) & (area < 2 * found)  # a curve that hardly closes is too long for so few directions
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(einstein_radius, "SMOOTH", 0.0)  # every system gets a second look
        searched = einstein_radius.critical_curve_radius(trace, x, y, np.where(area > 0, area, found))
    np.testing.assert_allclose(area[reached], searched[reached], rtol=1e-4)


@pytest.mark.parametrize("q", [1.0, 0.5, 0.2])
def test_the_critical_curve_of_an_isothermal_ellipsoid_has_the_area_of_theta_E(scene_with, q):
    scene = scene_with(image=SMALL, lens_mass=[{"profile": "SIE", "theta_E": 1.2, **ellipticity(q, 0.3)}])
    systems = draw(scene, [0], Views())
    assert critical_curve_radius(scene, systems)[0] == pytest.approx(1.2, rel=1e-9)
    mean_kappa = mean_kappa_radius(scene, systems)[0]
    assert mean_kappa == pytest.approx({1.0: 1.2, 0.5: 1.164928}.get(q, mean_kappa), abs=1e-6)


def test_a_sphere_under_shear_and_a_sheet_has_a_critical_curve_of_known_shape(scene_with):
    """In a direction psi from the shear it lies at theta_E (1 - kappa + gamma cos 2psi) / ((1 - kappa)^2 - gamma^2)."""
    psi = 2 * np.pi * (np.arange(720) + 0.5) / 720
    for g, kappa in ((0.3, 0.2), (0.7, -0.3)):
        shear = {"profile": "SHEAR", "gamma1": 0.6 * g, "gamma2": 0.8 * g}
        deflectors = [{"profile": "SIS", "theta_E": 0.9}, shear, {"profile": "CONVERGENCE", "kappa": kappa}]
        scene = scene_with(image=SMALL, lens_mass=deflectors)
        systems = draw(scene, [0], Views())
        radius = 0.9 * (1 - kappa + g * np.cos(2 * psi)) / ((1 - kappa) ** 2 - g**2)
        assert critical_curve_radius(scene, systems)[0] == pytest.approx(np.sqrt(np.mean(radius**2)), rel=1e-9)
        assert mean_kappa_radius(scene, systems)[0] == pytest.approx(0.9 / (1 - kappa), rel=1e-12)


def test_the_mean_of_lenstronomys_convergence_in_the_circle_is_one(scene_with):
    scene = scene_with(image=SMALL, lens_mass=[epl(**ellipticity(0.3, 1.1), center_x=0.0, center_y=0.0), SHEAR])
    systems = draw(scene, np.arange(5), Views())
    radii, (drawn, _) = mean_kappa_radius(scene, systems), systems.lens_mass
    angle = 2 * np.pi * (np.arange(512) + 0.5) / 512
    for radius, gamma, theta_E in zip(radii, drawn["gamma"], drawn["theta_E"], strict=True):
        kwargs = {"theta_E": theta_E, "gamma": gamma, **ellipticity(0.3, 1.1)}
        kappa = LensModel(["EPL"]).kappa(radius * np.cos(angle), radius * np.sin(angle), [kwargs])
        assert 2 / (3 - gamma) * kappa.mean() == pytest.approx(1, rel=1e-9)  # of a power law, from the circle's edge


def test_the_area_is_converged(scene_with, monkeypatch):
    scene = scene_with(image=SMALL, lens_mass=[SHEAR, epl(**ellipticity(0.2, 0.4)), SHEET])
    systems = draw(scene, np.arange(64), Views())
    found = critical_curve_radius(scene, systems)
    monkeypatch.setattr("lenstream.simulate.power_laws.N_ANGLES", 2048)
    np.testing.assert_allclose(found, critical_curve_radius(scene, systems), rtol=2e-6)


def test_a_curve_that_does_not_close_has_no_area_nor_a_circle_under_a_full_sheet(scene_with):
    deflectors = [{"profile": "SIS", "theta_E": 1.0}, {"profile": "SHEAR", "gamma1": 0.3}]
    for kappa, closes, circle in ((0.0, True, 1.0), (0.75, False, 4.0), (1.0, False, 0.0), (1.5, False, 0.0)):
        scene = scene_with(image=SMALL, lens_mass=[*deflectors, {"profile": "CONVERGENCE", "kappa": kappa}])
        systems = draw(scene, [0], Views())
        assert (critical_curve_radius(scene, systems)[0] > 0) == closes
        assert mean_kappa_radius(scene, systems)[0] == pytest.approx(circle, rel=1e-9)


def test_no_mass_has_no_radius(scene_with):
    scene = scene_with(image=SMALL, lens_mass=[{"profile": "SIE", "theta_E": 0.0}, {"profile": "SHEAR", "gamma1": 0.1}])
    systems = draw(scene, [0], Views())
    assert mean_kappa_radius(scene, systems)[0] == critical_curve_radius(scene, systems)[0] == 0.0


def test_one_power_law_with_shear_and_sheets_has_closed_forms_and_nothing_else(scene_with):
    only = {"a": ["a"], "b": ["b"], "c": ["c"]}
    deflectors = [
        {"profile": "SIS", "theta_E": 1.0, "only": only["a"]},
        epl(only=["b", "c"]),
        {"profile": "SIE", "theta_E": 0.2, "center_x": 1.0, "only": only["c"]},
        {"profile": "POINT_MASS", "theta_E": 0.1, "only": ["d", "e"]},
        {"profile": "SIS", "theta_E": 0.8, "only": ["e"]},
        SHEAR | {"only": ["b", "c", "d", "e", "f"]},
    ]
    scene = scene_with(classes=dict.fromkeys("abcdef", 1), image=SMALL, lens_mass=deflectors)
    systems = draw(scene, np.arange(60), Views())
    assert set(systems.class_number) == set(range(6))
    np.testing.assert_array_equal(power_laws(scene, systems), systems.class_number < 2)
    for radius in (arcs.mean_kappa_radius, arcs.critical_area_radius):
        np.testing.assert_allclose(radius(scene, systems)[systems.class_number == 0], 1.0, rtol=1e-12)


def test_radii_do_not_depend_on_the_batch(scene_with):
    scene = scene_with(image=SMALL, lens_mass=[epl(e1=0.2, e2=-0.3), SHEET, SHEAR])
    systems = draw(scene, np.arange(37), Views())
    for radius in (arcs.mean_kappa_radius, arcs.critical_area_radius):
        alone = [radius(scene, draw(scene, [k], Views()))[0] for k in range(37)]
        np.testing.assert_array_equal(radius(scene, systems), alone)
