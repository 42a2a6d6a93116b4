"""Samples of the posteriors of real lenses, by the head that a run kept for them, and the intervals that they fill."""

from pathlib import Path

import numpy as np

from ...configs.turning import angles
from ...errors import DataError
from ...files.whole import folder_for, write_arrays
from ...ssl.randomness import seed_of
from ..tasks import posteriors
from . import frames

SAMPLES = 500  # of each lens, or more by less than the number of heads


def posterior_group(kept):
    """The heads, one for each seed, that give posteriors with the lowest negative log-likelihood; None without any.

    kept: of `kept_heads.load_predictor`.
    """
    groups = [group for group in kept if group and all("nll" in facts for _, facts in group)]
    return min(groups, key=lambda group: np.mean([facts["nll"] for _, facts in group]), default=None)


def check_samples(path, group, run):
    """Raises DataError where samples are to be written and no head of a run gives any."""
    if path is None:
        return
    if Path(path).suffix != ".npz":
        raise DataError(f"--samples {path}: expected a file that ends in .npz")
    if group is None:
        raise DataError(
            f"--samples: {run} has no posterior to draw from; expected a run with gaussian or flow in "
            "evaluate.protocols"
        )


def draw_samples(group, images, seed):
    """Samples of the posteriors of images, float64 (n, s, t): all heads of a group in equal parts, in turn.

    images: as `predict.seen` makes them. seed: of the config.
    """
    each = -(-SAMPLES // len(group))
    parts = [
        posteriors.samples(head, images, each, seed_of(seed, "samples of real lenses", k))
        for k, (head, _) in enumerate(group)
    ]
    return np.stack(parts, axis=2).reshape(len(images), each * len(group), -1).astype(float)


def turned_samples(drawn, targets, orientations, frame):
    """Samples (n, s, t) in a frame, as `frames.in_frame` has it: correlations of components turn with them."""
    if frame == frames.ARRAY:
        return drawn
    values = {t: (drawn[..., k], np.zeros(len(drawn))) for k, t in enumerate(targets)}
    turned = frames.in_frame(values, orientations, frame)
    for name in angles(targets):  # a turn is not to come between samples of one lens
        first = turned[name][0][:, :1]
        turned[name] = first + np.mod(turned[name][0] - first + np.pi, 2 * np.pi) - np.pi, turned[name][1]
    return np.stack([turned[t][0] for t in targets], axis=-1)


def write_samples(path, names, targets, drawn, frame):
    """Write samples to an .npz file: `samples` (n, s, t), `name` (n,), `target` (t,), `frame`. Raises: OSError."""
    folder_for(Path(path).parent)
    arrays = {"name": np.array(names, dtype=str), "target": np.array(targets, dtype=str), "frame": np.array(frame)}
    write_arrays(path, arrays | {"samples": drawn.astype(np.float32)})


def of_each(cutouts, targets, predicted, drawn):
    """Samples of the posterior of each lens: name -> target -> float64 (s,).

    Args: predicted: target -> (mean (n,), standard deviation (n,)), whose errors are taken as normal where `drawn`,
        samples (n, s, t), is None.
    """
    if drawn is None:
        normal = np.random.Generator(np.random.Philox(0)).standard_normal((len(targets), SAMPLES))
        moments = [[(mean[i], sigma[i]) for mean, sigma in predicted.values()] for i in range(len(cutouts))]
        return {
            cutout.name: {t: mean + sigma * z for t, (mean, sigma), z in zip(targets, own, normal, strict=True)}
            for cutout, own in zip(cutouts, moments, strict=True)
        }
    return {c.name: dict(zip(targets, own.T, strict=True)) for c, own in zip(cutouts, drawn, strict=True)}
