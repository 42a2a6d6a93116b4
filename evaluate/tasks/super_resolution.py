"""The task of finding an image on a finer pixel grid, with a light decoder on encoders frozen or fine-tuned."""

import copy
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from lightly.utils.scheduler import cosine_warmup_schedule

from ...ssl.data import training_scene
from ...ssl.decoder import SuperResolver, bicubic, spread_of
from ...ssl.probe import BATCH
from ...ssl.randomness import seed_of, seeded
from .image_pairs import SimulatedPairs, pairs_from_files
from .image_scores import image_scores
from .task import device_of

BICUBIC = "bicubic"  # the interpolation that stands beside all decoders
SHOWN = 6  # test images that are kept for the figure
FITTED = 64  # pairs from which the linear filter is found
WEIGHT_DECAY = 1e-4


@dataclass(frozen=True)
class SuperResolution:
    """The task (see `task.Task`) of predicting an image with pixels smaller by a factor: the target "image"."""

    metric: ClassVar[str] = "psnr"
    draws: ClassVar[tuple[str, ...]] = ()  # `show.outputs` draws its own
    keeps: ClassVar[int | None] = SHOWN

    pairs: object  # of `image_pairs`
    settings: object  # `configs.evaluation.SuperResolutionSettings`
    device: str = "cpu"
    name: str = "super-resolution"

    def labelled(self, split, n, skip=0):
        return self.pairs.labelled(split, n, skip)

    def needs_features(self, protocol):
        return False  # those of a whole image; a decoder takes maps

    def train(self, protocol, network, train, features, seed, progress=lambda share: None):
        device = torch.device(self.device)
        with seeded(seed_of(seed, "decoder"), device):
            resolver = self._resolver(copy.deepcopy(network)).to(device, memory_format=torch.channels_last)
            return learn(resolver, train, self.settings, protocol == "frozen", seed, progress)

    def predict(self, head, images):
        return {"image": apply(head.to(self.device), images, self.device)}

    def score(self, true, predicted):
        found = image_scores(true["image"], predicted["image"], self.settings.data_range)
        return {("image", metric): _mean_of_known(values) for metric, values in found.items()}

    def beside(self, test):
        """Predictions of what learns nothing, by name: bicubic interpolation."""
        images = torch.nan_to_num(test.images)
        return {BICUBIC: {"image": bicubic(images, self.settings.factor, self.pairs.flux_scale).numpy()}}

    def limit(self, test, progress):
        return {}

    def limit_scores(self, true, bounds):
        return {}

    def facts(self, scores):
        return {"factor": self.settings.factor, "bands": self.pairs.shape[0], "psnr": scores["image", "psnr"]}

    def head(self, network, facts):
        return self._resolver(network)

    def _resolver(self, network):
        settings, bands = self.settings, self.pairs.shape[0]
        return SuperResolver(network, bands, settings.factor, settings.width, settings.depth, self.pairs.flux_scale)


def make_super_resolution(config, scene):
    """The `SuperResolution` that a config asks for; scene: of its simulation, or None.

    Raises: ConfigError, DataError for pairs that cannot be made or read.
    """
    settings = config.evaluate.super_resolution
    device = device_of(config)
    name = f"super-resolution x{settings.factor}"
    if settings.lr_path is not None:
        name += f" on {Path(settings.lr_path).name}"
        return SuperResolution(pairs_from_files(settings, config.pretrain.bands, config.seed), settings, device, name)
    pairs = SimulatedPairs(training_scene(config, scene), settings, os.cpu_count() or 1)
    return SuperResolution(pairs, settings, device, name)


def _mean_of_known(values):
    """The mean over images, without those whose target has one value throughout; NaN if all have."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def learn(resolver, train, settings, frozen, seed, progress=lambda share: None):
    """A `SuperResolver` trained on pairs, in evaluation mode; its encoder stays as it is if `frozen`.

    The loss is the mean squared error in units of the spread of each image with large pixels, so that faint images
    count as bright ones do. train: `task.Labelled`. seed: of the order of the pairs. progress: as of `task.Task.train`.
    """
    device, n = resolver.flux_scale.device, len(train.images)
    resolver.network.requires_grad_(not frozen)  # it is a copy
    resolver.fit_linear(train.images[:FITTED].to(device), train.true["image"][:FITTED].to(device))
    optimizer = torch.optim.AdamW(
        [p for p in resolver.parameters() if p.requires_grad], lr=settings.lr, weight_decay=WEIGHT_DECAY
    )
    order = torch.Generator().manual_seed(seed)
    queue = torch.empty(0, dtype=torch.long)
    resolver.train()
    resolver.network.train(not frozen)
    for step in range(settings.steps):
        progress(step / settings.steps)
        while len(queue) < settings.batch_size:
            queue = torch.cat([queue, torch.randperm(n, generator=order)])
        chosen, queue = queue[: settings.batch_size], queue[settings.batch_size :]
        images, targets = train.images[chosen].to(device), train.true["image"][chosen].to(device)
        for group in optimizer.param_groups:
            group["lr"] = settings.lr * cosine_warmup_schedule(
                step, settings.steps, 1.0, 0.0, settings.steps // 20, 0.0, 1.0
            )
        unit = spread_of(torch.nan_to_num(images)) * resolver.flux_scale
        loss = ((resolver(images) - targets) / unit).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return resolver.eval()


@torch.no_grad()
def apply(resolver, images, device="cpu"):
    """Images (n, bands, h, w) on the finer grid, float32 numpy, by a `SuperResolver`."""
    resolver.eval()
    return torch.cat([resolver(images[i : i + BATCH].to(device)).cpu() for i in range(0, len(images), BATCH)]).numpy()
