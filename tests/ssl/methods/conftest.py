"""Fixtures for the tests of methods: one torch thread, and the smallest encoders."""

import pytest
import torch
from torch import nn

from lenstream.ssl.methods.base import Draws, Step


class Flat(nn.Module):
    """One linear layer: 1 x 4 x 4 pixels to 8 features."""

    num_features = 8

    def __init__(self):
        super().__init__()
        self.normalize = nn.Identity()
        self.backbone = nn.Linear(16, 8)

    def forward(self, images):
        return self.backbone(self.normalize(images).flatten(1))


class Through(nn.Module):
    """The pixels are the features."""

    num_features = 16

    def forward(self, images):
        return images.flatten(1)


def draw_views():
    """Two views of 12 images, half of them brighter."""
    views = torch.randn(2, 12, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    views[1] = views[0] + 0.5 * views[1]
    views[:, 6:] = 2 * views[:, 6:] + 1
    return list(views)


@pytest.fixture(autouse=True)
def one_torch_thread():
    """Threads that wait for each other make these small things slow where cores are busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def flat_network():
    torch.manual_seed(0)
    return Flat()


@pytest.fixture
def through_network():
    return Through()


@pytest.fixture
def flat_views():
    return draw_views()


@pytest.fixture
def flat_step():
    return Step(0, 0.0, Draws(0, 12))


@pytest.fixture
def loss_of(through_network, flat_step):
    """A function: the loss that a method finds when these (n, 16) are the projections."""

    def loss_of(method_of, settings, z1, z2):
        method = method_of(through_network, settings)
        method.projector = nn.Identity()
        return method([z.view(-1, 1, 4, 4) for z in (z1, z2)], flat_step)[0]

    return loss_of


@pytest.fixture
def plus_minus():
    """float32 (16, 16) of -1 and 1, but for the first column columns with mean 0 that do not correlate."""
    matrix = torch.ones(1, 1)
    for _ in range(4):
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)])
    return matrix
