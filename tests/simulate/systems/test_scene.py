"""A scene: galaxies are read once, and what is missing is said."""

import os
from pathlib import Path

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.errors import DataError
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene


def test_a_made_up_galaxy_without_a_size_is_refused():
    config = load("demo", ["simulate.source.0.R_half=null"])
    with pytest.raises(DataError, match=r"source\.0\.R_half"):
        make_scene(config.simulate, 1)


def test_real_galaxies_from_a_catalogue_are_sources():
    data = Path(os.environ.get("LENSTREAM_DATA", Path(__file__).parents[3] / "../shared/data"))
    catalogue = data / "cosmos_23.5" / "real_galaxy_catalog_23.5.fits"
    if not catalogue.is_file():
        pytest.skip(f"the real galaxies are not at {data}")
    changes = [f"simulate.source.0.catalogue={catalogue}", "simulate.source.0.magnitude=null"]
    scene = make_scene(load("demo", [*changes, "simulate.source.0.R_half=null"]).simulate, 1)
    sources = [draw(scene, first + np.arange(200), Views()).source[0] for first in FIRST_INDEX.values()]
    source = {name: np.concatenate([part[name] for part in sources]) for name in sources[0]}
    assert len(np.unique(source["stamp"])) == len(scene.stamps.images) == 10
    np.testing.assert_allclose(source["scale"], 0.03, rtol=1e-6)
    assert (np.abs(source["magnitude"] - 22.15) < 1.3).all()
