"""Batch norm over all ranks of a distributed training, on CPUs too, as if one process had the whole batch.

torch's own SyncBatchNorm exists on GPUs only; this one works wherever the ranks can add tensors up.
"""

import torch
from lightly.utils.dist import gather, world_size
from timm.layers import BatchNormAct2d, convert_sync_batchnorm
from torch import nn

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, BatchNormAct2d)


def synchronise(model, device="cpu"):
    """The model, with every batch norm in it (timm's with an activation too) seeing the batches of all ranks.

    Parameters, buffers and their names stay, so checkpoints fit models of any number of ranks; with one process, or in
    eval mode, nothing changes. device: where the model will run.
    """
    if torch.device(device).type == "cuda":
        return convert_sync_batchnorm(model)
    for module in model.modules():
        if type(module) in _BATCH_NORMS:
            module.__class__ = _SynchronisedNorm  # in place: weights, hooks, activation and mode stay as they are
    return model


class _SynchronisedNorm(nn.modules.batchnorm._BatchNorm):
    """A batch norm in training whose mean and variance are those of all ranks."""

    def forward(self, x):
        x = self._normalise(x) if self.training and world_size() > 1 else super().forward(x)
        return self.act(self.drop(x)) if hasattr(self, "act") else x  # timm's BatchNormAct2d

    def _check_input_dim(self, x):
        """Accept any shape (n, c, ...)."""

    def _normalise(self, x):
        wide, channels = x.to(torch.promote_types(x.dtype, torch.float32)), x.shape[1]
        mean, variance, count = _of_all_ranks(wide)
        if self.track_running_stats:
            self._follow(mean, variance * count / (count - 1))
        scale = torch.rsqrt(variance + self.eps)
        if self.weight is not None:
            scale = scale * self.weight
        shape = 1, channels, *[1] * (x.dim() - 2)
        normalised = (wide - mean.view(shape)) * scale.view(shape)
        if self.bias is not None:
            normalised = normalised + self.bias.view(shape)
        return normalised.to(x.dtype)

    @torch.no_grad()
    def _follow(self, mean, variance):
        self.num_batches_tracked.add_(1)
        share = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(variance.to(self.running_var.dtype), share)


def _of_all_ranks(x):
    """Mean and variance (c,) of x (n, c, ...) over all but its channels and over all ranks, and how many values enter.

    From means and variances of the ranks (Chan+ 1983): sums of squares would have no digits left where the mean is
    much larger than the deviation. One exchange forward, one backward.
    """
    channels, axes = x.shape[1], [axis for axis in range(x.dim()) if axis != 1]
    variance, mean = torch.var_mean(x, axes, correction=0)
    here = torch.cat([mean, variance, x.new_tensor([x.numel() / channels])])
    means, variances, counts = torch.stack(gather(here)).split([channels, channels, 1], dim=1)
    count = counts.sum()
    mean = (counts * means).sum(0) / count
    variance = (counts * (variances + (means - mean).square())).sum(0) / count
    return mean, variance, count
