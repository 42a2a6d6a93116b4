"""How far posteriors can be trusted: ranks of the truth among samples, coverage of intervals, and TARP.

All are functions of samples of the posteriors of n test systems, float (n, s, t), and of the true values, (n, t). If
the posteriors are right, the truth is as good as one more sample: its rank is any with the same probability. So a rank
k of s samples stands here as the share (k + 1/2) / (s + 1), which is then uniform between 0 and 1.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

LEVELS = (0.68, 0.95)  # credibility of the intervals that are scored
TRUSTED = 0.95  # of the bands that calibrated posteriors stay within


class TrustedBand(NamedTuple):
    """Between which values calibrated posteriors stay, each with the probability `TRUSTED`."""

    low: np.ndarray
    high: np.ndarray


def sbc_shares(samples, truth):
    """Simulation-based calibration (Talts+ 2018, arXiv:1804.06788): the rank of each true value, as a share (n, t)."""
    return _shares(samples < truth[:, None], samples.shape[1])


def tarp_shares(samples, truth, seed=0):
    """Tests of accuracy with random points (TARP, Lemos+ 2023, arXiv:2302.03026): of each system, (n,), the share.

    It is the share of the samples nearer than the truth to a reference point, drawn from the box that the true values
    fill, whose sides count as 1. Uniform shares for any rule to draw references are necessary, and for one that depends
    on the data also sufficient, for posteriors to be right.
    """
    low, high = truth.min(0), truth.max(0)
    side = np.where(high > low, high - low, 1)
    references = np.random.default_rng(seed).uniform(size=truth.shape)
    far = np.linalg.norm((truth - low) / side - references, axis=1)
    of_samples = np.linalg.norm((samples - low) / side - references[:, None], axis=2)
    return _shares(of_samples < far[:, None], samples.shape[1])


def _shares(below, n):
    return (below.sum(1) + 0.5) / (n + 1)


def coverage(shares, level):
    """How often the truth lies in the central interval of a credibility, (...): shares (n, ...) of `sbc_shares`."""
    return np.mean(np.abs(shares - 0.5) < level / 2, axis=0)


def expected_coverage(shares, levels):
    """How often the truth lies in the TARP region of each credibility, (m,): shares (n,) of `tarp_shares`."""
    return np.searchsorted(np.sort(shares), levels, side="right") / len(shares)


def expected_coverage_band(levels, n):
    """The `TrustedBand` of `expected_coverage` of n calibrated posteriors: binomial."""
    low, high = stats.binom.interval(TRUSTED, n, levels)
    return TrustedBand(low / n, high / n)


def distance(shares):
    """The largest distance of the expected coverage from the credibility, of shares (n,): 0 is perfect.

    It is the statistic of Kolmogorov and Smirnov.
    """
    return float(stats.kstest(shares, "uniform").statistic)


def trusted_distance(n):
    """The `distance` that n calibrated posteriors stay below with the probability `TRUSTED`."""
    return float(stats.kstwo.ppf(TRUSTED, n))


def rank_counts(shares, bins):
    """How many true values have their rank in each of some equal bins, int (bins,): shares (n,) of `sbc_shares`."""
    return np.histogram(shares, bins, (0, 1))[0]


def rank_band(n, bins):
    """The `TrustedBand` of each of `rank_counts` of n calibrated posteriors: binomial."""
    return TrustedBand(*stats.binom.interval(TRUSTED, n, 1 / bins))
