"""The noise of one pixel: its variance, its normal number, and what correlates it with its neighbours.

Functions of a few numbers that the loops of the CPU (`detector.noise`, `detector.defects`, `cpu.kernel`) take in and
the kernels of the GPU (`gpu.cuda_noise`) call.
"""

import math

import numpy as np

from ..core.numerics import log2, ray_function, real


def variance(flux, background2, rate):
    """Variance of a pixel's noise [(counts/s)^2], as lenstronomy has it: of the background, and Poisson's of the flux.

    flux: expected [counts/s], not below 0. background2: the background's variance. rate: 1 / electrons that one count/s
    gives. Numbers, arrays or tensors.
    """
    return background2 + rate * flux


pixel_variance = ray_function(variance)  # for compiled code


def neighbour_weight(correlation):
    """The weight a of the kernel (a, 1, a) / sqrt(1 + 2 a^2) that gives neighbours in white noise this correlation."""
    if correlation == 0.0:
        return 0.0
    return (1.0 - math.sqrt(1.0 - 2.0 * correlation**2)) / (2.0 * correlation)


@ray_function
def correlation_norm(a):
    """1 / (1 + 2 a^2): white noise with the weights (a, 1, a) along both axes, times this, keeps its variance."""
    one = real(a, 1.0)
    return one / (one + real(a, 2.0) * a * a)


@ray_function
def weighted(before, here, after, a):
    """The sum of three neighbours along an axis with the weights (a, 1, a)."""
    return here + a * (before + after)


@ray_function
def uniform_and_log(word):
    """A uniform number x in (0, 1) from 31 bits of a word, and w = -ln(1 - x^2), both float32."""
    bits = np.int32((word & np.uint32(0x7FFFFFFF)) >> np.uint32(7))
    half = (np.float32(bits) + np.float32(0.5)) * np.float32(2.0**-25)
    x = np.float32(1.0) - np.float32(2.0) * half
    return x, np.float32(-0.6931471805599453) * log2(np.float32(4.0) * half * (np.float32(1.0) - half))


@ray_function
def central_ratio(w):
    """The inverse error function over its argument x, with w = -ln(1 - x^2) below 5: Giles 2010, float32."""
    c = w - np.float32(2.5)
    p = np.float32(2.81022636e-08)
    p = np.float32(3.43273939e-07) + p * c
    p = np.float32(-3.5233877e-06) + p * c
    p = np.float32(-4.39150654e-06) + p * c
    p = np.float32(0.00021858087) + p * c
    p = np.float32(-0.00125372503) + p * c
    p = np.float32(-0.00417768164) + p * c
    p = np.float32(0.246640727) + p * c
    return np.float32(1.50140941) + p * c


@ray_function
def _tail_ratio(w):
    """The inverse error function over its argument x, with w = -ln(1 - x^2) of 5 and more: Giles 2010, float32."""
    d = math.sqrt(w) - np.float32(3.0)
    r = np.float32(-0.000200214257)
    r = np.float32(0.000100950558) + r * d
    r = np.float32(0.00134934322) + r * d
    r = np.float32(-0.00367342844) + r * d
    r = np.float32(0.00573950773) + r * d
    r = np.float32(-0.0076224613) + r * d
    r = np.float32(0.00943887047) + r * d
    r = np.float32(1.00167406) + r * d
    return np.float32(2.83297682) + r * d


@ray_function
def scaled(x, w, central, word):
    """The normal number of a word, from x, w = uniform_and_log(word) and central = central_ratio(w)."""
    value = np.float32(1.4142135623730951) * x * (central if w < np.float32(5.0) else _tail_ratio(w))
    return value if (word >> np.uint32(31)) == 0 else -value


@ray_function
def normal(word):
    """A standard normal number, float32, from 32 random bits."""
    x, w = uniform_and_log(word)
    return scaled(x, w, central_ratio(w), word)
