"""A scene: galaxies are read once, and what is missing is said."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lenstream.configs.load import load, show
from lenstream.errors import ArgumentError, ConfigError, DataError
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views, by_grid, in_bands
from lenstream.simulate.systems.scene import FIRST_INDEX, describe_grids, make_scene, only_bands, with_config


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


EUCLID = ["simulate.image={num_pix: 40}", "simulate.observation={instrument: Euclid/VIS}"]
H = "H: {instrument: Euclid/H}"


@pytest.fixture(scope="module")
def plain():
    return load("w1").simulate


def grids_of(bands, *changes, recipe="w1"):
    """The pixel grids of a recipe with these bands: [(names, num_pix, pixel scale)]."""
    scene = make_scene(load(recipe, [*EUCLID, *changes, f"simulate.bands={{{bands}}}"]).simulate)
    return [(list(g.bands), g.config.image.num_pix, g.instrument.pixel_scale) for g in scene.grids]


@pytest.mark.parametrize(
    ("bands", "changes", "expected"),
    [
        ("VIS: {}", [], [(["VIS"], 40, 0.101)]),
        ("VIS: {}, deep: {exposure_time: 5000}", [], [(["VIS", "deep"], 40, 0.101)]),
        # by the instruments, 4.04" of VIS on 13.5 pixels of 0.3"
        (f"VIS: {{}}, {H}", [], [(["VIS"], 40, 0.101), (["H"], 13, 0.3)]),
        # bands of one grid need not follow each other
        (f"Y: {{instrument: Euclid/Y}}, VIS: {{}}, {H}", [], [(["Y", "H"], 40, 0.3), (["VIS"], 119, 0.101)]),
        # a scale that all bands are given is that of all, as their instruments differ
        (f"VIS: {{}}, {H}", ["simulate.image.pixel_scale=0.1"], [(["VIS", "H"], 40, 0.1)]),
        # what a band says wins
        (
            "VIS: {}, H: {instrument: Euclid/H, image: {pixel_scale: 0.2}}",
            ["simulate.image.pixel_scale=0.1"],
            [(["VIS"], 40, 0.1), (["H"], 20, 0.2)],
        ),
        ("VIS: {}, wide: {image: {num_pix: 60}}", [], [(["VIS"], 40, 0.101), (["wide"], 60, 0.101)]),
        ("VIS: {}, H: {image: {num_pix: 9, pixel_scale: 0.3}}", [], [(["VIS"], 40, 0.101), (["H"], 9, 0.3)]),
        # the one grid there is need not be the common one
        ("H: {image: {num_pix: 9, pixel_scale: 0.3}}", [], [(["H"], 9, 0.3)]),
        ("VIS: {}, H: {image: {num_pix: 40, pixel_scale: 0.101}}", [], [(["VIS", "H"], 40, 0.101)]),
        ("VIS: {}, H: {image: null}", [], [(["VIS", "H"], 40, 0.101)]),
    ],
)  # fmt: skip
def test_the_pixel_grid_of_a_band_is_its_own_the_common_one_or_its_instruments(bands, changes, expected):
    assert grids_of(bands, *changes) == expected


def test_a_band_without_an_instrument_has_the_pixels_of_the_first():
    numbers = "exposure_time: 100, magnitude_zero_point: 25, background_noise: 0.1, psf: {kind: none}"
    bands = f"simulate.bands={{VIS: {{instrument: Euclid/VIS}}, mine: {{{numbers}}}}}"
    scene = make_scene(load("w1", ["simulate.image={num_pix: 40}", "simulate.observation={}", bands]).simulate)
    assert len(scene.grids) == 1 and scene.bands["mine"].pixel_scale == 0.101


@pytest.mark.parametrize(
    ("bands", "changes", "message"),
    [
        (f"VIS: {{}}, {H}", ["num_pix=10"], 'bands.H.image.num_pix: missing, and 3 pixels of 0.3"'),
        ("VIS: {}, H: {image: {pixel_scale: 0.001}}", ["num_pix=64"], "bands.H.image.num_pix: missing, and 6464 pix"),
        ("VIS: {}, H: {instrument: Euclid/H, psf: {kind: gaussian, fwhm: 0.5, supersampling: 2}}", ["rays=3"],
         "simulate.image.rays: must be a multiple of the PSF's supersampling of H, 2"),
        ("VIS: {}, H: {psf: {kind: gaussian, fwhm: 0.5, supersampling: 3}}", ["rays=3"],
         "the PSFs of VIS, H, which share a pixel grid, need the same supersampling"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_on_a_grid_is_said(bands, changes, message):
    with pytest.raises(ConfigError) as told:
        grids_of(bands, *(f"simulate.image.{change}" for change in changes))
    assert message in str(told.value)


def test_each_grid_may_have_a_supersampling_of_its_own():
    fine = "{instrument: Euclid/H, psf: {kind: gaussian, fwhm: 0.5, supersampling: 2}}"
    assert len(grids_of(f"VIS: {{}}, H: {fine}", "simulate.image.rays=4")) == 2


def test_a_defect_of_all_bands_together_needs_one_grid():
    defect = "simulate.observation.defect=clipped_over_peak"
    with pytest.raises(ConfigError, match="clipped_over_peak divides all bands"):
        grids_of("VIS: {}, H: {instrument: Euclid/H}", defect)
    scene = make_scene(load("w1", [*EUCLID, defect, "simulate.bands={g: {}, r: {}}"]).simulate)
    with pytest.raises(ConfigError, match="clipped_over_peak divides all bands"):
        only_bands(scene, ["r"])
    assert only_bands(scene, ["g", "r"]) is scene


def test_a_scene_of_some_bands_knows_the_whole(two_grids):
    assert describe_grids(two_grids) == 'H, Y: 31 x 31 pixels of 0.3"; VIS: 92 x 92 pixels of 0.101"'
    some = only_bands(two_grids, ["Y", "H"])
    assert list(some.bands) == ["Y", "H"] and some.band_numbers == [2, 0] and some.band_names == ["H", "VIS", "Y"]
    assert some.config.image.num_pix == 31 and only_bands(some, ["Y", "H"]) is some
    assert only_bands(some, ["VIS"]).config.image.num_pix == 92
    assert two_grids.whole is None and two_grids.grids[1].whole is two_grids


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["VIS", "H"], "mine: VIS and H lie on several pixel grids, expected one of H, Y: 31 x 31"),
        (["Vis"], 'mine: no band "Vis", expected one of H, VIS, Y'),
        (["H", "H"], "mine: expected names of bands, each once"),
        ([], "mine: expected names of bands, each once"),
    ],
)
def test_bands_that_make_no_scene_are_refused(two_grids, names, message):
    with pytest.raises(ConfigError) as told:
        only_bands(two_grids, names, "mine")
    assert message in str(told.value)


def test_a_scene_of_some_bands_draws_the_systems_of_the_whole(two_grids):
    whole = draw(two_grids, np.arange(6), Views(2))
    assert whole.attempt.any()  # the selection refuses some
    for scene, own in by_grid(two_grids, whole):
        drawn = draw(scene, np.arange(6), Views(2))
        np.testing.assert_array_equal(drawn.attempt, whole.attempt)
        for group in ("lens_mass", "source", "lens_light"):
            for found, expected in zip(getattr(drawn, group), getattr(own, group), strict=True):
                assert found.keys() == expected.keys()
                for name in found:
                    np.testing.assert_array_equal(found[name], expected[name])
        for name, value in drawn.optics.items():
            np.testing.assert_array_equal(value, own.optics[name])
            assert own.optics[name].flags.c_contiguous  # or kernels are compiled anew
            np.testing.assert_array_equal(value, whole.optics[name][..., scene.band_numbers])
    with pytest.raises(ValueError, match="drawn for the bands 'H', 'Y', but the scene has 'VIS'"):
        in_bands(by_grid(two_grids, whole)[0][1], two_grids.grids[1])


@given(st.floats(0.02, 1), st.floats(0.02, 1), st.integers(20, 120))
@settings(max_examples=15, deadline=None)
def test_a_band_that_does_not_say_how_many_pixels_shows_the_same_field(plain, common, own, num_pix):
    assume(5 < num_pix * common / own < 4000)
    bands = {"a": {}, "b": {"image": {"pixel_scale": own}}}
    image = plain.image.model_copy(update={"num_pix": num_pix, "pixel_scale": common})
    scene = make_scene(plain.model_copy(update={"image": image, "bands": bands}))
    assert scene.num_pix["a"] == num_pix and scene.bands["b"].pixel_scale == own
    assert abs(scene.num_pix["b"] * own - num_pix * common) <= 0.501 * own


def test_a_scene_comes_from_all_that_says_what_to_simulate(tmp_path):
    config = load("w1", ["simulate.image.num_pix=24", "seed=5"])
    (tmp_path / "mine.yaml").write_text(show(config))
    plain = make_scene(config.simulate, 5)
    for source in (config, config.model_dump(), tmp_path / "mine.yaml", str(tmp_path / "mine.yaml")):
        scene = make_scene(source)
        assert (scene.config, scene.seed, scene.name) == (plain.config, 5, "w1")
        assert make_scene(source, 6).seed == make_scene(source, seed=6).seed == 6
    alone = make_scene(config.simulate.model_dump())
    assert (alone.config, alone.seed, alone.name) == (plain.config, 0, "")
    assert make_scene({"simulate": config.simulate.model_dump(), "seed": 7}).seed == 7
    assert make_scene("w1").name == "w1"


def test_a_dict_with_mistakes_is_told_all_of_them():
    values = load("w1").model_dump(exclude_none=True)
    values["simulate"]["image"]["num_pixx"] = 3
    values["simulate"]["lens_mass"][0]["theta_E"] = -1
    for source in (values, values["simulate"]):
        with pytest.raises(ConfigError) as caught:
            make_scene(source)
        first, second = caught.value.problems
        assert first == 'config: unknown key "simulate.image.num_pixx". Did you mean "simulate.image.num_pix"?'
        assert second.startswith("config: simulate.lens_mass.0: theta_E must lie between 0 and 100, but -1 is asked")
    with pytest.raises(ConfigError, match=r"config: the key \"simulate\.image\" is missing"):
        make_scene({})
    with pytest.raises(ConfigError, match=r'no recipe "dem".* Did you mean "demo"\?'):
        make_scene("dem")


def test_any_seed_of_32_bits_makes_a_scene_and_no_other():
    config = load("w1").simulate
    assert make_scene(config, 2**32 - 1).seed == 2**32 - 1
    for seed in (2**32, -1, 1.5):
        with pytest.raises(ArgumentError, match="seed"):
            make_scene(config, seed)


def test_each_component_has_galaxies_of_its_own():
    """Made up for each: the second's come after the first's, and each has its parts for training and tests."""
    light = "simulate.lens_light=[{profile: INTERPOL, n_galaxies: 16, magnitude: 20, R_half: 0.5}]"
    scene = make_scene(load("demo", ["simulate.source.0.n_galaxies=12", light]).simulate, 1)
    source, lens_light = (np.sort(np.concatenate(scene.pools[group, 0])) for group in ("source", "lens_light"))
    assert source.tolist() == list(range(12)) and lens_light.tolist() == list(range(12, 28))
    assert len(scene.stamps.images) == 28


def test_a_scene_of_another_config_has_the_same_galaxies_without_reading_them(scene_with):
    image = {"profile": "INTERPOL", "n_galaxies": 6, "magnitude": 23, "R_half": 0.3}
    scene = scene_with(source=[image | {"galaxy": 2}], lens_light=[image])
    other = scene_with(source=[image | {"galaxy": 4}], lens_light=[image | {"magnitude": 20}])
    new = with_config(scene, other.config)
    assert new.stamps is scene.stamps
    for key, parts in other.pools.items():
        for found, expected in zip(new.pools[key], parts, strict=True):
            np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(*(render(s, draw(s, [3], Views())) for s in (new, other)))
    dark = with_config(scene, other.config.model_copy(update={"lens_light": []}), like=new)
    assert dark.bands is new.bands and list(dark.pools) == [("source", 0)]


def test_a_scene_like_another_takes_its_instruments_only_for_the_same_observation(plain):
    scene = make_scene(plain)
    longer = plain.model_copy(update={"observation": plain.observation.model_copy(update={"exposure_time": 7.0})})
    assert with_config(scene, longer, like=scene).instrument.exposure_time == 7.0
    assert with_config(scene, plain, like=scene).bands is scene.bands
