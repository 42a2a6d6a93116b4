"""Background and Poisson noise on a GPU, from the random numbers that `simulate.detector.noise` takes on a CPU."""

import math
from typing import NamedTuple

import numpy as np
import torch
from numba import cuda

from ..core.numerics import real, row_function
from ..core.philox import NOISE, philox4x32
from ..detector import pixel_noise
from .kernels import THREADS, blocks_for, kernel, to_device, wrap


class Detector(NamedTuple):
    """What the noise of n systems with L layers depends on."""

    samples: torch.Tensor  # int64 (n, 2): the lower and the upper 32 bits of each index
    stream: torch.Tensor  # int64 (L,): number of each layer's random stream
    weight: torch.Tensor  # float32 (L,): of the neighbours, in correlated noise
    background2: torch.Tensor  # (n, L): variance of the background, of the image's type
    rate: torch.Tensor  # (n, L): 1 / electrons that one count/s gives


def make_detector(indices, streams, correlations, variance, dtype, device):
    """A `Detector`.

    Args: indices: uint64 (n,). streams: integers (L,). correlations: of neighbours, (L,). variance: float64 (n, L, 2),
        background rms [counts/s] and electrons that one count/s gives.
    """
    halves = np.stack([indices & np.uint64(0xFFFFFFFF), indices >> np.uint64(32)], axis=1).astype(np.int64)
    background, electrons = variance[..., 0], variance[..., 1]
    return Detector(
        to_device(halves, device),
        to_device(np.asarray(streams, np.int64), device),
        to_device(np.array([pixel_noise.neighbour_weight(c) for c in correlations], np.float32), device),
        to_device(background**2, device).to(dtype),
        to_device(1.0 / electrons, device).to(dtype),
    )


def add_noise(images, detector, seed, stream):
    """Add noise to images (n, L, size, size) [counts/s] in place."""
    n, n_layers, size, _ = images.shape
    room = (size + 2) ** 2
    normals = torch.empty(n * n_layers, room, dtype=torch.float32, device=images.device)
    detector, pair = wrap(detector), wrap((images.view(n, n_layers, size * size), normals))
    _draw(stream, (blocks_for((room + 3) // 4), n * n_layers), size, seed, detector, pair)
    _add(stream, (blocks_for(size * size), n * n_layers), size, detector, pair)


@row_function
def _normals_on_a_side(size, weight):
    """Correlated noise needs a margin of one pixel."""
    return size + 2 if weight > np.float32(0.0) else size


@kernel
def _draw(size, seed, detector, pair):
    """Each thread has one block of four random words, which go a quarter of the numbers apart."""
    normals = pair[1]
    m, j = cuda.blockIdx.y, cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    n_layers = detector.stream.shape[0]
    i, layer = m // n_layers, m % n_layers
    side = _normals_on_a_side(size, detector.weight[layer])
    n = side * side
    quarter = (n + 3) // 4
    if j >= quarter:
        return
    low, high = np.uint32(detector.samples[i, 0]), np.uint32(detector.samples[i, 1])
    key = np.uint32(NOISE + detector.stream[layer])
    a, b, c, d = philox4x32(low, high, np.uint32(0), np.uint32(j), np.uint32(seed), key)
    normals[m, j] = pixel_noise.normal(a)
    if quarter + j < n:
        normals[m, quarter + j] = pixel_noise.normal(b)
    if 2 * quarter + j < n:
        normals[m, 2 * quarter + j] = pixel_noise.normal(c)
    if 3 * quarter + j < n:
        normals[m, 3 * quarter + j] = pixel_noise.normal(d)


@row_function
def _down(white, at, side, a):
    """Three neighbours down a column, from number `at` on, weighted and normalised."""
    return pixel_noise.correlation_norm(a) * pixel_noise.weighted(white[at], white[at + side], white[at + 2 * side], a)


@row_function
def _correlated(white, p, size, a):
    """Correlated noise at pixel `p` from white noise with a margin of one pixel; a: the weight of neighbours."""
    side = size + 2
    at = p // size * side + p % size
    left, middle, right = _down(white, at, side, a), _down(white, at + 1, side, a), _down(white, at + 2, side, a)
    return pixel_noise.weighted(left, middle, right, a)


@kernel
def _add(size, detector, pair):
    images = pair[0]
    normals = pair[1]
    m, p = cuda.blockIdx.y, cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    if p >= size * size:
        return
    n_layers = detector.stream.shape[0]
    i, layer = m // n_layers, m % n_layers
    weight, value = detector.weight[layer], images[i, layer, p]
    normal = _correlated(normals[m], p, size, weight) if weight > np.float32(0.0) else normals[m, p]
    flux = max(value, real(value, 0.0))
    variance = pixel_noise.pixel_variance(flux, detector.background2[i, layer], detector.rate[i, layer])
    images[i, layer, p] = value + math.sqrt(variance) * normal
