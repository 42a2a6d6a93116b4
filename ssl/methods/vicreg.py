"""VICReg (Bardes+ 2022, arXiv:2105.04906): views agree, features keep their variance and do not repeat each other."""

import torch
from lightly.loss import VICRegLoss
from lightly.models.modules.heads import VICRegProjectionHead

from .base import Method


class VICReg(Method):
    """The loss is eq. 6 of the paper with the means of the authors' code.

    invariance * mean (z1 - z2)^2 + variance * [v(z1) + v(z2)] / 2 + covariance * [c(z1) + c(z2)], with v the mean over
    features of max(0, 1 - standard deviation) and c the sum of the squared covariances of different features over
    their number. Variances and covariances are those of the batches of all ranks.
    """

    behind = "projector"

    def __init__(self, network, settings):
        super().__init__(network)
        self.projector = VICRegProjectionHead(network.num_features, settings.hidden_dim, settings.projection_dim)
        self.loss = VICRegLoss(settings.invariance, settings.variance, settings.covariance, gather_distributed=True)

    def forward(self, views, step):
        features = self.network(views[0])
        z1, z2 = self.projector(features), self.projector(self.network(views[1]))
        with torch.autocast(z1.device.type, enabled=False):  # it would make the covariances bf16, whatever z is
            return self.loss(z1.float(), z2.float()), features
