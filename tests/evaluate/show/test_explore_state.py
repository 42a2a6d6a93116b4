"""A system set by hand: its start is the stream's system, and its YAML is the same image."""

from dataclasses import replace

import numpy as np
import pytest
import yaml

from lenstream.configs.load import check, load
from lenstream.errors import DataError
from lenstream.evaluate.show import explore_pictures as pictures
from lenstream.evaluate.show import explore_state as states
from lenstream.simulate.render import render_all
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

IMAGE = {"num_pix": 16, "pixel_scale": 0.2}
LENS = [
    {"profile": "EPL", "theta_E": {"uniform": [0.8, 1.2]}, "e1_e2": {"rayleigh": [0.1, 0.3]}},
    {"profile": "SHEAR", "gamma1": {"normal": [0, 0.03]}},
]
SERSIC = {"profile": "SERSIC_ELLIPSE", "magnitude": {"uniform": [22, 23]}, "R_sersic": {"uniform": [0.1, 0.3]}}
GALAXY = {"profile": "INTERPOL", "n_galaxies": 6, "magnitude": {"uniform": [22, 23]}, "R_half": 0.2}
OBSERVATION = {"exposure_time": {"uniform": [500, 900]}, "magnitude_zero_point": 25.5, "background_noise": 0.01}
GAUSSIAN = {"psf": {"kind": "gaussian", "fwhm": {"uniform": [0.2, 0.4]}}}
SUBHALOS = {"kind": "CDM", "profile": "SIS", "n_mean": 4, "m_min": 1e8, "m_max": 1e9, "r_max": 1.5}
CASES = {
    "plain": {"source": [SERSIC], "observation": OBSERVATION | GAUSSIAN},
    "galaxies": {"source": [GALAXY], "lens_light": [GALAXY, SERSIC], "observation": OBSERVATION | GAUSSIAN},
    "moffat": {
        "source": [SERSIC],
        "observation": OBSERVATION
        | {"psf": {"kind": "moffat", "fwhm": {"uniform": [0.3, 0.5]}, "beta": {"uniform": [2.5, 4]}}},
    },
    "follow": {
        "lens_light": [SERSIC | {"e1_e2": {"follow": {"component": "lens_mass.0"}}}],
        "source": [SERSIC | {"center_x": {"follow": {"parameter": "lens_mass.0.theta_E", "factor": 0.1}}}],
        "observation": OBSERVATION | GAUSSIAN,
    },
    "bands": {
        "source": [GALAXY | {"colors": {"g": {"normal": [1, 0.1]}}}],
        "lens_light": [SERSIC | {"colors": {"g": 2}}],
        "observation": OBSERVATION | {"psf": {"kind": "none"}},
        "bands": {"i": GAUSSIAN, "g": {"exposure_time": 300, "psf": {"kind": "moffat", "fwhm": 0.5, "beta": 3}}},
    },
    "two grids": {
        "source": [SERSIC],
        "observation": OBSERVATION | GAUSSIAN,
        "bands": {"i": {}, "J": {"image": {"pixel_scale": 0.4}}},
    },
    "classes": {
        "classes": {"lens": 1, "other": 1},
        "source": [SERSIC | {"only": ["lens"]}],
        "lens_light": [SERSIC, GALAXY | {"only": ["other"]}],
        "observation": OBSERVATION | GAUSSIAN,
    },
    "subhalos": {"source": [SERSIC], "substructure": [SUBHALOS], "observation": OBSERVATION | GAUSSIAN},
    "none": {"source": [GALAXY], "observation": OBSERVATION | {"psf": {"kind": "none"}}},
    "rays": {"image": IMAGE | {"rays": 2}, "source": [SERSIC], "observation": OBSERVATION | GAUSSIAN},
}


def scene_of(case, **more):
    simulate = {"image": IMAGE, "lens_mass": LENS} | CASES[case] | more
    return make_scene(check({"name": "case", "simulate": simulate}, "here").simulate, 3)


def images(scene, index):
    found = render_all(scene, draw(scene, [index], Views()), noise=False).images
    grids = found if isinstance(found, tuple) else (found,)
    return [image for grid in grids for image in grid[0, 0]]


def by_hand(base, state):
    frame = states.shown(base, replace(state, noise=False))
    return [pictures.image(frame, band) for grid in frame.scene.grids for band in grid.bands]


def close(one, other):
    """Equal within the tolerance of rays: its use depends on the narrowest PSF that a recipe may draw."""
    return len(one) == len(other) and all(np.abs(a - b).max() < 1e-3 * b.max() for a, b in zip(one, other, strict=True))


def same(one, other):
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture
def reread(tmp_path):
    """The scene of the YAML of a state, which is written to a file and loaded as any recipe."""

    def read(base, state):
        file = tmp_path / "explored.yaml"
        text = states.as_yaml(states.shown(base, state), "case", base.seed)
        file.write_text(text, encoding="utf-8")
        config = load(file)
        return make_scene(config.simulate, config.seed)

    return read


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("index", [0, 5])
def test_a_state_is_the_streams_system_and_its_yaml_is_that_image_to_the_last_bit(case, index, reread):
    base = scene_of(case)
    state = states.start(base, index)
    shown = by_hand(base, state)
    assert close(shown, images(base, index))
    assert same(shown, images(base, index)) or case not in ("rays", "none")
    assert same(images(reread(base, state), state.index), shown)


@pytest.mark.parametrize("case", CASES)
def test_every_parameter_that_is_moved_changes_the_image_and_the_yaml_follows(case, reread):
    base = scene_of(case)
    index = next(i for i in range(9) if "source.0.magnitude" in states.start(base, i).values)
    state = states.start(base, index)
    before, moved = by_hand(base, state), dict(state.values)
    for path, value in state.values.items():
        one = replace(state, values=state.values | {path: value * (2 if path.endswith("n_mean") else 1.02) + 0.003})
        assert same(by_hand(base, one), before) == (path.endswith("exposure_time")), path
        moved[path] = one.values[path]
    moved = replace(state, values=moved)
    assert same(images(reread(base, moved), state.index), by_hand(base, moved))


def test_with_subhalos_or_other_galaxies_all_systems_of_the_yaml_are_as_shown(reread):
    base = scene_of("galaxies")
    state = states.other_source(base, states.start(base, 0), 0)
    assert state.galaxies != states.start(base, 0).galaxies or state.values != states.start(base, 0).values
    written = reread(base, state)
    assert all(same(images(written, index), by_hand(base, state)) for index in (0, 1, 1 << 41))
    base = scene_of("subhalos")
    other = states.other_halos(states.start(base, 0))
    assert not same(by_hand(base, other), by_hand(base, states.start(base, 0)))
    assert same(images(reread(base, other), other.index), by_hand(base, other))
    assert f"those of system {other.index}" in states.as_yaml(states.shown(base, other), "case", 3)


def test_another_source_is_that_of_another_view_and_leaves_the_lens():
    base = scene_of("plain")
    first = states.start(base, 2)
    state = states.other_source(base, states.other_source(base, first, 2), 2)
    assert state.source_view == 2
    drawn = draw(base, [2], Views(3, frozenset({"source"})))
    assert state.values["source.0.magnitude"] == drawn.source[0]["magnitude"][0, 2]
    assert {p: v for p, v in state.values.items() if not p.startswith("source.")} == {
        p: v for p, v in first.values.items() if not p.startswith("source.")
    }


def test_noise_is_that_of_its_index_and_can_be_off():
    base = scene_of("rays")
    state = states.start(base, 4)
    assert state.noise
    noisy = render_all(base, draw(base, [4], Views())).images[0, 0, 0]
    assert np.array_equal(pictures.image(states.shown(base, state), ""), noisy)
    other = pictures.image(states.shown(base, replace(state, noise_index=5)), "")
    assert not np.array_equal(other, noisy)
    without = pictures.image(states.shown(base, replace(state, noise=False)), "")
    assert np.array_equal(without, images(base, 4)[0])


def test_without_lens_light_only_the_source_is_left(reread):
    base = scene_of("follow")
    state = replace(states.start(base, 0), lens_light=False)
    shown = by_hand(base, state)
    assert close(shown, images(scene_of("follow", lens_light=[]), 0))
    assert not close(shown, images(base, 0))
    assert same(images(reread(base, state), 0), shown)


def test_a_selection_shows_the_systems_that_pass(reread):
    base = scene_of("rays", selection={"arc_snr_min": 400.0})
    index = next(i for i in range(60) if states.start(base, i).attempt > 0)
    state = states.start(base, index)
    assert same(by_hand(base, state), images(base, index))
    assert same(images(reread(base, state), 0), images(base, index))


def test_a_system_made_too_faint_for_the_selection_is_shown_all_the_same(reread):
    base = scene_of("rays", selection={"arc_snr_min": 400.0})
    state = states.start(base, 0)
    faint = replace(state, values=state.values | {"source.0.magnitude": 30.0})
    shown = by_hand(base, faint)
    assert 0 < shown[0].max() < 0.1 * by_hand(base, state)[0].max()
    assert same(images(reread(base, faint), 0), shown)


def test_the_yaml_has_numbers_only_and_profiles_first():
    base = scene_of("plain")
    values = yaml.safe_load(states.as_yaml(states.shown(base, states.start(base, 0)), "case", 3))
    assert values["name"] == "case_explored" and values["seed"] == 3
    (epl, shear), (source,) = values["simulate"]["lens_mass"], values["simulate"]["source"]
    assert [next(iter(c)) for c in (epl, shear, source)] == ["profile"] * 3
    numbers = [v for c in (epl, shear, source) for n, v in c.items() if n != "profile"]
    assert all(isinstance(number, float) for number in numbers)
    assert (
        values["simulate"]["observation"]["exposure_time"] == states.start(base, 0).values["observation.exposure_time"]
    )


def test_the_yaml_of_an_explored_recipe_can_be_explored_again(reread):
    base = scene_of("galaxies")
    state = states.start(base, 1)
    again = reread(base, state)
    second = states.start(again, 0)
    assert second.galaxies == state.galaxies and second.values == state.values
    assert same(images(reread(again, second), 7), by_hand(base, state))


def test_what_cannot_be_rendered_is_refused_in_a_sentence():
    base = scene_of("plain")
    state = states.start(base, 0)
    frame = states.shown(base, replace(state, values=state.values | {"lens_mass.0.e1": 0.8, "lens_mass.0.e2": 0.8}))
    with pytest.raises(DataError, match=r"lens_mass\.0: e1 and e2"):
        pictures.image(frame, "")
