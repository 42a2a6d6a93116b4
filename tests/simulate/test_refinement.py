"""The rules of adaptive rays: known cells and pixels, and a bound that covers the true error of Sersic cells.

They run as Python here; images by the CPU's loops and by the GPU's kernels have tests of their own.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.simulate import refinement
from lenstream.simulate.core import compiled

capped, cusp_error, error_limit = (
    f.py_func for f in (refinement.capped, refinement.cusp_error, refinement.error_limit)
)
is_steep, may_hold_centre, peak_lower_bound = (
    f.py_func for f in (refinement.is_steep, refinement.may_hold_centre, refinement.peak_lower_bound)
)
X, Y = refinement.POINTS
corrected, curvature = compiled.cached(refinement.corrected), compiled.cached(refinement.curvature)
finite = st.floats(-10, 10)
positive = st.floats(1e-3, 10)


def judged(values, least=0.0):
    """Mean of a cell and the bound on its error from the brightness of its nine points."""
    low, middle, high = (tuple(row) for row in np.asarray(values, float).reshape(3, 3))
    return refinement.mean_and_error.py_func(low, middle, high, least)


@given(positive, st.sampled_from([0.0, refinement.ROUGH]))
def test_a_cell_of_one_brightness_has_that_mean_and_no_error(value, least):
    mean, error = judged(np.full(9, value), least)
    assert mean == pytest.approx(value, rel=1e-14)
    assert error <= 1e-14 * value


@given(positive, finite, finite)
def test_a_cell_of_linear_brightness_has_the_mean_of_its_middle_and_no_error(middle, a, b):
    mean, error = judged(middle + a * X + b * Y, refinement.ROUGH)
    assert mean == pytest.approx(middle, abs=1e-13)
    assert error <= 1e-13


def test_points_and_weights_are_those_of_gauss_and_legendre():
    nodes, weights = np.polynomial.legendre.leggauss(3)  # from -1 to 1; a cell is from -1/2 to 1/2
    np.testing.assert_allclose([-refinement.GAUSS, 0, refinement.GAUSS], nodes / 2, rtol=1e-15)
    np.testing.assert_allclose([refinement.OUTER, refinement.INNER, refinement.OUTER], weights / 2, rtol=1e-15)
    np.testing.assert_array_equal([X[[3, 4, 5]], Y[[1, 4, 7]]], [[-refinement.GAUSS, 0, refinement.GAUSS]] * 2)


@given(st.lists(finite, min_size=36, max_size=36))
def test_the_mean_of_a_polynomial_of_degree_five_is_exact(coefficients):
    c = np.reshape(coefficients, (6, 6))
    integral = np.array([1, 0, 1 / 12, 0, 1 / 80, 0])  # of u^k from -1/2 to 1/2
    mean, _ = judged(np.polynomial.polynomial.polyval2d(X, Y, c))
    assert mean == pytest.approx(integral @ c @ integral, abs=1e-12)


@given(st.lists(st.floats(0, 10), min_size=9, max_size=9))
def test_a_turned_or_mirrored_cell_has_the_same_mean_and_error(values):
    cell = np.reshape(values, (3, 3))
    expected = judged(cell)
    for mirrored in (cell, cell.T):
        for turns in range(4):
            assert judged(np.rot90(mirrored, turns)) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(st.lists(st.floats(0, 10), min_size=9, max_size=9))
def test_a_cell_of_a_galaxy_image_never_has_a_smaller_bound(values):
    assert judged(values, refinement.ROUGH)[1] >= judged(values)[1]


def sersic(x, y, n):
    return np.exp(-(2 * n - 1 / 3) * np.hypot(x, y) ** (1 / n))


def test_the_bound_covers_the_true_error_of_sersic_cells():
    """Cells of 3 % to all of a half-light radius, near the centre and on it, whose true means are known."""
    rng, at_least, errors = np.random.default_rng(0), [], []
    nodes, weights = np.polynomial.legendre.leggauss(40)
    parts = (np.arange(6) + 0.5) / 6 - 0.5
    fine, weights = (parts[:, None] + nodes / 12).ravel(), np.tile(weights / 12, 6)
    for _ in range(1000):
        n, width, (x, y) = rng.uniform(0.8, 3), 10 ** rng.uniform(-1.5, 0), rng.uniform(-2, 2, 2)
        brightness = sersic(x + width * X, y + width * Y, n)
        mean, error = judged(brightness)
        r2 = (x + width * X) ** 2 + (y + width * Y) ** 2
        error = max(error, cusp_error(r2.min(), r2.max(), brightness.min(), brightness.max()))
        truth = weights @ sersic(x + width * fine, y + width * fine[:, None], n) @ weights
        at_least.append(abs(mean - truth) <= error)
        errors.append(error / truth)
    assert np.mean(at_least) >= 0.99
    assert np.median(errors) < 0.01  # and it is not simply large


def test_a_cell_with_a_sersic_centre_between_its_points_is_not_trusted():
    """Four points may see one brightness, and the centre between them is far brighter."""
    x, y = X + 0.2, Y + 0.2
    r2 = x**2 + y**2
    assert cusp_error(r2.min(), r2.max(), 1.0, 3.0) == pytest.approx(2 * refinement.ERROR)
    far = (X + 2) ** 2 + Y**2
    assert cusp_error(far.min(), far.max(), 1.0, 3.0) == 0.0


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_wherever_in_a_cell_a_centre_is_it_is_suspected(x, y):
    r2 = (X - x) ** 2 + (Y - y) ** 2
    assert cusp_error(r2.min(), r2.max(), 0.0, 1.0) > 0


@settings(deadline=None)
@given(finite, finite, finite, st.floats(0, 10))
def test_a_pixel_of_quadratic_brightness_is_corrected_to_its_mean(xx, yy, slope, middle):
    """b = middle + slope x + xx x^2 + yy y^2 has the mean middle + (xx + yy) / 12."""
    left, right = middle - slope + xx, middle + slope + xx
    found = corrected(left, middle, right, middle + yy, middle + yy)
    assert found == pytest.approx(max(middle + (xx + yy) / 12, 0.0), abs=1e-12)
    curved = curvature(left, middle, right, middle + yy, middle + yy)
    assert curved == pytest.approx(2 * abs(xx) + 2 * abs(yy), abs=1e-12)


def test_the_correction_leaves_an_error_of_fourth_order():
    """Of the mean of a smooth brightness: a pixel half as wide is corrected to a sixteenth of the error."""
    errors = []
    for h in (0.1, 0.05, 0.025):
        x, y = np.array([-h, 0, h, 0, 0]) + 0.3, np.array([0, 0, 0, -h, h]) - 0.2
        edges = h * np.array([-0.5, 0.5])
        (mean,) = np.diff(np.sin(0.3 + edges)) * np.diff(np.exp(-0.2 + edges)) / h**2
        errors.append(corrected(*(np.cos(x) * np.exp(y))) - mean)
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 16, rtol=0.02)


def test_a_pixel_is_capped_by_its_brightest_neighbour():
    assert capped(1.0, 9.0, 2.0, 4.0, 3.0) == 4.0
    assert capped(1.0, 2.0, 2.0, 4.0, 3.0) == 2.0


def test_half_of_a_neighbours_curvature_counts():
    for place in range(5):
        for here, steep in ((0.9, False), (1.1, True)) if place == 1 else ((1.9, False), (2.1, True)):
            curvatures = [0.0] * 5
            curvatures[place] = here
            assert is_steep(*curvatures, 1.0) == steep


@given(finite, finite, finite, finite, st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_a_pixel_that_holds_a_centre_is_found_wherever_the_lens_sends_it(xx, xy, yx, yy, u, v):
    """Across a pixel the deflection is linear; the centre of a galaxy is where the point (u, v) of the pixel goes."""
    for a, b in ((xx, xy), (yx, yy)):
        assert may_hold_centre(-a, 0.0, a, -b, b, 0.999 * (a * u + b * v))


def test_a_centre_far_from_a_pixel_is_not_in_it():
    assert not may_hold_centre(-1.0, 0.0, 1.0, 0.0, 0.0, 2.1)


@given(positive, st.floats(1e-6, 0.1), st.integers(0, refinement.LEVELS - 1))
def test_a_cells_error_counts_by_its_share_of_the_pixel(peak, tolerance, level):
    share = 0.25**level
    assert share * error_limit(peak, tolerance, share) == pytest.approx(tolerance * peak, rel=1e-12)


def test_float32_stays_float32():
    value = np.float32(1.5)
    row = (value, value, value)
    for found in (
        *refinement.mean_and_error.py_func(row, row, row, np.float32(0)),
        refinement.curvature_limit.py_func(value, 1e-3),
        error_limit(value, 1e-3, 0.25),
        peak_lower_bound(value, value),
        cusp_error(value, value, value, value),
    ):
        assert type(found) is np.float32
