"""Posteriors of images against the full Gaussian of all pixels, against differences, and against the renderer."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import Covariance, multivariate_normal

from lenstream.evaluate.fitting.free_parameters import SIZE
from lenstream.evaluate.fitting.image_model import ImageModel, Observed, chi2_of_dark, inverse_variance
from lenstream.evaluate.fitting.light_remains import light_remains
from lenstream.evaluate.fitting.refine import refine
from lenstream.simulate.render import render, tracer

SIE = "{profile: SIE, theta_E: {uniform: [0.8, 1.6]}, e1_e2: {rayleigh: [0.15, 0.4]}}"
NFW = "{profile: NFW, Rs: {uniform: [2, 4]}, alpha_Rs: {uniform: [0.8, 1.4]}, center_x: {normal: [0, 0.03]}}"
FOLLOWS = (
    "{profile: SHEAR, gamma1: {follow: {parameter: lens_mass.0.e1, factor: 0.2, scatter: 0}}, "
    "gamma2: {normal: [0, 0.03]}}"
)
LENSES = {
    "EPL + SHEAR": [],
    "SIE": [f"simulate.lens_mass=[{SIE}]", "evaluate.targets=[theta_E]"],
    "NFW": [f"simulate.lens_mass=[{NFW}]", "evaluate.targets=[alpha_Rs]"],
    "follow": [f"simulate.lens_mass=[{SIE}, {FOLLOWS}]", "evaluate.targets=[theta_E]"],
}


def away_from(case, i, size=0.3, seed=0):
    """Parameters near those of lens i, so that no derivative vanishes."""
    free = case.free
    step = np.random.default_rng(seed).normal(size=free.directions.shape[1]) * size
    return np.clip(case.truths[i] + 0.1 * free.directions @ step, free.low, free.high)


def components(case, parameters, k):
    """Images of the mean galaxy (pixels,) and of k components (pixels, k) of all bands for the fluxes of parameters."""
    images, model = [], case.model
    for band, flux, beta in zip(model.bands, model.of_flux, model.arriving(parameters), strict=True):
        images.append(band.unit_images(parameters, k, beta)[0].reshape(-1, k + 1) * np.exp(parameters[flux]))
    images = np.concatenate(images)
    return images[:, 0], images[:, 1:]


@pytest.fixture(scope="module", params=[*LENSES, "light", "bands"])
def lens(request, make_case, galaxies, galaxy, light, bands):
    extra = {"light": [light, "simulate.image.rays=3"], "bands": bands}.get(request.param)
    extra = LENSES[request.param] if extra is None else extra
    return make_case(galaxy, *extra, n=3, components=8, samples=300) if extra else galaxies


def test_the_integral_over_shapes_is_that_of_the_gaussian_of_all_pixels(galaxies):
    """Of an image with covariance F L F' + V; the constant that is left out is the same for all parameters."""
    case, k, good = galaxies, 24, np.zeros((32, 32), bool)
    good[6:26, 6:26] = True
    observed = case.observed(2)._replace(good=good)
    weights = inverse_variance(observed, case.clean[2])
    found, expected = [], []
    for parameters in (case.truths[2], away_from(case, 2)):
        mean, parts = components(case, parameters, k)
        variances = case.shapes.variances * np.exp(2 * parameters[-1])
        mean, parts = mean[good.ravel()], parts[good.ravel()]
        covariance = parts * variances @ parts.T + np.diag(1 / weights[good])
        off = case.free.inverse() @ (parameters - case.free.mean)
        covariance = Covariance.from_cholesky(np.linalg.cholesky(covariance))
        pixels = multivariate_normal(mean, covariance).logpdf(observed.image[good])
        expected.append(pixels - 0.5 * off @ off)
        found.append(case.model.posterior(observed, weights, parameters, k, derivatives=False).value)
    assert abs(found[0] - found[1]) > 5
    assert found[0] - found[1] == pytest.approx(expected[0] - expected[1], rel=1e-8)


def test_the_gradient_is_that_of_differences(lens):
    """The bilinear stamps have kinks where rays cross from cell to cell, so a few per mille are left.

    Of light of the lens, whose derivatives are forward differences, more.
    """
    parameters, observed = away_from(lens, 0), lens.observed(0)
    weights = inverse_variance(observed, lens.clean[0])

    def value(moved):
        return lens.model.posterior(observed, weights, moved, 8, derivatives=False).value

    found = lens.model.posterior(observed, weights, parameters, 8)
    h, along = 1e-6, lens.free.directions.T
    expected = np.array([(value(parameters + h * d) - value(parameters - h * d)) / (2 * h) for d in along])
    np.testing.assert_allclose(
        found.gradient, expected, atol=(5e-3 if lens.free.light else 3e-4) * np.abs(expected).max()
    )
    assert found.value == value(parameters)


def test_the_curvature_is_positive_and_holds_the_prior(lens):
    observed = lens.observed(1)
    weights = inverse_variance(observed, lens.clean[1])
    curvature = lens.model.posterior(observed, weights, lens.truths[1], 8).curvature
    np.testing.assert_allclose(curvature, curvature.T, rtol=1e-8, atol=1e-8 * np.abs(curvature).max())
    assert np.linalg.eigvalsh(curvature).min() > 1 - 1e-6


def test_without_light_that_counts_the_prior_is_left(galaxies):
    case = galaxies
    dark = Observed(case.images[0], 0.02, 2000.0, np.zeros((32, 32), bool))
    found = case.model.posterior(dark, inverse_variance(dark, case.images[0]), case.truths[0], 5)
    off = case.free.inverse() @ (case.truths[0] - case.free.mean)
    assert found.value == pytest.approx(-0.5 * off @ off, abs=1e-8)
    assert found.chi2 == 0
    np.testing.assert_allclose(found.gradient, -off, atol=1e-8)


def test_the_integral_over_shapes_is_that_of_all_bands(colored):
    """Of an image of two bands: the coefficients of a galaxy are the same in both."""
    case, k, good = colored, 24, np.zeros(1600, bool)
    good[300:700:2] = good[1124:1500:2] = True
    observed = case.observed(2)._replace(good=good)
    weights = inverse_variance(observed, case.clean[2])
    found, expected = [], []
    for parameters in (case.truths[2], away_from(case, 2)):
        mean, parts = components(case, parameters, k)
        light = case.model.light.image(parameters[case.free.of_light])
        parts = parts[good] * np.sqrt(case.shapes.variances) * np.exp(parameters[-1])
        covariance = Covariance.from_cholesky(np.linalg.cholesky(parts @ parts.T + np.diag(1 / weights[good])))
        off = case.free.inverse() @ (parameters - case.free.mean)
        pixels = multivariate_normal((mean + light)[good], covariance).logpdf(observed.image[good])
        expected.append(pixels - 0.5 * off @ off)
        found.append(case.model.posterior(observed, weights, parameters, k, derivatives=False).value)
    assert abs(found[0] - found[1]) > 5
    assert found[0] - found[1] == pytest.approx(expected[0] - expected[1], rel=1e-8)


def test_bands_with_one_grid_of_pixels_are_traced_once(make_case, galaxy):
    case = make_case(
        galaxy,
        "simulate.bands={r: {}, i: {}, z: {image: {num_pix: 24, pixel_scale: 0.2}}}",
        n=1,
        components=2,
        samples=80,
    )
    r, i, z = case.model.arriving(case.truths[0])
    assert r is i
    assert z.shape == (2, (4 * 24) ** 2)  # rays as close as in finer pixels


def test_light_of_the_lens_is_taken_from_every_pixel(lit):
    """The posterior is that of what it leaves, with the prior of all parameters."""
    case, observed, parameters = lit, lit.observed(0), away_from(lit, 0)
    weights = inverse_variance(observed, case.clean[0])
    found = case.model.posterior(observed, weights, parameters, 8)
    light = case.model.light.image(parameters[case.free.of_light])
    dark = ImageModel(case.scene, case.free, case.shapes, case.model.responses)
    left = dark.posterior(observed._replace(image=observed.image - light), weights, parameters, 8)
    assert found.value == left.value
    assert found.chi2 == pytest.approx(((observed.image - found.model) ** 2 * weights).sum(), rel=1e-10)
    np.testing.assert_array_equal(found.light, light)
    np.testing.assert_allclose(found.model, left.model + light, rtol=1e-12)


def test_the_curvature_of_the_light_is_that_of_all_pixels(lit):
    """Without components: the sum over pixels of products of derivatives, and the prior."""
    case, observed, parameters = lit, lit.observed(0), lit.truths[0]
    weights = inverse_variance(observed, case.clean[0])
    shapes = replace(case.shapes, stamps=np.ascontiguousarray(case.shapes.stamps[:, :, :1]), variances=np.zeros(0))
    model = ImageModel(case.scene, case.free, shapes, case.model.responses, case.model.light)
    found = model.posterior(observed, weights, parameters, 0)
    by = case.model.light.derivatives(parameters[case.free.of_light], found.light)
    inverse = case.free.inverse()
    curvature = inverse.T @ (found.curvature - np.eye(len(inverse))) @ inverse
    own = case.free.of_light
    np.testing.assert_allclose(curvature[own, own], by.T @ (weights.ravel()[:, None] * by), rtol=1e-4)


def test_the_slope_by_the_light_is_that_of_all_pixels(lit):
    """With a source so small that it leaves most pixels dark: the sum over pixels of derivatives and residuals."""
    case, observed, parameters = lit, lit.observed(0), away_from(lit, 0)
    parameters[SIZE] = case.free.low[SIZE]
    weights = inverse_variance(observed, case.clean[0])
    found, inverse = case.model.posterior(observed, weights, parameters, 8), case.free.inverse()
    assert np.mean(found.model == found.light) > 0.2
    slope = inverse.T @ (found.gradient + inverse @ (parameters - case.free.mean))
    by = case.model.light.derivatives(parameters[case.free.of_light], found.light)
    expected = by.T @ ((observed.image - found.model) * weights).ravel()
    np.testing.assert_allclose(slope[case.free.of_light], expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("scene", ["galaxies", "colored"])
def test_a_galaxy_of_the_components_looks_as_the_renderer_draws_it(scene, request, of_all_bands):
    """The source is put together from mean and components, as a stamp of the simulator.

    Two by two rays a pixel leave 1 % of the peak where a source of one pixel's size is lensed.
    """
    case, i, k = request.getfixturevalue(scene), 3, 6
    coefficients = np.random.default_rng(4).normal(size=k) * np.sqrt(case.shapes.variances[:k])
    stamp = case.shapes.stamps[:, :, 0] + case.shapes.stamps[:, :, 1 : k + 1] @ coefficients
    stamps = replace(case.scene.stamps, images=stamp[None, None], R_half=np.array([case.shapes.R_half]), names=("own",))
    source = case.systems.source[0]
    scale = source["R_half"] / case.shapes.R_half
    flux = source["amp"] * source["scale"][..., None] ** 2
    own = source | {name: 0 * scale for name in ("stamp", "phi_G")}
    own |= {"scale": scale, "amp": flux / scale[..., None] ** 2, "parity": np.ones_like(scale)}
    systems = replace(case.systems, source=(own,))
    expected = render(replace(case.scene, stamps=stamps), systems, noise=False, dtype=np.float64)
    expected = of_all_bands(case.scene, expected)[i].ravel()
    if case.model.light is not None:
        expected -= case.model.light.image(case.truths[i, case.free.of_light])
    mean, parts = components(case, case.truths[i], k)
    found = mean + parts @ coefficients
    for own in case.model.pixels:
        np.testing.assert_allclose(found[own], expected[own], atol=1e-2 * expected[own].max())


def test_rays_arrive_where_the_renderer_says(lens):
    x, y = np.random.default_rng(0).uniform(-2, 2, (2, 50))
    trace = tracer(lens.scene, lens.systems)
    n = len(lens.systems.indices)
    alpha = np.stack(trace(np.tile(x, (n, 1)), np.tile(y, (n, 1))))
    for i in range(n):
        found = lens.model.source_positions(lens.truths[i], x, y)[0]
        np.testing.assert_allclose(found, np.stack([x, y]) - alpha[:, i], atol=1e-9)


def test_more_components_than_there_are_is_all_of_them(galaxies):
    case, observed = galaxies, galaxies.observed(0)
    weights = inverse_variance(observed, case.clean[0])
    all_of_them, more = (case.model.posterior(observed, weights, case.truths[0], k) for k in (24, 99))
    assert all_of_them.value == more.value
    np.testing.assert_array_equal(all_of_them.gradient, more.gradient)


def test_a_galaxy_without_components_has_a_posterior(galaxies):
    """Its shape is known: what is left is chi2 and the prior."""
    case, observed = galaxies, galaxies.observed(0)
    shapes = replace(case.shapes, stamps=np.ascontiguousarray(case.shapes.stamps[:, :, :1]), variances=np.zeros(0))
    model, parameters = ImageModel(case.scene, case.free, shapes, case.model.responses), away_from(case, 0)
    weights = inverse_variance(observed, case.clean[0])
    found = model.posterior(observed, weights, parameters, 15)
    mean, _ = components(case, parameters, 0)
    off = case.free.inverse() @ (parameters - case.free.mean)
    chi2 = ((observed.image.ravel() - mean) ** 2 * weights.ravel()).sum()
    assert found.value == pytest.approx(-0.5 * (chi2 + off @ off), rel=1e-10)
    h = 1e-6 * case.free.directions[:, 2]
    ahead, behind = (model.posterior(observed, weights, parameters + s * h, 15, False).value for s in (1, -1))
    assert found.gradient[2] == pytest.approx((ahead - behind) / 2e-6, rel=1e-2)


def test_pixels_that_do_not_count_may_hold_anything(galaxies):
    case, good = galaxies, np.ones((32, 32), bool)
    good[10:14, 5:20] = False
    found = []
    for value in (0.0, np.nan, 1e9):
        image = np.where(good, case.images[0], value)
        observed = Observed(image, 0.02, 2000.0, good)
        weights = inverse_variance(observed, image)
        found.append(case.model.posterior(observed, weights, away_from(case, 0), 12))
    for other in found[1:]:
        assert other.value == found[0].value
        np.testing.assert_array_equal(other.gradient, found[0].gradient)


def test_weights_are_one_over_the_variance_of_background_and_counts():
    image, good = np.array([[4.0, -1.0], [0.0, 2.0]]), np.array([[True, True], [True, False]])
    weights = inverse_variance(Observed(image, 0.1, 50.0, good), image)
    np.testing.assert_allclose(weights, [[1 / (0.01 + 4 / 50), 100], [100, 0]])


def test_without_a_background_a_dark_pixel_has_the_noise_of_an_electron():
    image = np.array([[4.0, -1.0], [0.0, np.nan]])
    observed = Observed(image, 0.0, 50.0, np.ones((2, 2), bool))
    weights = inverse_variance(observed, image)
    np.testing.assert_allclose(weights, [[50 / 4, 2500], [2500, 2500]])


def test_chi2_of_dark_is_that_of_the_image(galaxies):
    observed = galaxies.observed(0)
    assert chi2_of_dark(observed, np.full((32, 32), 4.0)) == pytest.approx(4 * (galaxies.images[0] ** 2).sum())


def test_images_of_the_mean_galaxy_are_those_of_units(galaxies):
    """Of several sizes and places at once; a source that no ray meets is dark."""
    model, names = galaxies.model, galaxies.free.names()
    several = np.tile(galaxies.truths[1], (4, 1))
    several[1, names.index("source_log_R_half")] += 0.4
    several[2, names.index("source_center_x")] += 0.1
    several[3, names.index("source_center_x")] += 100.0
    (band,), (beta,) = model.bands, model.arriving(several[0])
    images = band.mean_images(several, beta)
    for m, parameters in enumerate(several):
        alone = band.unit_images(parameters, 0, beta)[0][:, :, 0]
        np.testing.assert_allclose(images[:, :, m], alone, rtol=1e-11, atol=1e-14)
    assert images[:, :, :3].any(axis=(0, 1)).all() and not images[:, :, 3].any()


def test_a_posterior_stays_as_it_is_when_others_follow(galaxies):
    """Arrays that are used again are none that it keeps."""
    model, observed, start = galaxies.model, galaxies.observed(0), galaxies.truths[0]
    weights = inverse_variance(observed, observed.image)
    found = model.posterior(observed, weights, start, 8, derivatives=False)
    kept = found.model.copy(), found.coefficients.copy(), model.with_derivatives(found)
    model.posterior(galaxies.observed(1), weights, galaxies.truths[1], 24)
    np.testing.assert_array_equal(found.model, kept[0])
    np.testing.assert_array_equal(found.coefficients, kept[1])
    np.testing.assert_array_equal(model.with_derivatives(found).gradient, kept[2].gradient)


def with_strength(free):
    """The same parameters and that of how much of subtracted light is left."""
    at = free.of_light.stop
    mean, low, high, spread = (
        np.insert(values, at, value)
        for values, value in ((free.mean, 0.0), (free.low, -3.0), (free.high, 3.0), (free.spread, 1.0))
    )
    directions = np.column_stack([np.insert(free.directions, at, 0.0, axis=0), np.eye(len(mean))[at]])
    return replace(free, mean=mean, directions=directions, low=low, high=high, spread=spread, remains=True)


def galaxy_light(n=32, scale=0.15):
    """Light of a galaxy that was subtracted, some forty times as bright as arcs are."""
    axis = (np.arange(n) + 0.5 - n / 2) * scale
    return 40.0 * np.exp(-2.0 * np.hypot(axis, 0.8 * axis[:, None]))


def left_of(case):
    """The model of a case, with its light of the lens if it has some, that allows for what subtracted light left."""
    free, remains = with_strength(case.free), light_remains(galaxy_light(), 0.15)
    return ImageModel(case.scene, free, case.shapes, case.model.responses, case.model.light, remains)


def with_left(case, parameters, strength=0.8):
    return np.insert(parameters, case.free.of_light.stop, strength)


@pytest.mark.parametrize("scene", ["galaxies", "lit"])
def test_the_integral_over_what_is_left_is_that_of_the_gaussian_of_all_pixels(scene, request):
    """Of an image with covariance F L F' + R S R' + V, with and without light of the lens in the model."""
    case, k, good = request.getfixturevalue(scene), 24, np.zeros((32, 32), bool)
    good[6:26, 6:26] = True
    model, observed = left_of(case), case.observed(2)._replace(good=good)
    weights = inverse_variance(observed, case.clean[2])
    found, expected = [], []
    for parameters, strength in ((case.truths[2], 0.5), (case.truths[2], 1.5), (away_from(case, 2), -1.0)):
        mean, parts = components(case, parameters, k)
        if scene == "lit":
            mean = mean + model.light.image(parameters[case.free.of_light]).ravel()
        parts = parts[good.ravel()] * np.sqrt(case.shapes.variances) * np.exp(parameters[-1])
        left = model.remains.images[good.ravel()] * np.exp(strength)
        covariance = Covariance.from_cholesky(
            np.linalg.cholesky(parts @ parts.T + left @ left.T + np.diag(1 / weights[good]))
        )
        parameters = with_left(case, parameters, strength)
        off = model.free.inverse() @ (parameters - model.free.mean)
        pixels = multivariate_normal(mean[good.ravel()], covariance).logpdf(observed.image[good])
        expected.append(pixels - 0.5 * off @ off)
        found.append(model.posterior(observed, weights, parameters, k, derivatives=False).value)
    assert np.abs(np.diff(found)).min() > 1
    np.testing.assert_allclose(np.diff(found), np.diff(expected), rtol=1e-7)


@pytest.mark.parametrize("scene", ["galaxies", "lit"])
def test_the_gradient_with_what_is_left_is_that_of_differences(scene, request):
    case = request.getfixturevalue(scene)
    model, parameters, observed = left_of(case), with_left(case, away_from(case, 0)), case.observed(0)
    weights = inverse_variance(observed, case.clean[0])

    def value(moved):
        return model.posterior(observed, weights, moved, 8, derivatives=False).value

    found, h = model.posterior(observed, weights, parameters, 8), 1e-6
    along = model.free.directions.T
    expected = np.array([(value(parameters + h * d) - value(parameters - h * d)) / (2 * h) for d in along])
    without = case.model.posterior(observed, weights, away_from(case, 0), 8).gradient  # light as it is, nothing left
    tolerance = (5e-3 if scene == "lit" else 3e-4) * np.abs(without).max()
    np.testing.assert_allclose(found.gradient, expected, atol=tolerance)
    by_strength = model.free.directions[model.free.of_remains.start] != 0
    assert by_strength.sum() == 1
    np.testing.assert_allclose(found.gradient[by_strength], expected[by_strength], rtol=1e-4)
    np.testing.assert_allclose(found.curvature, found.curvature.T, rtol=1e-8, atol=1e-8 * np.abs(found.curvature).max())
    assert np.linalg.eigvalsh(found.curvature).min() > 1 - 1e-6


def test_the_model_is_the_source_and_what_is_left(galaxies):
    """chi2 is that of the model, and what is left of the light is in it, of every pixel that counts."""
    case, model = galaxies, left_of(galaxies)
    observed = case.observed(1)
    weights = inverse_variance(observed, case.clean[1])
    found = model.posterior(observed, weights, with_left(case, case.truths[1]), 8)
    assert found.chi2 == pytest.approx(((observed.image - found.model) ** 2 * weights).sum(), rel=1e-10)
    assert found.coefficients.shape == (8,)
    assert np.shape(found.light) == (32, 32)
    images, amounts = model.remains.images, np.linalg.lstsq(model.remains.images, found.light.ravel(), rcond=None)[0]
    np.testing.assert_allclose(images @ amounts, found.light.ravel(), atol=1e-8 * np.abs(found.light).max())
    nothing = model.posterior(observed, weights, with_left(case, case.truths[1], -20.0), 8)
    plain = case.model.posterior(observed, weights, case.truths[1], 8)
    np.testing.assert_allclose(nothing.model, plain.model, atol=1e-6)
    assert np.abs(nothing.light).max() < 1e-6


def planted(case, i):
    """A fifth of the light's centre left as a pattern with two waves, added to image i."""
    axis = (np.arange(32) + 0.5 - 16) * 0.15
    radius, angle = np.hypot(axis, axis[:, None]), np.arctan2(axis[:, None], axis)
    return case.images[i] + 0.2 * galaxy_light() / (1.0 + radius / 0.1) * np.cos(2 * angle + 1.0)


def test_what_a_subtraction_left_is_no_source(galaxies):
    """Lenses are found as if it was not there, and without patterns of it they are not."""
    case, own = galaxies, galaxies.free.names().index("theta_E")
    off = {"with": [], "without": []}
    for i in range(3):
        observed = case.observed(i, planted(case, i))
        for name, model in (("with", left_of(case)), ("without", case.model)):
            found = refine(model, observed, case.truths[i : i + 1, :6])
            off[name].append(abs(found.parameters[own] - case.truths[i, own]) / np.sqrt(found.covariance[own, own]))
            if name == "with":
                assert found.chi2 == pytest.approx(1.0, abs=0.15)
    assert max(off["with"]) < 3.5
    assert np.median(off["without"]) > 2 * np.median(off["with"])
