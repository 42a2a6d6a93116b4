"""BYOL (Grill+ 2020, arXiv:2006.07733): a student predicts its teacher's features of the other view."""

from lightly.loss import NegativeCosineSimilarity
from lightly.models.modules.heads import BYOLPredictionHead, BYOLProjectionHead

from .base import Method
from .teacher import Teacher, momentum_at


class BYOL(Method):
    """The loss is 2 - 2 cos(prediction, teacher's projection), eq. 2 of the paper: the mean of both directions."""

    behind = "projector"

    def __init__(self, network, settings):
        super().__init__(network)
        self.momentum, self.momentum_final = settings.momentum, settings.momentum_final
        sizes = network.num_features, settings.hidden_dim, settings.projection_dim
        self.projector = BYOLProjectionHead(*sizes)
        self.predictor = BYOLPredictionHead(settings.projection_dim, settings.hidden_dim, settings.projection_dim)
        self.teacher = Teacher(network, self.projector, BYOLProjectionHead(*sizes))
        self.distance = NegativeCosineSimilarity()

    def forward(self, views, step):
        features = self.network(views[0])
        p1 = self.predictor(self.projector(features))
        p2 = self.predictor(self.projector(self.network(views[1])))
        with self.teacher.at_work() as teacher:
            t1, t2 = teacher(views[0]), teacher(views[1])
        loss = 2 + self.distance(p1.float(), t2.float()) + self.distance(p2.float(), t1.float())
        return loss, features

    def after_step(self, step):
        """Move the teacher's weights towards the student's."""
        momentum = momentum_at(self.momentum, step.done, self.momentum_final)
        self.teacher.follow(self.network, self.projector, momentum)
