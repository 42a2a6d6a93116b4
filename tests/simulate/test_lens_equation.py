"""Images of a point behind whole deflectors against closed forms and lenstronomy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lenstronomy.LensModel.lens_model import LensModel
from lenstronomy.LensModel.Solver.lens_equation_solver import LensEquationSolver

from lenstream.simulate.lens_equation import image_positions, image_separation, magnification_at

from .deflectors import random_systems, sis, tracer


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
