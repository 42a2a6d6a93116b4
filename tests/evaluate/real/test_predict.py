"""Predictions for real images: scaled to the network's noise, with an uncertainty that counts what it should."""

import numpy as np
import torch
from torch import nn

from lenstream.evaluate.real.cutouts import Cutout
from lenstream.evaluate.real.predict import estimate
from lenstream.ssl.methods.supervised import Supervised


class Total(nn.Module):
    """An encoder whose one feature is the image's total."""

    num_features = 1

    def forward(self, images):
        return images.sum((1, 2, 3))[:, None]


def regressor(offset):
    out = Supervised(Total(), [0.0], [1.0])
    nn.init.ones_(out.head.weight)
    nn.init.constant_(out.head.bias, offset)
    return out


def cutout(flux, noise):
    image = np.zeros((4, 4), np.float32)
    image[1, 2] = flux
    return Cutout("a", image, np.full((4, 4), noise, np.float32), 0.0, True, 0.1)


def test_images_are_put_on_the_noise_the_network_knows():
    faint_and_quiet, bright_and_loud = cutout(3.0, 0.1), cutout(30.0, 1.0)
    mean, _ = estimate([[(regressor(0.0), np.array([0.5]))]], [faint_and_quiet, bright_and_loud], background=0.2)
    np.testing.assert_allclose(mean, 6.0, rtol=1e-6)  # 30 sigma of 0.2


def test_the_uncertainty_adds_the_spread_of_seeds_to_the_error_on_simulations():
    seeds = [(regressor(offset), np.array([rmse])) for offset, rmse in ((-1.0, 0.3), (1.0, 0.5))]
    mean, std = estimate([seeds], [cutout(1.0, 1.0)], background=1.0)
    assert torch.tensor(mean).item() == 1.0
    np.testing.assert_allclose(std, np.sqrt((0.09 + 0.25) / 2 + 1.0), rtol=1e-6)


def test_each_target_comes_from_the_group_that_is_best_at_it():
    good_at_first = [(two_targets(1.0), np.array([0.1, 0.9]))]
    good_at_second = [(two_targets(2.0), np.array([0.5, 0.3]))]
    mean, std = estimate([good_at_first, good_at_second], [cutout(0.0, 1.0), cutout(0.0, 1.0)], background=1.0)
    np.testing.assert_allclose(mean, [[1.0, 2.0]] * 2)
    np.testing.assert_allclose(std, [[0.1, 0.3]] * 2)


def two_targets(value):
    out = Supervised(Total(), [0.0, 0.0], [1.0, 1.0])
    nn.init.zeros_(out.head.weight)
    nn.init.constant_(out.head.bias, value)
    return out
