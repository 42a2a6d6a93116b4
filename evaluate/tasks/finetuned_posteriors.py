"""Posteriors of networks that are fine-tuned on labels, learnt from images that they have not seen.

What a fine-tuned network leaves of its own labels is too little to tell its errors by. So networks are fine-tuned on
parts of the labels, and each label is estimated by those that have not seen it. The density is learnt from these
estimates beside the features of the encoder as it was (`posterior_heads`), and is given the mean estimate of all
networks of a new image.
"""

import copy

import numpy as np
import torch
from torch import nn

from ...ssl.probe import features_of
from ...ssl.randomness import seed_of
from . import posterior_heads
from .finetuning import finetuned
from .heads import predict

ROUNDS, PARTS = 2, 3  # in each round the labels are dealt into parts, and a network learns from all parts but one
NETWORKS = ROUNDS * PARTS
LEAST = 0.25  # of the variance of the estimates' errors, that is left to them


class WithEstimates(nn.Module):
    """The targets that regressors estimate, the mean of all, and behind them the features of an encoder: (n, t + d).

    Args: network: the encoder. regressors: each a `ssl.methods.supervised.Supervised` or `symmetry.Symmetric`.
    targets: t.
    """

    def __init__(self, network, regressors, targets):
        super().__init__()
        self.network, self.regressors = network, nn.ModuleList(regressors)
        self.num_features = targets + network.num_features

    def forward(self, images):
        estimates = torch.stack([regressor.predict(images) for regressor in self.regressors]).mean(0)
        return torch.cat([estimates, self.network(images)], dim=1)


def encoder_of(head):
    """The encoder that any head of a regression holds, as it was before labels were learnt, if it still has that."""
    return head.network.network if isinstance(head.network, WithEstimates) else head.network


def finetuned_posterior(task, network, train, kind, how, seed, progress=lambda share: None):
    """A `ssl.methods.posterior.TargetPosterior` around a network and NETWORKS copies of it that are fine-tuned.

    Args: as of `finetuning.finetuned`, but kind: "gaussian" or "flow". how: pair of its table and make_head.
    """
    table, make_head = how
    labels = table(train)
    regressors, unseen = [], np.empty((ROUNDS, *labels.shape), np.float32)

    def share_of_all(share):
        progress((len(regressors) + share) / NETWORKS)

    for k in range(ROUNDS):
        own = seed_of(seed, "round", k)
        part = np.random.default_rng(own).permutation(len(labels)) % PARTS
        for p in range(PARTS):
            rest, out = np.flatnonzero(part != p), np.flatnonzero(part == p)
            regressor = finetuned(task, network, train.of(rest), table, make_head, seed_of(own, p), share_of_all)
            unseen[k, out] = predict(regressor, train.images[out], task.device)
            regressors.append(regressor)
    estimates = as_of_all(unseen.astype(float), labels.double().numpy()).astype(np.float32)
    features = np.concatenate([estimates, features_of(network.to(task.device), train.images)], axis=1)
    whole = WithEstimates(network, regressors, labels.shape[1])
    return posterior_heads.posterior_on(whole, features, labels, kind, seed)


def as_of_all(unseen, true):
    """MeanEstimates (n, t) with errors as large as those of the mean of all networks would be.

    A label is unseen by one network of each round, and the mean of a few errs more than that of all, by what the
    networks differ. Args: unseen: estimates (rounds, n, t). true: (n, t).
    """
    errors = unseen.mean(0) - true
    excess = unseen.var(0, ddof=1).mean(0) * (1 / ROUNDS - 1 / NETWORKS)
    square = np.maximum((errors**2).mean(0), np.finfo(float).tiny)
    return true + errors * np.sqrt(np.maximum(1 - excess / square, LEAST))


def untrained(network, regressor, targets, kind):
    """A `TargetPosterior` for the weights of one of `finetuned_posterior`, around copies of a regressor."""
    regressors = [copy.deepcopy(regressor) for _ in range(NETWORKS)]
    return posterior_heads.untrained_on(WithEstimates(network, regressors, targets), targets, kind)
