"""Instruments in configs: their numbers are filled in, written down, kept under another lenstronomy, and replaced when
another instrument is asked for."""

import numpy as np
import pytest
import yaml
from hypothesis import given as sampled
from hypothesis import settings
from hypothesis import strategies as st

from lenstream.configs.instruments import NUMBERS, given, numbers, preset, resolved
from lenstream.configs.load import available, check, load, show
from lenstream.errors import ConfigError
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

# What lenstronomy 1.14 has for the instruments that recipes name: pixel scale, exposure time, exposures, zero point,
# read noise, sky, gain, PSF. If this fails, an installed lenstronomy has other numbers, and with them the recipes have
# other images: look up what lenstronomy changed and why. Either put the new numbers here and say in the changelog and
# the data cards which recipes changed, or write the old ones into the recipe, beside its instrument.
PINNED = {
    "Euclid/VIS": (0.101, 566.0, 4, 25.72, 4.2, 22.3, 3.1, "GAUSSIAN", 0.16),
    "HST/WFC3_F160W": (0.08, 5400.0, 1, 25.96, 4.0, 22.3, 2.5, "GAUSSIAN", 0.08),
    "LSST/i": (0.2, 15.0, 460, 27.79, 10.0, 20.48, 2.3, "GAUSSIAN", 0.71),
    "LSST/r": (0.2, 15.0, 460, 28.13, 10.0, 21.2, 2.3, "GAUSSIAN", 0.73),
    "LSST/g": (0.2, 15.0, 200, 28.3, 10.0, 22.26, 2.3, "GAUSSIAN", 0.77),
    "DES/z": (0.263, 90.0, 10, 26.48, 7.0, 18.72, 4.0, "GAUSSIAN", 0.84),
    "DES/r": (0.263, 90.0, 10, 26.78, 7.0, 21.15, 4.0, "GAUSSIAN", 0.96),
    "DES/g": (0.263, 90.0, 10, 26.58, 7.0, 22.01, 4.0, "GAUSSIAN", 1.12),
    "JWST/F150W": (0.031, 257.0, 8, 28.02, 15.77, 29.96, 2.05, "PIXEL", 0.05),
    "Roman/F106": (0.11, 107.0, 6, 26.3546, 8.5, 22.99, 1.0, "GAUSSIAN", 0.087),
}
# Numbers that a recipe gives itself beside its instrument, as the survey has others.
OWN = {
    "decals_grz": {"pixel_scale", "exposure_time", "num_exposures", "psf_type"},
    "jwst_f150w": {"num_exposures", "sky_brightness", "psf_type"},
}
KEYS = (
    "pixel_scale",
    "exposure_time",
    "num_exposures",
    "magnitude_zero_point",
    "read_noise",
    "sky_brightness",
    "ccd_gain",
    "psf_type",
    "seeing",
)
PLAIN = {"image": {"num_pix": 24, "rays": 2}, "observation": {"instrument": "Euclid/VIS"}}
TWO_BANDS = {
    "observation": {"instrument": "LSST/i", "exposure_time": 30},
    "bands": {"i": {}, "r": {"instrument": "LSST/r"}, "g": {"psf": {"kind": "moffat", "beta": 3}}},
}


def simulation(**changes):
    """A small simulation by the name of an instrument, as a checked config."""
    values = load("w1").model_dump(mode="json", exclude_none=True)
    values["simulate"] |= PLAIN | changes
    return check(values, "test")


def saved(config, folder):
    """The file that a run writes."""
    path = folder / "config.yaml"
    path.write_text(show(config))
    return str(path)


def images(config):
    """All pixels of some systems, one after the other."""
    scene = make_scene(config.simulate, config.seed)
    rendered = render(scene, draw(scene, np.arange(3), Views(2)))
    return np.concatenate([np.ravel(grid) for grid in (rendered if isinstance(rendered, tuple) else [rendered])])


def same_instruments(one, other):
    """Whether two simulations come to instruments with the same numbers."""
    first, second = (make_scene(s.simulate, 0).bands for s in (one, other))
    return list(first) == list(second) and all(
        {k: v for k, v in vars(first[n]).items() if k not in ("kernels", "sky")}
        == {k: v for k, v in vars(second[n]).items() if k not in ("kernels", "sky")}
        for n in first
    )


@pytest.mark.parametrize("name", PINNED)
def test_the_numbers_of_the_recipes_instruments_are_pinned(name):
    found = preset(name)
    assert tuple(found[k] for k in KEYS) == PINNED[name], "see what is said above PINNED"


def test_every_instrument_of_a_recipe_is_pinned():
    for recipe in available():
        config = load(recipe).simulate
        named = {o.instrument for o in (config.observation, *config.band_observations().values())}
        assert named - {None} <= set(PINNED), recipe


@pytest.mark.parametrize("recipe", [r for r in available() if not r.startswith("dark_matter")])  # theirs: below
def test_a_recipe_holds_all_numbers_of_its_instruments(recipe):
    config = load(recipe).simulate
    for observation in config.band_observations().values():
        if observation.instrument is not None:
            values = dict(zip(KEYS, PINNED[observation.instrument], strict=True))
            has = {n: getattr(observation, n) for n in NUMBERS} | {"pixel_scale": config.image.pixel_scale}
            has |= {"psf_type": "GAUSSIAN" if observation.psf.kind == "gaussian" else "MOFFAT"}
            assert {n for n, value in has.items() if value != values[n]} == OWN.get(recipe, set())
            assert observation.psf.fwhm is not None


@pytest.mark.parametrize(
    "recipe", [f"deeplense_model_{k}" for k in (2, 3, 4)] + ["dark_matter_model_2", "dark_matter_model_3"]
)
def test_deeplense_as_released_needs_no_lenstronomy(recipe, another_lenstronomy):
    another_lenstronomy("Euclid")
    config, k = load(recipe, ["mode=as_released"]).simulate, int(recipe[-1])
    name, zero_point, sky, seconds = (
        ("HST/WFC3_F160W", 25.96, 22.3, 5400) if k == 3 else ("Euclid/VIS", 24.0, 22.35, 4 * 565)
    )
    assert config.observation.instrument == name and config.observation.from_instrument is None
    instrument = make_scene(config.model_copy(update={"source": config.source[:0]}), 0).instrument
    assert (instrument.magnitude_zero_point, instrument.exposure_time) == (zero_point, seconds)
    assert config.observation.sky_brightness == sky
    assert instrument.read_noise == PINNED[name][4] and instrument.fwhm == PINNED[name][8]


def test_a_saved_config_does_not_follow_lenstronomy(tmp_path, another_lenstronomy):
    before = simulation()
    path, pixels = saved(before, tmp_path), images(before)
    another_lenstronomy("Euclid", ("25.72", "24.0"), ("0.101", "0.3"), ("0.16", "0.9"))
    assert load(path) == before
    np.testing.assert_array_equal(images(load(path)), pixels)
    after = simulation()  # but who asks for the instrument by its name gets the new one's
    assert after.simulate.observation.magnitude_zero_point == 24.0 and after.simulate.image.pixel_scale == 0.3
    another_lenstronomy("Euclid")
    with pytest.raises(ConfigError, match='no instrument "Euclid/VIS"'):
        simulation()
    np.testing.assert_array_equal(images(load(path)), pixels)
    assert load(path, ["seed=9"]).simulate == before.simulate
    np.testing.assert_array_equal(images(load(written(tmp_path, "config.yaml"))), pixels)


def test_numbers_that_are_all_given_need_no_lenstronomy(another_lenstronomy):
    another_lenstronomy("Euclid")
    observation = {
        "instrument": "Euclid/VIS",
        "exposure_time": {"uniform": [100, 200]},
        "num_exposures": 2,
        "magnitude_zero_point": 25.0,
        "background_noise": 0.01,
        "psf": {"kind": "gaussian", "fwhm": 0.2},
    }
    config = simulation(image={"num_pix": 24, "pixel_scale": 0.1}, observation=observation)
    assert make_scene(config.simulate, 0).instrument.magnitude_zero_point == 25.0
    for name in ("exposure_time", "num_exposures", "magnitude_zero_point", "background_noise"):
        with pytest.raises(ConfigError, match="no instrument"):
            simulation(
                image={"num_pix": 24, "pixel_scale": 0.1},
                observation={k: v for k, v in observation.items() if k != name},
            )
    with pytest.raises(ConfigError, match="no instrument"):
        simulation(image={"num_pix": 24}, observation=observation)


SETTINGS = [
    {},
    {"observation": {"instrument": "LSST/i", "coadd_years": 3}},
    {"observation": {"instrument": "Roman/F129", "survey_mode": "time_domain_deep"}},
    {"observation": {"instrument": "DES/g", "data_count_unit": "ADU"}},
    {"observation": {"instrument": "HST/F160W", "exposure_time": {"loguniform": [100, 1000]}}},
    {"observation": {"instrument": "HST/F160W", "psf": {"kind": "gaussian", "truncation": 3}}},
    {"observation": {"instrument": "JWST/F115W", "psf": {"kind": "gaussian"}}},
    {"observation": {"instrument": "HST/TDLMC_F160W", "psf": {"kind": "none"}}},
    {"observation": {"instrument": "LSST/i", "psf": {"kind": "moffat", "beta": 3}}},
    {"observation": {"instrument": "LSST/i", "psf": {"kind": "gaussian", "fwhm": {"uniform": [0.6, 0.8]}}}},
    {"observation": {"instrument": "Euclid/VIS", "background_noise": 0.01}},
    {"observation": {"instrument": "Euclid/VIS"}, "image": {"num_pix": 24, "pixel_scale": 0.101}},
    {"observation": {"instrument": "Euclid/VIS"}, "image": {"num_pix": 24, "pixel_scale": 0.2}},
    {"observation": {"noise": True}, "bands": {"i": {"instrument": "LSST/i"}, "r": {"instrument": "LSST/r"}}},
    {"observation": {"instrument": "Euclid/VIS"}, "bands": {"g": {}, "r": {}}},
    TWO_BANDS,
    {"observation": {"instrument": "LSST/i"}, "bands": {"i": {}, "v": {"instrument": "HST/F160W", "read_noise": 5}}},
    {"observation": {"instrument": "LSST/i"}, "bands": {"a": {"coadd_years": 1}, "b": {"background_noise": 0.1}}},
]


@pytest.mark.parametrize("changes", SETTINGS, ids=lambda c: str(c.get("observation"))[:60])
def test_images_are_those_without_the_numbers_and_nothing_is_looked_up_again(changes, tmp_path, another_lenstronomy):
    config = simulation(**changes)
    plain = config.model_copy(update={"simulate": given(config.simulate)})
    assert same_instruments(plain, config)
    assert resolved(plain.simulate) == config.simulate == resolved(config.simulate)
    path = saved(config, tmp_path)
    another_lenstronomy("Euclid")
    again = load(path)
    assert again == config and same_instruments(again, config)
    np.testing.assert_array_equal(images(again), images(config))


@settings(deadline=None, max_examples=40)
@sampled(
    old=st.sampled_from(["Euclid/VIS", "LSST/i", "LSST/r", "HST/F160W", "DES/g", "ZTF/g"]),
    new=st.sampled_from(["Euclid/VIS", "LSST/i", "LSST/r", "HST/F160W", "DES/g", "ZTF/g"]),
    mine=st.fixed_dictionaries(
        {},
        optional={
            "exposure_time": st.sampled_from([15.0, 30.0, 566.0]),
            "num_exposures": st.sampled_from([1, 4, 460]),
            "read_noise": st.sampled_from([10.0, 3.0]),
            "psf.fwhm": st.sampled_from([0.16, 0.5]),
        },
    ),
    first=st.booleans(),
)
def test_another_instrument_on_a_saved_config_brings_its_own_numbers(old, new, mine, first, tmp_path_factory):
    """As if it had been asked for in the first place; given numbers stay, though the old instrument had them too."""
    folder = tmp_path_factory.mktemp("saved")
    psf = {"psf": {"kind": "gaussian", "fwhm": mine["psf.fwhm"]}} if "psf.fwhm" in mine else {}
    values = {k: v for k, v in mine.items() if k != "psf.fwhm"} | psf
    other = f"simulate.observation.instrument={new}"
    if first:  # given when the config was made
        path, changes = saved(simulation(observation={"instrument": old} | values), folder), [other]
    else:  # given together with the other instrument
        path = saved(simulation(observation={"instrument": old}), folder)
        changes = [other, *(f"simulate.observation.{k}={v}" for k, v in mine.items())]
    for ordered in (changes, changes[::-1]):
        assert same_instruments(load(path, ordered), simulation(observation={"instrument": new} | values))


def written(folder, base, **observation):
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({"extends": str(folder / base), "simulate": {"observation": observation}}))
    return str(path)


def test_a_recipe_that_extends_a_saved_config_may_name_another_instrument(tmp_path):
    saved(simulation(), tmp_path)
    mine = load(written(tmp_path, "config.yaml", instrument="LSST/i", num_exposures=4))
    assert same_instruments(mine, simulation(observation={"instrument": "LSST/i", "num_exposures": 4}))
    assert mine.simulate.image.pixel_scale == 0.2
    same = load(written(tmp_path, "config.yaml", magnitude_zero_point=24.0))
    assert same_instruments(same, simulation(observation={"instrument": "Euclid/VIS", "magnitude_zero_point": 24.0}))


def test_a_pixel_scale_that_is_given_stays_with_another_instrument(tmp_path):
    path = saved(simulation(), tmp_path)
    other = load(path, ["simulate.observation.instrument=LSST/i", "simulate.image.pixel_scale=0.101"])
    assert make_scene(other.simulate, 0).instrument.pixel_scale == 0.101
    path = saved(simulation(image={"num_pix": 24, "pixel_scale": 0.101}), tmp_path)
    other = load(path, ["simulate.observation.instrument=LSST/i"])
    assert make_scene(other.simulate, 0).instrument.pixel_scale == 0.101
    other = load(path, ["simulate.observation.instrument=LSST/i", "simulate.image.pixel_scale=null"])
    assert make_scene(other.simulate, 0).instrument.pixel_scale == 0.2


def test_without_an_instrument_its_numbers_stay_and_null_asks_for_one_again(tmp_path, another_lenstronomy):
    config = simulation()
    path = saved(config, tmp_path)
    another_lenstronomy("Euclid", ("25.72", "24.0"))
    alone = load(path, ["simulate.observation.instrument=null"])
    assert alone.simulate.observation.from_instrument is None and same_instruments(alone, config)
    again = load(path, ["simulate.observation.magnitude_zero_point=null", "simulate.observation.psf=null"])
    assert again == config
    path = saved(load(path, ["simulate.observation.exposure_time=100"]), tmp_path)
    assert load(path, ["simulate.observation.exposure_time=null"]).simulate.observation.exposure_time == 566


def test_a_band_of_another_instrument_brings_its_own_numbers(tmp_path):
    path = saved(simulation(**TWO_BANDS), tmp_path)
    other = load(path, ["simulate.bands.r.instrument=DES/r", "simulate.bands.r.num_exposures=460"])
    bands = TWO_BANDS["bands"] | {"r": {"instrument": "DES/r", "num_exposures": 460}}
    assert same_instruments(other, simulation(observation=TWO_BANDS["observation"], bands=bands))
    other = load(path, ["simulate.observation.instrument=DES/i"])
    observation = TWO_BANDS["observation"] | {"instrument": "DES/i"}
    assert same_instruments(other, simulation(observation=observation, bands=TWO_BANDS["bands"]))


def test_years_and_survey_modes_bring_their_own_numbers(tmp_path):
    path = saved(simulation(observation={"instrument": "LSST/i"}), tmp_path)
    assert load(path, ["simulate.observation.coadd_years=5"]).simulate.observation.num_exposures == 230
    path = saved(simulation(observation={"instrument": "Roman/F129"}), tmp_path)
    deep = load(path, ["simulate.observation.survey_mode=time_domain_deep"]).simulate.observation
    assert deep.exposure_time == preset("Roman/F129", survey_mode="time_domain_deep")["exposure_time"]


def test_what_is_wrong_with_every_band_is_said_at_once_beside_other_mistakes():
    bands = {"i": {}, "r": {"instrument": "LSST/x"}, "g": {"instrument": "LST/g"}}
    with pytest.raises(ConfigError) as caught:
        simulation(observation={"instrument": "HST/F1"}, bands=bands)
    assert [p.partition(".instrument: ")[0] for p in caught.value.problems] == [
        "test: simulate.observation",
        "test: simulate.bands.r",
        "test: simulate.bands.g",
    ]
    with pytest.raises(ConfigError) as caught:
        load("tiny", ["simulate.observation.instrument=LST/g", "evaluate.targets=[theta]"])
    assert len(caught.value.problems) == 2


def test_what_is_shown_says_which_numbers_are_the_instruments():
    text = show(load("lensiam_resnet101", ["simulate.observation.exposure_time=100"])).splitlines()
    said = {line.split(":")[0].strip(): line for line in text if ", from Euclid/VIS" in line}
    assert set(said) == {*NUMBERS, "pixel_scale", "fwhm"} - {"exposure_time"}
    assert "magnitude_zero_point: 25.72 " in said["magnitude_zero_point"]
    assert not any("from_instrument: {" in line for line in show(load("demo")).splitlines())


def test_numbers_are_the_same_whoever_gave_them():
    config, observation = simulation(), simulation().simulate.observation
    mine = {n: getattr(observation, n) for n in NUMBERS} | {"psf": {"kind": "gaussian", "fwhm": 0.16}}
    image = {"num_pix": 24, "rays": 2, "pixel_scale": 0.101}
    stated = simulation(image=image, observation={"instrument": "Euclid/VIS"} | mine)
    assert stated != config and numbers(stated.simulate) == numbers(config.simulate)
    assert numbers(simulation(observation={"instrument": "LSST/i"}).simulate) != numbers(config.simulate)
