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


def blurred(planes, strips, taps, dtype=np.float64, area=2.0, goes_on=True):
    size, degree = planes.shape[1], taps.shape[1] - 1
    space = np.full(room(degree, size, taps.shape[2] // 2), np.nan, dtype)
    flat, out = planes.reshape(len(planes), -1).astype(dtype), np.empty((size, size), dtype)
    light, psf = (flat[0], flat[1:], strips.astype(dtype)), (taps.astype(dtype), goes_on)
    blur_moments(light, psf, dtype(area), out, space)
    return out


def expected(planes, strips, taps, area=2.0, goes_on=True):
    degree, r, size = taps.shape[1] - 1, taps.shape[2] // 2, planes.shape[1]
    number = {tuple(p): k for k, p in enumerate(moments.pairs(degree))}

    def along(images, tap, ends):
        """Moments along the last axis into one image; ends: the light that goes on beyond it."""
        total = np.zeros(images[0].shape)
        for a, image in enumerate(images):
            low, high = (e[:, None] * (a == 0) * goes_on for e in ends)
            padded = np.concatenate([np.repeat(low, r, 1), image, np.repeat(high, r, 1)], axis=1)
            total += sum(tap[a, r + d] * padded[:, r - d : r - d + image.shape[1]] for d in range(-r, r + 1))
        return total

    def past_corners(strip):
        values = [(2 * a + 1) * Legendre.basis(a)(moment_blur.EDGE) for a in range(degree + 1)]
        low = sum((-1) ** a * values[a] * strip[a, 0] for a in range(degree + 1))
        return np.array([low]), np.array([sum(values[a] * strip[a, -1] for a in range(degree + 1))])

    total = np.zeros((size, size))
    for term in taps:
        rows = [
            along([planes[number[a, b]] for a in range(degree + 1 - b)], term, (strips[0, b], strips[1, b]))
            for b in range(degree + 1)
        ]
        low, high = (along([s[a][None] for a in range(degree + 1)], term, past_corners(s))[0] for s in strips[2:])
        total += along([row.T for row in rows], term, (low, high)).T
    return area * total


def random_light(rng, degree, size):
    return rng.normal(size=(moments.number_of_moments(degree), size, size)), rng.normal(size=(4, degree + 1, size))


@settings(deadline=None, max_examples=40)
@given(
    st.integers(4, 40), st.sampled_from([0.1, 0.22, 0.3, 0.45, 0.6, 0.85, 1.2, 1.5, 2.2, 6.0, 20.0]), st.integers(0, 99)
)
def test_it_is_what_plain_numpy_gives(size, sigma, seed):
    degree = moments.degree_for(sigma)
    taps = moments.gaussian_taps([sigma], 5.0, degree)
    light = random_light(np.random.default_rng(seed), degree, size)
    np.testing.assert_allclose(blurred(*light, taps), expected(*light, taps), atol=1e-12)
    np.testing.assert_allclose(blurred(*light, taps, np.float32), expected(*light, taps), atol=2e-5)


def test_terms_are_added():
    rng = np.random.default_rng(1)
    taps, light = rng.normal(size=(3, 4, 7)), random_light(rng, 3, 12)
    for goes_on in (True, False):
        found, wanted = (f(*light, taps, goes_on=goes_on) for f in (blurred, expected))
        np.testing.assert_allclose(found, wanted, atol=1e-11)


@pytest.mark.parametrize("sigma", [0.15, 0.5, 0.85, 2.0, 9.0])
def test_even_light_stays_even_up_to_the_border(sigma):
    degree = moments.degree_for(sigma)
    planes = np.zeros((moments.number_of_moments(degree), 16, 16))
    strips = np.zeros((4, degree + 1, 16))
    planes[0], strips[:, 0] = 3.0, 3.0
    found = blurred(planes, strips, moments.gaussian_taps([sigma], 5.0, degree))
    np.testing.assert_allclose(found, 6.0, rtol=1e-12)
