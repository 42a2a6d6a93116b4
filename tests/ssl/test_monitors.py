"""Collapse monitors on features with known answers."""

import pytest
import torch

from lenstream.ssl.monitors import advice, collapsed, effective_rank, feature_std


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


def record(features):
    return {
        "step": 3,
        "feature_std": feature_std(features),
        "effective_rank": effective_rank(features),
        "feature_samples": len(features),
    }


@pytest.mark.parametrize("n", [2, 3, 4, 8, 16, 64])
def test_good_features_of_few_images_are_not_called_collapsed(n):
    """Two images differ in one direction, whatever the network."""
    x = torch.randn(n, 16, generator=torch.Generator().manual_seed(0))
    assert not collapsed(record(x))
    assert collapsed(record(torch.ones(n, 16) + 1e-4 * x))
    assert ("a larger batch" in advice("x", record(x))) == (n < 9)


def test_features_on_a_line_are_collapsed_where_there_are_enough_to_tell():
    line = torch.randn(16, 1, generator=torch.Generator().manual_seed(0)) * torch.ones(16)
    assert collapsed(record(line))


def test_one_sign_of_a_collapse_is_enough():
    for spread, rank, expected in ((0.001, 5.0, True), (0.5, 1.1, True), (0.5, 5.0, False)):
        said = {"feature_std": spread, "effective_rank": rank, "feature_samples": 64}
        assert collapsed(said) == expected
