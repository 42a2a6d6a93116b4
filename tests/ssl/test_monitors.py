"""Collapse monitors on features with known answers."""

import pytest
import torch

from lenstream.ssl.monitors import collapsed, effective_rank, feature_std


def test_spread_features():
    x = torch.randn(4096, 16, generator=torch.Generator().manual_seed(0))
    assert feature_std(x) == pytest.approx(1.0, abs=0.02)
    assert effective_rank(x) == pytest.approx(16, rel=0.01)


def test_a_feature_that_all_images_share_is_no_direction():
    x = torch.randn(4096, 16, generator=torch.Generator().manual_seed(0)) + 100
    assert effective_rank(x) == pytest.approx(16, rel=0.01)


def test_collapsed_features():
    x = torch.ones(128, 16)
    assert feature_std(x) < 1e-6
    assert effective_rank(x + 1e-3 * torch.randn(128, 1)) == pytest.approx(1.0, abs=1e-3)


def test_features_on_a_plane_have_rank_two():
    x = torch.randn(2048, 2) @ torch.linalg.qr(torch.randn(16, 2))[0].T
    assert effective_rank(x) == pytest.approx(2.0, abs=0.01)


def test_one_sign_of_a_collapse_is_enough():
    assert collapsed({"feature_std": 0.001, "effective_rank": 5.0})  # nearly one point
    assert collapsed({"feature_std": 0.5, "effective_rank": 1.1})  # nearly one line
    assert not collapsed({"feature_std": 0.5, "effective_rank": 5.0})
