"""Estimates from proposals of the population, what masks and empty images do to them, and that they repeat."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from lenstream.errors import ArgumentError
from lenstream.evaluate.fitting import refine as refine_module
from lenstream.evaluate.fitting import source_shapes
from lenstream.evaluate.fitting.image_model import ImageModel, Observed
from lenstream.evaluate.fitting.refine import refine
from lenstream.evaluate.limit import limits
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views

TARGETS = ("theta_E", "e1", "e2", "gamma")


def proposals(case, n, first=0):
    systems = draw(case.scene, first + np.arange(n), Views())
    return np.column_stack([systems.lens_mass[k][name] for k, name in case.free.places] or [np.zeros((n, 0))])


def deviations(case, i, found, targets=TARGETS):
    """Of an estimate from the truth, in its own standard deviations."""
    at = [case.free.names().index(name) for name in targets]
    return (found.parameters - case.truths[i])[at] / np.sqrt(np.diag(found.covariance))[at]


def same(one, other):
    """Whether two estimates are equal bit for bit, but for the time that they took."""
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one[:-1], other[:-1], strict=True))


@pytest.fixture(scope="module")
def of_the_first(galaxies):
    return refine(galaxies.model, galaxies.observed(0), proposals(galaxies, 8))


def test_lenses_are_found_from_the_population(galaxies):
    """Nine of ten within 3 x 1.5 standard deviations of the posterior, with noise left over."""
    found = [refine(galaxies.model, galaxies.observed(i), proposals(galaxies, 24, 24 * i)) for i in range(10)]
    worst = np.array([np.abs(deviations(galaxies, i, f)).max() for i, f in enumerate(found)])
    assert (worst < 4.5).mean() >= 0.9
    right = [f for f, w in zip(found, worst, strict=True) if w < 4.5]
    assert all(f.converged for f in right)
    assert np.median([f.chi2 for f in right]) == pytest.approx(1.0, abs=0.15)
    for f in right:
        assert f.covariance.shape == (11, 11)
        assert np.linalg.eigvalsh(f.covariance).min() > -1e-12
        assert f.seconds > 0
        assert 0 < f.agreeing <= 1


def test_parametric_sources_are_found_from_the_population(make_case, monkeypatch):
    """Sersic sources, whose shapes are those of sources that are drawn."""
    monkeypatch.setattr(source_shapes, "DRAWN", 400)
    dim = ["simulate.source.0.magnitude=24", "simulate.image.rays=adaptive"]
    case = make_case(*dim, n=5, components=24, samples=1600)
    found = [refine(case.model, case.observed(i), proposals(case, 24, 24 * i)) for i in range(5)]
    worst = [np.abs(deviations(case, i, f)).max() for i, f in enumerate(found)]
    assert np.sort(worst)[3] < 4.5


def test_two_runs_and_a_thread_each_are_equal(galaxies, of_the_first):
    def again(_):
        model = ImageModel(galaxies.scene, galaxies.free, galaxies.shapes, galaxies.model.responses)
        return refine(model, galaxies.observed(0), proposals(galaxies, 8))

    with ThreadPoolExecutor(2) as pool:
        assert all(same(of_the_first, other) for other in pool.map(again, range(2)))
    other_lens = refine(galaxies.model, galaxies.observed(1), proposals(galaxies, 8))
    assert not same(of_the_first, other_lens)
    assert same(of_the_first, again(0))


def test_proposals_that_lead_to_one_maximum_share_the_climb(galaxies, monkeypatch):
    """The second estimate is the first one, and what it would be alone but for the tolerance of an ascent."""
    case, climbs, made = galaxies, [], []
    reweighted = refine_module.ascend_reweighted
    monkeypatch.setattr(refine_module, "ascend_reweighted", lambda *a: made.append(1) or reweighted(*a))
    own, others = case.truths[:1, :6], case.truths[:1, :6] + 0.003
    first = refine(case.model, case.observed(0), own, climbs)
    assert len(made) == len(climbs) == 1
    second = refine(case.model, case.observed(0), others, climbs)
    assert len(made) == 1
    np.testing.assert_array_equal(second.parameters, first.parameters)
    np.testing.assert_array_equal(second.covariance, first.covariance)
    assert second.seconds > climbs[0].seconds  # it counts as if it were made
    alone = refine(case.model, case.observed(0), others)
    assert len(made) == 2
    assert np.abs((alone.parameters - second.parameters) / np.sqrt(np.diag(alone.covariance))).max() < 0.3


def test_a_climb_from_elsewhere_is_not_taken(galaxies):
    case, climbs = galaxies, []
    refine(case.model, case.observed(0), case.truths[:1, :6], climbs)
    far = climbs[0].end._replace(parameters=climbs[0].end.parameters + 10 * case.free.directions.sum(axis=1))
    moved = [climbs[0]._replace(end=far)]
    found = refine(case.model, case.observed(0), case.truths[:1, :6], moved)
    assert len(moved) == 2
    np.testing.assert_array_equal(found.parameters, climbs[0].last.parameters)


def test_pixels_that_do_not_count_may_hold_anything(galaxies):
    good = np.ones((32, 32), bool)
    good[4:12, 20:30] = False
    found = []
    for value in (0.0, np.nan, -np.inf):
        observed = galaxies.observed(0, np.where(good, galaxies.images[0], value))
        found.append(refine(galaxies.model, observed._replace(good=good), proposals(galaxies, 8)))
    assert all(same(found[0], other) for other in found[1:])
    assert np.isfinite(found[0].parameters).all()


def test_a_pixel_that_is_no_number_does_not_count(galaxies):
    image, good = galaxies.images[0].copy(), np.ones((32, 32), bool)
    image[3, 4], good[3, 4] = np.nan, False
    by_value = refine(galaxies.model, galaxies.observed(0, image), proposals(galaxies, 4))
    assert same(by_value, refine(galaxies.model, galaxies.observed(0)._replace(good=good), proposals(galaxies, 4)))


def test_an_image_without_a_source_has_no_estimate(galaxies):
    noise = np.random.default_rng(7).normal(0, 0.02, (2, 32, 32))
    for image in noise:
        assert not refine(galaxies.model, galaxies.observed(0, image), proposals(galaxies, 4)).converged
    dark = refine(galaxies.model, galaxies.observed(0, np.zeros((32, 32))), proposals(galaxies, 4))
    assert not dark.converged
    assert np.isnan(dark.parameters).all()
    assert np.isnan(dark.model).all()
    assert dark.covariance.shape == (11, 11)
    none = refine(galaxies.model, galaxies.observed(0), np.zeros((0, 6)))
    assert np.isnan(none.parameters).all()


def test_an_estimate_needs_light_of_a_source(galaxies, monkeypatch):
    """More than there is in any image; the same estimate does not converge."""
    before = refine(galaxies.model, galaxies.observed(0), proposals(galaxies, 8))
    monkeypatch.setattr(refine_module, "SEEN", 1e4)
    after = refine(galaxies.model, galaxies.observed(0), proposals(galaxies, 8))
    assert before.converged
    assert not after.converged
    np.testing.assert_array_equal(before.parameters, after.parameters)


def test_where_nothing_fits_the_next_looks_are_followed(galaxies, monkeypatch):
    """Three lenses far from the true one come first."""
    far = galaxies.truths[2].copy()
    names = galaxies.free.names()
    far[names.index("theta_E")] = 0.8 if far[names.index("theta_E")] > 1.2 else 1.6
    looks = [(far, None)] * 3 + [(galaxies.truths[2], None)]
    monkeypatch.setattr(refine_module, "first_looks", lambda *_: looks)
    monkeypatch.setattr(refine_module, "FIRST_STEPS", 2)
    monkeypatch.setattr(refine_module, "STEPS", 2)
    found = refine(galaxies.model, galaxies.observed(2), proposals(galaxies, 1))
    assert np.abs(deviations(galaxies, 2, found)).max() < 4.5
    assert found.agreeing == 0.25
    monkeypatch.setattr(refine_module, "ROUNDS", 1)
    found = refine(galaxies.model, galaxies.observed(2), proposals(galaxies, 1))
    assert np.abs(deviations(galaxies, 2, found)).max() > 4.5


def test_nothing_is_good(galaxies):
    observed = galaxies.observed(0)._replace(good=np.zeros((32, 32), bool))
    assert not refine(galaxies.model, observed, proposals(galaxies, 4)).converged


def test_poisson_noise_alone(galaxies):
    """Without a background, dark pixels weigh much but not without limit, and negative ones are dark."""
    rng = np.random.default_rng(2)
    image = rng.poisson(galaxies.clean[0] * 2000.0) / 2000.0
    image[0, 0] = -0.01
    found = refine(galaxies.model, Observed(image, 0.0, 2000.0, np.ones((32, 32), bool)), proposals(galaxies, 8))
    assert np.isfinite(found.parameters).all()
    assert np.isfinite(found.chi2)


@pytest.mark.parametrize("shape", [(32, 30), (16, 16), (32,), (1, 32, 32)])
def test_an_image_of_another_shape_is_refused(galaxies, shape):
    observed = Observed(np.zeros(shape), 0.02, 2000.0, np.ones(shape, bool))
    with pytest.raises(ArgumentError, match=r"observed\.image: expected 32 x 32 pixels, as the model has, got"):
        refine(galaxies.model, observed, proposals(galaxies, 2))


def test_a_mask_of_another_shape_is_refused(galaxies):
    with pytest.raises(ArgumentError, match=r"observed\.good: expected 32 x 32 pixels, as the model has, got 8 x 8"):
        refine(galaxies.model, galaxies.observed(0)._replace(good=np.ones((8, 8), bool)), proposals(galaxies, 2))


def test_a_tiny_image(make_case, galaxy):
    case = make_case(galaxy, "simulate.image={num_pix: 6, pixel_scale: 0.6}", n=2, components=4, samples=200)
    found = refine(case.model, case.observed(0), proposals(case, 6))
    assert found.model.shape == (6, 6)
    assert np.isfinite(found.parameters).all()


def test_a_lens_that_is_known_leaves_the_source(make_case, galaxy):
    lens = "simulate.lens_mass=[{profile: EPL, theta_E: 1.2, gamma: 2.0, e1: 0.1}]"
    case = make_case(galaxy, lens, "evaluate.targets=[theta_E]", n=2, components=8, samples=300)
    found = refine(case.model, case.observed(0), proposals(case, 1))
    assert found.converged
    assert np.abs(deviations(case, 0, found, ("source_center_x", "source_center_y"))).max() < 5


def test_a_lens_without_a_slope(make_case, galaxy):
    """SIE, whose parameters have limits of their own; an image is found again from proposals near it."""
    lens = "simulate.lens_mass=[{profile: SIE, theta_E: {uniform: [0.8, 1.6]}, e1_e2: {rayleigh: [0.15, 0.4]}}]"
    case = make_case(galaxy, lens, "evaluate.targets=[theta_E]", n=2, components=24, samples=800)
    found = refine(case.model, case.observed(1), proposals(case, 24))
    assert np.abs(deviations(case, 1, found, ("theta_E", "e1", "e2"))).max() < 4.5


def test_more_components_than_galaxies_span(make_case):
    galaxy = "profile: INTERPOL, catalogue: procedural, n_galaxies: 20, galaxy: 3, magnitude: 22, R_half: 0.3"
    one = f"simulate.source=[{{{galaxy}}}]"
    case = make_case(one, n=1, components=50, samples=8)
    assert len(case.shapes.variances) < 15
    assert np.isfinite(refine(case.model, case.observed(0), proposals(case, 4)).parameters).all()
    shapes = replace(case.shapes, stamps=np.ascontiguousarray(case.shapes.stamps[:, :, :1]), variances=np.zeros(0))
    known = ImageModel(case.scene, case.free, shapes, case.model.responses)
    assert np.isfinite(refine(known, case.observed(0), proposals(case, 4)).parameters).all()


def limits_of(case, targets=("theta_E", "e1")):
    """Three times the limit of the first four lenses, (4, targets); it knows no shape of a galaxy either."""
    bounds = limits(case.scene, case.systems.indices[:4], targets, n_components=24).any_shape
    return 3 * np.column_stack([bounds[t] for t in targets])


def off(case, i, found, targets=("theta_E", "e1")):
    return np.abs(found.parameters - case.truths[i])[[case.free.names().index(name) for name in targets]]


@pytest.fixture(scope="module")
def untied(make_case, galaxy, light):
    """Light that has nothing to do with the mass."""
    for name in ("e1", "e2"):
        law = f"{{follow: {{parameter: lens_mass.0.{name}, scatter: 0.1, low: -0.6, high: 0.6}}}}"
        assert law in light
        light = light.replace(law, "{truncnormal: [0, 0.1, -0.4, 0.4]}")
    return make_case(galaxy, "simulate.image.rays=adaptive", light, n=4)


@pytest.mark.parametrize("scene", ["lit", "untied"])
def test_lenses_are_found_behind_their_light(scene, request):
    """Most of four, from the truth and from the population."""
    case = request.getfixturevalue(scene)
    bounds, light = limits_of(case), case.free.names()[case.free.of_light]
    for first in ("truth", "population"):
        starts = [case.truths[i : i + 1, :6] if first == "truth" else proposals(case, 16, 16 * i) for i in range(4)]
        found = [refine(case.model, case.observed(i), start) for i, start in enumerate(starts)]
        right = [i for i, f in enumerate(found) if (off(case, i, f) < bounds[i]).all()]
        assert len(right) >= 3
        assert np.median([f.chi2 for f in found]) == pytest.approx(1.0, abs=0.15)
        assert max(np.abs(deviations(case, i, found[i], light)).max() for i in right) < 4.5


def test_a_lens_that_follows_its_light_is_found(make_case, galaxy, light):
    tied = light.replace("scatter: 0.1, low: -0.6, high: 0.6", "scatter: 0")
    case = make_case(galaxy, "simulate.image.rays=adaptive", tied, n=4)
    bounds = limits_of(case)
    assert (bounds[:, 1] < 0.02).all()  # the light tells e1
    for i in range(2):
        found = refine(case.model, case.observed(i), proposals(case, 12, 12 * i))
        assert (off(case, i, found) < bounds[i]).all()
        e1, of_light = off(case, i, found, ("e1", "lens_light_e1"))
        assert e1 == pytest.approx(of_light, abs=1e-5)


def test_light_of_a_lens_without_a_source_is_no_estimate(lit):
    rng, light = np.random.default_rng(3), lit.model.light.image(lit.truths[1, lit.free.of_light])
    image = light + rng.normal(size=light.shape) * np.sqrt(0.02**2 + light / 2000)
    assert not refine(lit.model, lit.observed(1, image), proposals(lit, 4)).converged


def test_lenses_are_found_in_two_bands(colored):
    """Behind their light, from the population."""
    bounds = limits_of(colored)
    found = [refine(colored.model, colored.observed(i), proposals(colored, 16, 16 * i)) for i in range(4)]
    assert sum((off(colored, i, f) < bounds[i]).all() for i, f in enumerate(found)) >= 3
    assert np.median([f.chi2 for f in found]) == pytest.approx(1.0, abs=0.15)
    assert all(f.model.shape == (1600,) for f in found)


def test_two_bands_say_more_than_one(colored):
    """With pixels of the second that do not count, errors are larger."""
    observed, start = colored.observed(0), colored.truths[:1, :6]
    good = np.arange(1600) < 1024
    both, one = (refine(colored.model, o, start) for o in (observed, observed._replace(good=good)))
    sigma = [np.sqrt(np.diag(f.covariance))[colored.free.names().index("theta_E")] for f in (both, one)]
    assert sigma[0] < 0.97 * sigma[1]


def test_an_image_of_two_bands_of_another_size_is_refused(colored):
    with pytest.raises(ArgumentError, match=r"observed\.image: expected 1600 pixels, as the model has, got 32 x 32"):
        refine(colored.model, colored.observed(0)._replace(image=np.zeros((32, 32))), colored.truths[:1, :6])


def test_no_source_that_is_hardly_magnified_is_a_lens(galaxies, of_the_first):
    """Maxima below the least magnification count as none; those above it stay as they are."""
    found = of_the_first
    assert found.magnification > 2
    again = refine(galaxies.model, galaxies.observed(0), proposals(galaxies, 8), least_magnification=1.5)
    assert same(found, again)
    none = refine(galaxies.model, galaxies.observed(0), proposals(galaxies, 8), least_magnification=1e3)
    assert np.isnan(none.parameters).all()
    assert not none.converged


def test_a_maximum_without_magnification_gives_way_to_another(galaxies, monkeypatch):
    """Of a true lens and one far from it, if the first is said to magnify too little; nor does it count beside it."""
    case, ends = galaxies, []
    far, own = case.truths[2].copy(), case.free.names().index("theta_E")
    far[own] = 0.8 if far[own] > 1.2 else 1.6
    ascend = refine_module.ascend
    monkeypatch.setattr(refine_module, "ascend", lambda *a: ends.append(ascend(*a)) or ends[-1])
    monkeypatch.setattr(refine_module, "magnification", lambda end: 1.0 if end is ends[0] else 5.0)
    monkeypatch.setattr(refine_module, "first_looks", lambda *_: [(case.truths[2], None), (far, None)])
    monkeypatch.setattr(refine_module, "FIRST_STEPS", 2)
    monkeypatch.setattr(refine_module, "STEPS", 2)
    found = {}
    for least in (0.0, 2.0):
        ends.clear()
        found[least] = refine(case.model, case.observed(2), proposals(case, 1), least_magnification=least)
    assert [f.agreeing for f in found.values()] == [0.5, 1.0]
    assert np.abs(deviations(case, 2, found[0.0])).max() < 4.5
    assert np.abs(deviations(case, 2, found[2.0])).max() > 4.5


def test_first_ascents_may_know_bright_pixels_less_well(galaxies, of_the_first, monkeypatch):
    """The same maximum in the end; their noise is larger by what the brightest pixel's signal is too much."""
    case, seen = galaxies, []
    image_weights = refine_module.inverse_variance(case.observed(0), case.images[0])
    most = np.sqrt((case.images[0] ** 2 * image_weights).max())
    ascend = refine_module.ascend
    monkeypatch.setattr(
        refine_module, "ascend", lambda m, o, weights, *a: seen.append(weights) or ascend(m, o, weights, *a)
    )
    for brightest in (np.inf, 2 * most):
        assert same(of_the_first, refine(case.model, case.observed(0), proposals(case, 8), brightest=brightest))
        np.testing.assert_array_equal(seen[-1], image_weights)
    found = refine(case.model, case.observed(0), proposals(case, 8), brightest=0.3 * most)
    np.testing.assert_allclose(seen[-1], 0.3**2 * image_weights)
    off = (found.parameters - of_the_first.parameters) / np.sqrt(np.diag(of_the_first.covariance))
    assert np.abs(off).max() < 0.3
    assert found.log_posterior == pytest.approx(of_the_first.log_posterior, abs=0.1)
    assert found.converged


def test_an_image_of_nothing_may_have_a_brightest_pixel(galaxies):
    nothing = galaxies.observed(0)._replace(good=np.zeros((32, 32), bool))
    assert not refine(galaxies.model, nothing, proposals(galaxies, 2), brightest=15.0).converged
