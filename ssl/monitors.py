"""Collapse monitors: numbers that show, before the loss does, that all images are getting the same features."""

import torch
from torch.nn import functional as F

COLLAPSED_STD = 0.02  # of a value that is 1 for features spread over the sphere, and .05 for many untrained networks
COLLAPSED_RANK = 1.5  # directions
ENOUGH = 9  # samples from which on the rank says something: n of them have n - 1 directions at most


@torch.no_grad()
def feature_std(features):
    """Spread of normalised features (n, d), times sqrt(d): 1 over the whole sphere, 0 if collapsed."""
    unit = F.normalize(features.float(), dim=1)
    return float(unit.std(dim=0).mean() * features.shape[1] ** 0.5)


@torch.no_grad()
def effective_rank(features):
    """exp(entropy of the singular values) of centred features (n, d): RankMe (Garrido+ 2023, arXiv:2210.02885)."""
    centred = features.float() - features.float().mean(0)
    values = torch.linalg.svdvals(centred)
    p = values / values.sum().clamp(min=1e-12)
    return float(torch.exp(-(p * torch.log(p.clamp(min=1e-12))).sum()))


def collapsed(record):
    """Whether a log record says that features are nearly one point, or nearly one line.

    Of a few samples the rank is low in any case, so that it does not count.
    """
    is_line = record["effective_rank"] < COLLAPSED_RANK and record["feature_samples"] >= ENOUGH
    return record["feature_std"] < COLLAPSED_STD or is_line


def advice(name, record):
    """A sentence that tells the user of a collapsed encoder what to change."""
    few = record["feature_samples"] < ENOUGH
    return (
        f"warning: {name} is collapsing at step {record['step']} (feature std {record['feature_std']:.3f}, effective "
        f"rank {record['effective_rank']:.1f}, of {record['feature_samples']} images): all images look alike to it; "
        f"try {'a larger batch, ' if few else ''}a lower lr or a longer warmup"
    )
