"""The point-spread function applied to one image: a separable Gaussian or a kernel of pixels, as lenstronomy does.

The loops take several taps at a time and run over many rows at once, on copies with room at the edges: short loops,
single taps and branches at the edges each cost more than the arithmetic.
"""

import functools
import math

import numpy as np
from numba import njit

from ..core.numerics import real, row_function


@njit
def work_size(ny, nx):
    """How many numbers of work space the functions of this file need for an image of ny x nx pixels."""
    return (4 * ny + 8) * nx + 16


@njit
def _check(buffer, ny, nx):
    if buffer.size < work_size(ny, nx):
        raise ValueError("the buffer of a convolution is smaller than psf.work_size")


@row_function
def gaussian_blur(image, sigma, truncation, buffer, weights):
    """Separable Gaussian of `sigma` pixels with the edge repeated: scipy.ndimage.gaussian_filter(mode="nearest").

    image: (ny, nx), changed in place. truncation: radius in sigma. buffer: contiguous, `work_size(ny, nx)` numbers of
    the image's type; weights: more than truncation * sigma + 0.5 of them.
    """
    ny, nx = image.shape
    radius = int(truncation * sigma + 0.5)
    if radius < 1:
        return
    _check(buffer, ny, nx)
    total = 1.0
    for k in range(1, radius + 1):
        total += 2.0 * math.exp(-0.5 * (k / sigma) ** 2)
    for k in range(radius + 1):
        weights[k] = math.exp(-0.5 * (k / sigma) ** 2) / total
    work = buffer.reshape(buffer.size)
    reach, room, far = _reach(radius, ny, weights)
    rows = work[: (ny + 2 * room) * nx].reshape(ny + 2 * room, nx)
    _blur_rows(image, radius, weights, work[rows.size :], rows[room : room + ny])
    for k in range(room):
        copy_row(rows[room], rows[k])
        copy_row(rows[room + ny - 1], rows[room + ny + k])
    _blur_columns(work[: rows.size], room, reach, far, weights, image)


@row_function
def _four(weights, k, radius):
    """Weights k to k + 3, zero beyond the radius."""
    zero = real(weights[0], 0.0)
    return (
        weights[k],
        weights[k + 1] if k + 1 <= radius else zero,
        weights[k + 2] if k + 2 <= radius else zero,
        weights[k + 3] if k + 3 <= radius else zero,
    )


@row_function
def _reach(radius, size, weights):
    """How far taps reach, room for them at each edge, and the weight further out on a side.

    A tap further away than the image is wide sees an edge pixel wherever it is applied.
    """
    reach = min(radius, size)
    far = real(weights[0], 0.0)
    for k in range(reach + 1, radius + 1):
        far += weights[k]
    return reach, (reach + 3) // 4 * 4, far


@row_function
def _blur_columns(padded, room, reach, far, weights, image):
    ny, nx = image.shape
    out, centre = image.reshape(ny * nx), padded[room * nx :]
    _scale(centre, weights[0], out)
    for k in range(1, reach + 1, 4):  # all rows at once, as one long row
        _add_pairs(padded[(room - k - 3) * nx :], centre[k * nx :], nx, _four(weights, k, reach), out)
    if far > real(far, 0.0):
        for i in range(ny):
            _add_ends(padded, padded[padded.size - nx :], far, image[i])


@row_function
def copy_row(row, out):
    for j in range(row.size):
        out[j] = row[j]


@row_function
def _scale(row, w, out):
    for j in range(out.size):
        out[j] = w * row[j]


@row_function
def _add_ends(first, last, w, out):
    for j in range(out.size):
        out[j] += w * (first[j] + last[j])


@row_function
def _add_pairs(before, after, nx, w, out):
    a1, a2, a3, a4 = before[3 * nx :], before[2 * nx :], before[nx:], before
    b1, b2, b3, b4 = after, after[nx:], after[2 * nx :], after[3 * nx :]
    w1, w2, w3, w4 = w
    for j in range(out.size):
        out[j] += w1 * (a1[j] + b1[j]) + w2 * (a2[j] + b2[j]) + w3 * (a3[j] + b3[j]) + w4 * (a4[j] + b4[j])


@row_function
def _blur_rows(image, radius, weights, work, out):
    ny, nx = image.shape
    reach, room, far = _reach(radius, nx, weights)
    padded = work[: nx + 2 * room]
    near = _four(weights, 1, reach)
    for i in range(ny):
        first, last = image[i, 0], image[i, nx - 1]
        for j in range(room):
            padded[j] = first
            padded[nx + room + j] = last
        copy_row(image[i], padded[room:])
        _nine(padded[room - 4 :], weights[0], near, far * (first + last), out[i])
        for k in range(5, reach + 1, 4):
            _add_eight(padded[room - k - 3 :], padded[room + k :], _four(weights, k, reach), out[i])


@row_function
def _nine(p, w0, w, offset, out):
    w1, w2, w3, w4 = w
    for j in range(out.size):
        out[j] = (
            offset
            + w0 * p[j + 4]
            + w1 * (p[j + 3] + p[j + 5])
            + w2 * (p[j + 2] + p[j + 6])
            + w3 * (p[j + 1] + p[j + 7])
            + w4 * (p[j] + p[j + 8])
        )


@row_function
def _add_eight(low, high, w, out):
    w1, w2, w3, w4 = w
    for j in range(out.size):
        out[j] += (
            w1 * (low[j + 3] + high[j])
            + w2 * (low[j + 2] + high[j + 1])
            + w3 * (low[j + 1] + high[j + 2])
            + w4 * (low[j] + high[j + 3])
        )


@row_function
def convolve(image, kernel, buffer):
    """Direct convolution with an odd-sided kernel of any size, zeros outside the image.

    image: (ny, nx), changed in place. buffer: contiguous, `work_size(ny, nx)` numbers. All of one type.
    """
    one = real(image[0, 0], 1.0)
    convolve_down(image, kernel.reshape(1, kernel.shape[0], kernel.shape[1]), 1, one, image, buffer)


@row_function
def convolve_down(fine, phases, factor, area, out, buffer):
    """An image on fine pixels convolved with a kernel on fine pixels, and summed over factor x factor of them.

    It gives what `convolve` and then `bin_down` would, for 1 / factor^2 of the work.

    fine: (ny * factor, nx * factor). phases: (factor^2, k, k) from `phase_kernels`. area: all is multiplied by it. out:
    (ny, nx). buffer: contiguous, `work_size(ny, nx)` numbers. All of one type.
    """
    ny, nx = out.shape
    _check(buffer, ny, nx)
    half_y, half_x = phases.shape[1] // 2, phases.shape[2] // 2
    reach = min(half_x, nx - 1)
    pitch = nx + reach  # `reach` zeros after every row are also those before the next
    flat = buffer.reshape(buffer.size)
    zero = real(out[0, 0], 0.0)
    total = flat[: ny * pitch]
    padded = flat[ny * pitch : 2 * ny * pitch + 2 * reach + 8]
    total[:] = zero
    padded[:] = zero
    for phase in range(factor * factor):
        kernel = phases[phase]
        _spread(fine, factor, phase // factor, phase % factor, padded[reach:], pitch, out.shape)
        for a in range(max(-half_y, 1 - ny), min(half_y, ny - 1) + 1):
            taps = kernel[half_y + a]
            low, high = -reach, reach
            while low <= high and taps[half_x + low] == zero:
                low += 1
            while low <= high and taps[half_x + high] == zero:
                high -= 1
            first = max(0, a) * pitch
            rows = total[first : min(ny, ny + a) * pitch]
            for b in range(high, low - 1, -8):
                start = reach + first - a * pitch - b
                w = _eight(taps, half_x + b, half_x + low)
                if b - low < 4:
                    _add_four_taps(padded[start:], w, rows)
                else:
                    _add_eight_taps(padded[start:], w, rows)
    for i in range(ny):
        row = total[i * pitch : i * pitch + nx]
        for j in range(nx):
            out[i, j] = area * row[j]


@row_function
def _spread(fine, factor, y, x, padded, pitch, shape):
    """Every factor-th pixel of every factor-th row, from y and x on, into rows of `pitch`."""
    for i in range(shape[0]):
        row, to = fine[i * factor + y], padded[i * pitch : i * pitch + shape[1]]
        for j in range(shape[1]):
            to[j] = row[j * factor + x]


@row_function
def _eight(taps, first, last):
    """taps[first], taps[first - 1], ...: eight of them, zero after `last`."""
    zero = real(taps[0], 0.0)
    return (
        taps[first],
        taps[first - 1] if first - 1 >= last else zero,
        taps[first - 2] if first - 2 >= last else zero,
        taps[first - 3] if first - 3 >= last else zero,
        taps[first - 4] if first - 4 >= last else zero,
        taps[first - 5] if first - 5 >= last else zero,
        taps[first - 6] if first - 6 >= last else zero,
        taps[first - 7] if first - 7 >= last else zero,
    )


@row_function
def _add_eight_taps(p, w, out):
    w0, w1, w2, w3, w4, w5, w6, w7 = w
    for j in range(out.size):
        out[j] += (
            w0 * p[j]
            + w1 * p[j + 1]
            + w2 * p[j + 2]
            + w3 * p[j + 3]
            + w4 * p[j + 4]
            + w5 * p[j + 5]
            + w6 * p[j + 6]
            + w7 * p[j + 7]
        )


@row_function
def _add_four_taps(p, w, out):
    w0, w1, w2, w3 = w[0], w[1], w[2], w[3]
    for j in range(out.size):
        out[j] += w0 * p[j] + w1 * p[j + 1] + w2 * p[j + 2] + w3 * p[j + 3]


@row_function
def bin_down(fine, factor, area, out):
    """Sums of factor x factor pixels times `area`: counts of a pixel from the surface brightness of its parts.

    fine: (ny * factor, nx * factor). out: (ny, nx). All of one type.
    """
    for i in range(out.shape[0]):
        if factor == 1:
            _scale(fine[i], area, out[i])
            continue
        for j in range(out.shape[1]):
            total = real(area, 0.0)
            for y in range(factor):
                for x in range(factor):
                    total += fine[i * factor + y, j * factor + x]
            out[i, j] = area * total


def phase_kernels(kernels, factor):
    """Kernels for `convolve_down`: (m, k, k) on fine pixels to float64 (m, factor^2, l, l), l = 2 ceil(...) + 1.

    Phase y * factor + x belongs to the fine pixels (y, x) of every pixel; its kernel says how much of such a fine pixel
    ends in the whole pixels around.
    """
    kernels = np.asarray(kernels, dtype=float)
    reach = kernels.shape[1] // 2
    half = -(-(reach + factor - 1) // factor)
    side = 2 * half + 1
    out = np.empty((len(kernels), factor * factor, side, side))
    for y in range(factor):
        for x in range(factor):
            wide = np.zeros((len(kernels), side * factor, side * factor))
            top, left = half * factor + y - reach, half * factor + x - reach
            wide[:, top : top + kernels.shape[1], left : left + kernels.shape[2]] = kernels
            out[:, y * factor + x] = wide.reshape(len(kernels), side, factor, side, factor).sum((2, 4))
    return out


def moffat_kernels(fwhm, beta, pixel_scale, size):
    """Moffat (1969) PSFs, (1 + r^2 / alpha^2)^-beta with alpha = fwhm / (2 sqrt(2^(1/beta) - 1)), as kernels.

    Each pixel holds the integral over its area (Gauss-Legendre, to 1e-6 of the peak for a FWHM of a pixel or more);
    pixels whose centre is further than size / 2 pixels from the middle are zero, and the sum is one.

    fwhm [arcsec], beta: (m,) arrays or numbers. pixel_scale [arcsec]. size: pixels on a side, odd.

    Returns: float64 (m, size, size).
    """
    fwhm, beta = (v[:, None] for v in np.broadcast_arrays(*np.atleast_1d(fwhm, beta)))
    alpha2 = (fwhm / pixel_scale) ** 2 / (4.0 * (2.0 ** (1.0 / beta) - 1.0))
    pixel, near, far = _octant(size)
    values = np.zeros((len(fwhm), near[0].size // near[1].size + far[0].size // far[1].size + 1))
    column = 0
    for radius2, weight in (near, far):
        n = radius2.size // weight.size
        light = np.exp(-beta * np.log1p(radius2 / alpha2)).reshape(len(fwhm), n, weight.size)
        values[:, column : column + n] = (light * weight).sum(-1)  # not @, whose rounding depends on the batch
        column += n
    kernels = np.ascontiguousarray(values[:, pixel.ravel()])
    return (kernels / kernels.sum(1, keepdims=True)).reshape(-1, size, size)


@functools.cache
def _octant(size):
    """What of a round kernel has to be computed.

    Returns: (size, size) numbers of values, the last of which is the zero outside; and twice, for the values near the
    centre and far from it, the squared radii of all nodes and the weights of the nodes of one pixel.
    """
    half = size // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    i, j = np.maximum(abs(x), abs(y)), np.minimum(abs(x), abs(y))
    inside = x**2 + y**2 <= (0.5 * size) ** 2
    number = np.full((half + 1, half + 1), -1)
    nodes, count = [], 0
    for is_near, order in ((True, 10), (False, 3)):
        chosen = inside & ((i <= 2) == is_near)
        pairs = np.unique(np.stack([i[chosen], j[chosen]], axis=1), axis=0)
        number[pairs[:, 0], pairs[:, 1]] = count + np.arange(len(pairs))
        count += len(pairs)
        at, weight = np.polynomial.legendre.leggauss(order)
        radius2 = (pairs[:, 0, None, None] + 0.5 * at[:, None]) ** 2 + (pairs[:, 1, None, None] + 0.5 * at) ** 2
        nodes.append((radius2.ravel(), np.outer(weight, weight).ravel()))
    pixel = np.where(inside, number[i, j], count)
    return pixel, *nodes
