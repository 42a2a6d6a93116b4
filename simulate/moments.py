"""Where in a pixel the light lies, as Legendre moments, and what the PSF makes of each moment.

A PSF that is narrower than two pixels sees whether light lies to the left or right in a pixel. Instead of finer pixels,
of which it would take 9 x 9, every pixel keeps

    M_ab = mean over the pixel of f(x, y) P_a(2 x) P_b(2 y),    a + b <= degree,

with x and y from its middle [pixels] and Legendre polynomials P. Behind the PSF, the light of a pixel gives
sum_ab t_a(dx) t_b(dy) M_ab to the pixel that lies dx and dy away: the `taps` t_a are the PSF's integral over that pixel
as a function of where the light starts, expanded in Legendre polynomials. That converges so fast that ten moments do
better than 81 fine pixels (the largest error of 16 images: 1e-3 of the peak, in the median 2e-4, at the limits below).
"""

import functools
import math

import numpy as np
from numba.extending import register_jitable

from .core.numerics import ray_function, real

# The smallest standard deviation of a PSF [pixels] for which each degree, from 2 on, is enough.
SMALLEST_SIGMA = (1.0, 0.5, 0.28, 0.2, 0.12)
LARGEST_DEGREE = 2 + len(SMALLEST_SIGMA)
# What `next_legendre` multiplies by, for each k: a table, as a GPU would divide in float64 at every step
_RECURRENCE = np.array([[(2 * k + 1) / (k + 1), k / (k + 1)] for k in range(LARGEST_DEGREE + 1)]).T.copy()
UNSEEN = 1e-5  # of the light of a PSF, which taps further out may hold to be left out
# Of the logarithm of 1 / sigma^2 in the mixture of Gaussians that a Moffat is; and what its terms leave out.
_MIXTURE_STEP, _RANK_ERROR = 0.4, 1e-5
_POINTS, _POINTS_IF_WIDE = 40, 16  # of the quadrature that expands the PSF within a pixel; at degree 2 and 3


def degree_for(sigma):
    """The largest a + b of the moments that a PSF with a standard deviation of `sigma` pixels needs, 2 or more."""
    return 2 + next((k for k, smallest in enumerate(SMALLEST_SIGMA) if sigma >= smallest), len(SMALLEST_SIGMA))


def pairs(degree):
    """The moments up to a degree, in the order in which they are kept: int (k, 2), a and b of each, a the faster."""
    return np.array([(a, b) for b in range(degree + 1) for a in range(degree + 1 - b)])


@register_jitable
def number_of_moments(degree):
    """How many moments there are up to a degree."""
    return (degree + 1) * (degree + 2) // 2


@ray_function
def next_legendre(k, t, here, before):
    """P_(k+1) at t, from P_k (`here`) and P_(k-1) (`before`); k up to LARGEST_DEGREE."""
    return real(t, _RECURRENCE[0, k]) * t * here - real(t, _RECURRENCE[1, k]) * before


def gaussian_taps(sigma, truncation, degree):
    """Taps of Gaussians of m standard deviations [pixels], cut at `truncation` sigma: float64 (m, degree + 1, 2 r + 1).

    Tap [a, r + d] belongs to moment a of a pixel and to the pixel d further on. All light arrives: the taps of moment 0
    add up to 1, and those of every other to 0. Far taps that hold next to nothing are 0.
    """
    sigma = np.asarray(sigma, dtype=float)
    places, weights = _expansion(degree)
    r = max(1, math.ceil(truncation * sigma.max(initial=0.0)))
    edges = np.arange(-r, r + 2) - 0.5
    below = _cut_normal((edges - places[:, None]) / sigma[:, None, None], truncation)  # (m, places, edges)
    light, taps = np.diff(below, axis=2), np.zeros((len(sigma), degree + 1, 2 * r + 1))
    for p in range(len(places)):  # one after the other, as the order of a sum shows in its last bit
        taps += weights[:, p, None] * light[:, None, p]
    return _trimmed(taps)


def moffat_taps(fwhm, beta, size, degree):
    """Taps of one Moffat PSF (see `psf.moffat_kernels`), as a sum of terms: float64 (terms, degree + 1, 2 r + 1).

    fwhm, size: [pixels]. The PSF is cut at a square that holds as much light as the circle of diameter `size` at which
    a kernel of pixels is cut. A Moffat is a mixture of Gaussians, as (1 + x)^-beta is the integral over t of
    t^(beta - 1) exp(-t (1 + x)) / Gamma(beta), and each of these is separable; the terms are the few principal
    components of the mixture.
    """
    alpha2 = fwhm**2 / (4.0 * (2.0 ** (1.0 / beta) - 1.0))
    x = np.arange(math.log(1e-2 * alpha2 / (alpha2 + size**2)), math.log(beta + 30.0), _MIXTURE_STEP)
    sigma = np.sqrt(0.5 * alpha2 * np.exp(-x))
    share = np.exp((beta - 1.0) * x - np.exp(x) - (beta - 1.0) * math.log(beta))  # of the light; any factor will do
    half_side = _half_side(share / share.sum(), sigma, 1.0 - (1.0 + 0.25 * size**2 / alpha2) ** (1.0 - beta))
    places, weights = _expansion(degree)
    r = max(1, math.ceil(half_side))
    edges = np.clip(np.arange(-r, r + 2) - 0.5 - places[:, None], -half_side, half_side)
    light = np.diff(_normal(edges / sigma[:, None, None]), axis=2)  # (Gaussians, places, 2 r + 1)
    parts = np.sqrt(share)[:, None] * np.einsum("ap,gpt->gat", weights, light).reshape(len(x), -1)
    values, vectors = np.linalg.eigh(parts @ parts.T)
    values, vectors = values[::-1], vectors[:, ::-1]
    n = int(np.argmax(np.cumsum(values[::-1])[::-1] < _RANK_ERROR * values[0]))
    terms = (vectors[:, :n].T @ parts).reshape(n, degree + 1, 2 * r + 1)
    return terms / math.sqrt((terms[:, 0].sum(1) ** 2).sum())


def _half_side(share, sigma, light):
    """Half the side of the square [pixels] in which a mixture of Gaussians has a part of its light, by bisection."""
    low, high = 0.0, 10.0 * sigma.max()
    for _ in range(50):
        middle = 0.5 * (low + high)
        inside = (share * (2.0 * _normal(middle / sigma) - 1.0) ** 2).sum()
        low, high = (middle, high) if inside < light else (low, middle)
    return high


@functools.cache
def _expansion(degree):
    """Places in a pixel, and the weights (degree + 1, places) that make Legendre coefficients of values there."""
    t, weight = np.polynomial.legendre.leggauss(_POINTS_IF_WIDE if degree <= 3 else _POINTS)
    return 0.5 * t, np.stack([(a + 0.5) * weight * np.polynomial.Legendre.basis(a)(t) for a in range(degree + 1)])


def _cut_normal(z, reach):
    """The part of a normal distribution, cut at `reach` to both sides, that lies below z."""
    whole = math.erf(reach / math.sqrt(2.0))
    return 0.5 + (_normal(np.clip(z, -reach, reach)) - 0.5) / whole


def _normal(z):
    """The part of a normal distribution that lies below z."""
    from scipy.special import ndtr

    return ndtr(z)


def _trimmed(taps):
    """Taps (m, degree + 1, 2 r + 1) without the far ones that hold UNSEEN; of each moment the sum is as it must be."""
    r = taps.shape[2] // 2
    outside = np.cumsum(taps[:, 0, :r] + taps[:, 0, :r:-1], axis=1)  # held by -r to -r + k and r - k to r
    seen = np.concatenate([outside > UNSEEN, np.ones((len(taps), 1), bool)], axis=1)
    seen = np.concatenate([seen, seen[:, -2::-1]], axis=1)
    taps = taps * seen[:, None]
    total = np.cumsum(taps, axis=2)[:, :, -1:]  # in order, so that zeros at the ends change nothing
    taps[:, :1] /= total[:, :1]
    taps[:, 1:] -= total[:, 1:] * taps[:, :1]
    first = int(np.argmax(seen.any(0)))
    return taps[:, :, first : taps.shape[2] - first]


@ray_function
def bend(low, here, high):
    """Moment 2 along an axis of a pixel with one ray, from its ray and those of its neighbours."""
    return real(here, 1.0 / 60.0) * (low - real(here, 2.0) * here + high)


@ray_function
def slope(low, high):
    """Moment 1 along an axis of a pixel with one ray, from the rays of its neighbours."""
    return real(low, 1.0 / 12.0) * (high - low)


@ray_function
def twist(corners):
    """Moment (1, 1) of a pixel with one ray, from the rays of the pixels at its corners, row by row."""
    low_left, low_right, high_left, high_right = corners
    return real(low_left, 1.0 / 144.0) * (low_left - low_right - high_left + high_right)
