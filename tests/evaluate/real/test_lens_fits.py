"""Fits of real lenses: planted ones are found, whatever their unit, orientation and place; what is refused."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.errors import ConfigError
from lenstream.evaluate.fitting.light_prior import without_light
from lenstream.evaluate.real import lens_fits
from lenstream.evaluate.real.fit_images import fit_image
from lenstream.evaluate.real.lens_fits import (
    fit_lens,
    observed_of,
    population_proposals,
    posterior_proposals,
    prepare,
    problems_of,
    scaled_to,
)
from lenstream.files.cutout_layout import read_planes
from lenstream.files.cutout_psf import psf_of
from lenstream.simulate.systems.scene import make_scene

from .planted import BACKGROUND, SCALE, N, write

TARGETS = ("theta_E", "e1", "e2", "gamma")


def image_of(path, scale=None):
    """The `FitImage` of a file."""
    return fit_image("a", read_planes(path), psf_of((path,)), SCALE, N * SCALE, scale)


def fitted(planted, image):
    return fit_lens(planted.fits, image, lambda free: population_proposals(planted.fits, free, 16, 5))


def values(planted, fit):
    """Parameters of the lens, name -> value, and their errors."""
    found = fit.of_lens(planted.fits.error_scales)
    return {name: v for name, (v, _) in found.items()}, {name: s for name, (_, s) in found.items()}


@pytest.fixture(scope="module")
def image(planted, tmp_path_factory):
    """Lens 2, which is elliptical, as read from its file."""
    return image_of(write(tmp_path_factory.mktemp("lens") / "a.fits", planted.planes(2)))


@pytest.fixture(scope="module")
def fit(planted, image):
    return fitted(planted, image)


def test_lenses_in_files_are_found(planted, tmp_path, fit):
    """Within three standard deviations, two more with a corner that is masked."""
    fits = {2: fit}
    for i in (0, 8):
        planes = planted.planes(i)
        planes["MASK"][8:14, 8:14] = 1
        planes["IMAGE"][8:14, 8:14] = 1e4
        fits[i] = fitted(planted, image_of(write(tmp_path / f"{i}.fits", planes)))
    for i, own in fits.items():
        truth, (found, sigma) = planted.truth(i), values(planted, own)
        assert list(found) == list(truth)
        assert max(abs(found[name] - truth[name]) / sigma[name] for name in TARGETS) < 3
        assert sigma["theta_E"] < 0.03
        assert own.found.converged
        assert 0.75 < own.found.chi2 < 1.1  # arcs have an error of their own
        assert own.found.magnification > 2


def test_its_parts_belong_together(planted, fit, image):
    assert fit.free.remains
    assert fit.free.light == ()
    assert fit.middle == image.middle
    assert fit.stamp.shape == planted.fits.shapes.stamps.shape[:2]
    assert fit.R_half == planted.fits.shapes.R_half
    assert max(value for _, value in fit.ends) == fit.found.log_posterior
    for parameters, _ in fit.ends:
        assert parameters.shape == fit.found.parameters.shape
    theta_E = values(planted, fit)[0]["theta_E"]
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    x, y = fit.trace(theta_E * np.cos(angle)[None], theta_E * np.sin(angle)[None])
    assert x.shape == (1, 200)
    deflected = np.mean(x * np.cos(angle) + y * np.sin(angle))
    assert deflected == pytest.approx(theta_E, rel=0.05)  # towards the lens, by its Einstein radius


def test_the_source_that_is_found_has_the_flux_of_the_images(fit):
    """It is that of a galaxy of unit flux, but for what is not on the stamp."""
    assert fit.stamp.sum() == pytest.approx(1.0, abs=0.3)


def test_another_unit_is_the_same_lens(planted, fit, image):
    """A thousand times as many counts/s, in image, noise and light."""
    other = image._replace(image=1e3 * image.image, noise=1e3 * image.noise, light=1e3 * image.light)
    again = fitted(planted, other)
    np.testing.assert_allclose(again.found.parameters, fit.found.parameters, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(again.observed.image, fit.observed.image, rtol=1e-10)


def test_an_image_is_brought_to_the_noise_of_the_population(planted, image):
    scaled = scaled_to(planted.fits, image)
    assert np.median(scaled.noise[scaled.good]) == pytest.approx(BACKGROUND)
    np.testing.assert_allclose(scaled.image / scaled.noise, image.image / image.noise)
    np.testing.assert_allclose(scaled.light / scaled.noise, image.light / image.noise)
    coarse = scaled_to(planted.fits, image._replace(pixel_scale=2 * SCALE))
    assert np.median(coarse.noise[coarse.good]) == pytest.approx(2 * BACKGROUND)  # of four pixels together
    assert scaled_to(planted.fits, image._replace(light=None)).light is None


def test_arcs_have_an_error_of_their_own(image):
    """A tenth of their light, averaged over neighbours; dark places have none."""
    observed = observed_of(image)
    assert observed.exposure == np.inf
    np.testing.assert_array_equal(observed.image, image.image)
    assert (observed.background >= image.noise).all()
    flat = observed_of(image._replace(image=np.full((N, N), 5.0)))
    np.testing.assert_allclose(flat.background, np.hypot(image.noise, 0.5))
    dark = observed_of(image._replace(image=np.full((N, N), -5.0)))
    np.testing.assert_array_equal(dark.background, image.noise)


def test_an_image_turned_by_90_degrees_has_its_lens_turned(planted, fit, image):
    """Ellipticity and shear change their signs, and what does not turn stays; few components turn no galaxy exactly."""
    turned = {name: np.rot90(getattr(image, name)) for name in ("image", "noise", "good", "light")}
    again = fitted(planted, image._replace(**turned))
    (one, sigma), (other, _) = values(planted, fit), values(planted, again)
    for name, value in one.items():
        sign = -1 if name in ("e1", "e2", "gamma1", "gamma2") else 1
        assert other[name] == pytest.approx(sign * value, abs=3 * sigma[name])
    assert min(abs(one[name]) / sigma[name] for name in ("e1", "e2")) > 6


@pytest.mark.parametrize("light", [True, False])
def test_a_lens_beside_the_middle_is_found_where_its_light_is(planted, tmp_path, fit, light):
    """Three pixels to the right and two downwards; with nothing known of its light it is looked for in the middle."""
    planes = planted.planes(2)
    planes = {name: plane if name == "PSF" else np.roll(plane, (-2, 3), (0, 1)) for name, plane in planes.items()}
    if not light:
        planes["IMAGE"] = planes["IMAGE"] - planes.pop("LENSLIGHT")
    own = fitted(planted, image_of(write(tmp_path / "a.fits", planes)))
    (one, sigma), (other, _) = values(planted, fit), values(planted, own)
    off = max(abs(one[name] - other[name]) / sigma[name] for name in TARGETS)
    assert off < 3 if light else off > 3
    if light:
        at = [own.found.parameters[own.free.names().index(f"source_center_{a}")] for a in "xy"]
        was = [fit.found.parameters[fit.free.names().index(f"source_center_{a}")] for a in "xy"]
        np.testing.assert_allclose(np.subtract(at, was), (3 * SCALE, -2 * SCALE), atol=0.05)
    else:
        assert not own.free.remains


def test_a_place_beside_the_middle_is_no_deviation_from_the_population(planted, image, monkeypatch):
    """What is measured of the light is asked of the population as if it were in the middle."""
    shapes, plain = [], lens_fits.without_light
    monkeypatch.setattr(lens_fits, "without_light", lambda *a, **k: shapes.append(a[1]) or plain(*a, **k))
    for light in (image.light, np.roll(image.light, 3, 1)):
        fit_lens(planted.fits, image._replace(light=light), lambda free: np.zeros((0, len(free.places))))
    assert shapes[0] == pytest.approx(shapes[1], abs=1e-3)
    assert abs(shapes[0].e1) > 0.1
    assert shapes[1][2:] == (0.0, 0.0)


def test_without_a_psf_it_is_that_of_the_population(planted, fit, image):
    own = fitted(planted, image._replace(kernel=None))
    np.testing.assert_array_equal(own.found.parameters, fit.found.parameters)  # the file's is that of the population


def test_proposals_are_of_the_population(planted):
    """theta_E as it is drawn there, the rest by the prior of the lens, all within its range; the seed decides."""
    free = without_light(planted.fits.free)
    found = population_proposals(planted.fits, free, 300, 1)
    assert found.shape == (300, len(free.places))
    own = free.names().index("theta_E")
    assert found[:, own].min() >= 0.8 and found[:, own].max() <= 1.6
    assert np.ptp(found[:, own]) > 0.7
    spread = free.spread[: len(free.places)]
    np.testing.assert_allclose((found.mean(0) - free.mean[: len(free.places)]) / spread, 0, atol=0.25)
    np.testing.assert_allclose(found.std(0) / spread, 1, atol=0.2)
    np.testing.assert_array_equal(found, population_proposals(planted.fits, free, 300, 1))
    assert not np.array_equal(found, population_proposals(planted.fits, free, 300, 2))


def test_proposals_of_a_posterior_are_its_samples(planted):
    free = without_light(planted.fits.free)
    names = free.names()[: len(free.places)]
    samples = {"theta_E": np.linspace(1.0, 1.1, 8), "e1": np.full(8, 5.0), "something": np.zeros(8)}
    found, plain = posterior_proposals(planted.fits, free, samples, 1), population_proposals(planted.fits, free, 8, 1)
    np.testing.assert_array_equal(found[:, names.index("theta_E")], samples["theta_E"])
    np.testing.assert_array_equal(found[:, names.index("e1")], free.high[names.index("e1")])
    others = [names.index(name) for name in names if name not in samples]
    np.testing.assert_array_equal(found[:, others], plain[:, others])


def test_errors_are_scaled_and_centres_are_those_of_the_array(fit):
    scales = np.arange(1.0, len(fit.free.places) + 1)
    plain = fit._replace(broad=1.0).of_lens()
    for name, scale in zip(plain, scales, strict=True):
        found = fit._replace(broad=1.5).of_lens(scales)[name]
        assert found == (plain[name][0], pytest.approx(1.5 * scale * plain[name][1]))
    named = {"e1": "center_x", "e2": "center_y"}
    places = [(k, named.get(name, name)) for k, name in fit.free.places]
    constants = tuple({n: v for n, v in own.items() if "center" not in n} for own in fit.free.constants)
    moved = fit._replace(
        middle=(0.3, -0.2), free=replace(fit.free, places=tuple(places), constants=constants)
    ).of_lens()
    before = fit.of_lens()
    for name, by, old in (("center_x", 0.3, "e1"), ("center_y", -0.2, "e2")):
        assert moved[name] == (pytest.approx(before[old][0] + by), before[old][1])
    assert moved["theta_E"] == before["theta_E"]


def test_what_the_population_lost_or_subtracted_is_in_no_fit(planted):
    lossy = ["simulate.observation.bad_pixels=0.01", "simulate.observation.cosmic_rays=2"]
    subtracted = "simulate.observation.subtract_lens_light=[{component: 0, error: 0.02}]"
    config = load("tiny", [*planted.overrides, *lossy, subtracted])
    assert problems_of(config) == []
    lens_fits.check(config)
    found = prepare(make_scene(config.simulate, planted.config.seed))
    np.testing.assert_allclose(found.free.mean, planted.fits.free.mean)
    np.testing.assert_array_equal(found.shapes.stamps, planted.fits.shapes.stamps)
    assert found.least_magnification == 2.0
    assert found.scene.config.lens_light == []
    assert not found.scene.instrument.loses_pixels
    np.testing.assert_array_equal(found.error_scales, np.ones(len(found.free.places)))


OF_IMAGES = "{profile: INTERPOL, catalogue: procedural, n_galaxies: 20, magnitude: 19, R_half: 0.5}"
REFUSED = {
    "several bands": (["simulate.bands={r: {}, i: {}}"], "--refine: the run has several bands"),
    "a light of images": (
        [f"simulate.lens_light=[{OF_IMAGES}]"],
        "--refine: simulate.lens_light.0.profile: estimates are refined with light of Sersic profiles",
    ),
    "no background": (
        ["simulate.observation.background_noise=0"],
        "--refine: simulate.observation has no background noise",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_model_is_refused_in_a_sentence(case):
    overrides, expected = REFUSED[case]
    config = load("tiny", overrides)
    (found,) = problems_of(config)
    assert found.startswith(expected)
    assert "expected" in found or "got" in found
    assert "\n" not in found
    with pytest.raises(ConfigError) as error:
        lens_fits.check(config)
    assert error.value.problems == [found]


def test_a_run_that_simulates_nothing_is_refused(tiny_config):
    (found,) = problems_of(tiny_config.model_copy(update={"simulate": None}))
    assert found.startswith("--refine: nothing is simulated in this run")


def test_all_that_is_wrong_is_said_at_once():
    light = REFUSED["a light of images"][0]
    assert len(problems_of(load("tiny", [*light, "simulate.observation.background_noise=0"]))) == 2


def test_a_lens_is_fitted_the_same_way_twice(planted, fit, image):
    again = fitted(planted, image)
    for one, other in zip(fit.found[:-1], again.found[:-1], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_clean_real_lenses_have_their_published_einstein_radius(slacs):
    """Two grade A lenses of SLACS, from the population of slacs_posterior alone, within 5 % of Bolton+ 2008."""
    config = load("slacs_posterior")
    fits = prepare(make_scene(config.simulate, config.seed))
    with open(slacs / "catalogue.csv") as file:
        published = {row["name"]: float(row["theta_E_published"]) for row in csv.DictReader(file)}
    for name in ("J2238-0754", "J0903+4116"):
        path, scale = slacs / f"{name}.fits", fits.scene.instrument.pixel_scale
        field = fits.scene.config.image.num_pix * scale
        image = fit_image(name, read_planes(path), psf_of((path,)), scale, field)
        assert image.fine == 2
        fit = fit_lens(fits, image, lambda free: population_proposals(fits, free, 48, 5))
        value, sigma = fit.of_lens()["theta_E"]
        assert fit.found.converged
        assert value == pytest.approx(published[name], rel=0.05)
        assert 0.001 < sigma < 0.05
        assert fit.found.chi2 < 1.3
