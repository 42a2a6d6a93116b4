"""Drawing systems: pure in the index, labelled, with amplitudes that follow from magnitudes."""

import os
from pathlib import Path

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.errors import DataError
from lenstream.simulate.galaxies.stamps import TEST, TRAIN, VALIDATION, split
from lenstream.simulate.labels import labels, moments
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
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


def test_labels_have_plain_names_and_promised_ones(w1):
    values = labels(draw(w1, np.arange(5), Views()))
    assert {"theta_E", "gamma", "e1", "e2", "gamma1", "gamma2", "source_R_sersic"} <= set(values)


def test_a_second_deflector_does_not_hide_the_first(scene_with):
    sie = {"profile": "SIE", "theta_E": 0.1, "center_x": 1.0}
    lens_mass = load("w1").model_dump(exclude_none=True)["simulate"]["lens_mass"]
    scene = scene_with(lens_mass=[*lens_mass, sie])
    drawn = labels(draw(scene, np.arange(5), Views()))
    assert drawn["theta_E"].min() > 0.8
    assert (drawn["theta_E_2"] == 0.1).all()


def test_moments_are_the_populations(w1):
    mean, std = moments(w1, ["theta_E", "gamma1"])
    np.testing.assert_allclose(mean, [1.2, 0.0], atol=0.02)
    np.testing.assert_allclose(std, [0.8 / np.sqrt(12), 0.05], rtol=0.05)


def test_the_flux_of_a_galaxy_image_is_that_of_its_magnitude(galaxies):
    source = draw(galaxies, np.arange(20), Views()).source[0]
    stamp = galaxies.stamps.images[source["stamp"][:, 0].astype(int), 0]
    flux = stamp.sum(axis=(1, 2)) * source["scale"][:, 0] ** 2 * source["amp"][:, 0, 0]
    expected = 10 ** (-0.4 * (source["magnitude"][:, 0] - galaxies.instrument.magnitude_zero_point))
    np.testing.assert_allclose(flux, expected, rtol=1e-5)


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
    of_each = [draw(scene, first + np.arange(200), Views()).source[0] for first in FIRST_INDEX.values()]
    source = {name: np.concatenate([part[name] for part in of_each]) for name in of_each[0]}
    assert len(np.unique(source["stamp"])) == len(scene.stamps.images) == 10
    np.testing.assert_allclose(source["scale"], 0.03, rtol=1e-6)
    assert (np.abs(source["magnitude"] - 22.15) < 1.3).all()


def of_system(systems, i):
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
    alone = of_system(draw(everything, [12345], views), 0)
    batch = np.arange(12330, 12360)
    for indices in (batch, batch[::-1], np.array([12345, 3, 2**41 + 7])):
        (i,) = np.flatnonzero(indices == 12345)
        again = of_system(draw(everything, indices, views), i)
        assert set(again) == set(alone)
        for name, value in alone.items():
            np.testing.assert_array_equal(again[name], value, err_msg=name)


CLASSES = {"lens": 5, "subhalos": 3, "galaxy": 2}


@pytest.fixture(scope="module")
def of_classes(scene_with):
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


def test_classes_are_as_frequent_as_asked_for(of_classes):
    n = 20_000
    counts = np.bincount(draw(of_classes, np.arange(n), Views()).class_number, minlength=3)
    share = np.array(list(CLASSES.values())) / 10
    assert (np.abs(counts / n - share) < 5 * np.sqrt(share * (1 - share) / n)).all()


def test_components_occur_in_their_classes_only(of_classes):
    systems = draw(of_classes, np.arange(60), Views(2))
    lens, with_subhalos, galaxy = (systems.class_number == k for k in range(3))
    assert min(lens.sum(), with_subhalos.sum(), galaxy.sum()) > 3
    np.testing.assert_array_equal(np.isnan(systems.lens_mass[0]["theta_E"]), galaxy)
    assert np.isfinite(systems.lens_mass[1]["gamma1"]).all()
    np.testing.assert_array_equal(np.isnan(systems.source[0]["amp"]).all((1, 2)), galaxy)
    np.testing.assert_array_equal(np.isfinite(systems.source[1]["amp"]).all((1, 2)), with_subhalos)
    np.testing.assert_array_equal(np.isnan(systems.lens_light[0]["R_sersic"]).all(1), with_subhalos)
    np.testing.assert_array_equal(np.diff(systems.halos[0].first), np.where(with_subhalos, 9, 0))


def test_galaxies_that_are_no_lenses_have_no_arcs(of_classes, scene_with):
    systems = draw(of_classes, np.arange(60), Views(2))
    galaxy = systems.class_number == 2
    images = render(of_classes, systems)
    assert np.isfinite(images).all()
    # the same lens light behind a lens of no mass, whose source is too faint to see
    far = [{"profile": "SERSIC_ELLIPSE", "magnitude": 90, "R_sersic": 0.1}] * 2
    nothing = [{"profile": "SIS", "theta_E": 0}]
    config = of_classes.config.model_dump(exclude_none=True)
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


def test_colours_and_zero_points_make_the_amplitudes_of_bands(everything):
    systems = draw(everything, np.arange(40), Views(2))
    light = systems.lens_light[0]
    there = np.isfinite(light["magnitude"])
    ratio = light["amp"][..., 1] / light["amp"][..., 0]
    np.testing.assert_allclose(ratio[there], 10 ** (-0.4 * 1.5))
    source = systems.source[0]
    np.testing.assert_allclose(
        -2.5 * np.log10(source["amp"][..., 1] / source["amp"][..., 0]), source["color_g"], rtol=1e-9
    )
