"""Fine-tuning: all weights of an encoder with a head are trained on labels, from the weights as they are."""

import copy
import math

import numpy as np
import torch
from lightly.utils.scheduler import cosine_warmup_schedule
from timm.optim import param_groups_weight_decay

from ...ssl.augment import augment
from ...ssl.methods.base import Draws, Step
from ...ssl.probe import BATCH
from ...ssl.randomness import seed_of

PLATEAU_EPOCHS, PLATEAU_FACTOR = 5, 0.1  # without a lower loss, after which the rate is lowered, and how
N_VALIDATION = 500  # simulated systems by which a training is ended, beside the labels
HELD_OUT = 0.1  # of the labels of images in files
_OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def finetune(network, make_head, train, settings, seed, device="cpu", validation=None, progress=lambda share: None):
    """All weights trained on labels, from the network's weights as they are.

    Args:
        network: an encoder, pre-trained or random; it is copied. make_head: from a network to the
            `ssl.methods.base.Method` with the loss. train: pair of images (n, bands, h, w) and labels (n, t).
        settings: `configs.training.Finetune`. seed: of head and shuffling. validation: a pair as `train`, if the
            settings ask for one. progress: as of `task.Task.train`.

    Returns: the trained head, in evaluation mode; its weights are those of the lowest validation loss if the settings
    have a patience, else the last.
    """
    device = torch.device(device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)  # not torch.manual_seed: it seeds devices that are not put back
        if device.type == "cuda":
            torch.cuda.manual_seed(seed)
        head = make_head(copy.deepcopy(network)).to(device, memory_format=torch.channels_last)
        return _train(head, train, settings, seed, device, validation, progress)


def finetuned(task, network, train, table, make_head, seed, progress):
    """`finetune` by a task's settings, with a validation part if they ask for one.

    Args: task: with `finetuning`, `device` and `examples`. train: `Labelled`. table: from it to labels (n, t).
    make_head: from a network and the labels that it learns from to the method with the loss. seed: of all choices.
    progress: as of `task.Task.train`.
    """
    train, held_out = validation_part(task, train, seed) if task.finetuning.validates else (train, None)
    labels = table(train)
    known = None if held_out is None else (held_out.images, table(held_out))
    pair = train.images, labels
    settings, device = task.finetuning, task.device
    return finetune(network, lambda copy: make_head(copy, labels), pair, settings, seed, device, known, progress)


def validation_part(task, train, seed):
    """What is left to learn from, and examples by which a training is ended: a pair of `Labelled`.

    Simulated systems are others than the labelled ones, and so is the validation part of images in files, if they have
    one; else a tenth of the labels is held out, the same share of each class.

    Args: task: with `examples`, None where systems are simulated. train: `Labelled`. seed: of the choice.
    """
    there = N_VALIDATION if task.examples is None else min(task.examples.count("validation"), N_VALIDATION)
    if there:
        return train, task.labelled("validation", there)
    rng = np.random.default_rng(seed)
    labels = np.concatenate([values.numpy().reshape(len(values), -1) for values in train.true.values()], axis=1)
    whole = all(not values.is_floating_point() for values in train.true.values())
    groups = np.unique(labels, axis=0, return_inverse=True)[1].ravel() if whole else np.zeros(len(labels), int)
    order = rng.permutation(len(labels))
    ranks = np.zeros(len(labels))
    for group in np.unique(groups):  # each spread evenly over 0 to 1, so that the lowest are a share of all
        own = order[groups[order] == group]
        ranks[own] = (np.arange(len(own)) + rng.random()) / len(own)
    held = np.argsort(ranks, kind="stable")[: max(round(HELD_OUT * len(labels)), 1)]
    rest = np.setdiff1d(np.arange(len(labels)), held)
    return train.of(rest), train.of(np.sort(held))


def _train(head, train, settings, seed, device, validation, progress):
    images, labels = train
    groups = param_groups_weight_decay(head, weight_decay=settings.weight_decay)
    optimizer = _OPTIMIZERS[settings.optimizer](groups, lr=settings.lr)
    batch_size = min(settings.batch_size, len(labels))
    per_epoch = math.ceil(len(labels) / batch_size)
    steps = max(settings.min_steps, settings.epochs * per_epoch)
    order, watched = torch.Generator().manual_seed(seed), _Validation(settings, optimizer) if validation else None
    head.train()
    queue = torch.empty(0, dtype=torch.long)
    for step in range(steps):
        progress(step / steps)
        if len(queue) < batch_size:
            queue = _and_next_epoch(queue, torch.randperm(len(labels), generator=order), batch_size)
        chosen, queue = queue[:batch_size], queue[batch_size:]
        if settings.schedule == "cosine":
            lowest = settings.lr_final / settings.lr
            for group in optimizer.param_groups:
                group["lr"] = settings.lr * cosine_warmup_schedule(step, steps, 1.0, lowest, steps // 10, 0.0, 1.0)
        now = Step(step, step / steps, None, labels[chosen].to(device))
        seen = images[chosen].to(device)
        if settings.augment is not None:
            seen = augment(seen, settings.augment, Draws(seed_of(seed, "finetune", step), len(seen), device=device))
        loss, _ = head([seen], now)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ends_epoch = (step + 1) % per_epoch == 0 or step + 1 == steps
        if watched is not None and ends_epoch and watched.is_over(head, _loss(head, validation, device)):
            break
    if watched is not None and watched.best is not None:
        head.load_state_dict(watched.best)
    return head.eval()


class _Validation:
    """The lowest loss of the validation part so far, the weights that had it, and the epochs since."""

    def __init__(self, settings, optimizer):
        self.patience, self.lowest, self.since, self.best, self._plateau = settings.patience, math.inf, 0, None, None
        if settings.schedule == "plateau":
            self._plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, factor=PLATEAU_FACTOR, patience=PLATEAU_EPOCHS, min_lr=settings.lr_final
            )

    def is_over(self, head, loss):
        """Whether the training ends after an epoch with this loss."""
        if self._plateau is not None:
            self._plateau.step(loss)
        if self.patience is None:
            return False
        if loss < self.lowest:
            self.lowest, self.since, self.best = loss, 0, copy.deepcopy(head.state_dict())
        else:
            self.since += 1
        return self.since >= self.patience


@torch.no_grad()
def _loss(head, data, device):
    """The mean loss over images with labels, in evaluation mode."""
    images, labels = data
    head.eval()
    total = 0.0
    for i in range(0, len(labels), BATCH):
        part = labels[i : i + BATCH]
        loss, _ = head([images[i : i + BATCH].to(device)], Step(0, 0.0, None, part.to(device)))
        total += float(loss) * len(part)
    head.train()
    return total / len(labels)


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
