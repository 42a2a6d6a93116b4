"""Least squares with a prior, against numpy's."""

import numpy as np
import pytest
from scipy.linalg import LinAlgError

from lenstream.evaluate.fitting.linear_part import cholesky, gram, inverse, solved

RNG = np.random.default_rng(4)
PARTS, DIAGONAL, RIGHT = RNG.normal(size=(30, 6)), RNG.random(6), RNG.normal(size=6)
MATRIX = PARTS.T @ PARTS + np.diag(DIAGONAL)


def test_the_matrix_is_that_of_the_parts_and_the_prior():
    np.testing.assert_allclose(np.tril(gram(PARTS, DIAGONAL)), np.tril(MATRIX), rtol=1e-12)


def test_solutions_are_those_of_numpy():
    root, found = cholesky(gram(PARTS, DIAGONAL), RIGHT)
    np.testing.assert_allclose(root, np.linalg.cholesky(MATRIX), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found, np.linalg.solve(MATRIX, RIGHT), rtol=1e-10)
    many = RNG.normal(size=(6, 3))
    np.testing.assert_allclose(solved(root, many), np.linalg.solve(MATRIX, many), rtol=1e-10)
    np.testing.assert_allclose(inverse(root), np.linalg.inv(MATRIX), rtol=1e-10, atol=1e-12)


def test_without_coefficients_there_is_nothing_to_solve():
    root, found = cholesky(gram(np.zeros((5, 0)), np.zeros(0)), np.zeros(0))
    assert root.shape == (0, 0) and found.shape == (0,)
    assert solved(root, np.zeros((0, 2))).shape == (0, 2)
    assert inverse(root).shape == (0, 0)


def test_without_pixels_the_prior_is_left():
    np.testing.assert_array_equal(gram(np.zeros((0, 3)), np.arange(1.0, 4.0)), np.diag(np.arange(1.0, 4.0)))


@pytest.mark.parametrize("diagonal", [-1e3, np.nan])
def test_what_is_not_positive_is_said(diagonal):
    with pytest.raises(LinAlgError, match="not positive"):
        cholesky(gram(PARTS, np.full(6, diagonal)), RIGHT)
