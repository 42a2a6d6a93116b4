"""Labels: one unit for every name, quantities with a known answer, NaN where there is nothing to tell."""

from itertools import pairwise

import numpy as np
import pytest
from astropy.units import Unit
from hypothesis import given, settings
from hypothesis import strategies as st
from lenstronomy.LightModel.light_model import LightModel

from lenstream.configs.load import available, load
from lenstream.configs.quantities import quantity
from lenstream.simulate.bridge import lenstronomy_image_model
from lenstream.simulate.labels import all_labels, derived_labels, labels, moments, units
from lenstream.simulate.profiles import registry
from lenstream.simulate.render import render, render_all
from lenstream.simulate.selection import draw
from lenstream.simulate.stream import simulate
from lenstream.simulate.systems.draw import Views, by_grid
from lenstream.simulate.systems.scene import make_scene, only_bands

SMALL = {"num_pix": 32, "pixel_scale": 0.12, "rays": 2}
FEWER_GALAXIES = {"n_galaxies": 10}


def quick(recipe):
    """The scene of a recipe with few made-up galaxies."""
    config = load(recipe).simulate
    changed = {
        group: [c.model_copy(update=FEWER_GALAXIES) if c.profile == "INTERPOL" else c for c in getattr(config, group)]
        for group in ("source", "lens_light")
    }
    return make_scene(config.model_copy(update=changed), 1)


@pytest.mark.parametrize("recipe", ["w1", "w4", "demo", "deeplense_model_1", "lens_finding"])
def test_every_label_has_a_unit_and_every_unit_a_label(recipe):
    assert recipe in available()
    scene = quick(recipe)
    values = all_labels(scene, draw(scene, np.arange(3), Views(2)))
    assert set(values) == set(units(scene))
    for unit in units(scene).values():
        Unit(unit)
    assert all(v.dtype == np.float64 and v.shape in ((3,), (3, 2)) for v in values.values())


def test_units_are_those_of_the_parameters(everything):
    found = units(everything)
    expected = {"theta_E": "arcsec", "gamma": "", "source_magnitude": "mag(AB)", "source_color_g": "mag"}
    expected |= {"lens_light_R_bulge": "arcsec", "source_phi_G": "rad", "n_mean": "", "halo_mass": "Msun"}
    assert {name: found[name] for name in expected} == expected


def test_labels_do_not_depend_on_the_batch(everything, scene_with):
    w4 = make_scene(load("w4").simulate, 1)
    for scene in (everything, w4):
        many = all_labels(scene, draw(scene, np.arange(12340, 12352), Views(2)))
        one = all_labels(scene, draw(scene, [12345], Views(2)))
        for name, value in one.items():
            np.testing.assert_array_equal(value[0], many[name][5], err_msg=name)


def test_labels_are_nan_where_a_component_is_absent(everything):
    systems = draw(everything, np.arange(40), Views())
    values = all_labels(everything, systems)
    lens, with_subhalos, galaxy = (systems.class_number == k for k in range(3))
    assert min(lens.sum(), with_subhalos.sum(), galaxy.sum()) >= 3
    np.testing.assert_array_equal(values["class"], systems.class_number)
    absent = {
        "theta_E": galaxy,
        "gamma1": ~lens,
        "source_magnitude": galaxy,
        "source_R_half": ~lens,
        "lens_light_bulge_fraction": with_subhalos,
        "theta_E_mean_kappa": galaxy,
        "magnification": galaxy,
        "arc_snr": galaxy,
        "n_mean": ~with_subhalos,
    }
    for name, where in absent.items():
        np.testing.assert_array_equal(np.isnan(values[name]).reshape(40), where, err_msg=name)
    np.testing.assert_array_equal(values["n_halos"], np.diff(systems.halos[0].first))
    assert (values["n_halos"][with_subhalos] > 0).all() and (values["n_halos"][~with_subhalos] == 0).all()
    first = systems.halos[0].first
    sums = [systems.halos[0].mass[a:b].sum() for a, b in pairwise(first)]
    np.testing.assert_allclose(values["halo_mass"], sums)


def test_the_subhalos_of_several_substructures_are_counted_together(scene_with):
    masses = {"kind": "CDM", "m_min": 1e7, "m_max": 1e9, "count": "fixed", "r_max": 2.0}
    vortex = {"kind": "AXION_VORTEX", "n_masses": 11, "mass": 1e9}
    scene = scene_with(image=SMALL, substructure=[masses | {"n_mean": 7}, masses | {"n_mean": 4}, vortex])
    systems = draw(scene, np.arange(4), Views())
    values = all_labels(scene, systems)
    assert (values["n_halos"] == 22).all()
    by_hand = 1e9 + systems.halos[0].mass.reshape(4, 7).sum(1) + systems.halos[1].mass.reshape(4, 4).sum(1)
    np.testing.assert_allclose(values["halo_mass"], by_hand)


@pytest.mark.parametrize("shear", [0.0, 0.1])
def test_the_effective_einstein_radius_of_an_isothermal_sphere_is_its_own(scene_with, shear):
    lens = {"profile": "SIS", "theta_E": {"uniform": (0.2, 3)}, "center_x": {"normal": (0, 0.2)}}
    scene = scene_with(image=SMALL, lens_mass=[lens, {"profile": "SHEAR", "gamma1": shear}])
    values = all_labels(scene, draw(scene, np.arange(30), Views()))
    np.testing.assert_allclose(values["theta_E_mean_kappa"], values["theta_E"], rtol=1e-7)


def test_a_sheet_of_mass_makes_the_einstein_radius_larger(scene_with):
    lens_mass = [{"profile": "SIS", "theta_E": 1.0}, {"profile": "CONVERGENCE", "kappa": {"uniform": (-0.2, 0.4)}}]
    scene = scene_with(image=SMALL, lens_mass=lens_mass)
    values = all_labels(scene, draw(scene, np.arange(20), Views()))
    np.testing.assert_allclose(values["theta_E_mean_kappa"], 1 / (1 - values["kappa"]), rtol=1e-7)


def test_without_mass_there_is_no_einstein_radius_and_no_magnification(scene_with):
    source = {"profile": "SERSIC_ELLIPSE", "magnitude": 23, "R_sersic": 0.1}
    scene = scene_with(
        image=SMALL | {"rays": "adaptive"}, lens_mass=[{"profile": "SIS", "theta_E": 0}], source=[source]
    )
    values = all_labels(scene, draw(scene, [0], Views()))
    assert values["theta_E_mean_kappa"] == 0
    assert values["magnification"] == pytest.approx(1, abs=5e-3)


@pytest.mark.parametrize("beta", [0.1, 0.25, 0.5])
def test_the_magnification_of_a_compact_source_is_that_of_a_point(scene_with, beta):
    """Behind an isothermal sphere a point at beta < theta_E has two images of 2 theta_E / beta together."""
    source = {"profile": "SERSIC_ELLIPSE", "magnitude": 23, "R_sersic": 0.01, "n_sersic": 0.5, "center_x": beta}
    lens = {"profile": "SIS", "theta_E": 1.0}
    scene = scene_with(image=SMALL | {"rays": "adaptive"}, lens_mass=[lens], source=[source])
    (found,) = all_labels(scene, draw(scene, [0], Views()))["magnification"][0]
    assert found == pytest.approx(2 / beta, rel=0.03)


def test_the_signal_to_noise_of_arcs_is_that_of_their_images(scene_with, observed):
    """sqrt(sum of source^2 / variance), with lens light's photons in the variance and bands added in quadrature."""
    light = {"profile": "SERSIC_ELLIPSE", "magnitude": 19, "R_sersic": 0.6, "n_sersic": 4, "colors": {"g": 1}}
    w1 = load("w1").simulate.model_dump(exclude_none=True)
    detector = {"read_noise": 5, "sky_brightness": 22, "ccd_gain": 2.5, "data_count_unit": "ADU", "num_exposures": 2}
    sky = {n: v for n, v in observed().items() if n != "background_noise"} | detector
    keys = {
        "image": SMALL,
        "source": [w1["source"][0] | {"colors": {"g": 0.5}}],
        "observation": sky | {"exposure_time": {"loguniform": (500, 5000)}},
        "bands": {"r": {}, "g": {"psf": {"kind": "gaussian", "fwhm": 0.4}}},
    }
    scene, alone = scene_with(**keys, lens_light=[light]), scene_with(**keys)
    views = Views(2)
    systems, source_systems = (draw(s, np.arange(5), views) for s in (scene, alone))
    source = render(alone, source_systems, noise=False, dtype=np.float64)
    total = render(scene, systems, noise=False, dtype=np.float64)
    time = systems.optics["exposure_time"]
    rate = 10 ** (-0.4 * (22 - 25.96)) * 0.12**2  # electrons/s of the sky on a pixel
    background2 = (2 * 5**2 + rate * time) / time**2 / 2.5**2  # ADU^2/s^2
    variance = background2[..., None, None] + np.maximum(total, 0) / (2.5 * time[..., None, None])
    expected = np.sqrt((source**2 / variance).sum((2, 3, 4)))
    values = all_labels(scene, systems)
    np.testing.assert_allclose(values["arc_snr"], expected, rtol=1e-4)
    without_light = all_labels(alone, source_systems)["arc_snr"]
    assert (without_light > 1.02 * expected).all() and (without_light > 1.1 * expected).any()
    # the noise that is added has that variance: the pull of noisy images is a standard normal number
    noise = render(scene, systems, noise=True) - total
    assert (noise / np.sqrt(variance)).std() == pytest.approx(1, abs=5 / np.sqrt(2 * noise.size))


def test_arcs_are_the_flux_in_the_frame(scene_with):
    scene = scene_with(image=SMALL | {"rays": 4}, observation={"instrument": "HST/WFC3_F160W", "psf": {"kind": "none"}})
    systems = draw(scene, np.arange(4), Views())
    rendered = render_all(scene, systems, noise=False, arcs=True)
    np.testing.assert_allclose(rendered.arcs[..., 0], rendered.images.sum((3, 4), dtype=float), rtol=1e-5)


def test_a_batch_carries_all_labels_and_its_masks(everything):
    systems = draw(everything, np.arange(6), Views(2))
    batch = simulate(everything, np.arange(6), Views(2), threads=2)
    expected = labels(systems) | derived_labels(everything, systems, render_all(everything, systems, arcs=True).arcs)
    assert set(batch.labels) == set(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(batch.labels[name].numpy(), value.astype(np.float32), err_msg=name)
    rendered = render_all(everything, systems, arcs=True)
    np.testing.assert_array_equal(batch.mask.numpy(), rendered.mask)
    np.testing.assert_array_equal(batch.images.numpy(), rendered.images)


def test_moments_leave_out_nothing(w1):
    mean, std = moments(w1, ["theta_E"], n=512)
    drawn = labels(draw(w1, np.arange(512), Views()))["theta_E"]
    assert mean[0] == drawn.mean() and std[0] == drawn.std()


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


def test_the_labels_of_a_view_are_those_of_its_image(scene_with):
    source = {"profile": "SERSIC_ELLIPSE", "magnitude": {"uniform": (21, 24)}, "R_sersic": 0.15, "n_sersic": 1}
    scene = scene_with(image=SMALL, lens_mass=[{"profile": "SIS", "theta_E": 0}], source=[source])
    systems = draw(scene, np.arange(8), Views(3))
    magnitude = labels(systems)["source_magnitude"]
    assert magnitude.shape == (8, 3) and np.abs(np.diff(magnitude, axis=1)).min() > 0.01
    flux = render(scene, systems, noise=False, dtype=np.float64).sum((2, 3))
    image_magnitude = scene.instrument.magnitude_zero_point - 2.5 * np.log10(flux)
    np.testing.assert_allclose(image_magnitude, magnitude, atol=0.01)  # the frame holds 99 % of the light


SECOND = {
    "SIE": {"theta_E": {"uniform": (0, 1)}, "e1_e2": {"rayleigh": (0.6, 0.899)}, "center_x": {"normal": (0, 0.5)}},
    "SHEAR": {"gamma1": {"normal": (0, 0.3)}, "gamma2": {"normal": (0, 0.3)}},
    "CONVERGENCE": {"kappa": {"normal": (0, 0.5)}, "ra_0": 0.2},
    "SIS": {"theta_E": {"uniform": (0, 1)}, "center_y": {"normal": (0, 0.5)}},
    "POINT_MASS": {"theta_E": {"uniform": (0, 1)}, "center_y": {"normal": (0, 0.5)}},
    "NFW": {"Rs": {"loguniform": (1e-5, 1e3)}, "alpha_Rs": {"uniform": (0, 2)}},
    "TNFW": {
        "Rs": {"loguniform": (1e-2, 1e2)},
        "alpha_Rs": {"uniform": (0, 2)},
        "r_trunc": {"loguniform": (1e-2, 1e2)},
    },
    "HERNQUIST": {"sigma0": {"uniform": (0, 2)}, "Rs": {"loguniform": (1e-2, 1e2)}},
    "MULTIPOLE": {"m": 3, "a_m": {"normal": (0, 0.2)}, "phi_m": {"uniform": (-9, 9)}},
}


def by_label(values, profile, k, prefix=""):
    """Parameters of component `k` of a group, taken from labels by their names."""
    names = [prefix + p.name for p in profile.parameters if p.name != "magnitude"]
    found = {n.removeprefix(prefix): values[f"{n}_{k}" if f"{n}_{k}" in values else n].ravel()[0] for n in names}
    return {n: int(v) if n == "m" else float(v) for n, v in found.items()}


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(sorted(SECOND)), st.integers(0, 2**40))
def test_lenstronomy_makes_the_same_image_from_the_labels_alone(scene_with, second, index):
    """All that is drawn is rendered as it is labelled, up to the ends of what a config may ask for."""
    shape = {"e1_e2": {"rayleigh": (0.6, 0.899)}}
    light = shape | {"R_sersic": {"loguniform": (0.01, 30)}, "n_sersic": {"uniform": (0.3, 8)}}
    scene = scene_with(
        image={"num_pix": 12, "pixel_scale": 0.27, "rays": 2},
        lens_mass=[
            {"profile": "EPL", "theta_E": {"uniform": (0, 3)}, "gamma": {"uniform": (1.05, 2.95)}} | shape,
            {"profile": second} | SECOND[second],
        ],
        source=[{"profile": "SERSIC_ELLIPSE", "magnitude": {"normal": (23, 3)}} | light],
        lens_light=[
            {"profile": "DOUBLE_SERSIC", "magnitude": {"uniform": (20, 30)}, "bulge_fraction": {"uniform": (0, 1)}}
            | {"R_bulge": {"loguniform": (0.01, 3)}, "n_bulge": {"uniform": (0.3, 8)}, "roundness": {"uniform": (0, 1)}}
            | light
        ],
    )
    systems = draw(scene, [index], Views())
    values = labels(systems)

    def with_amp(sersic, magnitude, share=1.0):
        unit = LightModel(["SERSIC_ELLIPSE"]).total_flux([sersic | {"amp": 1.0}])[0]
        return sersic | {"amp": share * 10 ** (-0.4 * (magnitude - scene.instrument.magnitude_zero_point)) / unit}

    lens = [by_label(values, registry.MASS[name], k) for k, name in enumerate(("EPL", second))]
    source = by_label(values, registry.LIGHT["SERSIC_ELLIPSE"], 0, "source_")
    both = by_label(values, registry.LIGHT["DOUBLE_SERSIC"], 0, "lens_light_")
    disc = {n: both[n] for n in source}
    bulge = disc | {"R_sersic": both["R_bulge"], "n_sersic": both["n_bulge"]}
    bulge |= {n: both["roundness"] * both[n] for n in ("e1", "e2")}
    fraction, magnitude = both["bulge_fraction"], values["lens_light_magnitude"].item()
    theirs = lenstronomy_image_model(scene, systems).image(
        lens,
        [with_amp(source, values["source_magnitude"].item())],
        [with_amp(disc, magnitude, 1 - fraction), with_amp(bulge, magnitude, fraction)],
    )
    ours = render(scene, systems, noise=False, dtype=np.float64)[0, 0]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * theirs.max())


def test_signal_to_noise_of_bands_with_grids_of_their_own_adds_up_over_all(two_grids):
    systems = draw(two_grids, np.arange(8), Views(2))
    known = all_labels(two_grids, systems)
    bands = [known[f"arc_snr_{name}"] for name in ("H", "VIS", "Y")]
    np.testing.assert_allclose(np.sqrt(sum(snr**2 for snr in bands)), known["arc_snr"], rtol=1e-12)
    assert (known["arc_snr"] >= 50).all() and not (bands[1] >= 50).all()  # cuts are of all bands together
    assert not np.allclose(bands[0], bands[2])
    for scene, own in by_grid(two_grids, systems):
        for name in scene.bands:  # an image and its band's label go together
            one = only_bands(two_grids, [name])
            alone = all_labels(one, draw(one, np.arange(8), Views(2)))
            np.testing.assert_array_equal(alone[f"arc_snr_{name}"], known[f"arc_snr_{name}"])
            np.testing.assert_array_equal(all_labels(scene, own)[f"arc_snr_{name}"], known[f"arc_snr_{name}"])
            np.testing.assert_array_equal(alone["source_color_VIS"], known["source_color_VIS"])
    assert set(known) == set(units(two_grids))
    assert quantity("arc_snr_VIS").meaning == "signal to noise of the arcs in band VIS"


def test_the_magnification_of_some_bands_is_of_their_own_flux(two_grids):
    """The source has other colours in every system, so fluxes of other bands would show."""
    one = only_bands(two_grids, ["VIS"])
    systems = draw(one, np.arange(6), Views())
    rendered = render_all(one, systems, noise=False, arcs=True)
    flux = 10 ** (
        -0.4 * (systems.source[0]["magnitude"] + systems.source[0]["color_VIS"] - one.instrument.magnitude_zero_point)
    )
    np.testing.assert_allclose(all_labels(one, systems)["magnification"], rendered.arcs[..., 0, 0] / flux, rtol=1e-9)
