"""SimCLR (Chen+ 2020, arXiv:2002.05709): NT-Xent between two views of each system; all others are negatives.

With negatives: cross_view only the other view of other systems is one.

With views that differ by a pretext alone (`configs.methods.ContrastSettings`) this is the rotation or the noise
contrast.
"""

import torch
from lightly.loss import NTXentLoss
from lightly.models.modules.heads import SimCLRProjectionHead
from lightly.utils import dist
from torch.nn import functional as F

from .base import Method


class SimCLR(Method):
    """The loss is NT-Xent over both directions of every pair, with the negatives of all ranks."""

    behind = "projector"

    def __init__(self, network, settings):
        super().__init__(network)
        sizes = network.num_features, settings.hidden_dim, settings.projection_dim
        self.projector = SimCLRProjectionHead(*sizes, batch_norm=settings.projector_norm)
        # Without gathering, each rank would see its own negatives only and the gradient would differ.
        loss = NTXentLoss if settings.negatives == "all" else CrossViewLoss
        self.loss = loss(temperature=settings.temperature, gather_distributed=True)

    def forward(self, views, step):
        features = self.network(views[0])
        z1, z2 = self.projector(features), self.projector(self.network(views[1]))
        with torch.autocast(z1.device.type, enabled=False):  # it would make the similarities bf16, whatever z is
            return self.loss(z1.float(), z2.float()), features


class CrossViewLoss(NTXentLoss):
    """lightly's NT-Xent without similarities between first views, and between second ones."""

    def forward(self, out0, out1):
        """The mean over both directions of -log softmax of a pair among the similarities to all other views."""
        out0, out1 = F.normalize(out0, dim=1), F.normalize(out1, dim=1)
        labels = torch.arange(len(out0), device=out0.device)
        all0, all1 = out0, out1
        if self.gather_distributed and dist.world_size() > 1:
            all0, all1 = torch.cat(dist.gather(out0), 0), torch.cat(dist.gather(out1), 0)
            labels = labels + dist.rank() * len(out0)
        logits = torch.cat([out0 @ all1.T, out1 @ all0.T]) / self.temperature
        return self.cross_entropy(logits, labels.repeat(2))
