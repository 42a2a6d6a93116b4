"""Drawing systems: pure in index and attempt, whatever the batch; components occur in their classes only."""

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.errors import ConfigError
from lenstream.simulate.core.philox import ENVIRONMENT, LENS, Draw, slot_of, uniforms
from lenstream.simulate.galaxies.stamps import TEST, TRAIN, VALIDATION, split
from lenstream.simulate.labels import labels
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views, draw_systems, view_of
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene


def test_a_draw_depends_on_its_index_only(galaxies):
    many = labels(draw(galaxies, np.arange(100, 200), Views(2)))
    one = labels(draw(galaxies, [142], Views(2)))
    for name in many:
        np.testing.assert_array_equal(many[name][42], one[name][0])


def test_another_seed_draws_other_lenses(w1):
    other = make_scene(w1.config, 2)
    a, b = (labels(draw(s, np.arange(1000), Views()))["theta_E"] for s in (w1, other))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.13


def system_values(systems, i):
    """All that was drawn for one system of a batch, by name."""
    out = {"attempt": systems.attempt[i], "class": systems.class_number[i]}
    out |= {n: v[i] for n, v in systems.optics.items()}
    for group in ("lens_mass", "source", "lens_light"):
        for k, values in enumerate(getattr(systems, group)):
            out |= {f"{group}.{k}.{name}": value[i] for name, value in values.items()}
    for k, halos in enumerate(systems.halos):
        own = slice(halos.first[i], halos.first[i + 1])
        out |= {f"halos.{k}.{name}": value[own] for name, value in halos.parameters.items()}
        out |= {f"halos.{k}.mass": halos.mass[own]} | {f"halos.{k}.{n}": v[i] for n, v in halos.system.items()}
    return out


def test_a_system_of_everything_is_the_same_however_it_is_asked_for(everything):
    views = Views(2, frozenset({"source", "lens_light", "psf"}))
    alone = system_values(draw(everything, [12345], views), 0)
    batch = np.arange(12330, 12360)
    for indices in (batch, batch[::-1], np.array([12345, 3, 2**41 + 7])):
        (i,) = np.flatnonzero(indices == 12345)
        again = system_values(draw(everything, indices, views), i)
        assert set(again) == set(alone)
        for name, value in alone.items():
            np.testing.assert_array_equal(again[name], value, err_msg=name)


CLASSES = {"lens": 5, "subhalos": 3, "galaxy": 2}


@pytest.fixture(scope="module")
def classes_scene(scene_with):
    """Lenses with and without subhalos, and galaxies that are no lenses."""
    w1 = load("w1").simulate.model_dump(exclude_none=True)
    lenses = ["lens", "subhalos"]
    return scene_with(
        classes=CLASSES,
        image={"num_pix": 24, "pixel_scale": 0.16, "rays": 2},
        lens_mass=[w1["lens_mass"][0] | {"only": lenses}, w1["lens_mass"][1]],
        substructure=[
            {"kind": "CDM", "only": ["subhalos"], "n_mean": 9, "count": "fixed", "m_min": 1e7, "m_max": 1e9, "r_max": 2}
        ],
        source=[w1["source"][0] | {"only": lenses}, w1["source"][0] | {"only": ["subhalos"], "magnitude": 25}],
        lens_light=[w1["source"][0] | {"only": ["lens", "galaxy"], "magnitude": 21}],
    )


def test_classes_are_as_frequent_as_asked_for(classes_scene):
    n = 20_000
    counts = np.bincount(draw(classes_scene, np.arange(n), Views()).class_number, minlength=3)
    share = np.array(list(CLASSES.values())) / 10
    assert (np.abs(counts / n - share) < 5 * np.sqrt(share * (1 - share) / n)).all()


def test_components_occur_in_their_classes_only(classes_scene):
    systems = draw(classes_scene, np.arange(60), Views(2))
    lens, with_subhalos, galaxy = (systems.class_number == k for k in range(3))
    assert min(lens.sum(), with_subhalos.sum(), galaxy.sum()) > 3
    np.testing.assert_array_equal(np.isnan(systems.lens_mass[0]["theta_E"]), galaxy)
    assert np.isfinite(systems.lens_mass[1]["gamma1"]).all()
    np.testing.assert_array_equal(np.isnan(systems.source[0]["amp"]).all((1, 2)), galaxy)
    np.testing.assert_array_equal(np.isfinite(systems.source[1]["amp"]).all((1, 2)), with_subhalos)
    np.testing.assert_array_equal(np.isnan(systems.lens_light[0]["R_sersic"]).all(1), with_subhalos)
    np.testing.assert_array_equal(np.diff(systems.halos[0].first), np.where(with_subhalos, 9, 0))


def test_galaxies_that_are_no_lenses_have_no_arcs(classes_scene, scene_with):
    systems = draw(classes_scene, np.arange(60), Views(2))
    galaxy = systems.class_number == 2
    images = render(classes_scene, systems)
    assert np.isfinite(images).all()
    # the same lens light behind a lens of no mass, whose source is too faint to see
    far = [{"profile": "SERSIC_ELLIPSE", "magnitude": 50, "R_sersic": 0.1}] * 2
    nothing = [{"profile": "SIS", "theta_E": 0}]
    config = classes_scene.config.model_dump(exclude_none=True)
    light_only = scene_with(
        classes=CLASSES, image=config["image"], lens_mass=nothing, source=far, lens_light=config["lens_light"]
    )
    expected = render(light_only, draw(light_only, np.arange(60), Views(2)))
    np.testing.assert_allclose(images[galaxy], expected[galaxy], atol=1e-6 * expected.max())
    assert np.abs(images - expected)[systems.class_number == 0].max() > 0.01 * expected.max()


def test_galaxies_of_one_part_are_seen_by_its_systems_only(scene_with):
    galaxy = {"profile": "INTERPOL", "n_galaxies": 20, "magnitude": 23, "R_half": 0.3}
    light = galaxy | {"R_half": 0.8, "kinds": ["elliptical"]}
    scene = scene_with(source=[galaxy], lens_light=[light])
    part = split(scene.stamps.names[:20])
    assert [(part == p).sum() for p in (TRAIN, VALIDATION, TEST)] == [16, 2, 2]
    for first, expected in (("pretrain", TRAIN), ("labelled", TRAIN), ("validation", VALIDATION), ("test", TEST)):
        systems = draw(scene, FIRST_INDEX[first] + np.arange(300), Views(2))
        seen = np.unique(systems.source[0]["stamp"]).astype(int)
        np.testing.assert_array_equal(seen, np.flatnonzero(part == expected))  # every one of them, and no other
        in_front = np.unique(systems.lens_light[0]["stamp"]).astype(int)
        np.testing.assert_array_equal(in_front, 20 + np.flatnonzero(split(scene.stamps.names[20:]) == expected))


def test_views_share_the_lens_and_nothing_else(galaxies):
    systems = draw(galaxies, np.arange(4000), Views(2))
    assert all(v.shape == (4000,) for v in systems.lens_mass[0].values())
    for name in ("magnitude", "R_half", "center_x", "phi_G", "stamp"):
        a, b = systems.source[0][name].T
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(4000), name


@pytest.fixture(scope="module")
def all_groups_scene(scene_with):
    """Subhalos, lens light, a Sersic source and an image, a PSF of many widths; no selection."""
    w1 = load("w1").simulate.model_dump(exclude_none=True)
    light = {"profile": "SERSIC_ELLIPSE", "magnitude": {"uniform": (20, 22)}, "R_sersic": {"uniform": (0.3, 0.8)}}
    image = {"profile": "INTERPOL", "n_galaxies": 6, "magnitude": {"uniform": (23, 25)}, "R_half": 0.2}
    halos = {"kind": "CDM", "n_mean": 9, "count": "fixed", "m_min": 1e7, "m_max": 1e9, "r_max": 2}
    return scene_with(
        substructure=[halos],
        lens_light=[light],
        source=[w1["source"][0], image],
        observation=w1["observation"] | {"psf": {"kind": "gaussian", "fwhm": {"uniform": (0.1, 0.3)}}},
    )


DRAWN_ANEW = ("lens_mass.0.theta_E", "lens_mass.1.gamma1", "lens_light.0.magnitude", "lens_light.0.R_sersic",
              "source.0.R_sersic", "source.1.magnitude", "halos.0.mass", "halos.0.center_x", "fwhm")  # fmt: skip


def test_another_attempt_draws_everything_anew(all_groups_scene):
    """The lens light and the subhalos too."""
    first, second = (draw_systems(all_groups_scene, np.arange(20), Views(), attempt) for attempt in (0, 1))
    assert (second.attempt == 1).all()
    for i in range(20):
        a, b = system_values(first, i), system_values(second, i)
        for name in DRAWN_ANEW:
            assert not np.isin(a[name], b[name]).any(), name


def test_every_view_of_every_system_may_be_at_an_attempt_of_its_own(all_groups_scene):
    """Whatever the attempts beside it; the lens, and what views share, is at that of view 0."""
    indices, views = np.arange(12), Views(3, frozenset({"source", "psf"}))
    attempts = np.random.default_rng(0).integers(0, 4, (12, 3))
    together = draw_systems(all_groups_scene, indices, views, attempts)
    np.testing.assert_array_equal(together.attempt, attempts)
    for i in range(12):
        own = system_values(together, i)
        for view in range(3):
            lens, light = (
                system_values(draw_systems(all_groups_scene, [i], views, attempts[i, v]), 0) for v in (0, view)
            )
            for name, value in own.items():
                if name.startswith(("source", "fwhm")):
                    np.testing.assert_array_equal(value[view], light[name][view], err_msg=name)
                elif name.startswith("lens_light"):
                    np.testing.assert_array_equal(value[view], lens[name][0], err_msg=name)
                elif name.startswith(("lens_mass", "halos")):
                    np.testing.assert_array_equal(value, lens[name], err_msg=name)


def test_a_view_alone_is_the_view_among_others(all_groups_scene):
    systems = draw_systems(
        all_groups_scene, np.arange(4), Views(3, frozenset({"source", "lens_light", "psf", "noise"}))
    )
    for view in range(3):
        alone = view_of(systems, view)
        assert alone.views.n == 1
        view_images = render(all_groups_scene, systems, noise=False)[:, view]
        np.testing.assert_array_equal(render(all_groups_scene, alone, noise=False)[:, 0], view_images)


def test_an_attempt_does_not_change_the_class(classes_scene):
    first, second = (draw_systems(classes_scene, np.arange(200), Views(), attempt) for attempt in (0, 1))
    assert len(np.unique(first.class_number)) == 3
    np.testing.assert_array_equal(first.class_number, second.class_number)


def test_an_image_is_mirrored_only_where_parity_is_free(scene_with):
    image = {"profile": "INTERPOL", "n_galaxies": 8, "magnitude": 23, "R_half": 0.3}
    for parity, expected in ((True, {-1.0, 1.0}), (False, {1.0})):
        scene = scene_with(source=[image | {"parity": parity}])
        assert set(draw(scene, np.arange(40), Views()).source[0]["parity"].ravel()) == expected


def test_one_galaxy_for_all_systems_of_all_parts_mirrored_or_not(scene_with):
    image = {"profile": "INTERPOL", "n_galaxies": 8, "magnitude": 23, "R_half": 0.3}
    indices = np.concatenate([first + np.arange(20) for first in FIRST_INDEX.values()])
    for mirrored, parity in ((True, -1.0), (False, 1.0)):
        one = image | {"galaxy": 5, "parity": False, "mirrored": mirrored}
        scene = scene_with(source=[one], lens_light=[image, image | {"galaxy": 0}])
        drawn = draw(scene, indices, Views(2))
        assert (drawn.source[0]["stamp"] == 5).all() and (drawn.source[0]["parity"] == parity).all()
        assert len(np.unique(drawn.lens_light[0]["stamp"])) > 2  # 8 and on, with the others of its own
        assert (drawn.lens_light[1]["stamp"] == 16).all()


def test_a_galaxy_that_is_not_there_is_refused(scene_with):
    image = {"profile": "INTERPOL", "n_galaxies": 8, "magnitude": 23, "R_half": 0.3}
    with pytest.raises(ConfigError, match=r"source\.0\.galaxy: 8 is not among the 8 galaxies .*0 to 7"):
        scene_with(source=[image | {"galaxy": 8}])


def test_exposures_add_up(scene_with, observed):
    scene = scene_with(observation=observed(exposure_time=500, num_exposures=4))
    assert (draw(scene, np.arange(3), Views()).optics["exposure_time"] == 2000).all()


def test_shear_is_drawn_with_the_environment_and_not_with_the_lens(scene_with):
    scene = scene_with(lens_mass=[{"profile": "SHEAR", "gamma1": {"uniform": (0, 1)}}])
    drawn = draw(scene, np.arange(5), Views()).lens_mass[0]["gamma1"]
    streams = [Draw(scene.seed, purpose, np.arange(5, dtype=np.uint64)) for purpose in (ENVIRONMENT, LENS)]
    environment, lens = (uniforms(stream, [slot_of("lens_mass.0.gamma1")])[:, 0] for stream in streams)
    np.testing.assert_allclose(drawn, environment)
    assert not np.isclose(drawn, lens).any()
