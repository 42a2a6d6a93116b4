"""The point-spread function applied to images on a GPU: a separable Gaussian or a kernel of pixels."""

from typing import NamedTuple

import numpy as np
import torch
from numba import cuda

from ..core.numerics import real
from .kernels import THREADS, blocks_for, kernel, to_device, wrap


class PointSpread(NamedTuple):
    """The PSF of every layer, n L of them."""

    weights: torch.Tensor  # (n L, reach + 1): of a Gaussian, from its middle on
    radius: torch.Tensor  # int64 (n L,): of the Gaussian [fine pixels]; 0: none
    kernel: torch.Tensor  # int64 (n L,): number in `kernels`, or -1 for the Gaussian
    kernels: torch.Tensor  # (m, supersampling^2, k, k)


def make_point_spread(blur, dtype, device):
    """A `PointSpread` on the device from a `kernel_arguments.Blur`."""
    sigma = blur.sigma.reshape(-1)
    radius = (blur.truncation * sigma + 0.5).astype(np.int64)
    steps = np.arange(radius.max() + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.exp(-0.5 * (steps / sigma[:, None]) ** 2)
    weights = np.where(steps <= radius[:, None], np.nan_to_num(weights, nan=1.0), 0.0)
    weights /= weights[:, :1] + 2.0 * weights[:, 1:].sum(1, keepdims=True)
    return PointSpread(
        to_device(weights, device).to(dtype),
        to_device(radius, device),
        to_device(blur.kernel.reshape(-1).astype(np.int64), device),
        to_device(blur.kernels, device).to(dtype),
    )


def observe(fine, size, supersampling, area, blur, stream):
    """Counts of every pixel behind the PSF.

    Args: fine: surface brightness (n, L, (size * supersampling)^2). area: of a fine pixel [arcsec^2]. blur: a
        `PointSpread`.

    Returns: (n, L, size, size).
    """
    n, n_layers = fine.shape[:2]
    rows = torch.empty_like(fine)
    out = torch.empty(n, n_layers, size, size, dtype=fine.dtype, device=fine.device)
    blur = wrap(blur)
    images = wrap((fine.flatten(0, 1), rows.flatten(0, 1), out.flatten(0, 1)))
    _blur_rows(stream, (blocks_for(fine.shape[2]), n * n_layers), size * supersampling, blur, images)
    _finish(stream, (blocks_for(size * size), n * n_layers), size, supersampling, area, blur, images)
    return out


@kernel
def _blur_rows(side, blur, images):
    fine = images[0]
    rows = images[1]
    m, p = cuda.blockIdx.y, cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    if p >= side * side or blur.kernel[m] >= 0:
        return
    column, first = p % side, p - p % side
    total = blur.weights[m, 0] * fine[m, p]
    for k in range(1, blur.radius[m] + 1):
        low, high = max(column - k, 0), min(column + k, side - 1)
        total += blur.weights[m, k] * (fine[m, first + low] + fine[m, first + high])
    rows[m, p] = total


@kernel
def _finish(size, supersampling, area, blur, images):
    """Down the columns, or through the kernel, and together into whole pixels."""
    fine, rows = images[0], images[1]
    out = images[2]
    m, p = cuda.blockIdx.y, cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    if p >= size * size:
        return
    side, i, j = size * supersampling, p // size, p % size
    total = real(fine[m, 0], 0.0)
    if blur.kernel[m] < 0:
        for y in range(i * supersampling, (i + 1) * supersampling):
            for x in range(j * supersampling, (j + 1) * supersampling):
                total += blur.weights[m, 0] * rows[m, y * side + x]
                for k in range(1, blur.radius[m] + 1):
                    below, above = max(y - k, 0), min(y + k, side - 1)
                    total += blur.weights[m, k] * (rows[m, below * side + x] + rows[m, above * side + x])
    else:
        number, half = blur.kernel[m], blur.kernels.shape[2] // 2
        for phase in range(supersampling * supersampling):
            y, x = phase // supersampling, phase % supersampling
            for a in range(max(-half, i - size + 1), min(half, i) + 1):
                line = ((i - a) * supersampling + y) * side + x
                for b in range(max(-half, j - size + 1), min(half, j) + 1):
                    taps = blur.kernels[number, phase, half + a, half + b]
                    total += taps * fine[m, line + (j - b) * supersampling]
    out[m, i, j] = total * real(total, area)
