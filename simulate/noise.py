"""Noise: normal numbers from counters, with the variance that lenstronomy gives a model image."""

import numpy as np

from .numerics import like, log2, ray_function, row_function
from .philox import NOISE, philox4x32


@ray_function
def normal(word):
    """A standard normal number from 32 random bits: the inverse error function of Giles 2010, float32."""
    half = (np.float32((word & np.uint32(0x7FFFFFFF)) >> np.uint32(7)) + np.float32(0.5)) * np.float32(2.0**-25)
    x = np.float32(1.0) - np.float32(2.0) * half
    w = np.float32(-0.6931471805599453) * log2(np.float32(4.0) * half * (np.float32(1.0) - half))
    c = w - np.float32(2.5)
    p = np.float32(2.81022636e-08)
    p = np.float32(3.43273939e-07) + p * c
    p = np.float32(-3.5233877e-06) + p * c
    p = np.float32(-4.39150654e-06) + p * c
    p = np.float32(0.00021858087) + p * c
    p = np.float32(-0.00125372503) + p * c
    p = np.float32(-0.00417768164) + p * c
    p = np.float32(0.246640727) + p * c
    p = np.float32(1.50140941) + p * c
    d = np.sqrt(w) - np.float32(3.0)
    r = np.float32(-0.000200214257)
    r = np.float32(0.000100950558) + r * d
    r = np.float32(0.00134934322) + r * d
    r = np.float32(-0.00367342844) + r * d
    r = np.float32(0.00573950773) + r * d
    r = np.float32(-0.0076224613) + r * d
    r = np.float32(0.00943887047) + r * d
    r = np.float32(1.00167406) + r * d
    r = np.float32(2.83297682) + r * d
    value = np.float32(1.4142135623730951) * x * (p if w < np.float32(5.0) else r)
    return value if (word >> np.uint32(31)) == 0 else -value


@row_function
def _random_words(low, high, key0, key1, a, b, c, d):
    """Four random words for each of a row of counters, numbered by slot."""
    for slot in range(a.size):
        a[slot], b[slot], c[slot], d[slot] = philox4x32(low, high, np.uint32(0), np.uint32(slot), key0, key1)


@row_function
def _add_normals(pixels, words, variance, rate):
    for j in range(pixels.size):
        sigma = np.sqrt(variance + rate * max(pixels[j], like(variance, 0.0)))
        pixels[j] += sigma * normal(words[j])


@row_function
def add_noise(pixels, background, exposure, seed, stream, low, high, words):
    """Gaussian noise of lenstronomy's variance, background^2 + max(pixel, 0) / exposure, on an image as one row.

    Pixel p takes word p // n of counter p % n, where n = `words.shape[1]` is a quarter of the pixels: runs are long.
    """
    n = words.shape[1]
    _random_words(low, high, np.uint32(seed), np.uint32(NOISE + stream), words[0], words[1], words[2], words[3])
    variance, rate = like(pixels[0], background * background), like(pixels[0], 1.0 / exposure)
    for lane in range(4):
        run = pixels[lane * n : min((lane + 1) * n, pixels.size)]
        _add_normals(run, words[lane], variance, rate)
