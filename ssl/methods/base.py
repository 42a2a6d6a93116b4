"""The interface of a pre-training method: a module with a loss on views, and the random numbers it may use."""

from typing import NamedTuple

import torch
from torch import nn


class Draws:
    """Random numbers of the samples of a batch: the same for a sample whichever rank, or part of the batch, it is in.

    Args: seed: int below 2^63. total: samples in the whole batch, over all ranks. rows: slice of those at hand.
    """

    def __init__(self, seed, total, rows=None, device="cpu"):
        self.generator = torch.Generator(device=device).manual_seed(seed)
        self.total, self.rows = total, rows or slice(None)

    def uniform(self, *shape):
        """float32 (n, *shape) between 0 and 1; drawn for the whole batch, which is the price of being the same."""
        drawn = torch.rand(self.total, *shape, generator=self.generator, device=self.generator.device)
        return drawn[self.rows]

    def normal(self, *shape):
        """float32 (n, *shape) with mean 0 and standard deviation 1."""
        drawn = torch.randn(self.total, *shape, generator=self.generator, device=self.generator.device)
        return drawn[self.rows]


class Step(NamedTuple):  # Fabric looks into named tuples for tensors, and stumbles over frozen dataclasses
    """What a method's loss needs beside the views: where the training is, random numbers, labels."""

    number: int  # of the optimiser step, from 0
    done: float  # share of the training that is behind, 0 at the first step and below 1 at the last
    draws: Draws  # random numbers of the samples in this batch
    labels: torch.Tensor | None = None  # float32 (n, t), for supervised methods only


class Method(nn.Module):
    """A self-supervised method around a `Network`; the defaults suit methods without a teacher.

    A method is made as METHOD(network, settings), its settings being the section of `configs.methods` of its name.
    Forward: views, a list of float (n, bands, h, w), global ones first, and a `Step`; to the loss (a float32 scalar,
    the mean over the samples at hand) and features (n, d) to watch. All of the loss belongs in it: DDP sees no more.
    """

    n_views = 2  # global views that it needs
    needs_labels = False  # of every system, the targets of the evaluation: `Step.labels`
    behind = None  # the name of what is judged behind the encoder, if there is: a head, or a projector

    def __init__(self, network):
        super().__init__()
        self.network = network

    def constant_lr(self):
        """The parameters whose learning rate does not decay."""
        return []

    def after_backward(self, step):
        """Called between the backward pass and the optimiser's step, e.g. to hold back gradients."""

    def after_step(self, step):
        """Called when the optimiser has moved the weights, e.g. to let a teacher follow."""

    def encoder(self):
        """The `Network` that is kept when the training is over."""
        return self.network
