"""The teacher of BYOL, DINO and iBOT: an exponential moving average of the student, without gradients."""

import copy
import math
from contextlib import contextmanager

import torch
from lightly.models.utils import update_momentum
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


class Teacher(nn.Module):
    """A network and a head that start as the student's and follow it slowly. Forward: images to the head's outputs.

    While the student trains, batch norms use the batch and keep running statistics of their own, as in the papers'
    code: so the teacher's network can be evaluated as it is. Dropout and stochastic depth are the student's alone.

    Args: network, head: the student's. twin: a second head of its class and sizes, as weight norm cannot be copied.
    """

    def __init__(self, network, head, twin):
        super().__init__()
        self.network, self.head = copy.deepcopy(network), twin
        self.head.load_state_dict(head.state_dict())
        self.requires_grad_(False)
        self.train()

    def train(self, mode=True):
        """Switch the batch norms; all else stays as it is in evaluation."""
        super().train(False)
        self.training = mode
        for module in self.modules():
            if isinstance(module, _BatchNorm):
                module.train(mode)
        return self

    @contextmanager
    def at_work(self):
        """No gradients, and the teacher's own mode: a probe of its network may have left it in another."""
        self.train(self.training)
        with torch.no_grad():
            yield self

    def forward(self, images):
        return self.head(self.network(images))

    def follow(self, network, head, momentum):
        """Weights become momentum * their own + (1 - momentum) * the student's."""
        update_momentum(network, self.network, momentum)
        update_momentum(head, self.head, momentum)


def momentum_at(start, done, final=1.0):
    """Momentum when the share `done` of the training is behind: from `start` to `final` with a cosine
    (arXiv:2006.07733)."""
    return final - (final - start) * (math.cos(math.pi * done) + 1) / 2
