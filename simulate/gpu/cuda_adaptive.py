"""Rays where they are needed, as `simulate.cpu.adaptive.refine` has them: one thread for each pixel that is not smooth.

A pixel's cells are visited depth first, each thread with a short stack of its own, so that the sum of a pixel has one
order whatever else runs. The CPU goes breadth first: images differ by rounding, and where a cell's estimated error is
within rounding of the tolerance one of them may cut it and the other not.
"""

import functools

import torch
from numba import cuda, float32, float64, int64

from ..core.numerics import like, row_function
from ..cpu import adaptive, deflection, light, steep
from . import ray
from .kernels import THREADS, blocks_for, kernel, many_blocks, wrap

STACK = 4 * adaptive.LEVELS  # cells that wait: three of every level, and the last four
LEVELS, SMOOTH, ROUGH, ERROR, UNSEEN = adaptive.LEVELS, adaptive.SMOOTH, adaptive.ROUGH, adaptive.ERROR, steep.UNSEEN
GAUSS = float(adaptive.GAUSS)
OUTER, INNER = 5.0 / 18.0, 8.0 / 18.0
NINE = 9


def refine(profiles, lensed, grid, scale, tolerance, made, raw, beta, stream):
    """Images refined from one ray in every pixel until the error of each is about `tolerance` of the peak.

    Args:
        profiles: `tables.Profiles`. lensed: whether the light is behind the lens. grid: `fixed.Grid` of one ray.
        scale: of a fine pixel [arcsec]. made: `tables.Constants`. raw: (n, L, size^2), the rays. beta: where they
        arrive, (n, 2, size^2) [arcsec].

    Returns: surface brightness, as `raw`.
    """
    n_images, n_pixels = raw.shape[0] * raw.shape[1], raw.shape[2]
    out = torch.empty_like(raw)
    peaks = torch.zeros(2, n_images, dtype=raw.dtype, device=raw.device)  # as the rays see it, and when corrected
    count = torch.zeros(1, dtype=torch.int32, device=raw.device)
    listed = torch.empty(n_images * n_pixels, dtype=torch.int64, device=raw.device)
    state = torch.empty(2, n_images * n_pixels, dtype=raw.dtype, device=raw.device)  # mean and error of the pixels
    find_peaks, flag, begin, finish = _make(profiles, lensed, raw.dtype)
    images = wrap((raw.flatten(0, 1), out.flatten(0, 1), beta, peaks))
    work = wrap((count, listed, state))
    everywhere, anywhere = (blocks_for(n_pixels), n_images), many_blocks(raw.device)
    find_peaks(stream, everywhere, grid.size, images)
    flag(stream, everywhere, grid, tolerance, made, raw.shape[1], images, work)
    begin(stream, anywhere, grid, scale, made, raw.shape[1], images, work)
    finish(stream, anywhere, grid, scale, tolerance, made, raw.shape[1], images, work)
    return out


@row_function
def _second_differences(image, i, j, size):
    """Along a row and along a column; an edge pixel is its own neighbour."""
    here = image[i * size + j]
    across = image[i * size + max(j - 1, 0)] - (here + here) + image[i * size + min(j + 1, size - 1)]
    return across, image[max(i - 1, 0) * size + j] - (here + here) + image[min(i + 1, size - 1) * size + j]


@row_function
def _curvature(image, i, j, size):
    across, up = _second_differences(image, i, j, size)
    return abs(across) + abs(up)


@row_function
def _is_steep(image, i, j, size, limit):
    """Whether a pixel, or one beside it by half, is curved by more than the limit."""
    left, right = _curvature(image, i, max(j - 1, 0), size), _curvature(image, i, min(j + 1, size - 1), size)
    below, above = _curvature(image, max(i - 1, 0), j, size), _curvature(image, min(i + 1, size - 1), j, size)
    beside = max(max(left, right), max(below, above))
    return max(_curvature(image, i, j, size), like(limit, 0.5) * beside) > limit


@row_function
def _may_hold(beta, i, j, size, x, y):
    """Whether a pixel, or one beside it, may hold the position (x, y) of the source plane."""
    p, left, right = i * size + j, i * size + max(j - 1, 0), i * size + min(j + 1, size - 1)
    below, above = max(i - 1, 0) * size + j, min(i + 1, size - 1) * size + j
    reach_x = abs(beta[0, right] - beta[0, left]) + abs(beta[0, above] - beta[0, below])
    reach_y = abs(beta[1, right] - beta[1, left]) + abs(beta[1, above] - beta[1, below])
    return abs(beta[0, p] - x) <= reach_x and abs(beta[1, p] - y) <= reach_y


@row_function
def _beside(grid, k, x):
    """The same for light that is not lensed, along one axis: whether x is in column `k` or one beside it."""
    return abs(grid.axis[k] - x) <= grid.axis[min(k + 1, grid.size - 1)] - grid.axis[max(k - 1, 0)]


@row_function
def _judge(f, least):
    """Mean of a cell from its 9 points and a bound on its error, see `adaptive._judge`."""
    outer, inner, two = like(f[0], OUTER), like(f[0], INNER), like(f[0], 2.0)
    a, b, d, e, g, h, i, j, k = f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8]
    value = outer * (outer * (a + d + i + k) + inner * (b + j + e + h)) + inner * inner * g
    along = outer * (abs(a - two * b + d) + abs(i - two * j + k)) + inner * abs(e - two * g + h)
    up = outer * (abs(a - two * e + i) + abs(d - two * h + k)) + inner * abs(b - two * g + j)
    curved = along + up
    relative = curved / (value + like(value, 1e-30))
    smooth = least + like(value, SMOOTH) * relative * relative
    return value, like(value, ERROR) * curved * min(like(value, 1.0), smooth)


@row_function
def _cusp_error(galaxy, k, x, y, f):
    """The bound for a cell that may hold the centre of a Sersic profile, see `adaptive._judge_cusp`; 0 for others."""
    p = deflection.unpack(galaxy.constants, k)
    near = far = light.sersic_radius2(x[0], y[0], p)
    low = high = f[0]
    for s in range(1, NINE):
        r2 = light.sersic_radius2(x[s], y[s], p)
        near, far = min(near, r2), max(far, r2)
        low, high = min(low, f[s]), max(high, f[s])
    return like(low, ERROR) * (high - low) if near <= like(near, 0.25) * far else like(low, 0.0)


@cuda.jit(device=True)
def _raise(peaks, which, m, value):
    """peaks[which, m] becomes `value` if that is more. Most values are not, and then nobody has to wait."""
    if value > peaks[which, m]:
        cuda.atomic.max(peaks, (which, m), value)


@functools.cache
def _make(profiles, lensed, dtype):
    """The four kernels; (images) is raw, out, beta, peaks and (work) is count, list, means and errors of the list."""
    source_position = ray.make_source_position(profiles.deflectors, profiles.halos)
    brightness = ray.make_brightness(profiles.lights)
    has_sersic, real = light.SERSIC in profiles.lights, float32 if dtype == torch.float32 else float64

    @ray.view_function
    def galaxy_of(made, m):
        return ray.of_layer(made.sources if lensed else made.lights, m)

    @kernel
    def find_peaks(size, images):
        raw, m, p = images[0], cuda.blockIdx.y, cuda.blockIdx.x * THREADS + cuda.threadIdx.x
        if p < size * size:
            image, i, j = raw[m], p // size, p % size
            along = max(image[i * size + max(j - 1, 0)], image[i * size + min(j + 1, size - 1)])
            beside = max(along, max(image[max(i - 1, 0) * size + j], image[min(i + 1, size - 1) * size + j]))
            _raise(images[3], 0, m, min(image[p], beside))

    @kernel
    def flag(grid, tolerance, made, n_layers, images, work):
        raw, out, beta, peaks = images
        size, m, p = grid.size, cuda.blockIdx.y, cuda.blockIdx.x * THREADS + cuda.threadIdx.x
        if p >= size * size:
            return
        image, i, j = raw[m], p // size, p % size
        limit = like(image[p], UNSEEN * 24.0 * tolerance) * peaks[0, m]
        flagged = _is_steep(image, i, j, size, limit)
        galaxy = galaxy_of(made, m)
        for k in range(galaxy.kinds.size):
            x, y, there = light.centre(galaxy, k)
            if there and not flagged:
                if lensed:
                    flagged = _may_hold(beta[m // n_layers], i, j, size, x, y)
                else:
                    flagged = _beside(grid, j, x) and _beside(grid, i, y)
        if flagged:
            place = cuda.atomic.add(work[0], 0, 1)
            work[1][place] = m * size * size + p
        else:
            across, up = _second_differences(image, i, j, size)
            value = max(image[p] + like(across, 1.0 / 24.0) * (across + up), like(across, 0.0))
            out[m, p] = value
            _raise(peaks, 1, m, value)

    @row_function
    def integrate(made, i, m, middle_x, middle_y, width, x, y, f):
        """Mean brightness of a cell by 3 x 3 points, and a bound on its error; x, y and f hold the points."""
        optics, galaxy = made.optics, galaxy_of(made, m)
        lens = ray.of_system(optics.lens, i)
        halos = ray.some(optics.halos, optics.halo_first[i], optics.halo_first[i + 1])
        least = like(f[0], 0.0)
        for s in range(NINE):
            x[s] = middle_x + width * (GAUSS * (s % 3 - 1))
            y[s] = middle_y + width * (GAUSS * (s // 3 - 1))
            if lensed:
                x[s], y[s] = source_position(lens, halos, optics.maps, x[s], y[s])
            f[s] = like(f[0], 0.0)
            for k in range(galaxy.kinds.size):
                f[s] += brightness(galaxy, made.stamps, k, x[s], y[s])
        for k in range(galaxy.kinds.size):
            if galaxy.kinds[k] == light.INTERPOL:
                least = like(f[0], ROUGH)
        mean, error = _judge(f, least)
        if has_sersic:
            for k in range(galaxy.kinds.size):
                if galaxy.kinds[k] == light.SERSIC:
                    error = max(error, _cusp_error(galaxy, k, x, y, f))
        return mean, error

    @kernel
    def begin(grid, scale, made, n_layers, images, work):
        peaks, size = images[3], grid.size
        points = cuda.local.array((3, NINE), real)
        for q in range(cuda.blockIdx.x * THREADS + cuda.threadIdx.x, work[0][0], cuda.gridDim.x * THREADS):
            m, p = work[1][q] // (size * size), work[1][q] % (size * size)
            x, y = grid.exact[p % size], grid.exact[p // size]
            mean, error = integrate(made, m // n_layers, m, x, y, scale, points[0], points[1], points[2])
            work[2][0, q], work[2][1, q] = mean, error
            _raise(peaks, 1, m, mean - like(mean, 1.5) * error)

    @kernel
    def finish(grid, scale, tolerance, made, n_layers, images, work):
        out, peaks, size = images[1], images[3], grid.size
        points = cuda.local.array((3, NINE), real)
        waiting_x, waiting_y = cuda.local.array(STACK, float64), cuda.local.array(STACK, float64)
        waiting_level = cuda.local.array(STACK, int64)
        for q in range(cuda.blockIdx.x * THREADS + cuda.threadIdx.x, work[0][0], cuda.gridDim.x * THREADS):
            m, p = work[1][q] // (size * size), work[1][q] % (size * size)
            x, y, level, height = grid.exact[p % size], grid.exact[p // size], 0, 0
            mean, error, peak = work[2][0, q], work[2][1, q], peaks[1, m]
            total = like(mean, 0.0)
            while True:
                share = 1.0 / (1 << (2 * level))
                if error > like(mean, tolerance / share) * peak and level < LEVELS - 1:
                    quarter = 0.25 * scale / (1 << level)
                    for c in range(4):
                        waiting_x[height + c] = x + (quarter if c & 1 else -quarter)
                        waiting_y[height + c] = y + (quarter if c & 2 else -quarter)
                        waiting_level[height + c] = level + 1
                    height += 4
                else:
                    total += like(mean, share) * mean
                if height == 0:
                    break
                height -= 1
                x, y, level = waiting_x[height], waiting_y[height], waiting_level[height]
                width = scale / (1 << level)
                mean, error = integrate(made, m // n_layers, m, x, y, width, points[0], points[1], points[2])
            out[m, p] = total

    return find_peaks, flag, begin, finish
