"""Adaptive ray tracing on a GPU: one thread for each pixel that one ray does not describe.

The rules are those of `cpu.adaptive`. A pixel's cells are visited depth first, each thread with a short stack of its
own, so that the sum of a pixel has one order whatever else runs. The CPU goes breadth first: images differ by rounding,
and where a cell's estimated error is within rounding of the tolerance one of them may cut it and the other not.
"""

import functools
from typing import NamedTuple

import torch
from numba import cuda, float32, float64, int64

from .. import refinement
from ..core.numerics import real, row_function
from ..cpu import adaptive, deflection, light
from . import cuda_moments, ray
from .cuda_tables import BatchDeflectors
from .fixed import Grid
from .kernels import THREADS, blocks_for, kernel, many_blocks, wrap

N_POINTS = refinement.N_POINTS
STACK = 4 * refinement.LEVELS  # cells that wait: three of every level, and the last four


class Target(NamedTuple):
    """The light of all systems' layers, as rays see it, and how well it is to be known."""

    deflectors: BatchDeflectors
    galaxies: light.Light  # (n L, ...)
    stamps: torch.Tensor  # (s, side, side): galaxy images
    grid: Grid  # one ray a pixel
    n_layers: int
    tolerance: float  # of the peak


class LayerImages(NamedTuple):
    """Pixels of m = n L layers, row by row."""

    raw: torch.Tensor  # (m, pixels): surface brightness by one ray each
    refined: torch.Tensor  # (m, pixels)
    beta: torch.Tensor  # (n, 2, pixels) [arcsec]: where the rays arrive
    peaks: torch.Tensor  # (3, m): as the rays see it, when corrected, and as `refinement.seen` has it
    others: cuda_moments.Others  # of layers that keep them
    which: torch.Tensor  # int64 (m,): -1 for a layer that does not
    core: torch.Tensor  # (m, 2): of the PSF, see `refinement.seen`


class Flagged(NamedTuple):
    """The pixels that need more rays."""

    count: torch.Tensor  # int32 (1,)
    listed: torch.Tensor  # int64 (m pixels,): number of the image times pixels, and the pixel
    state: torch.Tensor  # (2, m pixels): mean and bound on its error by 3 x 3 rays


def refine(profiles, lensed, constants, grid, tolerance, rays, spread, stream):
    """Images refined from one ray in every pixel until the error of each is about `tolerance` of the peak.

    Args:
        profiles: `cuda_tables.Profiles`. lensed: whether the light is behind the lens. constants:
            `cuda_tables.Constants`. grid: `fixed.Grid` of one ray. rays: what each sees, (n, L, size^2), and where it
            arrives, (n, 2, size^2) [arcsec]. spread: `cuda_moment_blur.MomentSpread`.

    Returns: surface brightness, (n, L, size^2), and its other moments in every pixel, `cuda_moments.Others`.
    """
    raw, beta = rays
    n_images, n_pixels = raw.shape[0] * raw.shape[1], raw.shape[2]

    def empty(*shape, dtype=raw.dtype):
        return torch.empty(shape, dtype=dtype, device=raw.device)

    refined, peaks = torch.empty_like(raw), torch.zeros(3, n_images, dtype=raw.dtype, device=raw.device)
    degree = spread.degree
    others = cuda_moments.make_others(degree, n_images, grid.size, raw.dtype, raw.device)
    images = (raw.flatten(0, 1), refined.flatten(0, 1), beta, peaks, others, spread.which, spread.core)
    images = wrap(LayerImages(*images))
    n = n_images * n_pixels
    count = torch.zeros(1, dtype=torch.int32, device=raw.device)
    flagged = wrap(Flagged(count, empty(n, dtype=torch.int64), empty(2, n)))
    galaxies = constants.sources if lensed else constants.lights
    target = wrap(Target(constants.deflectors, galaxies, constants.stamps, grid, raw.shape[1], tolerance))
    flag, (begin, finish) = _make_flag(lensed, degree), _make_integration(profiles, lensed, degree, raw.dtype)
    everywhere, anywhere = (blocks_for(n_pixels), n_images), many_blocks(raw.device)
    _find_peaks(stream, everywhere, grid.size, images)
    flag(stream, everywhere, target, images, flagged)
    begin(stream, anywhere, target, images, flagged)
    finish(stream, anywhere, target, images, flagged)
    return refined, others


@row_function
def _cross(image, i, j, size):
    """The pixels left of (i, j), there, right, below and above; an edge pixel is its own neighbour."""
    left, right = image[i * size + max(j - 1, 0)], image[i * size + min(j + 1, size - 1)]
    below, above = image[max(i - 1, 0) * size + j], image[min(i + 1, size - 1) * size + j]
    return left, image[i * size + j], right, below, above


@row_function
def _curvature(image, i, j, size):
    left, here, right, below, above = _cross(image, i, j, size)
    return refinement.curvature(left, here, right, below, above)


@row_function
def _is_steep(image, i, j, size, limit):
    left, right = _curvature(image, i, max(j - 1, 0), size), _curvature(image, i, min(j + 1, size - 1), size)
    below, above = _curvature(image, max(i - 1, 0), j, size), _curvature(image, min(i + 1, size - 1), j, size)
    return refinement.is_steep(left, _curvature(image, i, j, size), right, below, above, limit)


@row_function
def _may_hold(positions, i, j, size, centre):
    left, here, right, below, above = _cross(positions, i, j, size)
    return refinement.may_hold_centre(left, here, right, below, above, centre)


@row_function
def _may_hold_unlensed(grid, k, centre):
    """`refinement.may_hold_centre` of column or row `k` where light is not lensed: all along it sees the same."""
    left, right = grid.axis[max(k - 1, 0)], grid.axis[min(k + 1, grid.size - 1)]
    return refinement.may_hold_centre(left, grid.axis[k], right, left, left, centre)


@row_function
def _cusp_error(galaxy, k, x, y, f):
    """`refinement.cusp_error` of component `k`, a Sersic profile; x, y, f: places and brightness of a cell's points."""
    p = deflection.unpack(galaxy.constants, k)
    near = far = light.sersic_radius2(x[0], y[0], p)
    low = high = f[0]
    for s in range(1, N_POINTS):
        r2 = light.sersic_radius2(x[s], y[s], p)
        near, far = min(near, r2), max(far, r2)
        low, high = min(low, f[s]), max(high, f[s])
    return refinement.cusp_error(near, far, low, high)


@cuda.jit(device=True)
def _raise(peaks, which, m, value):
    """peaks[which, m] becomes `value` if that is more. Most values are not, and then nobody has to wait."""
    if value > peaks[which, m]:
        cuda.atomic.max(peaks, (which, m), value)


@kernel
def _find_peaks(size, images):
    m, p = cuda.blockIdx.y, cuda.blockIdx.x * THREADS + cuda.threadIdx.x
    if p < size * size:
        left, here, right, below, above = _cross(images.raw[m], p // size, p % size, size)
        capped, core = refinement.capped(left, here, right, below, above), (images.core[m, 0], images.core[m, 1])
        _raise(images.peaks, 0, m, capped)
        _raise(images.peaks, 2, m, refinement.seen(left, capped, right, below, above, core))


@row_function
def _part_of_tolerance(target, images, m):
    """`refinement.part_of_tolerance` of image `m`."""
    least = adaptive.roughness(ray.layer_light(target.galaxies, m), images.core[m, 0])
    return refinement.part_of_tolerance(least, (images.core[m, 0], images.core[m, 1]))


@row_function
def _seen_over_own(peaks, m):
    """The peak of image `m` that counts behind the PSF, over the one that its rays see."""
    one = real(peaks[0, m], 1.0)
    return peaks[2, m] / max(peaks[0, m], real(one, 1e-30)) if peaks[2, m] > real(one, 0.0) else one


@functools.cache
def _make_flag(lensed, degree):
    """The kernel that lists the pixels that need more rays, and corrects the others for their curvature.

    degree: of the moments of the light in a pixel that are kept, 0 for none.
    """

    @kernel
    def flag(target, images, flagged):
        size, m, p = target.grid.size, cuda.blockIdx.y, cuda.blockIdx.x * THREADS + cuda.threadIdx.x
        if p >= size * size:
            return
        image, i, j = images.raw[m], p // size, p % size
        limit = refinement.curvature_limit(images.peaks[2, m], target.tolerance) * _part_of_tolerance(target, images, m)
        found = _is_steep(image, i, j, size, limit)
        if degree > 0 and images.which[m] >= 0 and (i == 0 or j == 0 or i == size - 1 or j == size - 1):
            found = found or _curvature(image, i, j, size) > real(limit, refinement.BORDER) * limit
        galaxy = ray.layer_light(target.galaxies, m)
        for k in range(galaxy.profiles.size):
            x, y, there = light.centre(galaxy, k)
            if there and not found:
                if lensed:
                    beta = images.beta[m // target.n_layers]
                    found = _may_hold(beta[0], i, j, size, x) and _may_hold(beta[1], i, j, size, y)
                else:
                    found = _may_hold_unlensed(target.grid, j, x) and _may_hold_unlensed(target.grid, i, y)
        if found:
            place = cuda.atomic.add(flagged.count, 0, 1)
            flagged.listed[place] = m * size * size + p
        else:
            left, here, right, below, above = _cross(image, i, j, size)
            value = refinement.corrected(left, here, right, below, above)
            _raise(images.peaks, 1, m, value)
            if degree > 0 and images.which[m] >= 0:
                value = cuda_moments.keep_smooth(image, (i, j, size), value, degree, images.others, m)
            images.refined[m, p] = value

    return flag


def _make_integrate(profiles, lensed):
    """integrate(target, m, middle_x, middle_y, width, points): mean brightness of a cell, and a bound on its error.

    The cell is one of image `m`, its middle and its width in arcsec; points: (3, N_POINTS), scratch.
    """
    source_position = ray.make_source_position(profiles.deflectors, profiles.halos)
    brightness, has_sersic = ray.make_brightness(profiles.lights), light.SERSIC in profiles.lights

    @row_function
    def integrate(target, m, middle_x, middle_y, width, points):
        deflectors, galaxy, i = target.deflectors, ray.layer_light(target.galaxies, m), m // target.n_layers
        lens = ray.system_lens(deflectors.lens, i)
        halos = ray.lens_slice(deflectors.halos, deflectors.halo_first[i], deflectors.halo_first[i + 1])
        x = points[0]
        y = points[1]
        f = points[2]
        for s in range(N_POINTS):
            u, v = refinement.point(s)
            x[s], y[s] = middle_x + width * u, middle_y + width * v
            if lensed:
                x[s], y[s] = source_position(lens, halos, deflectors.maps, x[s], y[s])
            f[s] = real(f[0], 0.0)
            for k in range(galaxy.profiles.size):
                f[s] += brightness(galaxy, target.stamps, k, x[s], y[s])
        low, middle, high = (f[0], f[1], f[2]), (f[3], f[4], f[5]), (f[6], f[7], f[8])
        mean, error = refinement.mean_and_error(low, middle, high, adaptive.roughness(galaxy, f[0]))
        if has_sersic:
            for k in range(galaxy.profiles.size):
                if galaxy.profiles[k] == light.SERSIC:
                    error = max(error, _cusp_error(galaxy, k, x, y, f))
        return mean, error

    return integrate


@functools.cache
def _make_integration(profiles, lensed, degree, dtype):
    """The kernels that integrate the listed pixels: by 3 x 3 rays each, and then to the tolerance.

    degree: of the moments of the light in a pixel that are kept, 0 for none.
    """
    integrate, floating = _make_integrate(profiles, lensed), float32 if dtype == torch.float32 else float64

    @kernel
    def begin(target, images, flagged):
        size, axis = target.grid.size, target.grid.exact
        points = cuda.local.array((3, N_POINTS), floating)
        for q in range(cuda.blockIdx.x * THREADS + cuda.threadIdx.x, flagged.count[0], cuda.gridDim.x * THREADS):
            m, p = flagged.listed[q] // (size * size), flagged.listed[q] % (size * size)
            mean, error = integrate(target, m, axis[p % size], axis[p // size], target.grid.scale, points)
            if degree > 0 and images.which[m] >= 0:
                cuda_moments.clear(images.others, m, p, size)
                cuda_moments.keep_cell(points[2], (0.0, 0.0), 1.0, degree, images.others, (m, p, size))
                error *= real(error, cuda_moments.strictness((0.0, 0.0), 1.0, p, size))
            flagged.state[0, q], flagged.state[1, q] = mean, error
            _raise(images.peaks, 1, m, refinement.peak_lower_bound(mean, error))

    @kernel
    def finish(target, images, flagged):
        size, scale, axis = target.grid.size, target.grid.scale, target.grid.exact
        points = cuda.local.array((3, N_POINTS), floating)
        waiting_x = cuda.local.array(STACK, float64)
        waiting_y = cuda.local.array(STACK, float64)
        waiting_level = cuda.local.array(STACK, int64)
        for q in range(cuda.blockIdx.x * THREADS + cuda.threadIdx.x, flagged.count[0], cuda.gridDim.x * THREADS):
            m, p = flagged.listed[q] // (size * size), flagged.listed[q] % (size * size)
            x, y, level, height = axis[p % size], axis[p // size], 0, 0
            mean, error = flagged.state[0, q], flagged.state[1, q]
            peak = _seen_over_own(images.peaks, m) * images.peaks[1, m]
            tolerance = target.tolerance * _part_of_tolerance(target, images, m)
            total, keeps = real(mean, 0.0), degree > 0 and images.which[m] >= 0
            place, width = (0.0, 0.0), 1.0
            while True:
                share = 1.0 / (1 << (2 * level))
                may_be_cut = level < refinement.LEVELS - 1
                if may_be_cut and error > refinement.error_limit(peak, tolerance, share):
                    quarter = 0.25 * scale / (1 << level)
                    for c in range(4):
                        waiting_x[height + c] = x + (quarter if c & 1 else -quarter)
                        waiting_y[height + c] = y + (quarter if c & 2 else -quarter)
                        waiting_level[height + c] = level + 1
                    height += 4
                    if keeps and level == 0:  # `begin` took the whole pixel as one cell
                        cuda_moments.clear(images.others, m, p, size)
                else:
                    total += real(mean, share) * mean
                    if keeps and level > 0:
                        cuda_moments.keep_cell(points[2], place, width, degree, images.others, (m, p, size))
                if height == 0:
                    break
                height -= 1
                x, y, level = waiting_x[height], waiting_y[height], waiting_level[height]
                mean, error = integrate(target, m, x, y, scale / (1 << level), points)
                if keeps:
                    place, width = ((x - axis[p % size]) / scale, (y - axis[p // size]) / scale), 1.0 / (1 << level)
                    error *= real(error, cuda_moments.strictness(place, width, p, size))
            images.refined[m, p] = total

    return begin, finish
