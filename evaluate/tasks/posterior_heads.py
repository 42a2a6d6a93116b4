"""Posteriors on features of a frozen encoder: learnt from few labels without being surer than these allow.

The linear estimate is a ridge regression. What it leaves is learnt from leave-one-out estimates, so that it is as large
as that of a new image. The labels are dealt into parts; each member learns from all but one of them and stops where the
density of that one is highest. A single member is a little too sure of itself, and the mean of their densities is not:
nothing is rescaled afterwards.
"""

import copy
import math
from typing import NamedTuple

import numpy as np
import torch
from timm.optim import param_groups_weight_decay

from ...ssl.methods.posterior import FARTHEST, TargetPosterior
from ...ssl.probe import STRENGTHS
from ...ssl.randomness import seeded
from .heads import standardise

PARTS = 5  # of the labels, and members
STEPS, RATE, DECAY, BATCH_SIZE = 200, 1e-2, 1e-2, 256  # AdamW, its rate falls to 0
LEAST = 1e-6  # of the variance of what is left, that is added to it: two targets may be one and the same
EVERY, PATIENCE = 10, 8  # steps between looks at the part that is left out, and looks without a better one


def posterior_on(network, features, labels, kind, seed):
    """A `TargetPosterior` with PARTS members, trained on features of a network.

    features: float32 numpy (n, d). labels: float32 tensor (n, t), in the targets' units. kind: "gaussian" or "flow".
    seed: of parts and networks.
    """
    with seeded(seed):
        y = labels.double().numpy()
        posterior = TargetPosterior(network, y.mean(0), np.where(y.std(0) > 0, y.std(0), 1), kind, PARTS)
        _fit(posterior.head, features, ((labels - posterior.mean) / posterior.std).double().numpy(), seed)
    return posterior


def untrained_on(network, targets, kind):
    """A `TargetPosterior` for the weights of one of `posterior_on`. targets: how many."""
    return TargetPosterior(network, np.zeros(targets), np.ones(targets), kind, PARTS)


def _fit(head, features, values, seed):
    """Train a `Density` of standardised values, float64 (n, t), in place; torch draws from a seed already."""
    known = _linear(head, standardise(head, features), values)
    left = values - known.estimates
    factor = _factor(left)
    head.factor.copy_(torch.as_tensor(factor))
    given = np.concatenate([known.estimates, known.directions], 1)
    given = torch.as_tensor(given, dtype=torch.float32).clamp(-FARTHEST, FARTHEST)
    left = torch.as_tensor(np.linalg.solve(factor, left.T).T, dtype=torch.float32)
    part = torch.as_tensor(np.random.default_rng(seed).permutation(len(left)) % len(head.members))
    for k, member in enumerate(head.members):
        out = part == k
        _train(member, (given[~out], left[~out]), (given[out], left[out]))


def _factor(left):
    """The Cholesky factor of the covariance of (n, t) around 0; a target of which nothing is left has 1."""
    covariance = left.T @ left / len(left)
    variance = covariance.diagonal()
    return np.linalg.cholesky(covariance + np.diag(np.where(variance > 0, LEAST * variance, 1)))


class _Known(NamedTuple):
    """What is known of each label without itself: its `estimates` (n, t), and its place along `directions` (n, k)."""

    estimates: np.ndarray
    directions: np.ndarray


def _linear(head, x, values):
    """Give a `Density` its linear estimate, by ridge regression, and its directions, by principal components.

    The strength of each target is that of the lowest leave-one-out error, as `sklearn.linear_model.RidgeCV` has it.
    Args: x: standardised features (n, d). values: (n, t). Returns: `_Known`.
    """
    x, n = x.astype(float), len(x)
    mean, k = x.mean(0), head.directions.out_features
    u, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    tried = np.stack([_left_out(u, s**2 / (s**2 + strength), values) for strength in STRENGTHS])  # (strengths, n, t)
    best = ((tried - values) ** 2).sum(1).argmin(0)
    shares = s[:, None] / (s[:, None] ** 2 + STRENGTHS[best])
    weights = (vt.T @ (shares * (u.T @ values))).T
    scale = math.sqrt(n) / np.where(s[:k] > 1e-6 * s[0], s[:k], np.inf)
    _set(head.centre, weights, mean, values.mean(0))
    _set(head.directions, scale[:, None] * vt[:k], mean, 0)
    return _Known(np.take_along_axis(tried, best[None, None], 0)[0], u[:, :k] * (s[:k] * scale))


def _left_out(u, shrunk, values):
    """What a ridge regression predicts of each value (n, t) that learns from all others."""
    mean = values.mean(0)
    fitted = mean + u @ (shrunk[:, None] * (u.T @ (values - mean)))
    lever = np.minimum(u**2 @ shrunk + 1 / len(u), 1 - 1e-9)[:, None]
    return values - (values - fitted) / (1 - lever)


@torch.no_grad()
def _set(layer, weights, mean, there):
    """Give a linear layer its weights, and the bias by which it is `there` at a mean."""
    layer.weight.copy_(torch.as_tensor(weights))
    layer.bias.copy_(torch.as_tensor(there - weights @ mean))


def _train(member, learnt, watched):
    """Train a member on a pair (given, left), and leave it with the weights of the highest density of another."""
    optimizer = torch.optim.AdamW(param_groups_weight_decay(member, weight_decay=DECAY), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    lowest, since, best = math.inf, 0, None
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            with torch.no_grad():
                loss = -float(member.log_prob(watched[1], watched[0]).mean())
            if loss < lowest:
                lowest, since, best = loss, 0, copy.deepcopy(member.state_dict())
            else:
                since += 1
            if since >= PATIENCE or step == STEPS:
                break
        chosen = torch.randperm(len(learnt[0]))[:BATCH_SIZE]
        loss = -member.log_prob(learnt[1][chosen], learnt[0][chosen]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    if best is not None:
        member.load_state_dict(best)
