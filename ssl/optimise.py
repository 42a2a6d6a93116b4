"""Optimisers, schedules of their rates, which weights decay, and the running average of the weights."""

import torch
from lightly.utils.lars import LARS
from lightly.utils.scheduler import cosine_schedule, cosine_warmup_schedule
from timm.optim import Lamb, param_groups_weight_decay
from torch.optim.lr_scheduler import ReduceLROnPlateau

_NOT_WEIGHTS = (
    "pos_embed",
    "cls_token",
    "reg_token",
    "mask_token",
)  # names of tokens and positions in timm and lightly


def make_optimizer(model, settings, constant_lr=()):
    """The optimiser of an encoder's settings; biases, norms, tokens and positions carry no weight decay.

    Parameters in `constant_lr` get groups of their own, marked so for `set_learning_rate`.
    """
    undecayed = [n for n, _ in model.named_parameters() if n.endswith(_NOT_WEIGHTS)]
    constant = {id(p) for p in constant_lr}
    groups = []
    for group in param_groups_weight_decay(model, settings.weight_decay, no_weight_decay_list=undecayed):
        for is_constant in (False, True):
            chosen = [p for p in group["params"] if (id(p) in constant) == is_constant]
            if chosen:
                marks = {"constant_lr": is_constant, "decays": group["weight_decay"] > 0}
                groups.append(group | {"params": chosen} | marks)
    if settings.optimizer == "lars":
        return LARS(groups, lr=settings.lr, momentum=0.9)
    if settings.optimizer == "lamb":  # `clip` bounds gradients, not Lamb itself
        return Lamb(groups, lr=settings.lr, betas=settings.betas, max_grad_norm=None)
    fused = {"fused": True} if all(p.device.type in ("cpu", "cuda") for p in model.parameters()) else {}
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.lr, momentum=0.9, **fused)
    adam = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.AdamW
    return adam(groups, lr=settings.lr, betas=settings.betas, **fused)


def set_learning_rate(optimizer, settings, step, steps, lowered=1.0):
    """Linear warm-up then the schedule, per step; groups marked constant_lr keep the peak rate.

    Args: lowered: by what a plateau has multiplied the rate so far.
    """
    factor = lowered * _factor(settings, step, steps)
    for group in optimizer.param_groups:
        group["lr"] = settings.lr * (1.0 if group["constant_lr"] else factor)
        if isinstance(optimizer, Lamb):  # it counts in its groups, which no checkpoint has
            group["step"] = torch.tensor(float(step))


def set_weight_decay(optimizer, settings, step, steps):
    """From weight_decay to weight_decay_final with a cosine, of those weights that decay."""
    if settings.weight_decay_final is None:
        return
    for group in optimizer.param_groups:
        if group["decays"]:
            group["weight_decay"] = cosine_schedule(step, steps, settings.weight_decay, settings.weight_decay_final)


class Plateau:
    """By what the learning rate is multiplied, which falls where the training loss does: torch's ReduceLROnPlateau.

    Compared are means of the losses of `plateau.every` steps. Attributes: factor: that number now.
    """

    def __init__(self, settings):
        asked = settings.plateau
        self._every, self._losses, self._seen = asked.every, 0.0, 0
        self._rate = torch.optim.SGD([torch.zeros(1)], lr=1.0)  # torch lowers the rate of an optimiser only
        self._judge = ReduceLROnPlateau(
            self._rate, factor=asked.factor, patience=asked.patience, min_lr=settings.lr_final / settings.lr, eps=0.0
        )

    @property
    def factor(self):
        return self._rate.param_groups[0]["lr"]

    def see(self, loss):
        """Take the loss of a step, a float, the same on all ranks."""
        self._losses, self._seen = self._losses + loss, self._seen + 1
        if self._seen == self._every:
            self._judge.step(self._losses / self._every)
            self._losses, self._seen = 0.0, 0

    def state_dict(self):
        """What `load_state_dict` takes: float64 tensors by name."""
        numbers = {"factor": self.factor, "losses": self._losses, "seen": self._seen}
        numbers |= {"best": self._judge.best, "bad": self._judge.num_bad_epochs}
        return {name: torch.tensor(float(value), dtype=torch.float64) for name, value in numbers.items()}

    def load_state_dict(self, tensors):
        """Go on from a `state_dict`."""
        numbers = {name: float(value) for name, value in tensors.items()}
        self._rate.param_groups[0]["lr"] = numbers["factor"]
        self._losses, self._seen = numbers["losses"], int(numbers["seen"])
        self._judge.best, self._judge.num_bad_epochs = numbers["best"], int(numbers["bad"])


def _factor(settings, step, steps):
    """The learning rate over its peak, without what a plateau does."""
    warmup, final = min(settings.warmup, steps), settings.lr_final / settings.lr
    if settings.schedule == "cosine" or step < warmup:
        return cosine_warmup_schedule(step, steps, 1.0, final, warmup, 0.0, 1.0)
    if settings.schedule == "linear":
        return 1.0 + (final - 1.0) * min((step - warmup) / max(steps - warmup - 1, 1), 1.0)
    return 1.0


@torch.no_grad()
def follow(average, network, momentum):
    """Move a network's running average: average <- momentum * average + (1 - momentum) * network, buffers too."""
    for old, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if old.is_floating_point():
            old.lerp_(new, 1 - momentum)
        else:
            old.copy_(new)
