"""SimSiam (Chen & He 2021, arXiv:2011.10566): a predictor on one view, a stop-gradient on the other.

With physics views (same lens, other source) this is LenSiam (Chang+ 2023, arXiv:2311.10100).
"""

from lightly.loss import NegativeCosineSimilarity
from lightly.models.modules.heads import SimSiamPredictionHead, SimSiamProjectionHead

from .base import Method


class SimSiam(Method):
    """The loss is D(p1, stopgrad(z2)) / 2 + D(p2, stopgrad(z1)) / 2, eq. 4 of the paper."""

    behind = "projector"

    def __init__(self, network, settings):
        super().__init__(network)
        self.projector = SimSiamProjectionHead(network.num_features, settings.hidden_dim, settings.projection_dim)
        self.predictor = SimSiamPredictionHead(
            settings.projection_dim, settings.prediction_dim, settings.projection_dim
        )
        self.distance = NegativeCosineSimilarity()
        self.predictor_lr = settings.predictor_lr

    def forward(self, views, step):
        features = self.network(views[0])
        z1, z2 = self.projector(features), self.projector(self.network(views[1]))
        p1, p2 = self.predictor(z1), self.predictor(z2)
        z1, z2 = z1.detach(), z2.detach()  # the stop-gradient: NegativeCosineSimilarity has none
        loss = 0.5 * (self.distance(p1.float(), z2.float()) + self.distance(p2.float(), z1.float()))
        return loss, features

    def constant_lr(self):
        """The parameters of the predictor, whose learning rate the paper keeps constant."""
        return list(self.predictor.parameters()) if self.predictor_lr == "constant" else []
