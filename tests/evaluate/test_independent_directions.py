"""Directions in which a population varies: correlation, ties, constants."""

import numpy as np
import pytest

from lenstream.evaluate.independent_directions import independent_directions, varies


def draws(n=500):
    return np.random.default_rng(2).normal(size=(3, n))


def test_the_root_is_that_of_the_correlation():
    values = draws()
    values[1] += 2 * values[0]
    root = independent_directions(values)
    np.testing.assert_allclose(root @ root.T, np.corrcoef(values), atol=1e-12)


def test_units_do_not_matter():
    values, units = draws(), np.array([1e-9, 1.0, 1e9])
    root, scaled = independent_directions(values), independent_directions(values * units[:, None] + 3.0)
    np.testing.assert_allclose(scaled @ scaled.T, root @ root.T, atol=1e-6)


@pytest.mark.parametrize("factor", [-0.5, 1.0])
def test_tied_parameters_have_one_direction_less_and_move_together(factor):
    values = draws()
    values[2] = factor * values[0] + 0.3
    root = independent_directions(values)
    assert root.shape == (3, 2)
    np.testing.assert_allclose(root[2], np.sign(factor) * root[0], atol=1e-6)


def test_a_constant_has_no_direction():
    values = draws()
    values[1] = 0.1  # whose mean over draws is off by rounding
    root = independent_directions(values)
    assert root.shape == (3, 2)
    assert not root[1].any()
    np.testing.assert_allclose(root[[0, 2]] @ root[[0, 2]].T, np.corrcoef(values[[0, 2]]), atol=1e-12)


def test_one_parameter_and_none():
    np.testing.assert_allclose(np.abs(independent_directions(draws()[:1])), [[1.0]])
    assert independent_directions(np.full((2, 9), 0.7)).shape == (2, 0)
    assert independent_directions(np.zeros((0, 9))).shape == (0, 0)


def test_what_some_draws_lack_does_not_vary():
    values = draws()
    values[1, 7] = np.nan
    values[2] = 0.1
    np.testing.assert_array_equal(varies(values), [True, False, False])
