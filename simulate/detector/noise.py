"""What a detector adds to an image: noise with the variance that lenstronomy gives a model image, sky, lost pixels.

Poisson noise is a normal number of the right variance, as lenstronomy's, not a whole number of electrons: where a pixel
gets few (under 20 or so, background included) the skewness of a Poisson number, 1 / sqrt(electrons), is missing.
All of it comes from counters (index, use, slot) under the key (seed, NOISE + stream), where use is 0 for the normal
numbers and one of the constants below for the rest: a pure function of seed, index and stream.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from ...errors import DataError
from ..core import compiled
from ..core.numerics import real, row_function
from ..core.philox import NOISE, philox4x32
from .instrument import background_at, electrons_per_count
from .masked_disks import lose_disks
from .pixel_noise import (
    central_ratio,
    correlation_norm,
    neighbour_weight,
    pixel_variance,
    scaled,
    uniform_and_log,
    weighted,
)

SKY, BAD_PIXELS, TRACKS = 0x80000000, 0x80000001, 0x80000002
CHUNK = 1024  # slots at a time
TRACK_LENGTH = 5.0  # pixels, mean of an exponential distribution


class BandNoise(NamedTuple):
    """Noise of the layers of one band."""

    layers: np.ndarray  # int64 (l,): their numbers
    streams: np.ndarray  # int64 (l,): the number of each layer's random stream
    background: np.ndarray  # float64 (n, l): rms [counts/s]
    rate: np.ndarray  # float64 (n, l): 1 / electrons that one count/s gives
    weight: float  # of the neighbours in correlated noise, see `neighbour_weight`


class Patches(NamedTuple):
    """Where patches of blank sky may come from."""

    pixels: np.ndarray  # float32 (all pixels,) [counts/s]: images of blank sky, one after the other
    first: np.ndarray  # int64 (m,): the first pixel of each image
    shapes: np.ndarray  # int64 (m, 2): rows and columns
    places: np.ndarray  # int64 (m,): how many places for a patch there are in the images up to each; none: no sky


class Losses(NamedTuple):
    """Which pixels are lost, and what they hold then."""

    bad_pixels: float  # fraction
    cosmic_rays: np.ndarray  # float64 (n, l): mean number in each image
    mask_value: float


def observe(images, instruments, bands, streams, seed, indices, exposure=None):
    """Add to noise-free images all that their instruments add, in place.

    Args:
        images: float32 or float64 (n, L, ny, nx) [counts/s/pixel], C-contiguous.
        instruments: the `instrument.Instrument` of each band. bands: integers (L,), the band of each layer.
        streams: integers (L,), number of each layer's random stream: layers of one number get the same random numbers.
        seed: below 2**32. indices: integers (n,), below 2**64.
        exposure: float64 (n, L) [s], all exposures together, instead of the instruments'. The background follows where
            it comes from read noise and sky.

    Returns: bool (n, L, ny, nx), True where a pixel is lost, or None if no instrument loses any. It may be called from
        several threads for parts of a batch; the result does not depend on how a batch is cut.

    Raises: DataError if a sky cut-out is smaller than the images.
    """
    n, _, ny, nx = images.shape
    bands = np.asarray(bands, dtype=np.int64)
    streams = np.asarray(streams, dtype=np.int64)
    indices = np.ascontiguousarray(indices, dtype=np.uint64)
    masked = any(instruments[b].loses_pixels for b in np.unique(bands))
    mask = np.zeros(images.shape if masked else (0, 0, 0, 0), dtype=np.bool_)
    for b, band in enumerate(instruments):
        layers = np.flatnonzero(bands == b)
        if len(layers) == 0:
            continue
        seconds = np.full((n, len(layers)), float(band.exposure_time))
        if exposure is not None:
            seconds = np.ascontiguousarray(np.asarray(exposure, dtype=float)[:, layers])
        background = np.zeros_like(seconds) if band.sky is not None else background_at(band, seconds)
        weight = neighbour_weight(band.noise_correlation)
        rate = 1.0 / (electrons_per_count(band) * seconds)
        noise = BandNoise(layers, streams[layers], np.ascontiguousarray(background), rate, weight)
        rays = np.where(seconds <= band.cosmic_rays_up_to, float(band.cosmic_rays), 0.0)
        losses = Losses(float(band.bad_pixels), rays, float(band.mask_value))
        if band.masked_disks is not None:
            lose_disks(
                images,
                band.masked_disks,
                band.pixel_scale,
                dict(zip(layers, streams[layers], strict=True)),
                seed,
                indices,
            )
        _observe_band(images, noise, _patches(band.sky, ny, nx), losses, seed, indices, mask)
    return mask if masked else None


def _patches(sky, ny, nx):
    """`Patches` for images of ny x nx pixels from an `instrument.BlankSky` or None."""
    if sky is None:
        return Patches(
            np.zeros(0, np.float32), np.zeros(0, np.int64), np.zeros((0, 2), np.int64), np.zeros(0, np.int64)
        )
    side = max(ny, nx)  # a patch may lie on its side
    if sky.shapes.min() < side:
        small = sky.shapes[np.argmin(sky.shapes.min(axis=1))]
        raise DataError(
            f"simulate.observation.sky_cutouts: {sky.folder} holds an image of {small[1]} x {small[0]} pixels, "
            f"expected at least {side} x {side}, the size of the simulated images"
        )
    places = np.cumsum((sky.shapes[:, 0] - side + 1) * (sky.shapes[:, 1] - side + 1))
    return Patches(sky.pixels, sky.first, sky.shapes, places)


@compiled.cached
def _observe_band(images, noise, patches, losses, seed, indices, mask):
    """Noise, sky and lost pixels of the layers of one band, in place; mask: filled, as the images, or of size 0."""
    ny, nx = images.shape[2:]
    layers, streams, background, rate, weight = noise
    margin = 1 if weight > 0.0 else 0
    n_normals = (ny + 2 * margin) * (nx + 2 * margin)
    words = np.empty((4, CHUNK), np.uint32)
    normals = np.empty(n_normals, np.float32)
    work = np.empty((2, max(CHUNK, nx + 2)), np.float32)
    key0 = np.uint32(seed)
    for i in range(images.shape[0]):
        low = np.uint32(indices[i] & np.uint64(0xFFFFFFFF))
        high = np.uint32(indices[i] >> np.uint64(32))
        for k in range(layers.size):
            image = images[i, layers[k]]
            counter = (low, high, key0, np.uint32(NOISE + streams[k]))
            fill_normals(counter, words, work, normals)
            if margin:
                _correlate(normals.reshape(ny + 2, nx + 2), np.float32(weight), work[0])
            pixels = image.reshape(image.size)
            _add_noise(pixels, normals, real(pixels[0], background[i, k] ** 2), real(pixels[0], rate[i, k]))
            if patches.places.size > 0:
                _add_sky(image, patches, counter)
            if mask.size > 0:
                lost = mask[i, layers[k]]
                _lose_pixels(image, lost, losses.bad_pixels, losses.cosmic_rays[i, k], counter, words)
                _fill_lost(pixels, lost.reshape(lost.size), real(pixels[0], losses.mask_value))


@row_function
def fill_normals(counter, words, work, out):
    """Standard normal numbers, float32 (m,); out[p] is `normal` of word p // n of slot p % n, n a quarter of m.

    normal: see `pixel_noise`. counter: (index low, index high, key0, key1), uint32. words: uint32 (4, CHUNK) and work:
    float32 (2, CHUNK or more), scratch. Short loops one after the other, because a processor keeps more of a short loop
    in flight; over few numbers at a time, because they then stay in the first-level cache.
    """
    n = (out.size + 3) // 4
    for first in range(0, n, CHUNK):
        _random_words(counter, np.uint32(0), first, words[0], words[1], words[2], words[3])
        for lane in range(4):
            end = min(lane * n + min(first + CHUNK, n), out.size)
            run = out[min(lane * n + first, end) : end]
            _fill_uniforms(words[lane], work[0], work[1], run)
            _fill_centres(work[1], run)
            _fill_scaled(words[lane], work[0], work[1], run)


@row_function
def _fill_uniforms(words, x, w, out):
    for j in range(out.size):
        x[j], w[j] = uniform_and_log(words[j])


@row_function
def _fill_centres(w, out):
    for j in range(out.size):
        out[j] = central_ratio(w[j])


@row_function
def _fill_scaled(words, x, w, out):
    for j in range(out.size):
        out[j] = scaled(x[j], w[j], out[j], words[j])


@row_function
def _random_words(counter, use, first, a, b, c, d):
    """`philox4x32` of counters (index low, index high, use, slot) for a row of slots from `first` on.

    That function once more, because it is three times faster on 64-bit words whose upper halves are left to fill
    with what the multiplications ignore.
    """
    low, high, key0, key1 = counter
    lower, half, slot = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(first)
    for j in range(a.size):
        c0, c1, c2, c3 = np.uint64(low), np.uint64(high), np.uint64(use), slot + np.uint64(j)
        k0, k1 = np.uint64(key0), np.uint64(key1)
        for _ in range(10):
            p0 = np.uint64(0xD2511F53) * (c0 & lower)
            p1 = np.uint64(0xCD9E8D57) * (c2 & lower)
            c0, c1 = (p1 >> half) ^ c1 ^ k0, p1
            c2, c3 = (p0 >> half) ^ c3 ^ k1, p0
            k0 += np.uint64(0x9E3779B9)
            k1 += np.uint64(0xBB67AE85)
        a[j], b[j], c[j], d[j] = np.uint32(c0), np.uint32(c1), np.uint32(c2), np.uint32(c3)


@row_function
def _add_noise(pixels, normals, background2, rate):
    for j in range(pixels.size):
        flux = max(pixels[j], real(background2, 0.0))
        pixels[j] += math.sqrt(pixel_variance(flux, background2, rate)) * normals[j]


@row_function
def _correlate(normals, a, row):
    """White noise with a margin of one pixel to correlated noise of variance 1, without the margin, in its place.

    (a, 1, a) / sqrt(1 + 2 a^2) along x and along y: what resampling ("drizzling") does to nearby pixels.
    """
    ny, nx = normals.shape[0] - 2, normals.shape[1] - 2
    norm, out = correlation_norm(a), normals.reshape(normals.size)
    for y in range(ny):  # output row y overwrites no input row that is still needed: it ends before row y + 1 begins
        first, second, third = normals[y], normals[y + 1], normals[y + 2]
        for x in range(nx + 2):
            row[x] = norm * weighted(first[x], second[x], third[x], a)
        to = out[y * nx : (y + 1) * nx]
        for x in range(nx):
            to[x] = weighted(row[x], row[x + 1], row[x + 2], a)


@njit
def _uniforms(counter, use, slot):
    """Four uniform numbers in (0, 1) of 32 bits each."""
    low, high, key0, key1 = counter
    a, b, c, d = philox4x32(low, high, np.uint32(use), np.uint32(slot), key0, key1)
    scale = 2.0**-32
    return (a + 0.5) * scale, (b + 0.5) * scale, (c + 0.5) * scale, (d + 0.5) * scale


@njit
def _add_sky(image, patches, counter):
    """Add a patch of a cut-out: every place in every cut-out is as likely, and so is each of the eight orientations."""
    sky, first, shapes, places = patches
    ny, nx = image.shape
    side = max(ny, nx)
    u, v, turn, _ = _uniforms(counter, SKY, 0)
    place = min(int((u + v * 2.0**-32) * places[-1]), places[-1] - 1)
    k = np.searchsorted(places, place, side="right")
    place -= places[k - 1] if k > 0 else 0
    columns = shapes[k, 1] - side + 1
    top, left = place // columns, place % columns
    turn = int(turn * 8.0)
    down, right = (1, shapes[k, 1]) if turn & 4 else (shapes[k, 1], 1)  # steps in the cut-out for one in the image
    start = first[k] + top * shapes[k, 1] + left
    if turn & 1:
        start, down = start + (ny - 1) * down, -down
    if turn & 2:
        start, right = start + (nx - 1) * right, -right
    for y in range(ny):
        for x in range(nx):
            image[y, x] += sky[start + y * down + x * right]


@njit
def _lose_pixels(image, lost, bad_pixels, cosmic_rays, counter, words):
    """Mark pixels that are not finite, a fraction of bad ones, and the tracks of cosmic rays, by their mean number."""
    flat = lost.reshape(lost.size)
    pixels = image.reshape(image.size)
    for p in range(flat.size):
        flat[p] = not np.isfinite(pixels[p])
    if bad_pixels > 0.0:
        limit = np.uint32(bad_pixels * 2.0**32)
        for first in range(0, flat.size, 4 * CHUNK):
            _random_words(counter, np.uint32(BAD_PIXELS), first // 4, words[0], words[1], words[2], words[3])
            some, bits = flat[first:], words.reshape(words.size)
            for p in range(min(some.size, bits.size)):
                some[p] |= bits[p] < limit
    if cosmic_rays > 0.0:
        for track in range(poisson_quantile(cosmic_rays, _uniforms(counter, TRACKS, 0)[0])):
            a, b, c, d = _uniforms(counter, TRACKS, track + 1)
            _mark_track(a * lost.shape[1], b * lost.shape[0], math.pi * c, -TRACK_LENGTH * math.log(d), lost)


@njit
def _fill_lost(pixels, lost, value):
    for p in range(pixels.size):
        pixels[p] = value if lost[p] else pixels[p]


@njit
def poisson_quantile(mean, u):
    """The Poisson number of a mean below 700 at the quantile u."""
    probability = math.exp(-mean)
    total, number = probability, 0
    while u > total and number < 10.0 * mean + 100.0:
        number += 1
        probability *= mean / number
        total += probability
    return number


@njit
def _mark_track(x, y, angle, length, lost):
    """Mark every pixel that a straight line about (x, y), in pixels from the corner, crosses for a quarter of one."""
    steps = int(4.0 * length) + 1
    for s in range(steps + 1):
        along = length * (s / steps - 0.5)
        i, j = math.floor(y + along * math.sin(angle)), math.floor(x + along * math.cos(angle))
        if 0 <= i < lost.shape[0] and 0 <= j < lost.shape[1]:
            lost[i, j] = True
