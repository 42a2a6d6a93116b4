"""The smallest encoders, and the gradients that two ranks find together."""

import subprocess
import sys

import pytest
import torch
from torch import distributed, nn

from lenstream.configs import methods as settings_of
from lenstream.ssl.methods.barlow import BarlowTwins
from lenstream.ssl.methods.base import Draws, Step
from lenstream.ssl.methods.simclr import SimCLR
from lenstream.ssl.methods.vicreg import VICReg

GATHERING = {
    "barlow": (BarlowTwins, settings_of.BarlowTwins(method="barlow", redundancy=0.1)),
    "simclr": (SimCLR, settings_of.SimCLR(method="simclr")),
    "vicreg": (VICReg, settings_of.VICReg(method="vicreg")),
}


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
    """Two views of 12 images; the second half, which is that of the second rank, is brighter."""
    views = torch.randn(2, 12, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    views[1] = views[0] + 0.5 * views[1]
    views[:, 6:] = 2 * views[:, 6:] + 1
    return list(views)


def gradients(name, rows):
    """Loss and gradients of a method's network and projection, without batch norm, for these rows of the views."""
    torch.manual_seed(0)
    method_of, settings = GATHERING[name]
    method = method_of(Flat(), settings)
    method.projector = nn.Linear(8, 6)
    loss, _ = method([view[rows] for view in draw_views()], Step(0, 0.0, Draws(0, 12, rows)))
    loss.backward()
    return torch.cat([loss.detach()[None], *(p.grad.flatten() for p in method.parameters())])


def run_rank(rank, folder):
    """One of two processes: the mean of the ranks' gradients, as DDP takes it, goes to a file."""
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.set_num_threads(1)
    found = {name: gradients(name, slice(6 * rank, 6 * rank + 6)) for name in GATHERING}
    for gradient in found.values():
        distributed.all_reduce(gradient)
        gradient /= 2
    if rank == 0:
        torch.save(found, f"{folder}/found.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="session")
def one_and_two_ranks(tmp_path_factory):
    """Dict of method to its loss and gradients in one process, and those that two processes find with half each."""
    folder = tmp_path_factory.mktemp("ranks")
    code = "import runpy, sys; runpy.run_path(sys.argv[1])['run_rank'](int(sys.argv[2]), sys.argv[3])"
    ranks = [subprocess.Popen([sys.executable, "-c", code, __file__, str(rank), str(folder)]) for rank in range(2)]
    try:
        assert [rank.wait(timeout=120) for rank in ranks] == [0, 0]
    finally:
        for rank in ranks:
            rank.kill()
    two = torch.load(folder / "found.pt")
    return {name: (gradients(name, slice(None)), two[name]) for name in GATHERING}


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
