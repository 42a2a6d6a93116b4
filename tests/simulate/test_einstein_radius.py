"""Einstein radii of whole deflectors against closed forms and lenstronomy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lenstronomy.Analysis.lens_profile import LensProfileAnalysis
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LensModel.lens_model_extensions import LensModelExtensions
from scipy.integrate import dblquad, quad
from scipy.ndimage import label
from scipy.optimize import brentq

from lenstream.simulate.einstein_radius import N_ANGLES, critical_curve_radius, mean_kappa_radius

from .deflectors import random_systems, sis, tracer


@settings(deadline=None, max_examples=30)
@given(st.floats(0.05, 5), st.floats(-0.5, 0.9), st.floats(0.2, 5))
def test_a_sphere_under_a_mass_sheet(theta_E, kappa, wrong):
    (radius,) = mean_kappa_radius(sis(theta_E, kappa), guess=[theta_E * wrong])
    if 1 / 256 < 1 / (1 - kappa) / wrong < 8:
        assert radius == pytest.approx(theta_E / (1 - kappa), rel=1e-7)


def test_there_may_be_no_einstein_radius():
    none = mean_kappa_radius(sis([1.0, 1e-9, 1.0, 0.0], [0.0, 0.0, 1.2, 0.3]), guess=np.array([1.0, 1.0, 1.0, 0.0]))
    np.testing.assert_allclose(none, [1.0, 0.0, 0.0, 0.0], rtol=1e-7)


def test_the_mean_convergence_inside_is_one():
    model, systems = LensModel(["EPL", "SHEAR", "CONVERGENCE"]), random_systems(4, 1)
    radii = mean_kappa_radius(tracer(model, systems), 0.05, -0.02, [s[0]["theta_E"] for s in systems])
    elliptical = LensModel(["EPL"])
    for radius, (epl, _, sheet) in zip(radii, systems, strict=True):
        power = 3.0 - epl["gamma"]  # in r^power the surface mass of a ring is flat, so the centre is no singularity

        def ring(s, phi, epl=epl, power=power):
            r = s ** (1 / power)
            x, y = epl["center_x"] + r * np.cos(phi), epl["center_y"] + r * np.sin(phi)
            return elliptical.kappa(x, y, [epl]) * r ** (2 - power) / power

        mass = dblquad(ring, 0, 2 * np.pi, 1e-12, radius**power, epsabs=1e-8, epsrel=1e-8)[0]
        assert mass / (np.pi * radius**2) + sheet["kappa"] == pytest.approx(1.0, abs=1e-6)


def test_a_deflector_on_the_circle_counts_as_far_as_it_lies_within():
    """A second sphere at a distance d: the mean over a circle about the first is known by numerical integration."""
    other = np.array([0.1, 0.3, 0.5])
    x = 1.0 + 0.5 * other  # about where the circle comes to lie

    def trace(u, v):
        r, s = np.hypot(u, v), np.hypot(u - x[:, None], v)
        return u / r + other[:, None] * (u - x[:, None]) / s, v / r + other[:, None] * v / s

    radii = mean_kappa_radius(trace, guess=np.ones(3))
    for radius, b, d in zip(radii, other, x, strict=True):

        def inwards(angle, r, b=b, d=d):
            return 1 + b * (r - d * np.cos(angle)) / np.hypot(r - d * np.cos(angle), d * np.sin(angle))

        def excess(r, inwards=inwards):
            return quad(inwards, 0, np.pi, (r,), points=[1e-3, 0.01, 0.1])[0] / np.pi / r - 1

        assert radius == pytest.approx(brentq(excess, 0.9, 2.0, xtol=1e-9), rel=1e-4)
    for k in range(3):  # what comes out does not depend on the batch
        (alone,) = mean_kappa_radius(lambda u, v, k=k: tuple(a[[k]] for a in trace(*np.repeat([u, v], 3, 1))))
        assert alone == radii[k]


def test_the_einstein_radius_is_lenstronomys():
    model, systems = LensModel(["EPL", "SHEAR", "CONVERGENCE"]), random_systems(3, 2, axis_ratio=0.3)
    radii = mean_kappa_radius(tracer(model, systems), 0.05, -0.02, [s[0]["theta_E"] for s in systems])
    analysis, r = LensProfileAnalysis(model), np.logspace(-4, 1, 500)
    for radius, kwargs in zip(radii, systems, strict=True):
        # effective_einstein_radius itself averages over ten angles only, one of them twice
        kappa = analysis.radial_lens_profile(r, kwargs, 0.05, -0.02, num_azimuthal_points=200)
        theirs = analysis.effective_einstein_radius_from_radial_profile(r, kappa)
        assert radius == pytest.approx(theirs, rel=0.003)


def test_256_einstein_radii_need_few_rays():
    """Time is rays: those of a few dozen circles for each system."""
    traced, theta_E = [], np.linspace(0.5, 2, 256)
    of_sphere = sis(theta_E)

    def trace(x, y):
        traced.append(x.size)
        return of_sphere(x, y)

    np.testing.assert_allclose(mean_kappa_radius(trace, guess=theta_E), theta_E, rtol=1e-9)
    assert sum(traced) <= 256 * 30 * N_ANGLES


def isothermal(q, theta_E=1.2):
    f = (1 - q) / (1 + q)
    return {
        "theta_E": theta_E,
        "gamma": 2.0,
        "e1": f * np.cos(0.6),
        "e2": f * np.sin(0.6),
        "center_x": 0.3,
        "center_y": 0,
    }


@pytest.mark.parametrize("q", [1.0, 0.5, 0.2, 0.06])
def test_the_critical_curve_of_an_isothermal_ellipsoid_has_the_area_of_theta_E(q):
    """kappa = 1/2 on it, an ellipse of area pi theta_E^2; the mean convergence in a circle knows nothing of that."""
    trace = tracer(LensModel(["EPL"]), [[isothermal(q)]])
    assert critical_curve_radius(trace, 0.3, 0.0, [1.2])[0] == pytest.approx(1.2, rel=1e-6)
    mean_kappa = mean_kappa_radius(trace, 0.3, 0.0, [1.2])[0]
    assert mean_kappa == pytest.approx({1.0: 1.2, 0.5: 1.164928}.get(q, mean_kappa), abs=1e-6)
    assert q == 1.0 or mean_kappa < 1.2


@settings(deadline=None, max_examples=30)
@given(st.floats(0.05, 5), st.floats(0.0, 0.6), st.floats(0, np.pi), st.floats(-0.5, 0.5), st.floats(0.4, 3))
def test_shear_and_mass_sheet_enter_the_critical_curve_of_a_sphere(theta_E, shear, phi, kappa, wrong):
    """In a direction psi from the shear it lies at theta_E (1 - kappa + gamma cos 2psi) / ((1 - kappa)^2 - gamma^2)."""
    g, psi = shear * (1 - kappa), 2 * np.pi * (np.arange(720) + 0.5) / 720
    model = LensModel(["SIS", "SHEAR", "CONVERGENCE"])
    parameters = [
        {"theta_E": theta_E},
        {"gamma1": g * np.cos(2 * phi), "gamma2": g * np.sin(2 * phi)},
        {"kappa": kappa},
    ]
    radius = theta_E * (1 - kappa + g * np.cos(2 * psi)) / ((1 - kappa) ** 2 - g**2)
    trace = tracer(model, [parameters])
    guess = mean_kappa_radius(trace, 0.0, 0.0, [theta_E])
    assert guess[0] == pytest.approx(theta_E / (1 - kappa), rel=1e-7)
    expected = np.sqrt(np.mean(radius**2))
    assert critical_curve_radius(trace, 0.0, 0.0, wrong * guess)[0] == pytest.approx(expected, rel=1e-4)


def test_the_area_is_that_of_lenstronomys_critical_curves():
    """Of its polygons on a grid of 0.01 arcsec, the one about the lens; the radial one inside it is smaller."""
    model, systems = LensModel(["EPL", "SHEAR", "CONVERGENCE"]), random_systems(3, 3, axis_ratio=0.4)
    radii = critical_curve_radius(tracer(model, systems), 0.05, -0.02, [s[0]["theta_E"] for s in systems])
    for radius, kwargs in zip(radii, systems, strict=True):
        x, y, _, _ = LensModelExtensions(model).critical_curve_caustics(kwargs, compute_window=6, grid_scale=0.01)
        areas = [0.5 * abs(np.sum(a * np.roll(b, 1) - b * np.roll(a, 1))) for a, b in zip(x, y, strict=True)]
        assert radius == pytest.approx(np.sqrt(max(areas) / np.pi), rel=2e-3)


def counted_radius(trace, half=2.6, n=600):
    """The same by counting pixels with 1 - kappa - |gamma| < 0 that hang together with the middle."""
    line = (np.arange(n) + 0.5) / n * 2 * half - half
    x, y = (a.reshape(1, -1) for a in np.meshgrid(line, line))
    h = 1e-6
    beside, above = trace(x + h, y), trace(x, y + h)
    (xx, yx), (xy, yy) = ([(a - b) / h for a, b in zip(v, trace(x, y), strict=True)] for v in (beside, above))
    inside, _ = label((1 - 0.5 * (xx + yy + np.hypot(xx - yy, xy + yx)) < 0).reshape(n, n))
    return np.sqrt((inside == inside[n // 2, n // 2]).sum() / np.pi) * 2 * half / n


@pytest.mark.parametrize(("theta_E", "x"), [(0.3, 1.2), (0.1, 1.1), (0.3, 2.2)])
def test_a_second_deflector_counts_where_its_curve_has_merged_with_the_main_one(theta_E, x):
    model = LensModel(["EPL", "SIS"])
    trace = tracer(model, [[isothermal(0.7, 1.0) | {"center_x": 0.0}, {"theta_E": theta_E, "center_x": x}]])
    assert critical_curve_radius(trace, 0.0, 0.0, [1.1])[0] == pytest.approx(counted_radius(trace), rel=4e-3)


def test_there_may_be_no_critical_curve():
    none = critical_curve_radius(sis([1.0, 1e-9, 0.0, 1.0], [0.0, 0.0, 0.3, 1.2]), guess=np.array([1.0, 1.0, 0.0, 1.0]))
    np.testing.assert_allclose(none, [1.0, 0.0, 0.0, 0.0], rtol=1e-6)


def test_a_radius_far_beyond_the_guess_is_found():
    np.testing.assert_allclose(mean_kappa_radius(sis([1.0, 30.0], [0.95, 0.0]), guess=np.ones(2)), [20, 30], rtol=1e-7)


def test_of_several_radii_the_outermost_counts():
    """A sphere of 0.5 in a heavy ring of radius 2: the mean convergence is 1 at 0.5, more at 2 and again 1 at 2.712."""

    def trace(x, y):
        r = np.hypot(x, y)
        inwards = 0.5 + np.where(r > 2.0, 6.0 / r, 0.0)
        return inwards * x / r, inwards * y / r

    np.testing.assert_allclose(mean_kappa_radius(trace, guess=0.6), (0.5 + np.sqrt(24.25)) / 2, rtol=1e-6)
