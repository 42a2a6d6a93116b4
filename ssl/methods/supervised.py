"""Supervised regression and classification: labels of the simulator, on a stream that never repeats an image."""

import torch
from torch import nn
from torch.nn import functional as F

from ...configs.evaluation import merged
from .base import Method
from .labelled import add_units, loss_on_labels


class Supervised(Method):
    """The loss is the mean squared error of the standardised targets, `step.labels` (n, t) in their own units.

    Targets are standardised with the mean and standard deviation of their population, so that each counts the same.
    """

    n_views, needs_labels, behind = 1, True, "head"

    def __init__(self, network, mean, std):
        super().__init__(network)
        _add_head(self, len(mean))
        add_units(self, mean, std)

    def forward(self, views, step):
        return loss_on_labels(self, views, step)

    def loss_of(self, features, labels):
        """The loss of features (n, d) with labels as in `Step`."""
        return F.mse_loss(_of_head(self, features), (labels - self.mean) / self.std)

    def predict(self, images):
        """Targets in their own units, float32 (n, t), for images (n, bands, h, w)."""
        return _of_head(self, self.network(images)) * self.std + self.mean


class Classifier(Method):
    """The loss is the cross-entropy of the class, `step.labels` (n, 1), the number that it has among the labels.

    Args: number_of: for each number in the labels, that of the class among those told apart, int (c,); -1 for a class
    that never occurs.
    """

    n_views, needs_labels, behind = 1, True, "head"

    def __init__(self, network, number_of):
        super().__init__(network)
        number_of = torch.as_tensor(number_of, dtype=torch.int64)
        _add_head(self, int(number_of.max()) + 1)
        self.register_buffer("number_of", number_of)

    def forward(self, views, step):
        return loss_on_labels(self, views, step)

    def loss_of(self, features, labels):
        """The loss of features (n, d) with labels as in `Step`."""
        return F.cross_entropy(_of_head(self, features), self.number_of[labels[:, 0].long()])

    def predict(self, images):
        """Probabilities of the classes, float32 (n, k), for images (n, bands, h, w)."""
        return _of_head(self, self.network(images)).softmax(1)


def _add_head(method, outputs):
    """Give a method a linear head; its features are standardised by 0 and 1 until a closed-form fit sets others."""
    width = method.network.num_features
    method.head = nn.Linear(width, outputs)
    method.register_buffer("feature_mean", torch.zeros(width))
    method.register_buffer("feature_std", torch.ones(width))


def _of_head(method, features):
    """What the head gives; centring first keeps float32 exact where features are large and nearly constant."""
    return method.head((features - method.feature_mean) / method.feature_std).float()


def number_of_classes(simulation, merge=None):
    """For each of `simulate.classes`, its number among those that are drawn, int (c,); -1 for one that is not.

    merge: which of them count as one, as `evaluate.merge`.
    """
    drawn = simulation.drawn_classes()
    _, among = merged(drawn, merge or {})
    return [among[drawn.index(name)] if name in drawn else -1 for name in simulation.classes]
