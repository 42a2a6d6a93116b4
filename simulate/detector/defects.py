"""Known defects of published datasets, reproduced on purpose: what their files hold instead of image + noise.

Each takes noise-free images and gives what the released code would have written. They exist so that results on the
public files can be compared with results on corrected ones; see `data_cards/deeplense_model_*.md`.
"""

import math

import numpy as np
from numba import njit

from ..core.compiled import cached
from ..core.philox import NOISE, philox4x32
from .noise import poisson_quantile
from .pixel_noise import normal, pixel_variance

NAMES = ("double_poisson", "doubled_model", "clipped_over_peak")


def apply(name, images, exposure_time, background, seed, streams, indices, bands=1):
    """Images as a released dataset holds them.

    Args:
        name: "double_poisson" (DeepLense Model I: noise is added, then the clipped counts are drawn a second time from
            a Poisson law), "doubled_model" (Models II, III: twice the noise-free image, no noise) or
            "clipped_over_peak" (Model IV: ordinary noise, then negative pixels become 0 and all bands of an image are
            divided by its highest pixel).
        images: float32 (n, L, ny, nx), noise-free [counts/s]. exposure_time [s], background [counts/s]: rms; numbers or
            arrays that broadcast to (n, L).
        seed: of the Philox key. streams: integers (L,), the number of each layer's noise stream; layers with the same
            number get the same noise. indices: uint64 (n,).
        bands: the L layers are views of so many bands each, bands running fastest.

    Returns: float32 (n, L, ny, nx): counts for "double_poisson", counts/s for "doubled_model", else 0 to 1. Each image
        is a pure function of its index. Raises: ValueError for an unknown name.
    """
    if name not in NAMES:
        raise ValueError(f'no defect "{name}"; there are {", ".join(NAMES)}')
    images = np.asarray(images, dtype=np.float32)
    if name == "doubled_model":
        return images + images
    shape = images.shape[:2]
    exposure = np.ascontiguousarray(np.broadcast_to(exposure_time, shape), dtype=float)
    rms = np.ascontiguousarray(np.broadcast_to(background, shape), dtype=float)
    out = np.empty_like(images)
    streams, indices = np.asarray(streams, dtype=np.int64), np.ascontiguousarray(indices, dtype=np.uint64)
    _noisy(np.ascontiguousarray(images), (exposure, rms), seed, streams, indices, name == "double_poisson", out)
    return out if name == "double_poisson" else _over_peak(out, bands)


def _over_peak(images, bands):
    n, layers, ny, nx = images.shape
    views = np.maximum(images, 0.0).reshape(n, layers // bands, bands * ny * nx)
    peak = views.max(axis=2, keepdims=True)
    return (views / np.where(peak > 0, peak, 1.0)).reshape(images.shape)


@cached
def _noisy(images, levels, seed, streams, indices, double_poisson, out):
    """Gaussian noise of lenstronomy's variance, then Poisson draws of the counts if `double_poisson`.

    Pixel p takes its Gaussian number from counter (index, 0, p) and its Poisson draw from (index, 1 ..., p).
    levels: exposure time [s] and background rms [counts/s], float64 (n, L).
    """
    n, layers, ny, nx = images.shape
    (exposure, background), k0 = levels, np.uint32(seed)
    for i in range(n):
        low = np.uint32(indices[i] & np.uint64(0xFFFFFFFF))
        high = np.uint32(indices[i] >> np.uint64(32))
        for layer in range(layers):
            counter = (low, high, k0, np.uint32(NOISE + streams[layer]))
            time, rms = exposure[i, layer], background[i, layer]
            for row in range(ny):
                for column in range(nx):
                    pixel = row * nx + column
                    flux = np.float64(images[i, layer, row, column])
                    word = philox4x32(low, high, np.uint32(0), np.uint32(pixel), k0, counter[3])[0]
                    deviation = math.sqrt(pixel_variance(max(flux, 0.0), rms * rms, 1.0 / time))
                    noisy = flux + deviation * np.float64(normal(word))
                    if double_poisson:
                        noisy = poisson(max(noisy * time, 0.0), counter, np.uint32(pixel))
                    out[i, layer, row, column] = np.float32(noisy)


@njit
def poisson(mean, counter, slot):
    """A Poisson number of a mean, from counters (low, high, 1, slot), (low, high, 2, slot), ...

    counter: (index low, index high, key0, key1), uint32.

    Below 10 by summing probabilities until they pass a uniform number; above by transformed rejection (Hoermann 1993,
    "The transformed rejection method for generating Poisson random variables", algorithm PTRS).
    """
    if mean <= 0.0:
        return 0.0
    if mean < 10.0:
        u, _ = _two_uniforms(counter, 1, slot)
        return float(poisson_quantile(mean, u))
    root = math.sqrt(mean)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2.0)
    attempt = 1
    while True:
        u, v = _two_uniforms(counter, attempt, slot)
        attempt += 1
        u -= 0.5
        us = 0.5 - abs(u)
        number = math.floor((2.0 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= v_r:
            return number
        if number < 0.0 or (us < 0.013 and v > us):
            continue
        accepted = math.log(v * inverse_alpha / (a / (us * us) + b))
        if accepted <= number * math.log(mean) - mean - math.lgamma(number + 1.0):
            return number


@njit
def _two_uniforms(counter, attempt, slot):
    low, high, key0, key1 = counter
    a, b, c, d = philox4x32(low, high, np.uint32(attempt), slot, key0, key1)
    scale = 1.0 / 4503599627370496.0
    u = np.float64((np.uint64(a) << np.uint64(20)) ^ (np.uint64(b) >> np.uint64(12)))
    v = np.float64((np.uint64(c) << np.uint64(20)) ^ (np.uint64(d) >> np.uint64(12)))
    return (u + 0.5) * scale, (v + 0.5) * scale
