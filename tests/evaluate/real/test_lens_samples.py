"""Samples of the posteriors of real lenses: which head draws them, how they turn, what is written and refused."""

import numpy as np
import pytest
import torch
from torch import nn

from lenstream.errors import DataError
from lenstream.evaluate.real import frames, lens_samples
from lenstream.files.orientation import Orientation
from lenstream.ssl.methods.posterior import TargetPosterior

from .encoders import Known


def head(offset):
    """A posterior that is the standard normal, but for an offset of its first target."""
    return TargetPosterior(
        Known(lambda images: images.flatten(1)[:, :2] * 0, 2), [offset, 0.0], [1.0, 1.0], "gaussian"
    ).eval()


def test_the_group_with_the_lowest_nll_draws():
    ridge = [(head(0), {"rmse": [1, 1]})]
    wide, narrow = ([(head(0), {"nll": nll}), (head(1), {"nll": 1.0})] for nll in (3.0, 2.0))
    assert lens_samples.posterior_group([ridge, wide, narrow]) is narrow
    assert lens_samples.posterior_group([ridge]) is None


@torch.no_grad()
def test_all_seeds_draw_in_turn_and_the_config_seed_decides():
    group = [(head(offset), {"nll": 0.0}) for offset in (-100.0, 0.0, 100.0)]
    for member, _ in group:
        nn.init.zeros_(member.head.centre.weight), nn.init.zeros_(member.head.centre.bias)
    images = torch.zeros(4, 1, 3, 3)
    drawn = lens_samples.draw_samples(group, images, seed=1)
    assert drawn.shape == (4, 501, 2) and drawn.dtype == float
    for k, offset in enumerate((-100, 0, 100)):
        part = drawn[:, k::3]
        assert abs(part[..., 0].mean() - offset) < 0.2 and part[..., 0].std() == pytest.approx(1, abs=0.1)
    np.testing.assert_array_equal(lens_samples.draw_samples(group, images, seed=1), drawn)
    assert not np.array_equal(lens_samples.draw_samples(group, images, seed=2), drawn)


def test_components_turn_together_and_angles_stay_in_one_piece():
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(2, 50, 4))
    drawn[..., 3] *= 0.1
    targets = ["theta_E", "e1", "e2", "phi_m"]
    at = Orientation(0.7, -1)
    turned = lens_samples.turned_samples(drawn, targets, [at, None], frames.NORTH_EAST)
    np.testing.assert_array_equal(turned[..., 0], drawn[..., 0])
    expected = frames.to_sky(drawn[0, :, 1], drawn[0, :, 2], at)
    np.testing.assert_allclose(turned[0, :, 1:3], np.stack(expected, -1))
    assert np.isnan(turned[1, :, 1:]).all()
    np.testing.assert_allclose(turned[0, :, 3].std(), drawn[0, :, 3].std())  # though 0 is near
    np.testing.assert_array_equal(lens_samples.turned_samples(drawn, targets, [at, None], frames.ARRAY), drawn)


def test_what_is_written_can_be_read_without_pickle(tmp_path):
    drawn = np.random.default_rng(0).normal(size=(2, 7, 2))
    path = tmp_path / "new" / "a.npz"
    lens_samples.write_samples(path, ["a", "b"], ["theta_E", "e1"], drawn, "array")
    with np.load(path, allow_pickle=False) as file:
        assert file["name"].tolist() == ["a", "b"] and file["target"].tolist() == ["theta_E", "e1"]
        assert str(file["frame"]) == "array" and file["samples"].dtype == np.float32
        np.testing.assert_allclose(file["samples"], drawn, rtol=1e-6)


def test_samples_that_nobody_can_draw_are_refused():
    with pytest.raises(DataError, match=r"--samples: runs/a has no posterior to draw from; expected a run with"):
        lens_samples.check_samples("a.npz", None, "runs/a")
    with pytest.raises(DataError, match=r"--samples a.csv: expected a file that ends in .npz"):
        lens_samples.check_samples("a.csv", [1], "runs/a")
    lens_samples.check_samples(None, None, "runs/a")
