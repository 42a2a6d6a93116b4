"""Two posteriors of one truth: effective shares that are known, and distances as frequent as they are said to be."""

import numpy as np
import pytest

from lenstream.evaluate.tasks.importance import chance_of_distance, effective_share, share_under_normal

ROOT = np.array([[0.3, 0.0], [0.2, 0.1]])  # of the covariance of the posterior that samples are of
MEAN = np.array([1.2, -0.4])


def samples(n=200_000):
    """Samples of a normal posterior, and the logarithms of their density."""
    z = np.random.default_rng(3).standard_normal((n, 2))
    return MEAN + z @ ROOT.T, -0.5 * (z**2).sum(1) - np.log(2 * np.pi) - np.log(np.diag(ROOT)).sum()


def test_shares_of_weights():
    assert effective_share(np.full(7, -800.0)) == pytest.approx(1)
    assert effective_share(np.log([1.0, 1.0, 0.0 + 1e-300, 1e-300])) == pytest.approx(0.5)
    assert effective_share(np.array([0.0, -1e4, -1e4])) == pytest.approx(1 / 3)
    some = np.random.default_rng(0).normal(size=50)
    assert effective_share(some + 900) == pytest.approx(effective_share(some))


def test_a_posterior_that_is_the_other_one_loses_no_sample():
    drawn, density = samples(500)
    assert share_under_normal(drawn, density, MEAN, ROOT @ ROOT.T) == pytest.approx(1, abs=1e-9)
    assert share_under_normal(drawn, density + 5, MEAN, ROOT @ ROOT.T) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("width", "off"), [(1.0, 0.7), (0.6, 0.0), (0.8, 0.5), (1.05, 0.3)])
def test_the_share_between_two_normal_posteriors_is_the_known_one(width, off):
    """Of a normal one `width` times as wide and `off` away, in standard deviations, along each of two directions."""
    drawn, density = samples()
    found = share_under_normal(drawn, density, MEAN + ROOT @ [off, off], width**2 * ROOT @ ROOT.T)
    known = width * np.sqrt(2 - width**2) * np.exp(-(off**2) / (2 - width**2))  # 1 / mean of the squared ratio
    assert found == pytest.approx(known**2, rel=0.05)


def test_units_do_not_matter_and_nothing_is_made_of_what_failed():
    drawn, density = samples(2000)
    units = np.array([1e-24, 1e3])
    wide = 0.5 * ROOT @ ROOT.T
    found = share_under_normal(drawn * units, density, MEAN * units, wide * np.outer(units, units))
    assert found == pytest.approx(share_under_normal(drawn, density, MEAN, wide), rel=1e-9)
    assert np.isnan(share_under_normal(drawn, density, MEAN * np.nan, wide))
    assert np.isnan(share_under_normal(drawn, np.full(2000, -np.inf), MEAN, wide))


def test_two_targets_that_are_one():
    z = np.random.default_rng(1).standard_normal(4000)
    drawn, density = np.stack([z, 2 * z], axis=1), -0.5 * z**2
    tied = np.array([[1.0, 2.0], [2.0, 4.0]])
    assert share_under_normal(drawn, density, np.zeros(2), tied) == pytest.approx(1, abs=1e-9)


def test_the_chance_of_a_distance_is_how_often_it_is_larger():
    """Two normal posteriors of one truth that know of it independently: every chance is as frequent as any other."""
    rng, root = np.random.default_rng(5), np.array([[0.1, 0.0], [-0.3, 0.2]])  # of the other's covariance
    shape = rng.standard_normal((400, 2))
    shape = (shape - shape.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(shape.T))).T @ ROOT.T

    def chance():
        return chance_of_distance(shape + ROOT @ rng.standard_normal(2), root @ rng.standard_normal(2), root @ root.T)

    chances = np.sort([chance() for _ in range(2000)])
    assert np.abs(chances - (np.arange(2000) + 0.5) / 2000).max() < 0.03


def test_units_do_not_change_the_chance_and_tied_targets_count_once():
    drawn, _ = samples(300)
    units = np.array([1e-24, 1e3])
    here = chance_of_distance(drawn, MEAN + 0.3, 0.1 * ROOT @ ROOT.T)
    scaled = 0.1 * ROOT @ ROOT.T * np.outer(units, units)
    assert chance_of_distance(drawn * units, (MEAN + 0.3) * units, scaled) == pytest.approx(here, rel=1e-6)
    assert 0.3 < here < 0.6  # about 1.3 sigma in two dimensions
    one = drawn[:, :1]
    twice, variance = np.hstack([one, 2 * one]), np.array([[0.01]])
    both = variance * np.array([[1.0, 2.0], [2.0, 4.0]])
    alone = chance_of_distance(one, MEAN[:1] + 0.2, variance)
    assert chance_of_distance(twice, np.array([1.0, 2.0]) * (MEAN[0] + 0.2), both) == pytest.approx(alone, rel=1e-6)
    assert np.isnan(chance_of_distance(drawn, MEAN * np.nan, scaled))
