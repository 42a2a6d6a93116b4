"""SimSiam (Chen & He 2021, arXiv:2011.10566): two views, a predictor and a stop-gradient.

With physics views (same lens, other source) this is LenSiam (Chang+ 2023, arXiv:2311.10100).
"""

from lightly.loss import NegativeCosineSimilarity
from lightly.models.modules.heads import SimSiamPredictionHead, SimSiamProjectionHead
from torch import nn


class SimSiam(nn.Module):
    """Forward: views float (n, 2, bands, h, w) to the loss (a scalar) and the first view's features (n, d)."""

    n_views = 2

    def __init__(self, network, config):
        super().__init__()
        self.network = network
        self.projector = SimSiamProjectionHead(network.num_features, config.hidden_dim, config.projection_dim)
        self.predictor = SimSiamPredictionHead(config.projection_dim, config.prediction_dim, config.projection_dim)
        self.distance = NegativeCosineSimilarity()

    def forward(self, views, labels=None):
        """D(p1, stopgrad(z2)) / 2 + D(p2, stopgrad(z1)) / 2, eq. 4 of the paper; `labels` are not used."""
        features = self.network(views[:, 0])
        z1, z2 = self.projector(features), self.projector(self.network(views[:, 1]))
        p1, p2 = self.predictor(z1), self.predictor(z2)
        loss = 0.5 * (self.distance(p1, z2.detach()) + self.distance(p2, z1.detach()))
        return loss, features

    def constant_lr(self):
        """The parameters whose learning rate does not decay: the paper keeps the predictor's constant."""
        return list(self.predictor.parameters())
