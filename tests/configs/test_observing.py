"""How a simulation is observed, in words: against the scene that is made of it."""

import pytest

from lenstream.configs.load import load
from lenstream.configs.observing import grids, grids_in_words, lost_in_words, observation_rows, selection_in_words
from lenstream.simulate.systems.scene import make_scene

TWO_GRIDS = [
    "simulate.bands={VIS: {}, J: {image: {pixel_scale: 0.3}}, H: {image: {pixel_scale: 0.3}}}",
    "simulate.image={num_pix: 32, pixel_scale: 0.1}",
]


@pytest.mark.parametrize(
    ("recipe", "overrides"),
    [("tiny", []), ("lensiam_resnet101", []), ("lens_finding", []), ("deeplense_model_3", []), ("tiny", TWO_GRIDS)],
)
def test_grids_are_those_of_the_scene(recipe, overrides):
    config = load(recipe, overrides)
    empty = {"lens_mass": [], "source": [], "lens_light": [], "substructure": []}  # galaxies would take seconds
    scene = make_scene(config.simulate.model_copy(update=empty))
    expected = {name: (scene.num_pix[name], t.pixel_scale) for name, t in scene.bands.items()}
    assert grids(config.simulate) == expected


def test_grids_in_words():
    assert grids_in_words(load("demo").simulate) == '48 x 48 pixels of 0.1", one band'
    assert grids_in_words(load("lens_finding").simulate) == '48 x 48 pixels of 0.2", bands i, r, g'
    found = grids_in_words(load("tiny", TWO_GRIDS).simulate)
    assert found == 'VIS: 32 x 32 pixels of 0.1"; J, H: 11 x 11 pixels of 0.3"'


def test_an_observation_in_words():
    ((_, words),) = observation_rows(load("demo").simulate)
    for part in (
        "2000 s an exposure",
        "25.94 mag(AB)",
        "0.018 counts/s",
        "gaussian, FWHM 0.12 arcsec",
        "Poisson noise",
    ):
        assert part in words, words
    euclid = dict(observation_rows(load("lensiam_resnet101").simulate))["Observation"]
    assert euclid.startswith("Euclid/VIS; ") and "FWHM 0.16" in euclid
    assert len(observation_rows(load("lens_finding").simulate)) == 3
    assert "noise: none" in observation_rows(load("w1").simulate)[0][1]
    assert "double_poisson" in observation_rows(load("deeplense_model_1", ["mode=as_released"]).simulate)[0][1]


def test_lost_pixels_and_cuts():
    lost = load("tiny", ["simulate.observation.bad_pixels=0.01", "simulate.observation.mask_value=nan"])
    assert lost_in_words(lost.simulate.observation) == "lost: 0.01 of all pixels, which hold nan"
    assert lost_in_words(load("tiny").simulate.observation) == ""
    assert selection_in_words(load("lens_finding").simulate).startswith(
        "signal to noise of the arcs at least 20, magnification at least 2;"
    )
    assert selection_in_words(load("demo").simulate) == ""
