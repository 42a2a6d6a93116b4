"""The linear part of a fit: least squares with a normal prior, by roots of the matrix of k coefficients."""

import numpy as np
from scipy.linalg import LinAlgError, blas, lapack


def gram(parts, diagonal):
    """The lower triangle of parts' parts, of parts (n, k), with (k,) added to its diagonal: (k, k)."""
    if not parts.size:
        return np.diag(diagonal)
    matrix = blas.dsyrk(1.0, parts.T, lower=1)
    matrix[np.diag_indices_from(matrix)] += diagonal
    return matrix


def cholesky(matrix, right):
    """The lower root (k, k) of a positive matrix, which it may take the place of, and the solution for a right side.

    matrix: its lower triangle counts. Raises: LinAlgError where it is not positive.
    """
    root, failed = lapack.dpotrf(matrix, lower=1, overwrite_a=1) if len(matrix) else (matrix, 0)
    if failed or not np.isfinite(np.diag(root)).all():
        raise LinAlgError("the matrix of the components is not positive")
    return root, solved(root, right)


def solved(root, right):
    """The solution (k,) or (k, m) of the equations whose matrix has a lower root, for right sides."""
    return lapack.dpotrs(root, right, lower=1)[0] if len(root) else right


def inverse(root):
    """The inverse (k, k) of the matrix that has a lower root."""
    lower = lapack.dpotri(root, lower=1)[0] if len(root) else root
    return np.tril(lower) + np.tril(lower, -1).T
