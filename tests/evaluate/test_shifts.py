"""Shifts: each changes what it says, by as much as it says, and is refused where it means nothing."""

from typing import get_args

import numpy as np
import pytest

from lenstream.configs.evaluation import Evaluate
from lenstream.configs.load import load
from lenstream.errors import ConfigError
from lenstream.evaluate.shifts import KINDS, MADE_UP, SHIFTS, shifted
from lenstream.simulate.galaxies.procedural import DEFAULT_MORPHOLOGIES, MORPHOLOGIES
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

LIGHT = "simulate.lens_light=[{profile: SERSIC_ELLIPSE, magnitude: 20, R_sersic: 0.8, n_sersic: 4}]"
TWO_BANDS = "simulate.bands={g: {}, r: {exposure_time: 500, psf: {kind: moffat, fwhm: {uniform: [0.1, 0.2]}, beta: 3}}}"


def simulation(*overrides, recipe="demo"):
    return load(recipe, list(overrides)).simulate


def refused(name, *overrides, recipe="demo", other=None):
    with pytest.raises(ConfigError) as caught:
        shifted(name, simulation(*overrides, recipe=recipe), other)
    (problem,) = caught.value.problems
    assert problem.startswith(f"evaluate.shifts: {name} ")
    return problem


def rendered(simulation, n=8, noise=True):
    """Images (n, h, w) of the first systems, and these."""
    scene = make_scene(simulation, 1)
    systems = draw(scene, np.arange(n), Views())
    return render(scene, systems, noise=noise, dtype=np.float64)[:, 0], systems


def test_the_config_knows_every_shift():
    (names,) = get_args(Evaluate.model_fields["shifts"].annotation)
    assert list(get_args(names)) == list(SHIFTS)
    assert (MADE_UP, set(KINDS)) == (DEFAULT_MORPHOLOGIES, set(MORPHOLOGIES))


@pytest.mark.parametrize("name", [name for name in SHIFTS if name != "other_prior"])
def test_the_lenses_stay_the_same(name):
    """What is drawn of the lens is the same number, whatever else is added or changed."""
    config = simulation("simulate.image.num_pix=16", recipe="tiny")
    before, after = (draw(make_scene(s, 1), np.arange(20), Views()) for s in (config, shifted(name, config).simulation))
    for old, new in zip(before.lens_mass, after.lens_mass, strict=True):
        for parameter, values in old.items():
            np.testing.assert_array_equal(new[parameter], values)


def test_the_psf_is_a_fifth_wider_in_every_band():
    shift = shifted("wider_psf", simulation())
    assert shift.simulation.observation.psf.fwhm == pytest.approx(1.2 * 0.12)
    assert "20 % wider" in shift.words and "fwhm 0.144 instead of 0.12" in shift.words
    bands = shifted("wider_psf", simulation(TWO_BANDS)).simulation.band_observations()
    assert bands["g"].psf.fwhm == pytest.approx(1.2 * 0.12)
    assert bands["r"].psf.fwhm.uniform == pytest.approx((0.12, 0.24)) and bands["r"].psf.beta == 3
    euclid = simulation("simulate.observation={instrument: Euclid/VIS}")
    known = make_scene(euclid, 0).instrument.fwhm
    assert shifted("wider_psf", euclid).simulation.observation.psf.fwhm == pytest.approx(1.2 * known)
    assert "is of the kind none" in refused("wider_psf", "simulate.observation.psf={kind: none}")


@pytest.mark.parametrize(
    "observation",
    [
        "simulate.observation.background_noise=0.018",
        "simulate.observation={instrument: HST/WFC3_F160W}",
        "simulate.observation={exposure_time: 300, num_exposures: 3, read_noise: 5, sky_brightness: 22, "
        "magnitude_zero_point: 26, psf: {kind: gaussian, fwhm: 0.1}}",
    ],
)
def test_the_noise_is_twice_as_large_at_every_pixel_that_of_the_light_included(observation):
    config = simulation(observation, "simulate.image={num_pix: 24, pixel_scale: 0.1}", recipe="tiny")
    other = shifted("more_noise", config).simulation
    (once, _), (twice, _) = rendered(config), rendered(other)
    clean, _ = rendered(config, noise=False)
    np.testing.assert_allclose(twice - clean, 2 * (once - clean), rtol=1e-6, atol=1e-9)


def test_the_noise_is_correlated_and_as_large():
    config = simulation("simulate.image.num_pix=64", recipe="tiny")
    other = shifted("correlated_noise", config).simulation
    clean, _ = rendered(config, noise=False)
    before, after = (rendered(s)[0] - clean for s in (config, other))
    assert after.std() == pytest.approx(before.std(), rel=0.03)
    for axis in (1, 2):
        pairs = [np.take(after, range(63), axis), np.take(after, range(1, 64), axis)]
        assert np.corrcoef(*[p.ravel() for p in pairs])[0, 1] == pytest.approx(0.28, abs=0.03)


@pytest.mark.parametrize("name", ["more_noise", "correlated_noise"])
def test_noise_that_cannot_be_changed(name, tmp_path):
    assert "simulate.observation.noise is false" in refused(name, "simulate.observation.noise=false")
    sky = [f"simulate.observation.sky_cutouts={tmp_path}", "simulate.observation.background_noise=null"]
    assert "simulate.observation.sky_cutouts brings noise of its own" in refused(name, *sky)
    if name == "correlated_noise":
        assert "does already" in refused(name, "simulate.observation.noise_correlation=0.2")


def test_lens_light_is_shaped_like_the_mass_and_brighter_than_the_source():
    config = simulation("simulate.image.num_pix=24")
    shift = shifted("lens_light", config)
    (plain, _), (lit, systems) = (rendered(s, noise=False) for s in (config, shift.simulation))
    light, mass = systems.lens_light[0], systems.lens_mass[0]
    np.testing.assert_allclose(light["R_sersic"].ravel(), 1.5 * mass["theta_E"], rtol=1e-6)
    for name in ("center_x", "center_y"):
        np.testing.assert_allclose(light[name].ravel(), mass[name])
    assert np.corrcoef(light["e1"].ravel(), mass["e1"])[0, 1] > 0.8
    source = config.source[0].magnitude.truncnormal
    assert light["magnitude"] == pytest.approx(source[0] - 4, abs=0.1)
    assert ((lit - plain) > 0).mean() > 0.99
    assert "leave it out" in refused("lens_light", LIGHT)
    assert "simulate.source.0.magnitude" in refused(
        "lens_light", "simulate.source=[{profile: INTERPOL, R_half: 0.2, catalogue: x.fits}]"
    )


def test_another_prior_says_every_law_that_it_moves():
    shift = shifted("other_prior", simulation())
    mass, shear = shift.simulation.lens_mass
    assert mass.e1_e2.rayleigh == pytest.approx((0.225, 0.4)) and mass.gamma.truncnormal[0] == pytest.approx(2.1)
    assert mass.theta_E.beta == (1, 2, 0.7, 1.7) and shear.gamma1.normal == pytest.approx((0, 0.045))
    for said in ("theta_E beta(1, 2) within 0.7 to 1.7 instead of U(0.7, 1.7)", "rayleigh 0.225 instead of 0.15"):
        assert said in shift.words
    fixed = "simulate.lens_mass=[{profile: EPL, theta_E: 1.2, gamma: 2, e1: 0.1}]"
    assert "which has none that can be moved" in refused("other_prior", fixed)


def test_subhalos_hold_a_hundredth_of_the_mass():
    config = simulation("simulate.image.num_pix=16", recipe="tiny")
    systems = draw(make_scene(shifted("subhalos", config).simulation, 1), np.arange(200), Views())
    (halos,) = systems.halos
    count = np.diff(halos.first)
    mass = np.bincount(np.repeat(np.arange(200), count), halos.mass, minlength=200)
    assert np.mean(mass / halos.region) == pytest.approx(0.01, rel=0.15)
    assert halos.mass.min() >= 0.99e8 and halos.mass.max() <= 1.01e10
    assert "leave it out" in refused("subhalos", recipe="w4")


def test_other_galaxies_were_in_no_training():
    shift = shifted("other_galaxies", simulation())
    (source,) = shift.simulation.source
    (before,) = simulation().source
    assert source.kinds == ["ring", "merger"] and (source.magnitude, source.R_half) == (before.magnitude, before.R_half)
    assert "ring, merger instead of elliptical, disc" in shift.words
    some = shifted("other_galaxies", simulation("simulate.source.0.kinds=[disc, ring]")).simulation.source[0].kinds
    assert some == ["elliptical", "spiral", "clumpy", "irregular", "merger"]
    every = f"simulate.source.0.kinds=[{', '.join(KINDS)}]"
    assert "give evaluate.other_catalogue" in refused("other_galaxies", every)


def test_sersic_sources_become_made_up_galaxies_of_their_size():
    before = simulation(recipe="tiny").source[0]
    (source,) = shifted("other_galaxies", simulation(recipe="tiny")).simulation.source
    assert (source.profile, source.catalogue) == ("INTERPOL", "procedural")
    assert (source.magnitude, source.R_half, source.center_x) == (before.magnitude, before.R_sersic, before.center_x)


def test_a_catalogue_of_the_users_own_takes_the_place_of_any():
    shift = shifted("other_galaxies", simulation(), "mine.npz")
    assert shift.simulation.source[0].catalogue == "mine.npz" and "galaxies of mine.npz" in shift.words
    real = "simulate.source=[{profile: INTERPOL, catalogue: cosmos.fits, magnitude_cut: [20, 23]}]"
    assert shifted("other_galaxies", simulation(real), "mine.npz").simulation.source[0].magnitude_cut == (20, 23)
    assert "simulate.source.0.magnitude and R_half" in refused("other_galaxies", real)
    both = "simulate.source=[{profile: INTERPOL, catalogue: cosmos.fits, magnitude: 23, R_half: 0.2}]"
    assert shifted("other_galaxies", simulation(both)).simulation.source[0].catalogue == "procedural"


def test_what_follows_a_parameter_that_is_gone_is_said():
    follows = "simulate.source.0.center_x={follow: {parameter: source.0.n_sersic, factor: 0.01}}"
    assert "does not go with this simulation" in refused("other_galaxies", follows, recipe="tiny")
