"""The PSF applied to the moments of the light in every pixel on a GPU (see `simulate.moments`): one thread a pixel."""

from typing import NamedTuple

import numpy as np
import torch
from numba import cuda

from .. import moments
from ..core.numerics import real, row_function
from ..detector.moment_blur import EDGE
from .kernels import THREADS, blocks_for, kernel, to_device, wrap


class MomentSpread(NamedTuple):
    """The PSFs that act on moments, of n L layers; fields are those of `kernel_arguments.Blur`."""

    degree: int  # 0: no layer keeps any
    which: torch.Tensor  # int64 (n L,): number in `taps`, or -1 for a layer without moments
    taps: torch.Tensor  # (m, terms, degree + 1, 2 r + 1)
    core: torch.Tensor  # (n L, 2)
    goes_on: torch.Tensor  # bool (n L,): whether light goes on beyond the border, as beside a Gaussian


def make_moment_spread(blur, dtype, device):
    """A `MomentSpread` on the device from a `kernel_arguments.Blur`."""
    which = to_device(blur.which.reshape(-1).astype(np.int64), device)
    taps = blur.taps if blur.taps.size else np.zeros((1, 1, 1, 1))
    arrays = (to_device(a, device).to(dtype) for a in (taps, blur.core.reshape(-1, 2)))
    return MomentSpread(blur.degree, which, *arrays, to_device(blur.sigma.reshape(-1) > 0.0, device))


def blur_moments(mean, others, area, spread, out, stream):
    """Counts of every pixel behind the PSF, into the layers of `out` that keep moments; the rest stay as they are.

    Args:
        mean: moment 0 of the surface brightness, (n, L, size^2). others: `Others`. area: of a pixel [arcsec^2].
        spread: a `MomentSpread`. out: (n, L, size, size).
    """
    n_images, size = mean.shape[0] * mean.shape[1], out.shape[2]
    n_terms, n_degrees = spread.taps.shape[1], spread.taps.shape[2]
    rows = torch.empty(n_images, n_degrees, size * size, dtype=mean.dtype, device=mean.device)
    ends = torch.empty(n_images, 2, size, dtype=mean.dtype, device=mean.device)  # beyond the low and the high side
    images, wanted, spread = wrap((mean.flatten(0, 1), others, rows, ends, out.flatten(0, 1))), spread, wrap(spread)
    for term in range(n_terms):
        _blur_along_rows(stream, (blocks_for(size * size), n_images), size, term, spread, images)
        _blur_along_columns(stream, (blocks_for(size * size), n_images), size, (term, area), spread, images)
    kept = (wanted.which >= 0).view(mean.shape[:2]) & (mean.amin(-1) >= 0)  # a series swings below 0, light does not
    torch.where(kept[..., None, None], out.clamp(min=0), out, out=out)


@row_function
def _moment(mean, planes, k, p):
    """Moment `k` of pixel `p` of one image."""
    return mean[p] if k == 0 else planes[k - 1, p]


@row_function
def _edge_factor(a, t):
    """(2 a + 1) P_a(t): what moment `a` adds to the brightness at t, from -1 to 1 across a pixel."""
    here, before = t, real(t, 1.0)
    if a == 0:
        return before
    for k in range(1, a):
        here, before = moments.next_legendre(k, t, here, before), here
    return real(t, 2.0 * a + 1.0) * here


@kernel
def _blur_along_rows(size, term, spread, images):
    """All moments along x into one image for each moment along y; beyond the border it is as next to it, or dark."""
    m, p = cuda.blockIdx.y, cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    if p >= size * size or spread.which[m] < 0:
        return
    mean, planes, border = images[0][m], images[1].planes[m], images[1].strips[m]
    rows = images[2][m]
    ends = images[3][m]
    taps = spread.taps[spread.which[m], term]
    degree, r, row, column, k = taps.shape[0] - 1, taps.shape[1] // 2, p // size, p % size, 0
    goes_on = spread.goes_on[m]
    for b in range(degree + 1):
        total = real(mean[p], 0.0)
        for a in range(degree + 1 - b):
            for d in range(-r, r + 1):
                x = column - d
                if x >= 0 and x < size:
                    total += taps[a, r + d] * _moment(mean, planes, k + a, p - d)
                elif a == 0 and goes_on:
                    total += taps[0, r + d] * border[0 if x < 0 else 1, b, row]
        rows[b, p] = total
        k += degree + 1 - b
    if row == 0:
        ends[0, column] = _blur_strip(border[2], taps, column) if goes_on else real(mean[p], 0.0)
    if row == size - 1:
        ends[1, column] = _blur_strip(border[3], taps, column) if goes_on else real(mean[p], 0.0)


@row_function
def _blur_strip(strip, taps, column):
    """The light next to the low or high side of the image, from its moments along it, as the PSF has it at a column."""
    degree, r, size = taps.shape[0] - 1, taps.shape[1] // 2, strip.shape[1]
    total, low, high = real(strip[0, 0], 0.0), real(strip[0, 0], 0.0), real(strip[0, 0], 0.0)
    if column < r or column + r >= size:
        for a in range(degree + 1):
            low += _edge_factor(a, real(low, -EDGE)) * strip[a, 0]
            high += _edge_factor(a, real(low, EDGE)) * strip[a, size - 1]
    for a in range(degree + 1):
        for d in range(-r, r + 1):
            x = column - d
            if x >= 0 and x < size:
                total += taps[a, r + d] * strip[a, x]
            elif a == 0:
                total += taps[0, r + d] * (low if x < 0 else high)
    return total


@kernel
def _blur_along_columns(size, part, spread, images):
    """The moments along y into the image; part: (number of the PSF's term, area of a pixel)."""
    m, p = cuda.blockIdx.y, cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    if p >= size * size or spread.which[m] < 0:
        return
    rows, ends = images[2][m], images[3][m]
    term, area = part[0], part[1]
    out = images[4][m]
    taps = spread.taps[spread.which[m], term]
    degree, r, row, column = taps.shape[0] - 1, taps.shape[1] // 2, p // size, p % size
    total = real(rows[0, p], 0.0)
    for b in range(degree + 1):
        for d in range(-r, r + 1):
            y = row - d
            if y >= 0 and y < size:
                total += taps[b, r + d] * rows[b, y * size + column]
            elif b == 0:
                total += taps[0, r + d] * ends[0 if y < 0 else 1, column]
    total *= real(total, area)
    out[row, column] = total if term == 0 else out[row, column] + total
