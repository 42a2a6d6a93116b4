"""What is measured of arcs: known answers, all bands, NaN where there is nothing to measure."""

import numpy as np
import pytest

from lenstream.simulate import arcs, einstein_radius
from lenstream.simulate.labels import all_labels
from lenstream.simulate.render import render_all, tracer
from lenstream.simulate.selection import draw, quantities
from lenstream.simulate.systems.draw import Views, view_of

SMALL = {"num_pix": 32, "pixel_scale": 0.12, "rays": 2}
SOURCE = {"profile": "SERSIC_ELLIPSE", "magnitude": {"uniform": (22, 25)}, "R_sersic": 0.2, "n_sersic": 1}


def measured(scene, systems):
    return render_all(scene, systems, noise=False, arcs=True).arcs


@pytest.fixture(scope="module")
def classes_scene(scene_with):
    """A lens, a source without a deflector, a deflector without a source, and only lens light."""
    return scene_with(
        classes={"lens": 1, "unlensed": 1, "dark": 1, "galaxy": 1},
        image=SMALL,
        lens_mass=[{"profile": "SIS", "theta_E": {"uniform": (0.5, 1.2)}, "only": ["lens", "dark"]}],
        source=[SOURCE | {"center_x": 0.1, "only": ["lens", "unlensed"]}],
        lens_light=[{"profile": "SERSIC_ELLIPSE", "magnitude": 21, "R_sersic": 0.5, "n_sersic": 4}],
        selection={"image_separation_min": 0.1},
    )


def test_there_is_nothing_to_measure_without_a_deflector_or_a_source(classes_scene):
    systems = draw(classes_scene, np.arange(80), Views(2))
    lens, unlensed, dark, galaxy = (systems.class_number == k for k in range(4))
    assert min(lens.sum(), unlensed.sum(), dark.sum(), galaxy.sum()) > 5
    np.testing.assert_array_equal(arcs.is_lens(classes_scene, systems), lens)
    cut, told = quantities(classes_scene, systems), all_labels(classes_scene, systems)
    for name, values in cut.items():
        assert values.shape == (80, 2)
        np.testing.assert_array_equal(np.isnan(values), ~np.stack([lens, lens], axis=1), err_msg=name)
    for name in ("magnification", "arc_snr"):  # labels and selections mean the same
        np.testing.assert_array_equal(cut[name], told[name], err_msg=name)
    np.testing.assert_array_equal(np.isnan(told["theta_E_mean_kappa"]), unlensed | galaxy)
    flux = arcs.flux_before_lensing(classes_scene, systems)
    np.testing.assert_array_equal((flux > 0).all(1), lens | unlensed)
    np.testing.assert_array_equal((flux == 0).all(1), dark | galaxy)


def test_two_equal_bands_have_the_signal_to_noise_of_twice_the_light(scene_with, observed):
    keys = {"image": SMALL, "source": [SOURCE], "observation": observed(noise=True)}
    alone, both = scene_with(**keys), scene_with(**keys, bands={"r": {}, "i": {}})
    systems, both_systems = (draw(s, np.arange(6), Views(2)) for s in (alone, both))
    in_one, in_both = measured(alone, systems), measured(both, both_systems)
    expected = np.sqrt(2) * arcs.arc_snr(alone, systems, in_one)
    np.testing.assert_allclose(arcs.arc_snr(both, both_systems, in_both), expected, rtol=1e-6)
    flux = [arcs.flux_before_lensing(s, drawn) for s, drawn in ((alone, systems), (both, both_systems))]
    np.testing.assert_allclose(flux[1], 2 * flux[0], rtol=1e-12)
    magnification = arcs.magnification(alone, systems, in_one)
    np.testing.assert_allclose(arcs.magnification(both, both_systems, in_both), magnification, rtol=1e-6)


def test_fluxes_make_the_magnification_and_squares_the_signal_to_noise(scene_with):
    scene = scene_with(image=SMALL, source=[SOURCE])
    systems = draw(scene, np.arange(3), Views(2))
    flux = arcs.flux_before_lensing(scene, systems)
    given = np.stack([4.0 * flux, np.full_like(flux, 25.0)], axis=-1)[:, :, None]  # one band
    np.testing.assert_allclose(arcs.magnification(scene, systems, given), 4.0)
    np.testing.assert_allclose(arcs.arc_snr(scene, systems, given), 5.0)


def test_the_flux_before_lensing_is_that_of_all_sources(scene_with):
    sources = [SOURCE, SOURCE | {"magnitude": 23, "center_x": 0.3}]
    scene = scene_with(image=SMALL, source=sources)
    systems = draw(scene, np.arange(5), Views(2))
    zero_point = scene.instrument.magnitude_zero_point
    expected = sum(10 ** (-0.4 * (component["magnitude"] - zero_point)) for component in systems.source)
    np.testing.assert_allclose(arcs.flux_before_lensing(scene, systems), expected, rtol=1e-12)


def test_the_images_of_a_sphere_are_two_einstein_radii_apart(scene_with):
    lens = {"profile": "SIS", "theta_E": {"uniform": (0.5, 1.2)}}
    beside = SOURCE | {"center_x": {"uniform": (0.05, 0.2)}, "center_y": 0.1}
    scene = scene_with(image=SMALL, lens_mass=[lens], source=[beside])
    systems = draw(scene, np.arange(6), Views(2))
    theta_E = systems.lens_mass[0]["theta_E"]
    np.testing.assert_allclose(arcs.image_separation(scene, systems), np.stack([2 * theta_E] * 2, axis=1), atol=1e-5)
    np.testing.assert_allclose(arcs.mean_kappa_radius(scene, systems), theta_E, rtol=1e-7)


def test_the_images_of_every_view_are_those_of_its_own_source(scene_with):
    """A source outside the caustic of a shear has two images or one; their distance goes with where it lies."""
    deflectors = [{"profile": "SIS", "theta_E": 1.0}, {"profile": "SHEAR", "gamma1": 0.1, "gamma2": 0.0}]
    beside = SOURCE | {"center_x": {"uniform": (0.0, 0.6)}, "center_y": {"uniform": (0.0, 0.6)}}
    scene = scene_with(image=SMALL, lens_mass=deflectors, source=[beside])
    systems = draw(scene, np.arange(6), Views(2))
    found = arcs.image_separation(scene, systems)
    assert (np.abs(found[:, 0] - found[:, 1]) > 1e-3).any()
    for v in (0, 1):
        np.testing.assert_allclose(found[:, [v]], arcs.image_separation(scene, view_of(systems, v)), atol=1e-9)


def test_the_einstein_radius_is_about_the_main_deflector_however_large_it_is(scene_with):
    """A sphere far from the middle, and one of 20 arcsec: ten times what a guess of 1 arcsec reaches."""
    spheres = [{"theta_E": 0.7, "center_x": 1.0, "center_y": -0.5}, {"theta_E": 20.0}]
    for sphere in spheres:
        scene = scene_with(image=SMALL, lens_mass=[{"profile": "SIS"} | sphere])
        found = arcs.mean_kappa_radius(scene, draw(scene, np.arange(2), Views()))
        np.testing.assert_allclose(found, sphere["theta_E"], rtol=1e-6)
    for scene in (scene_with(image=SMALL, lens_mass=[{"profile": "SIS"} | sphere]) for sphere in spheres):
        systems = draw(scene, np.arange(2), Views())
        found = arcs.critical_area_radius(scene, systems)
        np.testing.assert_allclose(found, systems.lens_mass[0]["theta_E"], rtol=1e-6)


def test_what_is_first_in_a_class_is_its_main_component(scene_with):
    """A class without the list's first deflector and source is measured about its own, not about the middle."""
    second = {"profile": "SIS", "theta_E": {"uniform": (0.8, 1.2)}, "center_x": 0.8, "only": ["right"]}
    lens_mass = [{"profile": "SHEAR"}, {"profile": "SIS", "theta_E": 0.6, "only": ["middle"]}, second]
    source = [
        SOURCE | {"center_x": 0.1, "only": ["middle"]},
        SOURCE | {"center_x": {"uniform": (0.6, 0.75)}, "center_y": 0.1, "only": ["right"]},
        SOURCE | {"center_x": -3.0},  # seen once, and main in no class
    ]
    scene = scene_with(classes={"middle": 1, "right": 1}, image=SMALL, lens_mass=lens_mass, source=source)
    systems = draw(scene, np.arange(12), Views(2))
    right = systems.class_number == 1
    assert 2 < right.sum() < 10
    theta_E = np.where(right, systems.lens_mass[2]["theta_E"], 0.6)
    mean_kappa = arcs.mean_kappa_radius(scene, systems)
    np.testing.assert_allclose(mean_kappa, theta_E, rtol=1e-7)
    np.testing.assert_allclose(arcs.critical_area_radius(scene, systems), theta_E, rtol=1e-6)
    np.testing.assert_allclose(arcs.image_separation(scene, systems), np.stack([2 * theta_E] * 2, axis=1), atol=1e-5)


def test_the_einstein_radii_of_a_deflection_map_are_about_its_mass(scene_with, tmp_path):
    """An isothermal sphere with a core, off the middle of its map: mean kappa 1 where sqrt(r^2 + s^2) - s = r^2 / b."""
    y, x = np.meshgrid(*2 * [np.linspace(-4, 4, 161)], indexing="ij")
    x, y, b, core = x - 0.9, y + 0.6, 1.2, 0.1
    factor = b * (np.sqrt(x**2 + y**2 + core**2) - core) / (x**2 + y**2)
    np.savez(tmp_path / "map.npz", f_x=factor * x, f_y=factor * y, pixel_scale=0.05)
    shifted = {"profile": "INTERPOL", "file": str(tmp_path / "map.npz"), "center_x": 0.2}
    scene = scene_with(image=SMALL, lens_mass=[{"profile": "SHEAR", "gamma1": 0.0}, shifted])
    systems = draw(scene, [0], Views())
    mean_kappa = arcs.mean_kappa_radius(scene, systems)
    expected = np.sqrt(b**2 - 2 * b * core)
    np.testing.assert_allclose(mean_kappa, expected, rtol=1e-3)
    np.testing.assert_allclose(arcs.critical_area_radius(scene, systems), expected, rtol=1e-3)


@pytest.mark.parametrize("closed_form", [True, False])
def test_subhalos_enter_the_mean_convergence_and_not_the_critical_curve(scene_with, closed_form):
    halos = {"kind": "CDM", "profile": "SIS", "theta_E": 0.02, "n_mean": 40, "count": "fixed", "r_max": 1.0}
    far_away = [] if closed_form else [{"profile": "SIS", "theta_E": 0.01, "center_x": 9.0}]
    keys = {"lens_mass": [{"profile": "SIS", "theta_E": 1.0}, {"profile": "SHEAR", "gamma1": 0.1}, *far_away]}
    keys |= {"image": SMALL}
    smooth, lumpy = scene_with(**keys), scene_with(**keys, substructure=[halos])
    told = [all_labels(scene, draw(scene, np.arange(3), Views())) for scene in (smooth, lumpy)]
    np.testing.assert_allclose(told[0]["theta_E_critical_area"], told[1]["theta_E_critical_area"], rtol=1e-5)
    assert (told[1]["theta_E_mean_kappa"] > told[0]["theta_E_mean_kappa"] + 0.3).all()
    assert (told[0]["theta_E_critical_area"] > 1.005).all()  # by the shear, which the mean convergence knows nothing of


def test_the_second_look_at_some_systems_is_that_at_all_of_them(scene_with):
    """With a satellite in one class the critical curve has corners: the same alone, in a batch and by a look at all."""
    satellite = {"profile": "SIS", "theta_E": 0.2, "center_x": {"uniform": (0.9, 1.1)}, "only": ["two"]}
    lens_mass = [{"profile": "SIE", "theta_E": 1.0, "e1": 0.1}, satellite]
    scene = scene_with(classes={"one": 1, "two": 1}, image=SMALL, source=[SOURCE], lens_mass=lens_mass)
    systems = draw(scene, np.arange(8), Views())
    found = arcs.critical_area_radius(scene, systems)
    guess = arcs.mean_kappa_radius(scene, systems)
    of_all = einstein_radius.critical_curve_radius(tracer(scene, systems), 0.0, 0.0, guess)
    np.testing.assert_allclose(found, of_all, rtol=1e-6)  # the class without a satellite has a closed form
    lumpy = systems.class_number == 1
    assert 1 < lumpy.sum() < 7
    np.testing.assert_allclose(found[~lumpy], 1.0, rtol=1e-6)
    np.testing.assert_array_equal(found[lumpy], of_all[lumpy])
    assert (found[lumpy] > 1.05).all()
    alone = draw(scene, np.flatnonzero(lumpy)[:1], Views())
    assert arcs.critical_area_radius(scene, alone)[0] == found[lumpy][0]


def test_the_radius_with_subhalos_near_the_circle_is_converged_in_any_batch(scene_with, monkeypatch):
    lens = {"profile": "SIE", "theta_E": 1.0, "e1": 0.1, "e2": 0.0}
    halos = {"kind": "CDM", "profile": "SIS", "n_mean": 20, "theta_E": {"loguniform": (0.01, 0.1)}, "half_side": 1.2}
    scene = scene_with(image=SMALL, lens_mass=[lens], source=[SOURCE], substructure=[halos])
    together = arcs.mean_kappa_radius(scene, draw(scene, np.arange(12), Views()))
    apart = [arcs.mean_kappa_radius(scene, draw(scene, [k], Views())) for k in range(12)]
    np.testing.assert_array_equal(np.concatenate(apart), together)
    monkeypatch.setattr(einstein_radius, "N_ANGLES", 8192)
    truth = arcs.mean_kappa_radius(scene, draw(scene, np.arange(12), Views()))
    np.testing.assert_allclose(together, truth, rtol=5e-5)
