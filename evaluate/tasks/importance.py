"""How far a posterior known by samples and a normal one agree: importance weights, and the distance of their means."""

import numpy as np
from scipy.stats import chi2


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


def chance_of_distance(samples, mean, covariance):
    """How probable a larger distance is between the means of two posteriors of one truth, if both are right.

    Uniform between 0 and 1 where they are normal and know of independent things; near 0 they contradict each other,
    however narrow either is. What both know, as that of a network and of a fit to the same image, makes it larger.

    Args: samples (n, t) of one. mean: (t,). covariance: (t, t) of the other. Returns: NaN for numbers not finite.
    """
    if not all(np.isfinite(values).all() for values in (samples, mean, covariance)):
        return float("nan")
    both = np.atleast_2d(np.cov(samples.T)) + covariance
    spread = np.sqrt(np.diag(both))
    off, correlation = (samples.mean(0) - mean) / spread, both / np.outer(spread, spread)
    rank = np.linalg.matrix_rank(correlation, hermitian=True)
    return float(chi2.sf(off @ np.linalg.pinv(correlation, hermitian=True) @ off, rank))
