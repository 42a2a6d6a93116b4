"""Optimisers, learning-rate schedule, which weights decay, and the running average of the weights."""

import torch
from lightly.utils.lars import LARS
from lightly.utils.scheduler import cosine_warmup_schedule
from timm.optim import param_groups_weight_decay

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
                groups.append(group | {"params": chosen, "constant_lr": is_constant})
    if settings.optimizer == "lars":
        return LARS(groups, lr=settings.lr, momentum=0.9)
    fused = {"fused": True} if all(p.device.type in ("cpu", "cuda") for p in model.parameters()) else {}
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.lr, momentum=0.9, **fused)
    adam = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.AdamW
    return adam(groups, lr=settings.lr, **fused)


def set_learning_rate(optimizer, settings, step, steps):
    """Linear warm-up then cosine, per step; groups marked constant_lr keep the peak rate."""
    final = settings.lr_final / settings.lr
    factor = cosine_warmup_schedule(step, steps, 1.0, final, min(settings.warmup, steps), 0.0, 1.0)
    for group in optimizer.param_groups:
        group["lr"] = settings.lr * (1.0 if group["constant_lr"] else factor)


@torch.no_grad()
def follow(average, network, momentum):
    """Move a network's running average: average <- momentum * average + (1 - momentum) * network, buffers too."""
    for old, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if old.is_floating_point():
            old.lerp_(new, 1 - momentum)
        else:
            old.copy_(new)
