"""SimCLR (Chen+ 2020, arXiv:2002.05709): NT-Xent between two views of each system; all others are negatives.

With views that differ by a pretext alone (`configs.methods.ContrastSettings`) this is the rotation or the noise
contrast.
"""

import torch
from lightly.loss import NTXentLoss
from lightly.models.modules.heads import SimCLRProjectionHead

from .base import Method


class SimCLR(Method):
    """The loss is NT-Xent over both directions of every pair, with the negatives of all ranks."""

    def __init__(self, network, settings):
        super().__init__(network)
        self.projector = SimCLRProjectionHead(network.num_features, settings.hidden_dim, settings.projection_dim)
        # Without gathering, each rank would see its own negatives only and the gradient would differ.
        self.loss = NTXentLoss(temperature=settings.temperature, gather_distributed=True)

    def forward(self, views, step):
        features = self.network(views[0])
        z1, z2 = self.projector(features), self.projector(self.network(views[1]))
        with torch.autocast(z1.device.type, enabled=False):  # it would make the similarities bf16, whatever z is
            return self.loss(z1.float(), z2.float()), features
