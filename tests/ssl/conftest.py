"""What tests of trainings share."""

import pytest
import torch

from lenstream.configs.load import load
from lenstream.simulate.systems.scene import make_scene


@pytest.fixture(scope="module")
def tiny():
    config = load("tiny")
    return config, make_scene(config.simulate, config.seed)


@pytest.fixture(scope="module")
def one_thread():
    """One thread, as the ranks have; several are slower for small work on busy cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
