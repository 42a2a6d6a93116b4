"""Calibration: right posteriors pass, those that are too sure fail as theory says; TARP is that of its paper."""

import math

import numpy as np
import pytest
from scipy import stats

from lenstream.evaluate.tasks import calibration

N, SAMPLES = 4000, 199


@pytest.fixture(scope="module")
def truth_and_samples():
    """Samples of the posterior of x ~ N(0, 1) given x + noise, in two dimensions, scaled about its mean by a factor."""
    rng = np.random.default_rng(3)
    noise = np.array([0.5, 2.0])
    truth = rng.normal(size=(N, 2))
    seen = truth + noise * rng.normal(size=(N, 2))
    mean, std = seen / (1 + noise**2), noise / np.sqrt(1 + noise**2)  # of the conjugate normal
    drawn = rng.normal(size=(N, SAMPLES, 2))
    return truth, lambda factor: mean[:, None] + factor * std * drawn


@pytest.mark.parametrize("factor", [1.0, 0.5, 2.0])
def test_coverage_is_that_of_theory(truth_and_samples, factor):
    truth, samples = truth_and_samples
    shares = calibration.sbc_shares(samples(factor), truth)
    for level in calibration.LEVELS:
        expected = math.erf(factor * stats.norm.ppf((1 + level) / 2) / math.sqrt(2))
        error = math.sqrt(expected * (1 - expected) / N)
        np.testing.assert_allclose(calibration.coverage(shares, level), expected, atol=4 * error + 0.003)


def test_ranks_are_counted_among_the_samples():
    samples = np.array([[[1.0], [2.0], [3.0]]] * 3)
    shares = calibration.sbc_shares(samples, np.array([[0.5], [2.5], [9.0]]))
    np.testing.assert_allclose(shares[:, 0], [0.5 / 4, 2.5 / 4, 3.5 / 4])
    counts = calibration.rank_counts(shares[:, 0], 4)
    assert counts.tolist() == [1, 0, 1, 1]


def test_ranks_of_right_posteriors_stay_in_the_band_and_others_leave_it(truth_and_samples):
    truth, samples = truth_and_samples
    band = calibration.rank_band(N, 20)
    assert band.low < N / 20 < band.high
    for factor, most_outside, shape in ((1.0, 4, None), (0.5, 20, "ends"), (2.0, 20, "middle")):
        counts = calibration.rank_counts(calibration.sbc_shares(samples(factor), truth)[:, 0], 20)
        outside = (counts < band.low) | (counts > band.high)
        assert counts.sum() == N and outside.sum() <= most_outside
        if shape:
            assert outside.sum() > 10
            assert (counts[[0, -1]].mean() > counts[9:11].mean()) == (shape == "ends")


def test_tarp_passes_right_posteriors_and_tells_others(truth_and_samples):
    truth, samples = truth_and_samples
    levels = np.linspace(0.05, 0.95, 19)
    band = calibration.expected_coverage_band(levels, N)
    found = {f: calibration.tarp_shares(samples(f), truth, seed=1) for f in (1.0, 0.5, 2.0)}
    curves = {f: calibration.expected_coverage(shares, levels) for f, shares in found.items()}
    assert ((curves[1.0] > band.low) & (curves[1.0] < band.high)).mean() > 0.8
    assert calibration.distance(found[1.0]) < calibration.trusted_distance(N)
    for factor in (0.5, 2.0):
        assert calibration.distance(found[factor]) > 3 * calibration.trusted_distance(N)
    assert curves[0.5][-3] < levels[-3] < curves[2.0][-3]


def test_tarp_finds_a_wrong_correlation_that_marginal_ranks_do_not():
    rng = np.random.default_rng(0)
    cov = np.array([[1, 0.9], [0.9, 1]])
    truth = rng.multivariate_normal([0, 0], cov, N)
    right, alone = rng.multivariate_normal([0, 0], cov, (N, SAMPLES)), rng.normal(size=(N, SAMPLES, 2))
    np.testing.assert_allclose(calibration.coverage(calibration.sbc_shares(alone, truth), 0.68), 0.68, atol=0.03)
    assert calibration.distance(calibration.tarp_shares(right, truth)) < calibration.trusted_distance(N)
    assert calibration.distance(calibration.tarp_shares(alone, truth)) > calibration.trusted_distance(N)


def test_tarp_is_that_of_its_paper():
    """Algorithm 2 of Lemos+ (2023), in loops."""
    rng = np.random.default_rng(5)
    truth, samples = rng.normal(size=(30, 3)) * [1, 10, 0.1], rng.normal(size=(30, 40, 3)) * [1, 10, 0.1]
    references = np.random.default_rng(7).uniform(size=(30, 3))
    low, high, shares = truth.min(0), truth.max(0), []
    for i in range(30):
        unit = [(s - low) / (high - low) for s in samples[i]]
        radius = np.sqrt(np.sum(((truth[i] - low) / (high - low) - references[i]) ** 2))
        shares.append(sum(np.sqrt(np.sum((s - references[i]) ** 2)) < radius for s in unit))
    found = calibration.tarp_shares(samples, truth, seed=7)
    np.testing.assert_allclose(found, (np.array(shares) + 0.5) / 41)
    levels = [0.1, 0.5, 0.9]
    np.testing.assert_allclose(
        calibration.expected_coverage(found, levels), [np.mean(found <= level) for level in levels]
    )
    assert not np.array_equal(found, calibration.tarp_shares(samples, truth, seed=8))


def test_bands_hold_the_probability_that_is_said():
    rng = np.random.default_rng(1)
    uniform = rng.uniform(size=(500, 300))
    distances = [calibration.distance(of) for of in uniform]
    assert np.mean(np.array(distances) < calibration.trusted_distance(300)) == pytest.approx(0.95, abs=0.03)
    low, high = calibration.expected_coverage_band(np.array([0.5]), 300)
    inside = [(low <= (of < 0.5).mean()) & ((of < 0.5).mean() <= high) for of in uniform]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.03)
