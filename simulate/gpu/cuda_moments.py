"""The moments of the light in every pixel on a GPU (see `simulate.moments`), and the PSF applied to them."""

from typing import NamedTuple

import numpy as np
import torch
from numba import cuda

from .. import moments, refinement
from ..core.numerics import real, row_function
from ..cpu.spread import FIVE
from ..detector.moment_blur import EDGE
from .kernels import THREADS, blocks_for, kernel, to_device, wrap


class MomentSpread(NamedTuple):
    """The PSFs that act on moments, of n L layers; fields are those of `kernel_arguments.Blur`."""

    degree: int  # 0: no layer keeps any
    which: torch.Tensor  # int64 (n L,): number in `taps`, or -1 for a layer without moments
    taps: torch.Tensor  # (m, terms, degree + 1, 2 r + 1)
    signs: torch.Tensor  # (m, terms)
    core: torch.Tensor  # (n L, 2)
    goes_on: torch.Tensor  # bool (n L,): whether light goes on beyond the border, as beside a Gaussian


def make_moment_spread(blur, dtype, device):
    """A `MomentSpread` on the device from a `kernel_arguments.Blur`."""
    which = to_device(blur.which.reshape(-1).astype(np.int64), device)
    taps, signs = (a if a.size else np.zeros((1,) * a.ndim) for a in (blur.taps, blur.signs))
    arrays = (to_device(a, device).to(dtype) for a in (taps, signs, blur.core.reshape(-1, 2)))
    return MomentSpread(blur.degree, which, *arrays, to_device(blur.sigma.reshape(-1) > 0.0, device))


def blur_moments(mean, others, area, spread, out, stream):
    """Counts of every pixel behind the PSF, into the layers of `out` that keep moments; the rest stay as they are.

    Args:
        mean: moment 0 of the surface brightness, (n, L, size^2). others: (n L, moments - 1, size^2), in the order of
            `moments.pairs`. area: of a pixel [arcsec^2]. spread: a `MomentSpread`. out: (n, L, size, size).
    """
    n_images, size = mean.shape[0] * mean.shape[1], out.shape[2]
    n_terms, n_degrees = spread.taps.shape[1], spread.taps.shape[2]
    rows = torch.empty(n_images, n_degrees, size * size, dtype=mean.dtype, device=mean.device)
    images, spread = wrap((mean.flatten(0, 1), others, rows, out.flatten(0, 1))), wrap(spread)
    for term in range(n_terms):
        _blur_along_rows(stream, (blocks_for(size * size), n_images), size, term, spread, images)
        _blur_along_columns(stream, (blocks_for(size * size), n_images), size, (term, area), spread, images)


@row_function
def _moment(mean, others, k, p):
    """Moment `k` of pixel `p` of one image."""
    return mean[p] if k == 0 else others[k - 1, p]


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
    mean, others, rows = images[0][m], images[1][m], images[2][m]
    taps = spread.taps[spread.which[m], term]
    degree, r, column, k = taps.shape[0] - 1, taps.shape[1] // 2, p % size, 0
    first = p - column
    for b in range(degree + 1):
        low, high, total = real(mean[p], 0.0), real(mean[p], 0.0), real(mean[p], 0.0)
        if spread.goes_on[m] and (column < r or column + r >= size):
            for a in range(degree + 1 - b):
                low += _edge_factor(a, real(low, -EDGE)) * _moment(mean, others, k + a, first)
                high += _edge_factor(a, real(low, EDGE)) * _moment(mean, others, k + a, first + size - 1)
        for a in range(degree + 1 - b):
            for d in range(-r, r + 1):
                x = column - d
                if x >= 0 and x < size:
                    total += taps[a, r + d] * _moment(mean, others, k + a, first + x)
                elif a == 0:
                    total += taps[0, r + d] * (low if x < 0 else high)
        rows[b, p] = total
        k += degree + 1 - b


@kernel
def _blur_along_columns(size, part, spread, images):
    """The moments along y into the image; part: (number of the PSF's term, area of a pixel)."""
    m, p = cuda.blockIdx.y, cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    if p >= size * size or spread.which[m] < 0:
        return
    (term, area), rows, out = part, images[2][m], images[3][m]
    taps = spread.taps[spread.which[m], term]
    degree, r, row, column = taps.shape[0] - 1, taps.shape[1] // 2, p // size, p % size
    low, high, total = real(rows[0, p], 0.0), real(rows[0, p], 0.0), real(rows[0, p], 0.0)
    if spread.goes_on[m] and (row < r or row + r >= size):
        for b in range(degree + 1):
            low += _edge_factor(b, real(low, -EDGE)) * rows[b, column]
            high += _edge_factor(b, real(low, EDGE)) * rows[b, (size - 1) * size + column]
    for b in range(degree + 1):
        for d in range(-r, r + 1):
            y = row - d
            if y >= 0 and y < size:
                total += taps[b, r + d] * rows[b, y * size + column]
            elif b == 0:
                total += taps[0, r + d] * (low if y < 0 else high)
    total *= spread.signs[spread.which[m], term] * real(total, area)
    out[row, column] = total if term == 0 else out[row, column] + total


@row_function
def _in_row(image, i, j, size):
    """Pixel (i, j) of an image, which goes on as a straight line before the first and after the last of a row."""
    first, last = i * size, i * size + size - 1
    two = real(image[first], 2.0)
    if j < 0:
        return two * image[first] - image[first + 1]
    return two * image[last] - image[last - 1] if j >= size else image[first + j]


@row_function
def _pixel(image, i, j, size):
    """Pixel (i, j) of an image, which goes on as a straight line beyond its border."""
    two, last = real(image[0], 2.0), size - 1
    if i < 0:
        return two * _in_row(image, 0, j, size) - _in_row(image, 1, j, size)
    if i >= size:
        return two * _in_row(image, last, j, size) - _in_row(image, last - 1, j, size)
    return _in_row(image, i, j, size)


@row_function
def keep_smooth(image, i, j, size, degree, others):
    """Moments of pixel (i, j) from the rays of its neighbours; image: one ray in every pixel. others: a layer's."""
    p, here = i * size + j, image[i * size + j]
    clear(others, p)
    low, high = _pixel(image, i - 1, j, size), _pixel(image, i + 1, j, size)
    left, right = _pixel(image, i, j - 1, size), _pixel(image, i, j + 1, size)
    low_left, low_right = _pixel(image, i - 1, j - 1, size), _pixel(image, i - 1, j + 1, size)
    high_left, high_right = _pixel(image, i + 1, j - 1, size), _pixel(image, i + 1, j + 1, size)
    # as moment 0 is not among them, (0, 1) comes after (1, 0) to (degree, 0)
    others[0, p], others[1, p] = moments.slope(left, right), moments.bend(left, here, right)
    others[degree, p], others[2 * degree, p] = moments.slope(low, high), moments.bend(low, here, high)
    others[degree + 1, p] = moments.twist((low_left, low_right, high_left, high_right))


@row_function
def clear(others, p):
    """Set the moments of a pixel of a layer to 0."""
    for k in range(others.shape[0]):
        others[k, p] = real(others[k, p], 0.0)


@row_function
def keep_cell(f, place, size, degree, others, p):
    """Add the moments of a cell of pixel `p` of a layer from the brightness f of the cell's 3 x 3 points.

    place: of the cell's middle from the pixel's [pixels]. size: its width [pixels], and the share of the pixel.
    """
    (x, y), (width, share) = place, size
    if degree <= 4:
        for s in range(refinement.N_POINTS):
            u, v = refinement.point(s)
            weight = refinement.INNER if s % 3 == 1 else refinement.OUTER
            weight *= refinement.INNER if s // 3 == 1 else refinement.OUTER
            _add_point(real(f[0], weight * share) * f[s], (x + width * u, y + width * v), degree, others, p)
        return
    for s in range(FIVE.shape[1] * FIVE.shape[1]):  # three points are too few, see `cpu.spread`
        i, j = s % FIVE.shape[1], s // FIVE.shape[1]
        light = real(f[0], 0.0)
        for t in range(refinement.N_POINTS):
            light += real(f[0], share * FIVE[1 + t % 3, i] * FIVE[1 + t // 3, j]) * f[t]
        _add_point(light, (x + width * FIVE[0, i], y + width * FIVE[0, j]), degree, others, p)


@row_function
def _add_point(light, place, degree, others, p):
    """Add the moments of light at a place [pixels from the middle] of pixel `p` of a layer."""
    t, z, k = real(light, 2.0 * place[0]), real(light, 2.0 * place[1]), 0
    along_y, before_y = real(light, 1.0), real(light, 0.0)
    for b in range(degree + 1):
        along_x, before_x = real(light, 1.0), real(light, 0.0)
        for a in range(degree + 1 - b):
            if k > 0:
                others[k - 1, p] += light * along_x * along_y
            along_x, before_x = moments.next_legendre(a, t, along_x, before_x), along_x
            k += 1
        along_y, before_y = moments.next_legendre(b, z, along_y, before_y), along_y
