"""What posteriors say of images: samples, densities and intervals, and the scores that tell whether they are right."""

from typing import NamedTuple

import numpy as np
import torch

from ...ssl.methods.posterior import TargetPosterior
from ...ssl.probe import BATCH, features_of
from ..results import ALL
from . import calibration

SAMPLES = 199  # of each test image for scores: ranks from 0 to 199 fall evenly into 20 bins
KEPT, AT_ONCE = 300, 16  # test images whose samples are kept, the first ones, and whose densities are computed at once
METRICS = {f"coverage_{level:.0%}".rstrip("%"): level for level in calibration.LEVELS}


class Judged(NamedTuple):
    """How right the posteriors of test images are."""

    scores: dict[tuple[str, str], float]  # (target or ALL, metric) -> value
    ranks: dict[str, np.ndarray]  # of the true values among samples, and for ALL of TARP: (n,), between 0 and 1


@torch.no_grad()
def samples(head, images, n, seed, device="cpu"):
    """Samples of the posterior of each image, float32 numpy (n_images, n, t), in the targets' units.

    Args: head: `ssl.methods.posterior.TargetPosterior`. images: float32 tensor (n_images, bands, h, w). seed: int below
    2^63.
    """
    return _samples(head.to(device).eval(), features_of(head.network, images), n, seed)


@torch.no_grad()
def log_prob(head, images, values, device="cpu"):
    """The logarithm of the density that the posterior of each image has at values (n, t), in their units: (n,).

    head, images: as for `samples`. values: float tensor or array.
    """
    return _log_prob(head.to(device).eval(), features_of(head.network, images), torch.as_tensor(values))


def _samples(head, features, n, seed):
    noise = torch.randn(len(features), n, len(head.mean), generator=torch.Generator().manual_seed(seed))
    parts = zip(torch.from_numpy(features).split(BATCH), noise.split(BATCH), strict=True)
    device = head.mean.device
    found = [head.samples_of(f.to(device), z.to(device)).cpu() for f, z in parts]
    return torch.cat(found).numpy()


def _log_prob(head, features, values):
    device = head.mean.device
    pairs = zip(torch.from_numpy(features).split(BATCH), values.float().split(BATCH), strict=True)
    return torch.cat([head.log_prob_of(f.to(device), y.to(device)).cpu() for f, y in pairs]).numpy()


@torch.no_grad()
def judged(head, images, true, seed=0, device="cpu"):
    """The `Judged` of a head on test images; nothing if it gives no posterior. true: target -> (n,)."""
    if not isinstance(head, TargetPosterior):
        return Judged({}, {})
    head, truth = head.to(device).eval(), np.stack(list(true.values()), axis=1).astype(float)
    features = features_of(head.network, images)
    drawn = _samples(head, features, SAMPLES, seed)
    ranks = dict(zip(true, calibration.sbc_shares(drawn, truth).T, strict=True))
    ranks[ALL] = calibration.tarp_shares(drawn, truth, seed)
    scores = {(t, m): float(calibration.coverage(ranks[t], level)) for t in true for m, level in METRICS.items()}
    scores[ALL, "nll"] = -float(np.mean(_log_prob(head, features, torch.from_numpy(truth)), dtype=float))
    scores[ALL, "tarp"] = calibration.distance(ranks[ALL])
    return Judged(scores, ranks)


@torch.no_grad()
def drawn(head, images, targets, seed=0, device="cpu"):
    """SAMPLES samples of the posteriors of the first KEPT images, target -> float32 (m, s), and for ALL the logarithm
    of the density there, in the targets' units; empty if the head gives no posterior. Args: as of `samples`."""
    if not isinstance(head, TargetPosterior):
        return {}
    head, features = head.to(device).eval(), features_of(head.to(device).network, images[:KEPT])
    found, density = _samples(head, features, SAMPLES, seed), []
    for f, values in zip(*(torch.from_numpy(of).split(AT_ONCE) for of in (features, found)), strict=True):
        f = f.to(device).repeat_interleave(SAMPLES, 0)
        density.append(head.log_prob_of(f, values.to(device).flatten(0, 1)).view(-1, SAMPLES).cpu())
    return dict(zip(targets, np.moveaxis(found, 2, 0), strict=True)) | {ALL: torch.cat(density).numpy()}


def intervals(drawn):
    """The central intervals of samples (n, s, ...): {"low_68": (n, ...), "high_68": ..., "low_95": ..., ...}."""
    found = {}
    for level in calibration.LEVELS:
        ends = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=1)
        found |= {f"{name}_{level:.0%}".rstrip("%"): end for name, end in zip(("low", "high"), ends, strict=True)}
    return found
