"""The information limit against cases with a known answer, its prior, and an estimator that reaches it."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from lenstream.configs.load import load
from lenstream.evaluate import image_derivatives, limit, population_prior
from lenstream.evaluate.limit import cramer_rao, fisher, limits
from lenstream.evaluate.population_prior import Population
from lenstream.simulate.detector import pixel_noise
from lenstream.simulate.galaxies import principal_components
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
    monkeypatch.setattr(image_derivatives, "STEP", 3e-3)
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
    drawn = population_prior.parameters_of
    monkeypatch.setattr(population_prior, "parameters_of", lambda s: {w: v for w, v in drawn(s).items() if w != known})
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


GALAXIES = [
    "simulate.source=[{profile: INTERPOL, catalogue: procedural, n_galaxies: 30, magnitude: 23, "
    "R_half: {uniform: [0.1, 0.3]}, center_x: {normal: [0, 0.1]}, center_y: {normal: [0, 0.1]}}]",
]


@pytest.fixture(scope="module")
def of_galaxies():
    return make_scene(load("tiny", GALAXIES).simulate, 3)


@pytest.fixture(scope="module", autouse=True)
def few_samples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(principal_components, "SAMPLES", 600)
        yield


def test_a_parametric_source_has_one_limit(scene):
    found = limits(scene, np.arange(3), TARGETS, n_components=5)
    assert found.any_shape == {}
    alone = cramer_rao(scene, np.arange(3), TARGETS)
    for target in TARGETS:
        np.testing.assert_array_equal(found.known[target], alone[target])


def test_every_component_that_is_unknown_widens_the_bound(of_galaxies):
    """None of them is the limit with known shapes."""
    indices = np.arange(6)
    before = limits(of_galaxies, indices, TARGETS, n_components=0)
    assert before.any_shape == {}
    before = before.known
    for k in (1, 4, 16, 40):
        found = limits(of_galaxies, indices, TARGETS, n_components=k)
        np.testing.assert_allclose(found.known["e1"], cramer_rao(of_galaxies, indices, ["e1"])["e1"], rtol=1e-9)
        for target in TARGETS:
            assert (found.any_shape[target] >= before[target] * (1 - 1e-6)).all()
        before = found.any_shape
    for target in TARGETS:
        assert (before[target] > found.known[target] * 1.01).any()


def test_parts_of_systems_have_their_own_shapes(of_galaxies, monkeypatch):
    at_once = limits(of_galaxies, np.arange(5), TARGETS, n_components=4)
    monkeypatch.setattr(limit, "ROOM", 40_000)  # of two systems
    monkeypatch.setattr(limit, "CHUNK", 3)
    in_parts = limits(of_galaxies, np.arange(5), TARGETS, n_components=4, threads=2)
    for one, other in zip(at_once, in_parts, strict=True):
        for target in TARGETS:
            np.testing.assert_allclose(one[target], other[target], rtol=1e-5)


def test_fits_of_parameter_and_shape_scatter_by_the_bound():
    """Linear images of a parameter and shapes drawn from their prior: the best linear estimates reach the bound."""
    rng = np.random.default_rng(0)
    pixels, k, sigma = 40, 6, 4.0  # so that the prior says as much as an image
    of_theta, of_shapes = rng.normal(size=(1, pixels)), rng.normal(size=(k, pixels))
    spread = 2.0  # of the parameter
    both = np.concatenate([of_theta * spread, of_shapes])[None]
    information = fisher(np.zeros((1, pixels)), both, sigma, np.inf)
    one = Population([("lens_mass", 0, "theta_E")], np.array([spread]), np.ones((1, 1)))
    known, unknown = (limit._bounds(information, one, [0], with_shapes=s)[0, 0] for s in (False, True))
    z = rng.normal(size=(20000, 1 + k))
    images = z @ both[0] + sigma * rng.normal(size=(20000, pixels))
    solve = np.linalg.solve(both[0] @ both[0].T / sigma**2 + np.eye(1 + k), both[0] / sigma**2)
    assert np.std((images @ solve.T - z)[:, 0] * spread) == pytest.approx(unknown, rel=0.02)
    blind = (images - z[:, 1:] @ both[0, 1:]) @ both[0, 0] / (both[0, 0] @ both[0, 0] + sigma**2)
    assert np.std((blind - z[:, 0]) * spread) == pytest.approx(known, rel=0.02)


@pytest.mark.parametrize("n_components", [0, 20])
def test_linearised_fits_to_noisy_images_of_galaxies_reach_the_bound(of_galaxies, n_components):
    """Fits to 600 noisy images of each of four lenses, as the simulator adds noise, scatter by the bound.

    The prior takes part as one more measurement of each parameter and coefficient, with an error of its own.
    """
    rng, population = np.random.default_rng(1), limit.population_of(of_galaxies)
    shapes = limit.shapes_of(of_galaxies, n_components)
    both = limits(of_galaxies, np.arange(4), TARGETS, n_components=n_components)
    bounds = both.any_shape if n_components else both.known
    for i in range(4):
        systems = draw(of_galaxies, [i], Views())
        mean, derivatives = image_derivatives.image_and_derivatives(
            of_galaxies, systems, population.places, population.spread, 1
        )
        many = draw(of_galaxies, np.full(600, i), Views())
        many.indices[:] = np.arange(600)  # one lens under 600 noise draws
        noise = render(of_galaxies, many, dtype=np.float64) - render(of_galaxies, many, noise=False, dtype=np.float64)
        model = population.root.T @ derivatives[0]
        if shapes:
            model = np.concatenate([model, limit.shape_derivatives(of_galaxies, systems, shapes, 1)[0]])
        camera = of_galaxies.instrument
        weight = 1 / (camera.background**2 + np.maximum(mean[0], 0) / camera.exposure_time)
        prior = rng.normal(size=(len(model), 600))
        matrix = (model * weight) @ model.T + np.eye(len(model))
        fits = np.linalg.solve(matrix, (model * weight) @ noise.reshape(600, -1).T + prior)
        errors = population.spread[:, None] * (population.root @ fits[: population.root.shape[1]])
        for target in TARGETS:
            scatter = errors[population.places.index(("lens_mass", 0, target))].std()
            assert scatter == pytest.approx(bounds[target][i], rel=0.1)


def test_with_light_that_follows_the_mass_no_estimate_beats_the_limit():
    """e1 of the light, told to perfection, says e1 of the mass but for what scatters: no bound is above that."""
    tied = [
        "simulate.lens_light=[{profile: SERSIC_ELLIPSE, magnitude: 17, R_sersic: 1.0, n_sersic: 2, "
        "e1_e2: {follow: {component: lens_mass.0, factor: 0.9, scatter: 0.03}}}]",
        "simulate.source=[{profile: SERSIC_ELLIPSE, magnitude: 29, R_sersic: 0.3}]",
    ]
    scene = make_scene(load("tiny", tied).simulate, 3)
    e1 = draw(scene, np.arange(4096), Views())
    mass, light = e1.lens_mass[0]["e1"], e1.lens_light[0]["e1"].ravel()
    of_light_alone = np.std(mass - light * np.cov(mass, light)[0, 1] / light.var())
    bound = np.sqrt(np.mean(cramer_rao(scene, np.arange(20), ["e1"])["e1"] ** 2))
    assert 0.8 * of_light_alone < bound < 1.02 * of_light_alone  # the faint arcs add next to nothing
    assert of_light_alone < 0.5 * mass.std()
