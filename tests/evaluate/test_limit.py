"""The information limit against cases with a known answer, its prior, and an estimator that reaches it."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from lenstream.configs.load import load
from lenstream.evaluate import limit
from lenstream.evaluate.limit import cramer_rao, fisher
from lenstream.simulate.detector import pixel_noise
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene, only_bands

TARGETS = ["theta_E", "e1", "gamma"]


@pytest.fixture(scope="module")
def scene():
    config = load("tiny")
    return make_scene(config.simulate, config.seed)


def noisier(scene, factor):
    bands = {name: replace(band, background=band.background * factor) for name, band in scene.bands.items()}
    return replace(scene, bands=bands)


def test_fisher_of_a_linear_model_is_the_textbook_one():
    rng = np.random.default_rng(0)
    mean, derivatives = rng.random((3, 50)), rng.normal(size=(3, 2, 50))
    expected = derivatives @ derivatives.transpose(0, 2, 1) / 0.3**2
    np.testing.assert_allclose(fisher(mean, derivatives, 0.3, np.inf), expected, rtol=1e-12)


def test_fisher_of_poisson_noise_counts_the_variance_too():
    """For one pixel N(a, a / t): F = t / a + 1 / (2 a^2)."""
    a, t = 2.0, 50.0
    found = fisher(np.array([[a]]), np.ones((1, 1, 1)), 0.0, t)[0, 0, 0]
    assert found == pytest.approx(t / a + 0.5 / a**2, rel=1e-12)


def test_the_noise_of_the_limit_is_that_of_the_images():
    mean, background, electrons = np.array([[-1.0, 0.0, 2.0, 30.0]]), 0.3, 50.0
    variance = pixel_noise.variance(np.maximum(mean, 0), background**2, 1 / electrons)
    of_variance = np.where(mean > 0, 0.5 / (electrons * variance) ** 2, 0.0)
    found = fisher(mean, np.ones((1, 1, 4)), background, electrons)[0, 0, 0]
    assert found == pytest.approx((1 / variance + of_variance).sum(), rel=1e-12)


def test_without_signal_the_bound_is_the_prior(scene):
    bound = cramer_rao(noisier(scene, 1e9), np.arange(20), TARGETS)
    for target, spread in zip(TARGETS, (0.8 / np.sqrt(12), 0.13, 0.15), strict=True):
        np.testing.assert_allclose(bound[target], spread, rtol=0.1)


def test_derivatives_at_the_end_of_a_range_stay_inside_it(scene):
    """Both images of a difference exist, a step of 2 `by` apart, and nothing changes where there is room."""
    systems = draw(scene, np.arange(3), Views())
    theta_E = np.array([0.0, 100.0, 1.2])
    edge = replace(systems, lens_mass=(systems.lens_mass[0] | {"theta_E": theta_E}, *systems.lens_mass[1:]))
    where = "lens_mass", 0, "theta_E"
    up, down = (limit._shifted(scene, edge, where, by) for by in (1e-3, -1e-3))
    for shifted in (up, down):
        render(scene, shifted, noise=False)
    difference = up.lens_mass[0]["theta_E"] - down.lens_mass[0]["theta_E"]
    np.testing.assert_allclose(difference, 2e-3, rtol=1e-9)
    assert up.lens_mass[0]["theta_E"][2] == 1.2 + 1e-3


def test_the_bound_does_not_depend_on_what_a_count_is():
    """Poisson noise is of electrons, so counts in ADU of 2.5 electrons hold as much information."""
    sky = ["simulate.observation.read_noise=5", "simulate.observation.sky_brightness=22"]
    overrides = [*sky, "simulate.observation.background_noise=null", "simulate.observation.ccd_gain=2.5"]
    electrons, adu = (
        cramer_rao(make_scene(load("tiny", [*overrides, unit]).simulate, 1), np.arange(6), TARGETS)
        for unit in ("simulate.observation.data_count_unit=e-", "simulate.observation.data_count_unit=ADU")
    )
    for target in TARGETS:
        np.testing.assert_allclose(adu[target], electrons[target], rtol=1e-6)


def test_more_noise_never_helps(scene):
    quiet, loud = (cramer_rao(noisier(scene, f), np.arange(20), TARGETS) for f in (1, 5))
    for target in TARGETS:
        assert (quiet[target] > 0).all()
        assert (loud[target] >= quiet[target]).all()


def test_the_derivatives_do_not_depend_on_their_step(scene, monkeypatch):
    bounds = cramer_rao(scene, np.arange(10), TARGETS)
    monkeypatch.setattr(limit, "STEP", 3e-3)
    other = cramer_rao(scene, np.arange(10), TARGETS)
    for target in TARGETS:
        np.testing.assert_allclose(bounds[target], other[target], rtol=0.02)


def test_what_is_not_drawn_is_known(scene):
    config = load("tiny", ["simulate.lens_mass.0.gamma=2.0"])
    bound = cramer_rao(make_scene(config.simulate, 1), np.arange(5), ["theta_E", "gamma"])
    assert (bound["gamma"] == 0).all()
    assert (bound["theta_E"] > 0).all()


def test_a_maximum_likelihood_fit_reaches_the_bound():
    """With theta_E alone unknown, the scatter of fits to 300 noisy images is the bound."""
    lens = "simulate.lens_mass=[{profile: EPL, theta_E: {normal: [1.2, 0.01]}, e1: 0.1}]"
    source = "simulate.source=[{profile: SERSIC_ELLIPSE, magnitude: 25.5, R_sersic: 0.2, center_x: 0.1}]"
    lens = lens.replace("normal: [1.2, 0.01]", "truncnormal: [1.2, 0.01, 1.0, 1.4]")
    config = load("tiny", [lens, source])
    scene = make_scene(config.simulate, 1)
    systems = draw(scene, np.full(300, 5), Views())
    systems.indices[:] = np.arange(300)  # one lens under 300 noise draws
    noisy = render(scene, systems, dtype=np.float64)[:, 0]
    system = draw(scene, [5], Views())
    truth = float(system.lens_mass[0]["theta_E"][0])

    def model(theta_E):
        values = system.lens_mass[0] | {"theta_E": np.array([theta_E])}
        return render(scene, replace(system, lens_mass=(values,)), noise=False, dtype=np.float64)[0, 0]

    variance = scene.instrument.background**2 + np.maximum(model(truth), 0) / scene.instrument.exposure_time
    grid = truth + np.linspace(-0.05, 0.05, 201)
    models = np.stack([model(t) for t in grid]).reshape(201, -1)
    chi2 = (((noisy.reshape(300, 1, -1) - models[None]) ** 2) / variance.ravel()).sum(-1)
    fits = []
    for row in chi2:
        k = int(np.clip(row.argmin(), 1, 199))
        parabola = np.polynomial.Polynomial.fit(grid[k - 1 : k + 2], row[k - 1 : k + 2], 2)
        fits.append(minimize_scalar(parabola, bounds=(grid[k - 1], grid[k + 1]), method="bounded").x)
    bound = cramer_rao(scene, [5], ["theta_E"])["theta_E"][0]
    without_prior = 1 / np.sqrt(1 / bound**2 - 1 / 0.01**2)
    assert np.std(fits) == pytest.approx(without_prior, rel=0.15)


WITH_LIGHT = [
    "simulate.lens_mass=[{profile: SIE, theta_E: {uniform: [1.0, 1.4]}, e1: 0.1, center_y: {normal: [0.0, 0.05]}}]",
    "simulate.source=[{profile: SERSIC_ELLIPSE, magnitude: 24, R_sersic: {uniform: [0.2, 0.3]}, "
    "center_y: {normal: [0, 0.1]}}]",
    "simulate.lens_light=[{profile: SERSIC_ELLIPSE, magnitude: {normal: [21, 0.3]}, R_sersic: {uniform: [0.8, 1.2]}}]",
    "evaluate.targets=[theta_E]",
]


@pytest.fixture(scope="module")
def with_light():
    return make_scene(load("tiny", WITH_LIGHT).simulate, 1)


@pytest.mark.parametrize(
    "known",
    [
        ("lens_mass", 0, "center_y"),
        ("source", 0, "R_sersic"),
        ("source", 0, "center_y"),
        ("lens_light", 0, "magnitude"),
        ("lens_light", 0, "R_sersic"),
    ],
    ids=lambda where: f"{where[0]}.{where[2]}",
)
def test_whatever_else_is_unknown_widens_the_bound(with_light, monkeypatch, known):
    unknown = cramer_rao(with_light, np.arange(10), ["theta_E"])["theta_E"]
    drawn = limit._drawn
    monkeypatch.setattr(limit, "_drawn", lambda s: {w: v for w, v in drawn(s).items() if w != known})
    told = cramer_rao(with_light, np.arange(10), ["theta_E"])["theta_E"]
    assert (told <= unknown * (1 + 1e-6)).all()
    assert (told < unknown * (1 - 1e-5)).any()


def test_counting_in_adu_loses_nothing():
    """Images in electrons and in ADU, which are electrons over a gain of 2.5, have equal bounds."""
    bounds = []
    for unit, background in (("e-", 0.02), ("ADU", 0.02 / 2.5)):  # in counts
        camera = {"data_count_unit": unit, "ccd_gain": 2.5, "background_noise": background}
        changes = [f"simulate.observation.{name}={value}" for name, value in camera.items()]
        scene = make_scene(load("tiny", [*WITH_LIGHT, *changes]).simulate, 1)
        bounds.append(cramer_rao(scene, np.arange(5), ["theta_E"])["theta_E"])
    np.testing.assert_allclose(bounds[1], bounds[0], rtol=1e-3)


def test_two_parameters_by_hand():
    """A pixel that sees a, and one that sees a + b, noise s each: var(b) = 2 s^2, var(a) = s^2."""
    derivatives = np.array([[[1.0, 1.0], [0.0, 1.0]]])
    information = fisher(np.ones((1, 2)), derivatives, 0.5, np.inf)[0]
    np.testing.assert_allclose(np.diagonal(np.linalg.inv(information)), [0.25, 0.5])


def test_information_of_pixel_grids_adds_up():
    """With next to no prior, 1 / variance of one free parameter is the sum over the grids; several images help."""
    fixed = "simulate.lens_mass=[{profile: SIE, theta_E: {uniform: [0.5, 1.9]}, e1: 0.1}]"
    source = "simulate.source=[{profile: SERSIC_ELLIPSE, magnitude: 23, R_sersic: 0.3, center_x: 0.1}]"
    bands = "simulate.bands={r: {}, i: {image: {pixel_scale: 0.3}}, z: {image: {pixel_scale: 0.3}}}"
    scene = make_scene(load("tiny", [fixed, source, bands, "evaluate.targets=[theta_E]"]).simulate, 1)
    assert len(scene.grids) == 2
    whole, fine, coarse, single = (
        cramer_rao(s, np.arange(4), ["theta_E"])["theta_E"]
        for s in (scene, *(only_bands(scene, names) for names in (["r"], ["i", "z"], ["z"])))
    )
    np.testing.assert_allclose(whole**-2.0, fine**-2.0 + coarse**-2.0, rtol=1e-3)
    np.testing.assert_allclose(coarse**-2.0, 2 * single**-2.0, rtol=1e-3)  # the same instrument twice


def test_many_systems_are_worked_on_in_parts(scene, monkeypatch):
    """The bounds are those of all at once, in their order, and progress is told."""
    at_once = cramer_rao(scene, np.arange(7), TARGETS)
    monkeypatch.setattr(limit, "CHUNK", 3)
    done = []
    in_parts = cramer_rao(scene, np.arange(7), TARGETS, progress=done.append)
    assert done == [3, 6, 7]
    for target in TARGETS:
        np.testing.assert_allclose(in_parts[target], at_once[target], rtol=1e-6)
