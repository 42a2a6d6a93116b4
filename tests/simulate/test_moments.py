"""Legendre moments of the light in a pixel, and the taps that a PSF makes of them, against plain numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import Legendre
from scipy.special import ndtr

from lenstream.simulate import moments
from lenstream.simulate.detector.psf import moffat_kernels


@pytest.mark.parametrize(
    ("sigma", "degree"),
    [(30, 2), (1.0, 2), (0.999, 3), (0.5, 3), (0.499, 4), (0.28, 4), (0.2, 5), (0.12, 6), (0.119, 7), (1e-6, 7)],
)
def test_a_narrower_psf_needs_a_higher_degree(sigma, degree):
    assert moments.degree_for(sigma) == degree <= moments.LARGEST_DEGREE


@pytest.mark.parametrize("degree", [1, 2, 3, 7])
def test_every_moment_up_to_the_degree_is_kept_once(degree):
    pairs = [tuple(p) for p in moments.pairs(degree)]
    assert len(pairs) == len(set(pairs)) == moments.number_of_moments(degree)
    assert set(pairs) == {(a, b) for a in range(degree + 1) for b in range(degree + 1) if a + b <= degree}
    assert pairs == sorted(pairs, key=lambda p: (p[1], p[0]))


@pytest.mark.parametrize("t", [-1.0, -0.3, 0.0, 0.77, 1.0])
def test_the_recurrence_gives_legendre_polynomials(t):
    before, here = 1.0, t
    for k in range(1, moments.LARGEST_DEGREE):
        before, here = here, moments.next_legendre.py_func(k, t, here, before)
        assert here == pytest.approx(Legendre.basis(k + 1)(t), abs=1e-13)


def exact(sigma, truncation, start, pixels):
    """The part of a cut Gaussian from a point `start` that falls on each of `pixels`."""
    low, high = ((np.clip((pixels + s - start) / sigma, -truncation, truncation)) for s in (-0.5, 0.5))
    return (ndtr(high) - ndtr(low)) / (ndtr(truncation) - ndtr(-truncation))


@settings(deadline=None, max_examples=50)
@given(st.floats(0.02, 8.0), st.floats(1.0, 8.0))
def test_all_light_of_a_gaussian_arrives(sigma, truncation):
    (taps,) = moments.gaussian_taps([sigma], truncation, moments.degree_for(sigma))
    assert taps[0].sum() == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(taps[1:].sum(1), 0.0, atol=1e-12)
    np.testing.assert_allclose(taps[0::2], taps[0::2, ::-1], atol=1e-12)
    np.testing.assert_allclose(taps[1::2], -taps[1::2, ::-1], atol=1e-12)


@pytest.mark.parametrize(
    ("sigma", "error"), [(0.2, 3e-2), (0.3, 1e-2), (0.51, 1e-2), (0.85, 3e-3), (1.5, 3e-3), (3, 5e-4)]
)
def test_the_expansion_gives_what_a_point_leaves_in_each_pixel(sigma, error):
    degree = moments.degree_for(sigma)
    (taps,) = moments.gaussian_taps([sigma], 5.0, degree)
    pixels = np.arange(taps.shape[1]) - taps.shape[1] // 2
    for start in (-0.45, -0.2, 0.0, 0.31, 0.5):
        found = sum(Legendre.basis(a)(2 * start) * taps[a] for a in range(degree + 1))
        assert abs(found - exact(sigma, 5.0, start, pixels)).max() < error


def test_the_taps_of_a_psf_do_not_depend_on_the_others():
    alone = moments.gaussian_taps([0.7], 5.0, 3)
    beside = moments.gaussian_taps([0.51, 0.7, 4.0], 5.0, 3)[1:2]
    edge = (beside.shape[2] - alone.shape[2]) // 2
    np.testing.assert_array_equal(beside[:, :, edge:-edge], alone)
    assert not beside[:, :, :edge].any() and not beside[:, :, -edge:].any()


@pytest.mark.parametrize(("fwhm", "beta", "size"), [(1.5, 2.5, 13), (3.5, 2.5, 29), (3.5, 4.8, 29), (8, 2, 65)])
def test_the_terms_of_a_moffat_add_up_to_its_kernel(fwhm, beta, size):
    terms = moments.moffat_taps(fwhm, beta, size, 3)
    assert len(terms) < 10
    found = np.einsum("ra,rb->ab", terms[:, 0], terms[:, 0])
    assert found.sum() == pytest.approx(1.0, abs=1e-9)
    np.testing.assert_allclose(terms[:, 1:].sum(2), 0.0, atol=1e-9)
    # moment 0 is light all over a pixel: 15 x 15 points in it, each seen by the 15 x 15 parts of the pixels around
    fine, wide = moffat_kernels(fwhm * 15, beta, 1.0, size * 15)[0], 15 * (size + 4)
    image = np.zeros((wide, wide))
    edge = (wide - len(fine)) // 2
    image[edge : edge + len(fine), edge : edge + len(fine)] = fine
    triangle = np.convolve(np.ones(15), np.ones(15)) / 15
    expected = np.apply_along_axis(
        np.convolve, 0, np.apply_along_axis(np.convolve, 1, image, triangle, "same"), triangle, "same"
    )
    expected = expected[7::15, 7::15]
    middle, reach = len(expected) // 2, terms.shape[2] // 2
    core = min(reach, size // 3)
    off = found[reach - core : reach + core + 1, reach - core : reach + core + 1]
    off = off - expected[middle - core : middle + core + 1, middle - core : middle + core + 1]
    assert abs(off).max() < 1e-3 * expected.max()


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(-1, 1), min_size=6, max_size=6))
def test_the_moments_of_a_quadratic_are_exact(numbers):
    c, x1, y1, x2, y2, xy = numbers

    def f(x, y):
        return c + x1 * x + y1 * y + x2 * x * x + y2 * y * y + xy * x * y

    t, w = np.polynomial.legendre.leggauss(6)
    x, y, weight = 0.5 * t[None, :], 0.5 * t[:, None], np.outer(w, w) / 4
    expected = {
        (a, b): (weight * f(x, y) * Legendre.basis(a)(2 * x) * Legendre.basis(b)(2 * y)).sum()
        for a, b in moments.pairs(2)
    }
    slope, bend, twist = (g.py_func for g in (moments.slope, moments.bend, moments.twist))
    assert slope(f(-1, 0), f(1, 0)) == pytest.approx(expected[1, 0], abs=1e-12)
    assert slope(f(0, -1), f(0, 1)) == pytest.approx(expected[0, 1], abs=1e-12)
    assert bend(f(-1, 0), f(0, 0), f(1, 0)) == pytest.approx(expected[2, 0], abs=1e-12)
    assert twist((f(-1, -1), f(1, -1), f(-1, 1), f(1, 1))) == pytest.approx(expected[1, 1], abs=1e-12)
