"""Barlow Twins (Zbontar+ 2021, arXiv:2103.03230): the cross-correlation of two views becomes the identity."""

import torch
from lightly.loss import BarlowTwinsLoss
from lightly.models.modules.heads import BarlowTwinsProjectionHead
from lightly.utils.dist import gather, world_size

from .base import Method


class BarlowTwins(Method):
    """The loss is eq. 1 of the paper: sum_i (1 - C_ii)^2 + redundancy * sum_{i != j} C_ij^2.

    C is the correlation of the views' projections over the batches of all ranks.
    """

    behind = "projector"

    def __init__(self, network, settings):
        super().__init__(network)
        self.projector = BarlowTwinsProjectionHead(network.num_features, settings.hidden_dim, settings.projection_dim)
        # Its own gathering would average the correlations of the ranks, each about the mean of its own batch.
        self.loss = BarlowTwinsLoss(settings.redundancy, gather_distributed=False)

    def forward(self, views, step):
        features = self.network(views[0])
        z1, z2 = self.projector(features), self.projector(self.network(views[1]))
        with torch.autocast(z1.device.type, enabled=False):  # it would make the correlations bf16, whatever z is
            return self.loss(_of_all_ranks(z1.float()), _of_all_ranks(z2.float())), features


def _of_all_ranks(z):
    """float (n, d) of each rank to the (ranks * n, d) of all; each part gets the sum of all ranks' gradients."""
    return torch.cat(gather(z)) if world_size() > 1 else z
