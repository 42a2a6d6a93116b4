"""Importance weights of a posterior's samples under another posterior: how far the two agree."""

import numpy as np


def effective_share(log_weights):
    """The effective number of weighted samples over their number (Kish 1965), between 1 / n and 1.

    log_weights: (n,), the logarithms of weights, up to a constant.
    """
    weights = np.exp(log_weights - np.max(log_weights))
    return float(weights.sum() ** 2 / (len(weights) * (weights**2).sum()))


def share_under_normal(samples, log_density, mean, covariance):
    """The `effective_share` of samples (n, t) of a posterior, weighted by a normal one over their own density.

    Args: log_density: (n,), of the posterior that the samples are of. mean: (t,). covariance: (t, t) of the normal
        posterior; along what it holds fixed (two targets that are one), samples are not compared.

    Returns: NaN for numbers that are not finite.
    """
    if not all(np.isfinite(values).all() for values in (samples, log_density, mean, covariance)):
        return float("nan")
    spread = np.sqrt(np.diag(covariance))  # units of 1: targets may be as small as the mass of an axion
    off = (samples - mean) / spread
    far = np.einsum("ni,ij,nj->n", off, np.linalg.pinv(covariance / np.outer(spread, spread), hermitian=True), off)
    return effective_share(-0.5 * far - log_density)
