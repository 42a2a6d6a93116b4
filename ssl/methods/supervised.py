"""Supervised regression: simulated parameters as labels, on a stream that never repeats an image."""

import torch
from torch import nn
from torch.nn import functional as F

from .base import Method


class Supervised(Method):
    """The loss is the mean squared error of the standardised targets, `step.labels` (n, t) in their own units.

    Targets are standardised with the mean and standard deviation of their population, so that each counts the same;
    features with `feature_mean` and `feature_std`, which are 0 and 1 until a closed-form fit sets them.
    """

    n_views, needs_labels = 1, True

    def __init__(self, network, mean, std):
        super().__init__(network)
        self.head = nn.Linear(network.num_features, len(mean))
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32))
        self.register_buffer("std", torch.as_tensor(std, dtype=torch.float32))
        self.register_buffer("feature_mean", torch.zeros(network.num_features))
        self.register_buffer("feature_std", torch.ones(network.num_features))

    def forward(self, views, step):
        features = self.network(views[0])
        return F.mse_loss(self._estimate(features), (step.labels - self.mean) / self.std), features

    def predict(self, images):
        """Targets in their own units, float32 (n, t), for images (n, bands, h, w)."""
        return self._estimate(self.network(images)) * self.std + self.mean

    def _estimate(self, features):
        """Standardised targets; centring first keeps float32 exact where features are large and nearly constant."""
        return self.head((features - self.feature_mean) / self.feature_std).float()
