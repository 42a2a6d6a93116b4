"""In which directions the parameters of a population vary: its covariance, without what is constant or tied.

With `follow` and `table` parameters are tied to each other: there are fewer directions than parameters, and a step
along any of them keeps what is tied together.
"""

import numpy as np

DERIVED = ("amp", "amp_bulge", "scale", "stamp", "parity")  # what follows from other parameters, or says which stamp
STILL = 1e-12  # a parameter with a smaller standard deviation is a constant
TIED = 1e-9  # a direction with a smaller share of the variance is a tie, as of two parameters that are one


def varies(values):
    """Whether parameters vary, bool (...,), from draws of them (..., n); not where some have none (NaN)."""
    return np.std(values, axis=-1) > STILL


def independent_directions(values):
    """The root (p, r) of the correlation of p parameters, from draws of them (p, n): a column a direction, r <= p.

    `root` @ z, for z of independent unit normals, are deviations in units of the parameters' standard deviations. The
    row of a constant is 0.
    """
    values = np.asarray(values)
    varying = varies(values)
    if not varying.any():
        return np.zeros((len(values), 0))
    correlation = np.atleast_2d(np.corrcoef(values[varying]))
    variances, vectors = np.linalg.eigh(correlation)
    kept = variances > TIED * len(correlation)
    root = np.zeros((len(values), kept.sum()))
    root[varying] = vectors[:, kept] * np.sqrt(variances[kept])
    return root
