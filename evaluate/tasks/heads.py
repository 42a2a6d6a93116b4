"""Heads on features of a frozen encoder: logistic and linear regression, one hidden layer, the nearest neighbours.

Each becomes the `head` of a `ssl.methods.supervised.Supervised` or `Classifier`, which holds the encoder and predicts
from images.
"""

import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from torch import nn
from torch.nn import functional as F

from ...ssl.probe import BATCH, STRENGTHS
from ...ssl.randomness import seeded
from . import logistic_regression

NEIGHBOURS, TEMPERATURE = 20, 0.07  # of the kNN, as in DINO (Caron+ 2021, arXiv:2104.14294)
LEAST_SPREAD = 0.01  # of a feature, as a share of the median one
HIDDEN = 256  # width of the hidden layer
STEPS, RATE, DECAY, BATCH_SIZE = 1000, 3e-3, 1e-2, 256  # of heads that are trained: AdamW, its rate falls to 0
_NEVER = -1e4  # the logit of a class of which nothing was learnt: a probability of 0


@torch.no_grad()
def predict(head, images, device="cpu"):
    """What a head predicts of images (n, bands, h, w): float32 numpy (n, t) or, of classes, (n, k) probabilities."""
    head = head.to(device).eval()
    parts = [head.predict(images[i : i + BATCH].to(device)).cpu() for i in range(0, len(images), BATCH)]
    return torch.cat(parts).numpy()


def ridge(regressor, features, targets):
    """Ridge regression as the head of a `Supervised`, in place; the strength by leave-one-out, one per target.

    features: float32 numpy (n, d). targets: float64 numpy (n, t), in their units.
    """
    x = standardise(regressor, features)
    fits = [RidgeCV(STRENGTHS).fit(x, (y - y.mean()) / (y.std() or 1)) for y in targets.T]
    with torch.no_grad():
        regressor.head.weight.copy_(torch.as_tensor(np.stack([fit.coef_ for fit in fits])))
        regressor.head.bias.copy_(torch.as_tensor(np.stack([fit.intercept_ for fit in fits])))


def logistic(classifier, features, classes, seed):
    """Logistic regression as the head of a `Classifier`, in place; its strength by cross-validation on the labels.

    features: float32 numpy (n, d). classes: int numpy (n,), numbers of at least two classes; one of which there is no
    example gets the probability 0.
    """
    x = standardise(classifier, features)
    present, numbers = np.unique(classes, return_inverse=True)
    fit = logistic_regression.fit(x, numbers, seed=seed)
    with torch.no_grad():
        classifier.head.weight.zero_()
        classifier.head.bias.fill_(_NEVER)
        classifier.head.weight[present] = torch.as_tensor(fit.weight, dtype=torch.float32)
        classifier.head.bias[present] = torch.as_tensor(fit.bias, dtype=torch.float32)


def trained(method, features, labels, seed, hidden=False):
    """A linear layer, or one with a hidden layer before it, trained by the loss of a method on its features; in place.

    method: `Supervised` or `Classifier`. features: float32 numpy (n, d). labels: tensor (n, t), as the loss takes them.
    """
    standardise(method, features, otherwise=np.inf)  # out: Adam turns the smallest slope into a large weight
    with seeded(seed):
        method.head = mlp(method) if hidden else nn.Linear(method.head.in_features, method.head.out_features)
        _fit(method, torch.from_numpy(features), labels)


def mlp(method):
    """An untrained head with a hidden layer for a method whose head is linear."""
    wide, out = method.head.in_features, method.head.out_features
    return nn.Sequential(nn.Linear(wide, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, out))


class Neighbours(nn.Module):
    """The mean of what the nearest known features have, weighted by exp(cosine similarity / TEMPERATURE).

    Args: shape: of the known features, (n, d). width: of what they have, or the number of classes. of_classes: gives
    the logarithms of the shares of the classes.
    """

    def __init__(self, shape, width, of_classes):
        super().__init__()
        self.register_buffer("known", torch.zeros(shape))
        self.register_buffer("values", torch.zeros(shape[0], width))
        self.of_classes = of_classes

    def forward(self, features):
        similar, nearest = (F.normalize(features.float()) @ self.known.T).topk(min(NEIGHBOURS, len(self.known)))
        weights = (similar / TEMPERATURE).softmax(1)
        mean = (weights[..., None] * self.values[nearest]).sum(1)
        return mean.clamp(min=1e-12).log() if self.of_classes else mean


def of_protocol(method, facts, of_classes):
    """Give a method a head for the weights of one that was trained, in place.

    facts: protocol and, of the nearest neighbours, n_labels; a head of an earlier version has none and is linear.
    """
    protocol = facts.get("protocol")
    if protocol == "mlp":
        method.head = mlp(method)
    elif protocol == "knn":
        method.head = neighbours(method, facts["n_labels"], of_classes)


def neighbours(method, n, of_classes):
    """A `Neighbours` that knows nothing, for a method whose head is linear."""
    return Neighbours((n, method.head.in_features), method.head.out_features, of_classes)


def knn(method, features, values, of_classes):
    """The nearest neighbours as the head of a method, in place.

    features: float32 numpy (n, d). values: float tensor (n, t) of standardised targets, or int (n,) of classes.
    """
    width = method.head.out_features
    method.head = neighbours(method, len(features), of_classes)
    method.head.known.copy_(F.normalize(torch.from_numpy(features)))
    method.head.values.copy_(F.one_hot(values, width) if of_classes else values)


def standardise(method, features, otherwise=1.0):
    """Give a method the mean and spread of features, and return the standardised ones.

    A feature that is nearly constant over these images, as it may vary among others, has the least spread, times
    `otherwise`.
    """
    mean, spread = features.mean(0, dtype=np.float64), features.std(0, dtype=np.float64)
    alive = spread[spread > 0]
    least = LEAST_SPREAD * np.median(alive) if len(alive) else 1.0
    spread = np.where(spread < least, least * otherwise, spread)
    method.feature_mean.copy_(torch.as_tensor(mean))
    method.feature_std.copy_(torch.as_tensor(spread))
    return (features - mean.astype(features.dtype)) / spread.astype(features.dtype)


def _fit(method, features, labels):
    """Train the head of a method on features, by its loss."""
    optimizer = torch.optim.AdamW(method.head.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    size = min(BATCH_SIZE, len(features))
    for _ in range(STEPS):
        chosen = torch.randperm(len(features))[:size]
        loss = method.loss_of(features[chosen], labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
