"""Measures of images: known answers, and that what should not matter does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.evaluate.real import measures

N = 40


def noise(n=1, seed=0, size=N):
    return np.random.default_rng(seed).normal(0, 1, (n, size, size))


def everywhere(size=N):
    return np.ones((size, size), bool)


def ring(radius, x=0.0, y=0.0, turn=2 * np.pi):
    """A ring of S/N 60 around (x, y), or a part of it, (1, N, N)."""
    v, u = (np.arange(N) - (N - 1) / 2 - c for c in (y, x))
    r, phi = np.hypot(u, v[:, None]), np.mod(np.arctan2(v[:, None], u), 2 * np.pi)
    return (60 * np.exp(-((r - radius) ** 2) / 4) * (phi <= turn))[None]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.floats(0, 1))
def test_median_is_numpys(seed, width, lost):
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((5, width)) < lost, np.nan, rng.normal(size=(5, width)))
    values[0] = np.nan
    expected = [np.nan if np.isnan(row).all() else np.nanmedian(row) for row in values]
    np.testing.assert_allclose(measures._median(values), expected)


def test_smoothed_is_the_signal_to_noise_of_nine_pixels():
    assert measures.smoothed(noise(20))[:, 1:-1, 1:-1].std() == pytest.approx(1, abs=0.02)
    image = np.zeros((1, N, N))
    image[0, 5, 7] = 9
    smooth = measures.smoothed(image)
    assert smooth.sum() == pytest.approx(27) and (smooth[0, 4:7, 6:9] == 3).all()
    assert measures.smoothed(np.ones((1, N, N)))[0, 0, 0] == pytest.approx(4 / 3)


def test_corners_are_levels_of_what_was_observed():
    image = noise() + 2
    image[:, 15:25, 15:25] += 1000
    observed = everywhere()
    np.testing.assert_allclose(measures.corners(image, observed), 2, atol=0.5)
    observed[:, :10] = False  # a smaller field
    image[:, :, :10] = 99
    np.testing.assert_allclose(measures.corners(image, observed), 2, atol=0.5)
    image[:, :12, :20] = np.nan
    observed[:12, :20] = False
    assert np.isnan(measures.corners(image, observed)).sum() == 1


def test_scatter_is_one_with_arcs_and_slopes():
    slope = np.linspace(0, 30, N)
    for image in (noise(), noise() + slope, noise() + slope[:, None], noise() + ring(16, turn=np.pi)):
        assert measures.scatter(image, everywhere())[0] == pytest.approx(1, abs=0.12)
    assert measures.scatter(3 * noise(), everywhere())[0] == pytest.approx(3, abs=0.4)


@pytest.mark.parametrize(("x", "y"), [(0, 0), (5, 0), (-3, 4), (0, -8)])
@pytest.mark.parametrize(("turn", "error"), [(2 * np.pi, 0.4), (1.2 * np.pi, 1.0)])
def test_the_offset_of_a_ring_is_that_of_its_centre(x, y, turn, error):
    smooth = measures.smoothed(ring(9, x, y, turn))
    assert measures.ring_offset(smooth)[0] == pytest.approx(np.hypot(x, y), abs=error)


def test_an_image_without_anything_has_no_offset():
    assert np.isnan(measures.ring_offset(np.zeros((2, N, N)))).all()


def test_centre_border_and_sharpness():
    smooth = measures.smoothed(ring(9))
    assert measures.centre_over_rest(smooth, 4)[0] < 0.1
    central = measures.smoothed(ring(9) + 5 * ring(0))
    assert measures.centre_over_rest(central, 4)[0] > 1.5
    box = slice(0, N), slice(0, N)
    assert measures.border(smooth, box)[0] < 5 < measures.border(smooth, (slice(0, N), slice(11, N)))[0]
    image = ring(9)
    assert measures.sharpness(image, measures.smoothed(image), everywhere())[0] < 0.6
    image[0, 3, 3] += 50
    assert measures.sharpness(image, measures.smoothed(image), everywhere())[0] > 2
    masked = everywhere()
    masked[3, 4] = False  # its surroundings are not whole: it does not count
    assert measures.sharpness(image, measures.smoothed(image), masked)[0] < 0.6
