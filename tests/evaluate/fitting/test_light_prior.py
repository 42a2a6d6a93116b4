"""The prior of a lens whose light was measured, against draws of the population that have such light."""

from dataclasses import replace

import numpy as np
import pytest

from lenstream.evaluate.fitting.free_parameters import FreeParameters, X, Y, with_prior
from lenstream.evaluate.fitting.lens_rays import LensRays
from lenstream.evaluate.fitting.light_prior import ERRORS, FURTHEST, MEASURED, centred_on, without_light
from lenstream.evaluate.fitting.light_remains import STRENGTH
from lenstream.evaluate.fitting.light_shape import LightShape

LENS = ((0, "theta_E"), (0, "e1"), (0, "e2"), (0, "center_x"), (0, "center_y"), (1, "gamma1"))
LIGHT = ((0, "magnitude"), (0, "e1"), (0, "e2"), (0, "center_x"), (0, "center_y"))
SEEN = LightShape(0.12, -0.07, 0.02, -0.03)


@pytest.fixture(scope="module")
def free():
    """A population whose mass follows its light loosely, shear by a fifth of e1, and centres exactly."""
    rng = np.random.default_rng(5)
    n = 6000
    e1, e2 = rng.normal(0, 0.12, (2, n))
    x, y = rng.normal(0, 0.03, (2, n))
    theta_E, magnitude = rng.normal(1.2, 0.2, n), rng.normal(18, 0.5, n)
    light = np.stack([magnitude - 2 * theta_E, 0.8 * e1 + rng.normal(0, 0.04, n), e2 + rng.normal(0, 0.04, n), x, y])
    lens = np.stack([theta_E, e1, e2, x, y, 0.2 * e1])
    sample = np.vstack([lens, light, rng.normal(size=(5, n))]).T
    unknown = FreeParameters(
        LENS, ({"gamma": 2.0}, {"gamma2": 0.0}), ("EPL", "SHEAR"), *[None] * 5, LIGHT, ({},), ("SERSIC_ELLIPSE",)
    )
    return with_prior(unknown, sample)


def without(free):
    """Where the parameters that stay stand."""
    return [p for p in range(len(free.mean)) if not free.of_light.start <= p < free.of_light.stop]


def test_it_is_that_of_draws_with_such_light(free):
    """Draws of the whole normal population, weighed by how well their light agrees with what was measured."""
    found, names = without_light(free, SEEN), free.names()
    z = np.random.default_rng(2).normal(size=(400_000, free.directions.shape[1]))
    drawn = free.mean + z @ free.directions.T
    off = (drawn[:, [names.index(name) for name in MEASURED]] - SEEN) / ERRORS
    weights = np.exp(-0.5 * (off**2).sum(axis=1))
    drawn, spread = drawn[:, without(free)], found.spread
    mean = np.average(drawn, axis=0, weights=weights)
    covariance = np.cov(drawn.T, aweights=weights)
    np.testing.assert_allclose((found.mean - mean) / spread, 0.0, atol=0.03)
    own = found.directions @ found.directions.T
    np.testing.assert_allclose((own - covariance) / np.outer(spread, spread), 0.0, atol=0.04)
    np.testing.assert_allclose(np.sqrt(np.diag(own)), spread, rtol=1e-6)


def test_light_tells_of_the_lens(free):
    """Most of the ellipticity, all of the centre, some of theta_E by nothing but chance."""
    names = without_light(free).names()
    before, after = without_light(free), without_light(free, SEEN)
    ratio = dict(zip(names, after.spread / before.spread, strict=True))
    assert ratio["e1"] == pytest.approx(
        np.hypot(0.04, 0.03) / 0.8 / np.hypot(0.12, np.hypot(0.04, 0.03) / 0.8), rel=0.05
    )
    assert ratio["center_x"] == pytest.approx(0.02 / np.hypot(0.03, 0.02), rel=0.05)
    assert ratio["theta_E"] == pytest.approx(1.0, abs=0.01)


def test_what_is_tied_stays_tied(free):
    found = without_light(free, SEEN)
    e1, gamma1 = (found.names().index(name) for name in ("e1", "gamma1"))
    np.testing.assert_allclose(found.directions[gamma1], 0.2 * found.directions[e1], atol=1e-6 * found.spread[e1])
    assert found.mean[gamma1] == pytest.approx(0.2 * found.mean[e1] + (free.mean[5] - 0.2 * free.mean[1]), abs=1e-5)
    assert found.directions.shape == (11, 10)
    np.testing.assert_allclose(found.inverse() @ found.directions, np.eye(10), atol=1e-6)


def test_without_a_shape_it_is_the_populations(free):
    found, kept = without_light(free), without(free)
    np.testing.assert_array_equal(found.mean, free.mean[kept])
    np.testing.assert_array_equal(found.low, free.low[kept])
    np.testing.assert_array_equal(found.high, free.high[kept])
    own = free.directions @ free.directions.T
    np.testing.assert_allclose(found.directions @ found.directions.T, own[np.ix_(kept, kept)], atol=1e-9)
    assert found.light == found.light_constants == found.light_profiles == ()
    assert not found.remains
    assert found.names() == [free.names()[p] for p in kept]


def test_a_population_without_light_is_told_nothing(galaxies):
    """By a light's shape; its directions are the same but for their order and sign."""
    free = galaxies.free
    found = without_light(free, SEEN)
    np.testing.assert_array_equal(found.mean, free.mean)
    np.testing.assert_allclose(
        found.directions @ found.directions.T, free.directions @ free.directions.T, rtol=1e-9, atol=1e-12
    )
    assert found.names() == free.names()


def test_light_with_a_fixed_centre_tells_of_its_ellipticity(free):
    """Only what of it was drawn can tell."""
    kept = [p for p in range(len(free.mean)) if not free.names()[p].startswith("lens_light_center")]
    rng = np.random.default_rng(1)
    fewer = FreeParameters(
        LENS, free.constants, free.profiles, *[None] * 5, LIGHT[:3], ({"center_x": 0.0},), ("SERSIC_ELLIPSE",)
    )
    sample = (free.mean + rng.normal(size=(6000, free.directions.shape[1])) @ free.directions.T)[:, kept]
    fewer = with_prior(fewer, sample)
    found = without_light(fewer, SEEN)
    center_x, e1 = found.names().index("center_x"), found.names().index("e1")
    assert found.spread[center_x] == pytest.approx(fewer.spread[center_x], rel=0.01)
    assert found.spread[e1] < 0.6 * fewer.spread[e1]


def test_the_strength_of_what_is_left_stands_behind_the_lens(free):
    plain, found = without_light(free, SEEN), without_light(free, SEEN, remains=True)
    assert found.of_remains == slice(6, 7)
    assert found.names() == [*plain.names()[:6], "log_light_remains", *plain.names()[6:]]
    mean, sigma = STRENGTH
    assert found.mean[6] == mean
    assert found.spread[6] == sigma
    assert found.low[6] == pytest.approx(mean - FURTHEST * sigma)
    assert found.high[6] == pytest.approx(mean + FURTHEST * sigma)
    others = np.delete(np.arange(12), 6)
    for name in ("mean", "low", "high", "spread"):
        np.testing.assert_array_equal(np.delete(getattr(found, name), 6), getattr(plain, name))
    own = found.directions @ found.directions.T
    np.testing.assert_allclose(own[6], np.eye(12)[6] * sigma**2, atol=1e-9)
    np.testing.assert_allclose(own[np.ix_(others, others)], plain.directions @ plain.directions.T, atol=1e-9)


def test_a_mean_beyond_the_range_is_at_its_end(free):
    far = SEEN._replace(e1=3.0)
    found = without_light(free, far)
    assert (found.low <= found.mean).all() and (found.mean <= found.high).all()
    assert found.mean[1] == found.high[1]


def test_the_population_is_moved_to_a_centre(free):
    plain = without_light(free, SEEN)
    found = centred_on(plain, 0.3, -0.2)
    moved = {"center_x": 0.3, "center_y": -0.2, "source_center_x": 0.3, "source_center_y": -0.2}
    by = np.array([moved.get(name, 0.0) for name in plain.names()])
    for name in ("mean", "low", "high"):
        np.testing.assert_allclose(getattr(found, name) - getattr(plain, name), by, atol=1e-12)
    assert found.mean[X] - plain.mean[X] == pytest.approx(0.3)
    assert found.mean[Y] - plain.mean[Y] == pytest.approx(-0.2)
    np.testing.assert_array_equal(found.directions, plain.directions)
    assert found.constants == plain.constants == ({"gamma": 2.0}, {"gamma2": 0.0})
    np.testing.assert_array_equal(free.mean[3:5], without_light(free).mean[3:5])  # nothing is changed in place


def test_a_lens_whose_centre_does_not_vary_is_moved_too(galaxies):
    """By its constants; a ray at the new centre arrives where one at the old one did, moved as far."""
    free = without_light(galaxies.free)
    assert "center_x" not in free.names()
    moved = centred_on(free, 0.3, -0.2)
    assert moved.constants[0] == free.constants[0] | {"center_x": 0.3, "center_y": -0.2}
    ra_0 = replace(free, constants=({"ra_0": 0.1, "dec_0": 0.0}, *free.constants[1:]))
    assert centred_on(ra_0, 0.3, -0.2).constants[0] == {"ra_0": pytest.approx(0.4), "dec_0": -0.2}
    before, after = (LensRays(galaxies.scene, own) for own in (free, moved))
    places = [name for _, name in free.places]
    lens = free.mean * [name not in ("gamma1", "gamma2") for name in [*places, *[""] * 5]]  # shear is about the middle
    x, y = np.random.default_rng(0).normal(size=(2, 9))
    (one,), (other,) = before.positions(lens, x, y), after.positions(lens, x + 0.3, y - 0.2)
    np.testing.assert_allclose(other, one + np.array([[0.3], [-0.2]]), atol=1e-10)
