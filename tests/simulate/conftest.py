"""Scenes that several tests of the simulator use."""

import pytest

from lenstream.configs.load import load
from lenstream.simulate.scene import make_scene


@pytest.fixture(scope="session")
def w1():
    """Workload W1: EPL + SHEAR, one Sersic source, Gaussian PSF, no noise."""
    return make_scene(load("w1").simulate, 1)


@pytest.fixture(scope="session")
def galaxies():
    """The demo's scene with few galaxies: image sources and noise."""
    return make_scene(load("demo", ["simulate.source.0.n_galaxies=8"]).simulate, 1)
