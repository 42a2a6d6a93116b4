"""Parameter recovery: how well encoders, frozen or fine-tuned, tell a lens's parameters from its image."""

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from lightly.utils.scheduler import cosine_warmup_schedule
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler
from timm.optim import param_groups_weight_decay

from ...simulate.stream import simulate
from ...simulate.systems.scene import FIRST_INDEX
from ...ssl.methods.base import Step
from ...ssl.methods.supervised import Supervised
from ...ssl.probe import BATCH, STRENGTHS, features_of

COLUMNS = ["task", "encoder", "protocol", "n_labels", "seed", "target", "metric", "value"]


@dataclass(frozen=True)
class Labelled:
    """Images with the lens parameters that an evaluation asks for."""

    images: torch.Tensor  # float32 (n, bands, num_pix, num_pix) [counts/s/pixel]
    targets: torch.Tensor  # float32 (n, t)
    indices: np.ndarray  # uint64 (n,)

    def first(self, n):
        """The first n of them."""
        return Labelled(self.images[:n], self.targets[:n], self.indices[:n])


def labelled_lenses(scene, targets, split, n, skip=0, threads=1):
    """`n` simulated lenses of a split ("labelled" or "test"), after the first `skip`, as `Labelled`."""
    indices = np.arange(skip, skip + n, dtype=np.uint64) + np.uint64(FIRST_INDEX[split])
    batch = simulate(scene, indices, threads=threads)
    return Labelled(batch.images[:, 0], torch.stack([batch.labels[t] for t in targets], dim=1), indices)


def features(network, images, device="cpu"):
    """What a network, moved to a device, says of images (n, bands, h, w): float32 numpy (n, d)."""
    return features_of(network.to(device), images)


@torch.no_grad()
def predict(regressor, images, device="cpu"):
    """Targets of images in their own units, float32 numpy (n, t), by a `ssl.methods.supervised.Supervised`."""
    regressor = regressor.to(device).eval()
    parts = [regressor.predict(images[i : i + BATCH].to(device)).cpu() for i in range(0, len(images), BATCH)]
    return torch.cat(parts).numpy()


def ridge(network, train, train_features):
    """Frozen protocol: ridge regression from features to targets, the strength by leave-one-out, one per target.

    Args: network: the frozen encoder. train: `Labelled`, n of them. train_features: its features (n, d).
    Returns: the regressor: the encoder with the regression as its linear head.
    """
    y = train.targets.numpy()
    scaler = StandardScaler().fit(train_features)
    x = scaler.transform(train_features)
    regressor = Supervised(network, y.mean(0), y.std(0))
    regressor.feature_mean.copy_(torch.as_tensor(scaler.mean_))
    regressor.feature_std.copy_(torch.as_tensor(scaler.scale_))
    fits = [RidgeCV(STRENGTHS).fit(x, (column - column.mean()) / column.std()) for column in y.T]
    with torch.no_grad():
        regressor.head.weight.copy_(torch.as_tensor(np.stack([fit.coef_ for fit in fits])))
        regressor.head.bias.copy_(torch.as_tensor(np.stack([fit.intercept_ for fit in fits])))
    return regressor


def finetune(network, train, settings, seed, device="cpu"):
    """Fine-tuned protocol: all weights trained on the labels, from the network's weights as they are.

    Args:
        network: an encoder, pre-trained or random; it is copied. train: `Labelled`. seed: of head and shuffling.

    Returns: the trained regressor, in evaluation mode.
    """
    torch.manual_seed(seed)
    y = train.targets
    regressor = Supervised(copy.deepcopy(network), y.mean(0), y.std(0)).to(device, memory_format=torch.channels_last)
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
            queue = torch.cat([queue, torch.randperm(len(y), generator=order)])
        chosen, queue = queue[:batch_size], queue[batch_size:]
        for group in optimizer.param_groups:
            group["lr"] = settings.lr * cosine_warmup_schedule(step, steps, 1.0, 0.0, steps // 10, 0.0, 1.0)
        now = Step(step, step / steps, None, y[chosen].to(device))
        loss, _ = regressor([train.images[chosen].to(device)], now)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return regressor.eval()


def scores(encoder, protocol, n_labels, seed, targets, true, predicted):
    """Tidy rows (COLUMNS) of R2 and RMSE of each target; true and predicted are (n, t)."""
    rows = []
    for k, target in enumerate(targets):
        error = predicted[:, k] - true[:, k]
        for metric, value in (("r2", r2_score(true[:, k], predicted[:, k])), ("rmse", np.sqrt(np.mean(error**2)))):
            rows.append(["regression", encoder, protocol, n_labels, seed, target, metric, float(value)])
    return rows


def limit_scores(targets, true, bound):
    """Tidy rows of the information limit: the R2 and RMSE of an estimator that reaches the bound {target: (n,)}."""
    rows = []
    for k, target in enumerate(targets):
        variance = float(np.mean(bound[target] ** 2))
        for metric, value in (("r2", 1 - variance / float(true[:, k].var())), ("rmse", math.sqrt(variance))):
            rows.append(["regression", "limit", "cramer-rao", 0, 0, target, metric, value])
    return rows
