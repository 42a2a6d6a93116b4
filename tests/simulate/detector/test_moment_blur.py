"""A PSF on the moments of the light in every pixel, against the same in plain numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import Legendre

from lenstream.simulate import moments
from lenstream.simulate.core import compiled
from lenstream.simulate.detector import moment_blur

blur_moments, room = compiled.cached(moment_blur.blur_moments), compiled.cached(moment_blur.blur_room)


def blurred(planes, taps, signs, dtype=np.float64, area=2.0, goes_on=True):
    size, degree = planes.shape[1], taps.shape[1] - 1
    space = np.full(room(degree, size, taps.shape[2] // 2), np.nan, dtype)
    flat, out = planes.reshape(len(planes), -1).astype(dtype), np.empty((size, size), dtype)
    blur_moments(flat[0], flat[1:], (taps.astype(dtype), signs.astype(dtype), goes_on), dtype(area), out, space)
    return out


def expected(planes, taps, signs, area=2.0, goes_on=True):
    degree, r, size = taps.shape[1] - 1, taps.shape[2] // 2, planes.shape[1]
    number = {tuple(p): k for k, p in enumerate(moments.pairs(degree))}
    edge = [(2 * a + 1) * Legendre.basis(a)(moment_blur.EDGE) for a in range(degree + 1)]

    def along(images, tap):
        """Moments along the last axis into one image; light goes on beyond the border as next to it."""
        low = sum((-1) ** a * edge[a] * images[a][:, :1] for a in range(len(images)))
        high = sum(edge[a] * images[a][:, -1:] for a in range(len(images)))
        total = np.zeros((size, size))
        for a, image in enumerate(images):
            ends = (low, high) if a == 0 and goes_on else (0 * low, 0 * high)
            padded = np.concatenate([np.repeat(ends[0], r, 1), image, np.repeat(ends[1], r, 1)], axis=1)
            total += sum(tap[a, r + d] * padded[:, r - d : r - d + size] for d in range(-r, r + 1))
        return total

    total = np.zeros((size, size))
    for term, sign in zip(taps, signs, strict=True):
        rows = [along([planes[number[a, b]] for a in range(degree + 1 - b)], term) for b in range(degree + 1)]
        total += sign * along([row.T for row in rows], term).T
    return area * total


@settings(deadline=None, max_examples=40)
@given(
    st.integers(4, 40), st.sampled_from([0.1, 0.22, 0.3, 0.45, 0.6, 0.85, 1.2, 1.5, 2.2, 6.0, 20.0]), st.integers(0, 99)
)
def test_it_is_what_plain_numpy_gives(size, sigma, seed):
    degree = moments.degree_for(sigma)
    taps, signs = moments.gaussian_taps([sigma], 5.0, degree), np.ones(1)
    planes = np.random.default_rng(seed).normal(size=(moments.number_of_moments(degree), size, size))
    np.testing.assert_allclose(blurred(planes, taps, signs), expected(planes, taps, signs), atol=1e-12)
    np.testing.assert_allclose(blurred(planes, taps, signs, np.float32), expected(planes, taps, signs), atol=2e-5)


def test_terms_are_added_and_absent_ones_are_not():
    rng = np.random.default_rng(1)
    taps, planes = rng.normal(size=(3, 4, 7)), rng.normal(size=(10, 12, 12))
    signs = np.array([1.0, -1.0, 0.0])
    for goes_on in (True, False):
        found, wanted = (f(planes, taps, signs, goes_on=goes_on) for f in (blurred, expected))
        np.testing.assert_allclose(found, wanted, atol=1e-11)


@pytest.mark.parametrize("sigma", [0.15, 0.5, 0.85, 2.0, 9.0])
def test_even_light_stays_even_up_to_the_border(sigma):
    degree = moments.degree_for(sigma)
    planes = np.zeros((moments.number_of_moments(degree), 16, 16))
    planes[0] = 3.0
    found = blurred(planes, moments.gaussian_taps([sigma], 5.0, degree), np.ones(1))
    np.testing.assert_allclose(found, 6.0, rtol=1e-12)
