"""Patterns of what a subtraction left: what they add up to, how they wave, where they are centred."""

import numpy as np
import pytest

from lenstream.evaluate.fitting.light_remains import RINGS, SHARE, WAVES, WITHIN, light_remains

N, SCALE = 40, 0.1
AXIS = (np.arange(N) + 0.5 - N / 2) * SCALE
CENTRE = (0.13, -0.24)
EACH = 1 + 2 * WAVES  # patterns of a ring


def polar(centre):
    x, y = AXIS - centre[0], (AXIS - centre[1])[:, None]
    return np.hypot(x, y), np.arctan2(y, x)


@pytest.fixture(scope="module")
def light():
    return np.exp(-polar(CENTRE)[0]) * 100.0


@pytest.fixture(scope="module")
def patterns(light):
    return light_remains(light, SCALE, CENTRE).images.T.reshape(-1, N, N)


def ring(patterns, k):
    """The patterns of ring k: as bright all around, then cosine and sine of each number of waves."""
    return patterns[:1] if k == 0 else patterns[1 + (k - 1) * EACH : 1 + k * EACH]


def test_there_is_one_round_pattern_in_the_middle_and_nine_a_ring(patterns, light):
    found = light_remains(light, SCALE, CENTRE)
    assert found.images.shape == (N * N, 1 + EACH * (len(RINGS) - 1))
    assert found.images.dtype == np.float64
    np.testing.assert_array_equal(found.variances, 1.0)
    assert len(patterns) == 64


def test_the_round_ones_add_up_to_a_share_of_the_light(patterns, light):
    together = sum(ring(patterns, k)[0] for k in range(len(RINGS)))
    np.testing.assert_allclose(together, light * SHARE / (1.0 + polar(CENTRE)[0] / WITHIN))


@pytest.mark.parametrize("k", range(len(RINGS)))
def test_a_ring_is_brightest_at_its_radius_and_dark_at_the_next(patterns, light, k):
    radius = polar(CENTRE)[0]
    share = ring(patterns, k)[0] / (light * SHARE / (1.0 + radius / WITHIN))
    inner, outer = RINGS[max(k - 1, 0)], (*RINGS, np.inf)[k + 1]
    np.testing.assert_allclose(share[(radius >= outer)], 0.0, atol=1e-12)
    if k:
        np.testing.assert_allclose(share[radius <= inner], 0.0, atol=1e-12)
    near = np.abs(radius - RINGS[k]) < 0.03
    assert (share[near] > 0.55).all()
    if k == len(RINGS) - 1:  # the last goes on
        np.testing.assert_allclose(share[radius >= RINGS[k]], 1.0)


@pytest.mark.parametrize("waves", range(1, WAVES + 1))
def test_the_others_wave_around_the_centre(patterns, waves):
    angle = polar(CENTRE)[1]
    for k in range(1, len(RINGS)):
        own = ring(patterns, k)
        np.testing.assert_allclose(own[2 * waves - 1], own[0] * np.cos(waves * angle), atol=1e-12)
        np.testing.assert_allclose(own[2 * waves], own[0] * np.sin(waves * angle), atol=1e-12)


def test_a_model_that_is_off_by_a_fraction_of_a_pixel_is_in_them(light):
    """The difference of two models of a galaxy, a tenth of a pixel apart, but for a few per cent."""
    axis = AXIS - 0.01
    moved = np.exp(-np.hypot(axis - CENTRE[0], (AXIS - CENTRE[1])[:, None])) * 100.0
    left = (moved - light).ravel()
    images = light_remains(light, SCALE, CENTRE).images
    amounts = np.linalg.lstsq(images, left, rcond=None)[0]
    assert np.linalg.norm(left - images @ amounts) < 0.1 * np.linalg.norm(left)


def test_light_twice_as_bright_leaves_twice_as_much(light):
    one, two = (light_remains(times * light, SCALE, CENTRE) for times in (1.0, 2.0))
    np.testing.assert_allclose(2.0 * one.images, two.images)


def test_about_the_middle_they_turn_with_the_light():
    """By 90 degrees: the round pattern stays, that with two waves changes its sign."""
    round_light = np.exp(-polar((0, 0))[0])
    patterns = light_remains(round_light, SCALE).images.T.reshape(-1, N, N)
    for k in range(1, len(RINGS)):
        own = ring(patterns, k)
        np.testing.assert_allclose(np.rot90(own[0]), own[0], atol=1e-12)
        np.testing.assert_allclose(np.rot90(own[3]), -own[3], atol=1e-12)
        np.testing.assert_allclose(np.rot90(own[7]), own[7], atol=1e-12)
