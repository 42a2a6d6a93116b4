"""The task of predicting lens parameters from images, with encoders frozen (ridge) or fine-tuned."""

import copy
import math
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from lightly.utils.scheduler import cosine_warmup_schedule
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler
from timm.optim import param_groups_weight_decay

from ...errors import DataError
from ...ssl.data import sees_what_is_simulated, training_scene
from ...ssl.methods.base import Step
from ...ssl.methods.supervised import Supervised
from ...ssl.probe import BATCH, STRENGTHS
from ..limit import cramer_rao
from .examples import Examples
from .task import labelled_systems


@dataclass(frozen=True)
class Regression:
    """The task (see `task.Task`) of telling some parameters of the lens from its image."""

    metric: ClassVar[str] = "r2"
    keeps: ClassVar[int | None] = None
    draws: ClassVar[tuple[str, ...]] = ("predicted_vs_true", "r2_against_labels")

    scene: object  # from `simulate.systems.scene`
    targets: list[str]  # lens parameters
    finetuning: object  # `configs.training.Finetune`
    device: str = "cpu"
    name: str = "regression"
    threads: int = os.cpu_count() or 1  # for rendering, while nothing else runs; the images do not depend on it
    config: object = None  # whose `evaluate.data` the images are from; None: they are simulated

    @cached_property
    def examples(self):
        """The `Examples` from files; None if images are simulated."""
        return None if self.config is None else Examples(self.config)

    def labelled(self, split, n, skip=0):
        if self.examples is not None:
            data = self.examples.labelled(split, n, skip)
        else:
            data = labelled_systems(self.scene, self.targets, split, n, skip, self.threads)
        for target, values in data.true.items():
            unknown = int((~torch.isfinite(values)).sum())
            if unknown:
                raise DataError(
                    f"evaluate.targets: {target} has no value in {unknown} of {n} {split} systems, so it can be "
                    "neither learnt nor judged; leave it out, or simulate lenses only"
                )
        return data

    def needs_features(self, protocol):
        return protocol == "ridge"

    def train(self, protocol, network, train, features, seed):
        if protocol == "ridge":
            return ridge(network, train, features)
        return finetune(network, train, self.finetuning, seed, self.device)

    def predict(self, head, images):
        return dict(zip(self.targets, predict(head, images, self.device).T, strict=True))

    def score(self, true, predicted):
        return scores(true, predicted)

    def beside(self, test):
        return {}

    def limit(self, test, progress):
        scene = self.scene
        if self.examples is not None:
            if not self.examples.has_limit():
                return {}
            scene = self.examples.scene
        return cramer_rao(scene, test.indices, self.targets, threads=self.threads, progress=progress)

    def limit_scores(self, true, bounds):
        return limit_scores(true, bounds)

    def facts(self, scores):
        return {"targets": self.targets, "rmse": [scores[target, "rmse"] for target in self.targets]}

    def head(self, network, facts):
        return Supervised(network, np.zeros(len(facts["targets"])), np.ones(len(facts["targets"])))


def make_regression(config, scene):
    """The `Regression` that a config asks for; scene: of its simulation. Its name says where encoders are
    judged by other images than they were trained on."""
    device = "cuda" if config.pretrain.accelerator in ("auto", "cuda") and torch.cuda.is_available() else "cpu"
    evaluate = config.evaluate
    name, of_files = "regression", None
    if evaluate.data is not None:
        name, of_files = f"regression on {Path(evaluate.data.test_path or evaluate.data.path).name}", config
    elif not sees_what_is_simulated(config):
        name = "regression on simulated lenses"
    scene = training_scene(config, scene)
    return Regression(scene, evaluate.targets, evaluate.finetune, device, name, config=of_files)


@torch.no_grad()
def predict(regressor, images, device="cpu"):
    """Targets of images in their own units, float32 numpy (n, t), by a `ssl.methods.supervised.Supervised`."""
    regressor = regressor.to(device).eval()
    parts = [regressor.predict(images[i : i + BATCH].to(device)).cpu() for i in range(0, len(images), BATCH)]
    return torch.cat(parts).numpy()


def ridge(network, train, train_features):
    """Frozen protocol: ridge regression from features to targets, the strength by leave-one-out, one per target.

    Args: network: the frozen encoder. train: `task.Labelled`, n of them. train_features: its features (n, d).
    Returns: the regressor: the encoder with the regression as its linear head.
    """
    y = _table(train).double().numpy()
    spread = np.where(y.std(0) > 0, y.std(0), 1)  # few labels may have the same value
    scaler = StandardScaler().fit(train_features)
    x = scaler.transform(train_features)
    regressor = Supervised(network, y.mean(0), spread)
    regressor.feature_mean.copy_(torch.as_tensor(scaler.mean_))
    regressor.feature_std.copy_(torch.as_tensor(scaler.scale_))
    fits = [RidgeCV(STRENGTHS).fit(x, (column - column.mean()) / (column.std() or 1)) for column in y.T]
    with torch.no_grad():
        regressor.head.weight.copy_(torch.as_tensor(np.stack([fit.coef_ for fit in fits])))
        regressor.head.bias.copy_(torch.as_tensor(np.stack([fit.intercept_ for fit in fits])))
    return regressor


def finetune(network, train, settings, seed, device="cpu"):
    """Fine-tuned protocol: all weights trained on the labels, from the network's weights as they are.

    Args:
        network: an encoder, pre-trained or random; it is copied. train: `task.Labelled`. seed: of head and shuffling.

    Returns: the trained regressor, in evaluation mode.
    """
    device = torch.device(device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)  # not torch.manual_seed: it seeds devices that are not put back
        if device.type == "cuda":
            torch.cuda.manual_seed(seed)
        return _finetune(network, train, settings, seed, device)


def _finetune(network, train, settings, seed, device):
    y = _table(train)
    spread = y.std(0).masked_fill(y.std(0) == 0, 1)
    regressor = Supervised(copy.deepcopy(network), y.mean(0), spread).to(device, memory_format=torch.channels_last)
    groups = param_groups_weight_decay(regressor, weight_decay=settings.weight_decay)
    optimizer = torch.optim.AdamW(groups, lr=settings.lr)
    batch_size = min(settings.batch_size, len(y))
    per_epoch = math.ceil(len(y) / batch_size)
    steps = max(settings.min_steps, settings.epochs * per_epoch)
    order = torch.Generator().manual_seed(seed)
    regressor.train()
    queue = torch.empty(0, dtype=torch.long)
    for step in range(steps):
        if len(queue) < batch_size:
            queue = _and_next_epoch(queue, torch.randperm(len(y), generator=order), batch_size)
        chosen, queue = queue[:batch_size], queue[batch_size:]
        for group in optimizer.param_groups:
            group["lr"] = settings.lr * cosine_warmup_schedule(step, steps, 1.0, 0.0, steps // 10, 0.0, 1.0)
        now = Step(step, step / steps, None, y[chosen].to(device))
        loss, _ = regressor([train.images[chosen].to(device)], now)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return regressor.eval()


def _and_next_epoch(queue, order, batch_size):
    """Images in the order of training, with those of the next epoch behind fewer than a batch of the one that ends.

    Those that would be twice in the batch that both share change places with the next ones of the new epoch, as in
    `ssl.folder.batch_at`; its n >= batch_size images have room for that.
    """
    new, again = batch_size - len(queue), torch.isin(order, queue)
    repeated = again[:new].nonzero()[:, 0]
    free = new + (~again[new:]).nonzero()[: len(repeated), 0]
    order[repeated], order[free] = order[free], order[repeated]
    return torch.cat([queue, order])


def _table(train):
    """The targets of `task.Labelled` side by side, float32 (n, t)."""
    return torch.stack(list(train.true.values()), dim=1)


def scores(true, predicted):
    """R2 and RMSE of each target as {(target, metric): value}; true and predicted: target -> (n,).

    R2 is NaN where all true values are the same.
    """
    out = {}
    for target, values in true.items():
        values = values.astype(float)  # float32 has no square of 1e-24, the mass of an axion
        error = predicted[target] - values
        out[target, "r2"] = float(r2_score(values, predicted[target])) if np.ptp(values) > 0 else math.nan
        out[target, "rmse"] = float(np.sqrt(np.mean(error**2)))
    return out


def limit_scores(true, bounds):
    """The scores of an estimator that reaches the information limit; true and bounds: target -> (n,)."""
    out = {}
    for target, values in true.items():
        variance = float(np.mean(bounds[target] ** 2))
        spread = float(values.var())
        out[target, "r2"] = 1 - variance / spread if spread > 0 else math.nan
        out[target, "rmse"] = math.sqrt(variance)
    return out
