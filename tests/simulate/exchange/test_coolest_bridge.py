"""Simulated systems as COOLEST files: their readers make the image that is rendered."""

import json

import numpy as np
import pytest

from lenstream.errors import DataError
from lenstream.simulate.exchange.coolest_bridge import to_coolest
from lenstream.simulate.exchange.coolest_terms import from_coolest
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views

from .random_systems import image_of

SMALL = {"num_pix": 24, "pixel_scale": 0.16, "rays": 2}
LIGHT = [
    {"profile": "DOUBLE_SERSIC", "magnitude": 21, "bulge_fraction": 0.3, "R_sersic": 0.6, "R_bulge": 0.2, "e1": 0.2}
]


@pytest.fixture(scope="module")
def scene(scene_with, observed, tmp_path_factory):
    path = tmp_path_factory.mktemp("psf") / "psf.npy"
    np.save(path, np.random.default_rng(0).uniform(0, 1, (5, 5)))
    changes = {"psf": {"kind": "pixel", "file": str(path)}, "ccd_gain": 2.0, "data_count_unit": "ADU"}
    return scene_with(image=SMALL, lens_light=LIGHT, observation=observed(**changes))


def test_the_image_of_the_file_is_the_rendered_one(scene, tmp_path, by_lenstronomy, by_coolest):
    systems = draw(scene, np.arange(3), Views())
    ours = 2.0 * render(scene, systems, dtype=np.float64)[2, 0]
    paths = to_coolest(tmp_path / "a.json", scene, systems, 2)
    assert [path.name for path in paths] == ["a_image.fits", "a_noise.fits", "a_psf.fits", "a.json"]
    for terms in (from_coolest(paths[-1]), by_lenstronomy(paths[-1])):
        terms["kwargs_numerics"] = {"supersampling_factor": 2, "supersampling_convolution": False}
        np.testing.assert_allclose(image_of(terms), ours, rtol=0, atol=1e-7 * ours.max())
        np.testing.assert_allclose(terms["kwargs_data"]["image_data"], ours, rtol=0, atol=1e-6 * ours.max())
    lensed, _ = by_coolest(paths[-1], 2)
    np.testing.assert_allclose(
        lensed, image_of(from_coolest(paths[-1]), lens_light_add=False), rtol=0, atol=1e-7 * ours.max()
    )
    template = json.loads(paths[-1].read_text())
    assert template["meta"]["index"] == 2 and template["meta"]["redshifts"] == "as given"
    assert template["observation"]["mag_zero_point"] == pytest.approx(25.96)  # of one electron a second
    assert [e["redshift"] for e in template["lensing_entities"]] == [0.5, 0.5, 1.0]


def test_subhalos_are_refused(scene_with, tmp_path):
    dark = [{"kind": "CDM", "n_mean": 5, "m_min": 1e8, "m_max": 1e9, "r_max": 2}]
    scene = scene_with(image=SMALL, substructure=dark)
    with pytest.raises(DataError, match=r"kwargs_lens.\d: the mass profile TNFW has no counterpart in COOLEST"):
        to_coolest(tmp_path / "a.json", scene, draw(scene, np.arange(1), Views()), 0)
    assert not list(tmp_path.iterdir())
