"""Lenses that several tests of real lenses use."""

import os
from pathlib import Path

import numpy as np
import pytest

from lenstream.evaluate.real.cutouts import Cutout

from .planted import Planted


@pytest.fixture
def slacs():
    """The folder of the real lenses slacs_dev; without it, the test is skipped."""
    data = Path(os.environ.get("LENSTREAM_DATA", Path(__file__).resolve().parents[3] / "../shared/data"))
    if not (data / "slacs_dev").is_dir():
        pytest.skip("the real lenses slacs_dev are not there: set LENSTREAM_DATA")
    return data / "slacs_dev"


@pytest.fixture
def lenses():
    """A function that makes n cut-outs of noise, L0, L1, ..."""

    def make(n, size=16):
        rng = np.random.default_rng(0)
        noise = np.full((size, size), 0.1, np.float32)
        return [
            Cutout(f"L{i}", rng.normal(0, 0.1, (size, size)).astype(np.float32), noise, 0.01 * i, True, 0.1)
            for i in range(n)
        ]

    return make


@pytest.fixture(scope="session")
def planted(tmp_path_factory):
    """Lenses of a small population with what their fits have in common, as `planted.Planted`."""
    with pytest.MonkeyPatch.context() as patch:
        yield Planted(tmp_path_factory.mktemp("planted"), patch)
