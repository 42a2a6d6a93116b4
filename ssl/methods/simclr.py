"""SimCLR (Chen+ 2020, arXiv:2002.05709): NT-Xent between two views of each system; all others are negatives."""

from lightly.loss import NTXentLoss
from lightly.models.modules.heads import SimCLRProjectionHead
from torch import nn


class SimCLR(nn.Module):
    """Forward: views float (n, 2, bands, h, w) to the loss (a scalar) and the first view's features (n, d)."""

    n_views = 2

    def __init__(self, network, config):
        super().__init__()
        self.network = network
        self.projector = SimCLRProjectionHead(network.num_features, config.hidden_dim, config.projection_dim)
        # Without gathering, each rank would see its own negatives only and the gradient would differ.
        self.loss = NTXentLoss(temperature=config.temperature, gather_distributed=True)

    def forward(self, views, labels=None):
        """NT-Xent over both directions of every pair; `labels` are not used."""
        features = self.network(views[:, 0])
        z1, z2 = self.projector(features), self.projector(self.network(views[:, 1]))
        return self.loss(z1.float(), z2.float()), features

    def constant_lr(self):
        """The parameters whose learning rate does not decay: none."""
        return []
