"""Einstein radii and images of whole deflectors against closed forms and lenstronomy."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lenstronomy.Analysis.lens_profile import LensProfileAnalysis
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LensModel.Solver.lens_equation_solver import LensEquationSolver
from scipy.integrate import dblquad

from lenstream.simulate.einstein_radius import einstein_radius
from lenstream.simulate.lens_equation import image_positions, image_separation, magnification_at


def tracer(model, systems):
    """A ray tracer of several systems, by lenstronomy."""

    def trace(x, y):
        alpha = [model.alpha(x[i], y[i], kwargs) for i, kwargs in enumerate(systems)]
        return tuple(np.array(a) for a in zip(*alpha, strict=True))

    return trace


def sis(theta_E, kappa=0.0):
    """Isothermal spheres at the origin under mass sheets; closed forms are known for all of it."""
    theta_E, kappa = (np.reshape(a, (-1, 1)) for a in (theta_E, kappa))

    def trace(x, y):
        r = np.hypot(x, y)
        return theta_E * x / r + kappa * x, theta_E * y / r + kappa * y

    return trace


@settings(deadline=None, max_examples=30)
@given(st.floats(0.05, 5), st.floats(-0.5, 0.9), st.floats(0.2, 5))
def test_a_sphere_under_a_mass_sheet(theta_E, kappa, wrong):
    (radius,) = einstein_radius(sis(theta_E, kappa), guess=[theta_E * wrong])
    if 1 / 256 < 1 / (1 - kappa) / wrong < 8:
        assert radius == pytest.approx(theta_E / (1 - kappa), rel=1e-7)


def test_there_may_be_no_einstein_radius():
    none = einstein_radius(sis([1.0, 1e-9, 1.0, 0.0], [0.0, 0.0, 1.2, 0.3]), guess=np.array([1.0, 1.0, 1.0, 0.0]))
    np.testing.assert_allclose(none, [1.0, 0.0, 0.0, 0.0], rtol=1e-7)


def random_systems(n, seed, axis_ratio=0.2):
    rng = np.random.default_rng(seed)
    largest = (1 - axis_ratio) / (1 + axis_ratio)
    modulus, angle = rng.uniform(0, largest, n), rng.uniform(0, 2 * np.pi, n)
    modulus[0] = largest
    return [
        [
            {
                "theta_E": rng.uniform(0.5, 2.0),
                "gamma": rng.uniform(1.7, 2.4),
                "e1": modulus[i] * np.cos(angle[i]),
                "e2": modulus[i] * np.sin(angle[i]),
                "center_x": 0.05,
                "center_y": -0.02,
            },
            dict(zip(("gamma1", "gamma2"), rng.normal(0, 0.05, 2), strict=True)),
            {"kappa": rng.uniform(-0.1, 0.2)},
        ]
        for i in range(n)
    ]


def test_the_mean_convergence_inside_is_one():
    model, systems = LensModel(["EPL", "SHEAR", "CONVERGENCE"]), random_systems(4, 1)
    radii = einstein_radius(tracer(model, systems), 0.05, -0.02, [s[0]["theta_E"] for s in systems])
    elliptical = LensModel(["EPL"])
    for radius, (epl, _, sheet) in zip(radii, systems, strict=True):
        power = 3.0 - epl["gamma"]  # in r^power the surface mass of a ring is flat, so the centre is no singularity

        def ring(s, phi, epl=epl, power=power):
            r = s ** (1 / power)
            x, y = epl["center_x"] + r * np.cos(phi), epl["center_y"] + r * np.sin(phi)
            return elliptical.kappa(x, y, [epl]) * r ** (2 - power) / power

        mass = dblquad(ring, 0, 2 * np.pi, 1e-12, radius**power, epsabs=1e-8, epsrel=1e-8)[0]
        assert mass / (np.pi * radius**2) + sheet["kappa"] == pytest.approx(1.0, abs=1e-6)


def test_the_einstein_radius_is_lenstronomys():
    model, systems = LensModel(["EPL", "SHEAR", "CONVERGENCE"]), random_systems(3, 2, axis_ratio=0.3)
    radii = einstein_radius(tracer(model, systems), 0.05, -0.02, [s[0]["theta_E"] for s in systems])
    analysis, r = LensProfileAnalysis(model), np.logspace(-4, 1, 500)
    for radius, kwargs in zip(radii, systems, strict=True):
        # effective_einstein_radius itself averages over ten angles only, one of them twice
        kappa = analysis.radial_lens_profile(r, kwargs, 0.05, -0.02, num_azimuthal_points=200)
        theirs = analysis.effective_einstein_radius_from_radial_profile(r, kappa)
        assert radius == pytest.approx(theirs, rel=0.003)


def test_256_einstein_radii_are_fast():
    trace, guess = sis(np.linspace(0.5, 2, 256)), np.linspace(0.5, 2, 256)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        einstein_radius(trace, guess=guess)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.05


@settings(deadline=None, max_examples=30)
@given(st.floats(0.3, 2), st.floats(0.01, 0.95), st.floats(0, 6.28))
def test_images_of_a_sphere(theta_E, fraction, phi):
    beta = fraction * theta_E
    cos, sin = np.cos(phi), np.sin(phi)
    images = image_positions(sis(theta_E), np.array([beta * cos]), np.array([beta * sin]), 4.3)
    assert images.count[0] == 2
    np.testing.assert_allclose(images.x[0, :2], [(beta + theta_E) * cos, (beta - theta_E) * cos], atol=1e-7)
    np.testing.assert_allclose(images.y[0, :2], [(beta + theta_E) * sin, (beta - theta_E) * sin], atol=1e-7)
    magnifications = [1 + theta_E / beta, 1 - theta_E / beta]
    np.testing.assert_allclose(images.magnification[0, :2], magnifications, rtol=1e-4)
    assert np.isnan(images.x[0, 2:]).all() and np.isnan(images.magnification[0, 2:]).all()
    assert image_separation(images)[0] == pytest.approx(2 * theta_E, abs=1e-6)


def test_a_source_outside_the_caustic_has_one_image_and_one_outside_the_frame_none():
    images = image_positions(sis([1.0, 1.0]), np.array([1.5, 9.0]), np.array([0.1, 0.0]), 3.0)
    assert images.count.tolist() == [1, 0]
    assert image_separation(images).tolist() == [0.0, 0.0]


def test_images_are_lenstronomys():
    model, systems = LensModel(["EPL", "SHEAR", "CONVERGENCE"]), random_systems(15, 3, axis_ratio=0.4)
    rng = np.random.default_rng(4)
    source_x, source_y = rng.uniform(-0.25, 0.25, (2, len(systems)))
    trace = tracer(model, systems)
    images = image_positions(trace, source_x, source_y, 4.5)
    beta = np.array(trace(np.nan_to_num(images.x), np.nan_to_num(images.y)))
    there = np.isfinite(images.x)
    np.testing.assert_allclose((images.x - beta[0])[there], np.repeat(source_x, images.count), atol=1e-7)
    np.testing.assert_allclose((images.y - beta[1])[there], np.repeat(source_y, images.count), atol=1e-7)
    solver, counts = LensEquationSolver(model), []
    for i, kwargs in enumerate(systems):
        x, y = solver.image_position_from_source(
            source_x[i], source_y[i], kwargs, min_distance=0.03, search_window=9, precision_limit=1e-9, num_iter_max=200
        )
        bright = np.abs(model.magnification(x, y, kwargs)) > 2e-2
        ours = np.abs(images.magnification[i]) > 2e-2
        assert bright.sum() == ours.sum(), (i, x, y, images.x[i], images.y[i])
        order, theirs = np.argsort(images.x[i, ours]), np.argsort(x[bright])
        np.testing.assert_allclose(images.x[i, ours][order], x[bright][theirs], atol=1e-5)
        np.testing.assert_allclose(images.y[i, ours][order], y[bright][theirs], atol=1e-5)
        np.testing.assert_allclose(
            images.magnification[i, ours][order],
            model.magnification(images.x[i, ours], images.y[i, ours], kwargs)[order],
            rtol=1e-3,
        )
        counts.append(int(ours.sum()))
    assert {2, 4} <= set(counts)


def test_the_grid_does_not_matter():
    systems = random_systems(40, 5, axis_ratio=0.4)
    trace = tracer(LensModel(["EPL", "SHEAR", "CONVERGENCE"]), systems)
    source = np.random.default_rng(6).uniform(-0.25, 0.25, (2, len(systems)))
    coarse, fine = (image_positions(trace, *source, 4.5, n) for n in (24, 80))
    np.testing.assert_array_equal(coarse.count, fine.count)
    np.testing.assert_allclose(coarse.x, fine.x, atol=1e-6)


def test_magnification_of_a_sphere():
    x, y = np.array([[1.5, -0.4, 0.3]]), np.array([[0.2, 0.3, 3.0]])
    np.testing.assert_allclose(magnification_at(sis(1.0), x, y), 1 / (1 - 1 / np.hypot(x, y)), rtol=1e-7)
