"""Critical curves and caustics, against closed forms and the Einstein radius by area."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.configs.schema import Simulation
from lenstream.simulate.critical_curves import critical_curves, curves_of_lens
from lenstream.simulate.einstein_radius import critical_curve_radius
from lenstream.simulate.lens_equation import magnification_at
from lenstream.simulate.render import tracer
from lenstream.simulate.systems.draw import Views, draw_systems
from lenstream.simulate.systems.scene import make_scene

LIGHT = [{"profile": "SERSIC_ELLIPSE", "magnitude": 23, "R_sersic": 0.2}]
OBSERVATION = {"exposure_time": 100, "magnitude_zero_point": 25, "background_noise": 0.01, "psf": {"kind": "none"}}


def trace_of(*lens_mass):
    config = {"image": {"num_pix": 8, "pixel_scale": 0.5}, "source": LIGHT, "observation": OBSERVATION}
    scene = make_scene(Simulation.model_validate(config | {"lens_mass": list(lens_mass)}), 0)
    return tracer(scene, draw_systems(scene, [0], Views()))


def by_kind(curves):
    return {kind: [c for c in curves if c.kind == kind] for kind in ("tangential", "radial", "cut")}


def radii(line, x=0.0, y=0.0):
    return np.hypot(line.x - x, line.y - y)


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (0.3, -0.2)])
def test_a_round_power_law_has_two_circles(x, y):
    gamma, theta_E = 1.7, 1.2
    trace = trace_of({"profile": "EPL", "theta_E": theta_E, "gamma": gamma, "center_x": x, "center_y": y})
    found = by_kind(critical_curves(trace, x, y, 4.0, 200, 90))
    (tangential,), (radial,) = found["tangential"], found["radial"]
    assert radii(tangential, x, y) == pytest.approx(theta_E, rel=1e-3)
    assert radii(radial, x, y) == pytest.approx(theta_E * (2 - gamma) ** (1 / (gamma - 1)), rel=1e-3)
    assert np.hypot(tangential.source_x - x, tangential.source_y - y).max() < 2e-3  # the caustic is a point
    assert found["cut"] == []
    for curve in (tangential, radial):  # closed where the grid's last angle meets its first
        assert curve.x[0] == pytest.approx(curve.x[-1]) and curve.y[0] == pytest.approx(curve.y[-1])


def test_a_nearly_isothermal_lens_has_a_small_radial_curve_and_no_cut_beside_it():
    trace = trace_of({"profile": "EPL", "theta_E": 1.2, "gamma": 1.992})
    found = by_kind(critical_curves(trace, 0.0, 0.0, 4.0))
    (radial,) = found["radial"]
    assert radii(radial) == pytest.approx(1.2 * 0.008 ** (1 / 0.992), rel=0.05) and found["cut"] == []


def test_an_isothermal_lens_has_a_cut_in_place_of_a_radial_curve():
    found = by_kind(critical_curves(trace_of({"profile": "SIS", "theta_E": 0.9}), 0.0, 0.0, 4.0))
    (cut,) = found["cut"]
    assert np.hypot(cut.source_x, cut.source_y) == pytest.approx(0.9, rel=1e-2)
    assert found["radial"] == [] and len(found["tangential"]) == 1


def test_a_point_mass_and_a_steep_lens_have_neither_radial_curve_nor_cut():
    for lens in ({"profile": "POINT_MASS", "theta_E": 1.0}, {"profile": "EPL", "theta_E": 1.0, "gamma": 2.3}):
        found = by_kind(critical_curves(trace_of(lens), 0.0, 0.0, 4.0))
        assert found["radial"] == found["cut"] == []
        assert radii(*found["tangential"]) == pytest.approx(1.0, rel=6e-3)


def test_shear_alone_has_no_curves():
    assert critical_curves(trace_of({"profile": "SHEAR", "gamma1": 0.05, "gamma2": 0.02}), 0.0, 0.0, 4.0) == []


def test_a_second_deflector_has_a_curve_of_its_own():
    trace = trace_of(
        {"profile": "SIS", "theta_E": 1.0}, {"profile": "SIS", "theta_E": 0.15, "center_x": 2.5, "center_y": 0.5}
    )
    lines = by_kind(critical_curves(trace, 0.0, 0.0, 5.0, 200, 300))["tangential"]
    assert len(lines) == 2
    assert min(radii(line, 2.5, 0.5).max() for line in lines) < 0.4


@settings(max_examples=20, deadline=None)
@given(st.floats(1.5, 2.5), st.floats(0.0, 0.4), st.floats(0.0, 3.1), st.floats(0.0, 0.1))
def test_curves_are_where_magnification_diverges_and_enclose_the_area_of_the_radius(gamma, modulus, angle, shear):
    ellipse = {"e1": modulus * np.cos(2 * angle), "e2": modulus * np.sin(2 * angle)}
    trace = trace_of(
        {"profile": "EPL", "theta_E": 1.1, "gamma": gamma} | ellipse, {"profile": "SHEAR", "gamma1": shear}
    )
    found = by_kind(critical_curves(trace, 0.0, 0.0, 4.0, 200, 360))
    (tangential,) = found["tangential"]
    inverse = 1.0 / magnification_at(trace, tangential.x[None], tangential.y[None])[0]
    assert np.abs(inverse).max() < 0.05
    x, y = tangential.x, tangential.y
    assert np.sqrt(area(x, y) / np.pi) == pytest.approx(critical_curve_radius(trace)[0], rel=5e-3)
    alpha_x, alpha_y = trace(x[None], y[None])
    assert np.array_equal(tangential.source_x, x - alpha_x[0]) and np.array_equal(tangential.source_y, y - alpha_y[0])


@settings(max_examples=15, deadline=None)
@given(st.floats(0.3, 2.0), st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_the_curve_of_an_isothermal_ellipsoid_has_the_area_of_its_circle(theta_E, e1, e2):
    """Kormann, Schneider & Bartelmann 1994: its curve is the ellipse of kappa = 1/2, of area pi theta_E^2."""
    lens = {"theta_E": theta_E, "e1": e1, "e2": e2, "center_x": 0.2, "center_y": -0.1}
    tangential, cut = curves_of_lens(["SIE"], [lens])
    assert (tangential.kind, cut.kind) == ("tangential", "cut")
    assert area(tangential.x, tangential.y) == pytest.approx(np.pi * theta_E**2, rel=1e-3)
    q = (1 - np.hypot(e1, e2)) / (1 + np.hypot(e1, e2))
    along = np.arctan2(e2, e1) / 2
    x, y = tangential.x - 0.2, tangential.y + 0.1
    major, minor = x * np.cos(along) + y * np.sin(along), y * np.cos(along) - x * np.sin(along)
    assert np.hypot(major * np.sqrt(q), minor / np.sqrt(q)) == pytest.approx(theta_E, rel=1e-3)


def test_caustics_are_where_the_number_of_images_changes():
    """By lenstronomy's solver: two images more within each of the caustics of a power law with shear."""
    from lenstronomy.LensModel.lens_model import LensModel
    from lenstronomy.LensModel.Solver.lens_equation_solver import LensEquationSolver

    names = ["EPL", "SHEAR"]
    lens = {"theta_E": 1.1, "gamma": 1.8, "e1": 0.15, "e2": 0.05, "center_x": 0.05, "center_y": 0.0}
    kwargs_lens = [lens, {"gamma1": 0.03, "gamma2": -0.02}]
    curves = curves_of_lens(names, kwargs_lens)
    assert sorted(curve.kind for curve in curves) == ["radial", "tangential"]
    solver, middle = LensEquationSolver(LensModel(names)), np.array([0.05, 0.0])
    for curve in curves:
        k = len(curve.x) // 5
        edge = np.array([curve.source_x[k], curve.source_y[k]]) - middle
        counts = [
            len(
                solver.image_position_from_source(
                    *(middle + f * edge), kwargs_lens, min_distance=0.02, search_window=5
                )[0]
            )
            for f in (0.96, 1.04)
        ]
        assert counts[0] - counts[1] == 2


def test_a_lens_without_mass_has_no_curves():
    assert curves_of_lens(["SIS"], [{"theta_E": 0.0, "center_x": 0.0, "center_y": 0.0}]) == []


def area(x, y):
    return 0.5 * abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
