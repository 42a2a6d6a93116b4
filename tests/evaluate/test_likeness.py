"""Cosines of standardised features, and what is usual among test lenses, against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.preprocessing import StandardScaler

from lenstream.evaluate import likeness
from lenstream.evaluate.likeness import Likeness


@pytest.fixture
def features():
    return np.random.default_rng(0).normal(3, [1, 10, 0.1, 2], size=(50, 4)).astype(np.float32)


def test_cosines_are_those_of_standardised_features(features):
    others = features[:7] + 0.5
    found = Likeness(features)
    scaler = StandardScaler().fit(features)
    expected = cosine_similarity(scaler.transform(others), scaler.transform(features))
    np.testing.assert_allclose(found.directions(others) @ found.test.T, expected, atol=1e-5)


def test_scales_and_means_of_features_do_not_count(features):
    others = features[:5] * 1.1
    scale, shift = np.array([1, 1e3, 5, 0.1]), np.array([5, -3, 0, 100])
    plain = Likeness(features).directions(others)
    np.testing.assert_allclose(Likeness(features * scale + shift).directions(others * scale + shift), plain, atol=1e-3)


@pytest.mark.parametrize("block", [7, 1000])
def test_how_unusual_an_image_is_counts_the_test_lenses_that_have_a_nearer_neighbour(features, monkeypatch, block):
    monkeypatch.setattr(likeness, "BLOCK", block)
    found = Likeness(features)
    cosines = found.test @ found.test.T
    np.fill_diagonal(cosines, -2)
    usual = cosines.max(1)
    others = np.random.default_rng(1).normal(3, [1, 10, 0.1, 2], size=(20, 4))
    nearest = (found.directions(others) @ found.test.T).max(1)
    expected = [np.mean(usual > value) for value in nearest]
    np.testing.assert_allclose(found.less_than_usual(others), expected)
    assert found.less_than_usual(features).max() == 0  # each finds itself


def test_an_image_that_is_unlike_all_is_found():
    """Test lenses lie in a plane of features, and it does not."""
    rng = np.random.default_rng(2)
    plane = rng.normal(size=(3, 40))
    known, like_them = (rng.normal(size=(60, 3)) @ plane for _ in range(2))
    found = Likeness(known)
    assert found.less_than_usual(rng.normal(size=(1, 40)) * 20)[0] > 0.95
    assert np.mean(found.less_than_usual(like_them)) < 0.6


def test_features_without_meaning_do_not_break_it(features):
    collapsed = np.ones((10, 3), np.float32)
    assert np.isfinite(Likeness(collapsed).less_than_usual(collapsed)).all()
    features[:, 0] = 7.0  # a feature that says nothing
    found = Likeness(features)
    assert np.isfinite(found.test).all() and (found.test[:, 0] == 0).all()
