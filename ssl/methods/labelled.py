"""What methods that learn from labels share: one view, whose loss is that of its features, and the targets' units."""

import torch


def loss_on_labels(method, views, step):
    """The loss of a method's `loss_of`, from the features of the only view, and these features (n, d).

    It is float32 with autocast, too: bf16 cannot tell targets apart as features can.
    """
    features = method.network(views[0])
    with torch.autocast(features.device.type, enabled=False):
        return method.loss_of(features.float(), step.labels), features


def add_units(method, mean, std):
    """Give a method `mean` and `std` (t,), by which targets are standardised, as buffers: they go with its weights."""
    method.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32))
    method.register_buffer("std", torch.as_tensor(std, dtype=torch.float32))
