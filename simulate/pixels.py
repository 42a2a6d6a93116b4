"""From surface brightness to pixels: the mean over a pixel, by a fixed grid of rays or by as many as it needs.

Fixed: n x n rays at the middles of n x n parts of a pixel, as every other simulator has it. Adaptive: one ray in every
pixel tells where the image is smooth; where it is not, a pixel gets the 3 x 3 points of Gauss and Legendre, and is cut
into four for as long as these show a curvature that could matter.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from . import deflection, halos, light
from .deflection import BETA_X, BETA_Y, X, Y
from .numerics import like, row_function
from .profiles import sersic

CHUNK = 1024  # rays that go through all loops together
PADDED = CHUNK + 16  # rows of 4096 bytes exactly would fall on the same lines of the cache
GAUSS = np.sqrt(0.15)  # of a cell's width from its middle: the outer ones of three Gauss-Legendre points
LEVELS = 6  # a cell is at least 2**-5 of a pixel: 96 x 96 rays
ERROR = 0.12  # of the curvature across a cell may be in the error of its mean, see `_judge`
SMOOTH = 2.0  # times the relative curvature squared: how much smaller that error is in a smooth cell
ROUGH = 0.6  # the same in a cell of a galaxy image, whose bilinear kinks no cell can see
UNSEEN = 0.4  # of the tolerance: the curvature from pixel to pixel below which a pixel keeps its one ray
MOST_CELLS = 8  # times the number of pixels at one level


class Work(NamedTuple):
    """Scratch space for a chunk of rays."""

    rows: np.ndarray  # (light.TOTAL + 1, PADDED), see `deflection` and `light`
    exact: np.ndarray  # float64 (deflection.N_ROWS, PADDED)
    places: np.ndarray  # int32 (PADDED,)
    cusp: np.ndarray  # bool (components,)
    everything: np.ndarray  # int32: 0, 1, 2, ...


def workspace(n_components, n_deflectors, dtype):
    """A `Work` for rays of a dtype."""
    return Work(
        rows=np.empty((light.TOTAL + 1, PADDED), dtype),
        exact=np.empty((deflection.N_ROWS, PADDED)),
        places=np.empty(PADDED, np.int32),
        cusp=np.zeros(n_components, np.bool_),
        everything=np.arange(n_deflectors, dtype=np.int32),
    )


def midpoints(n):
    """Offsets of n x n rays from the middle of a pixel, in pixels: x and y, float64 (n * n,)."""
    at = (np.arange(n) + 0.5) / n - 0.5
    return np.tile(at, n), np.repeat(at, n)


_GAUSS_X = np.tile([-GAUSS, 0.0, GAUSS], 3)
_GAUSS_Y = np.repeat([-GAUSS, 0.0, GAUSS], 3)
_OUTER, _INNER = 5.0 / 18.0, 8.0 / 18.0


@row_function
def _spread(cell_x, cell_y, start, m, width, offset_x, offset_y, first, count, x, y):
    """The rays of m cells, all rays with one offset together: ray s m + c belongs to cell c."""
    from_x, from_y = cell_x[start : start + m], cell_y[start : start + m]  # a computed index would stop vectorisation
    for s in range(count):
        dx, dy = width * offset_x[first + s], width * offset_y[first + s]
        to_x, to_y = x[s * m : (s + 1) * m], y[s * m : (s + 1) * m]
        for c in range(m):
            to_x[c] = from_x[c] + dx
            to_y[c] = from_y[c] + dy


@row_function
def _copy(x, y, n, to_x, to_y):
    for i in range(n):
        to_x[i], to_y[i] = x[i], y[i]


@njit
def _trace(lens, maps, everything, n, rows):
    """Source-plane positions of the n rays of a chunk, without subhalos."""
    _copy(rows[X], rows[Y], n, rows[BETA_X], rows[BETA_Y])
    deflection.subtract(lens, maps, everything, np.int64(0), lens.numbers.shape[0], rows, n)


@njit
def trace_exactly(lens, subhalos, maps, everything, n, rows):
    """Source-plane positions of the first n rays of `rows` through every deflector and every subhalo one by one."""
    _trace(lens, maps, everything, n, rows)
    deflection.subtract(subhalos, maps, everything, np.int64(0), subhalos.numbers.shape[0], rows, n)


@njit
def _mend_cusps(rough, exact, optics, cells, start, m, width, offsets, first, n, work):
    """Replace the float32 brightness of rays inside a Sersic cusp by what float64 gives (see `light.CUSP_RADIUS2`).

    rough, exact: the source in float32 and float64. optics: (lens, subhalos, maps) in float64.
    """
    beta_x, beta_y, flux = work.rows[BETA_X], work.rows[BETA_Y], work.rows[light.FLUX]
    for k in range(rough.kinds.size):
        if rough.kinds[k] != light.SERSIC or not work.cusp[k]:
            continue
        p, exact_p, count = rough.constants[k], exact.constants[k], np.int64(0)
        for i in range(n):
            if sersic.radius2(beta_x[i], beta_y[i], p) <= light.CUSP_RADIUS2:
                s, c = first + i // m, start + i % m
                work.exact[X, count] = cells[0][c] + width * offsets[0][s]
                work.exact[Y, count] = cells[1][c] + width * offsets[1][s]
                work.places[count] = i
                count += 1
        trace_exactly(optics[0], optics[1], optics[2], work.everything, count, work.exact)
        for j in range(count):
            i = work.places[j]
            brightness = sersic.brightness(work.exact[BETA_X, j], work.exact[BETA_Y, j], exact_p)
            flux[i] += like(flux[i], brightness) - sersic.brightness(beta_x[i], beta_y[i], p)


@row_function
def _add_rays(flux, m, count, total):
    for s in range(count):
        rays = flux[s * m : (s + 1) * m]
        for c in range(m):
            total[c] += rays[c]


@njit
def fixed(optics, exact, sources, exact_sources, lights, stamps, grid, mend, work, out_source, out_light, beta):
    """Mean surface brightness of every pixel by a fixed grid of rays, for all layers.

    Args:
        optics, exact: (lens, subhalos, maps, tiles) in the type of the image, (lens, subhalos, maps) in float64.
        sources, exact_sources, lights: `light.Light` of each layer, stacked along a first axis of their arrays.
        grid: (cell_x, cell_y, width, offset_x, offset_y), float64. mend: whether to trace rays in cusps in float64.
        out_source, out_light: (layers, pixels). beta: (2, pixels), gets the source-plane positions of single rays.
    """
    lens, subhalos, maps, tiles = optics
    cell_x, cell_y, width, offset_x, offset_y = grid
    n_offsets, n_pixels, rows = offset_x.size, cell_x.size, work.rows
    at_once = max(1, CHUNK // n_offsets)
    start = np.int64(0)  # a plain 0 would have everything below compiled a second time, for the constant
    while start < n_pixels:
        m = _same_tile(tiles, tiles.order, start, min(n_pixels, start + at_once))
        for first in range(0, n_offsets, CHUNK):
            count = min(CHUNK, n_offsets - first)
            n = count * m
            _spread(cell_x, cell_y, start, m, width, offset_x, offset_y, first, count, rows[X], rows[Y])
            _trace(lens, maps, work.everything, n, rows)
            if subhalos.numbers.shape[0] > 0:
                halos.subtract_halos(subhalos, maps, tiles, tiles.tile[tiles.order[start]], rows, n)
            if n_offsets == 1:
                for c in range(m):
                    beta[0, tiles.order[start + c]] = rows[BETA_X, c]
                    beta[1, tiles.order[start + c]] = rows[BETA_Y, c]
            for layer in range(sources.kinds.shape[0]):
                source, lens_light = of_layer(sources, layer), of_layer(lights, layer)
                light.shine(source, stamps, rows[BETA_X], rows[BETA_Y], n, rows, work.cusp, work.places)
                if mend and work.cusp.any():
                    in_cells, offsets = (cell_x, cell_y), (offset_x, offset_y)
                    in_full = of_layer(exact_sources, layer)
                    _mend_cusps(source, in_full, exact, in_cells, start, m, width, offsets, first, n, work)
                _store(rows, m, count, tiles.order, start, first, n_offsets, out_source[layer])
                if lens_light.kinds.size > 0:
                    light.shine(lens_light, stamps, rows[X], rows[Y], n, rows, work.cusp, work.places)
                    _store(rows, m, count, tiles.order, start, first, n_offsets, out_light[layer])
        start += m


@njit
def _same_tile(tiles, pixels, start, stop):
    """How many of pixels[start:stop], from the first one on, lie in its tile."""
    if tiles.count.size == 1:
        return stop - start
    tile, m = tiles.tile[pixels[start]], 1
    while start + m < stop and tiles.tile[pixels[start + m]] == tile:
        m += 1
    return m


@njit
def _store(rows, m, count, order, start, first, n_offsets, out):
    """Add the rays of m cells to their pixels, or begin the pixels with the first rays."""
    flux, total = rows[light.FLUX], rows[light.TOTAL]
    total[:m] = like(flux[0], 0.0)
    _add_rays(flux, m, count, total)
    share = like(flux[0], 1.0 / n_offsets)
    for c in range(m):
        value = total[c] * share
        pixel = np.uint32(order[start + c])  # unsigned: numba would otherwise test each index for being negative
        out[pixel] = value if first == 0 else out[pixel] + value


@njit
def of_layer(lights, layer):
    return light.Light(lights.kinds[layer], lights.constants[layer], lights.stamps[layer])


@njit
def refine(optics, one, stamps, grid, work, tolerance, beta, lensed, out):
    """Refine the pixels of one layer, given by one ray each, until their error is about `tolerance` of the peak.

    Args: optics: (lens, subhalos, maps, tiles). one: the `light.Light`. grid: (cell_x, cell_y, pixel width). lensed:
    whether the light is behind the lens. beta: (2, pixels), where each pixel's ray falls. out: (pixels,), changed.
    """
    lens, subhalos, maps, tiles = optics
    pixel_x, pixel_y, pixel_width = grid
    n_pixels = out.size
    size = int(np.sqrt(n_pixels) + 0.5)
    most = max(MOST_CELLS * n_pixels, 1 << 15)
    flagged = np.zeros(n_pixels, np.bool_)
    _flag_steep(out, size, tolerance, flagged)
    for k in range(one.kinds.size):
        x, y, present = light.centre(one, k)
        if present:
            _flag_centre(beta, size, x, y, flagged)
    cell_x, cell_y, pixel = np.empty(most), np.empty(most), np.empty(most, np.int32)
    child_x, child_y, child_pixel = np.empty(most), np.empty(most), np.empty(most, np.int32)
    mean, error = np.empty(most, out.dtype), np.empty(most, out.dtype)
    n = np.int64(0)
    for i in range(n_pixels):
        p = tiles.order[i]
        if flagged[p]:
            cell_x[n], cell_y[n], pixel[n] = pixel_x[i], pixel_y[i], p
            out[p] = like(out[0], 0.0)
            n += 1
    width, share = pixel_width, 1.0
    peak = like(out[0], 0.0)
    for level in range(LEVELS):
        _integrate(lens, subhalos, maps, tiles, one, stamps, lensed, cell_x, cell_y, pixel, n, width, work, mean, error)
        if level == 0:
            peak = out.max()
            for c in range(n):  # less its error: a point right on a cusp says too much
                peak = max(peak, mean[c] - like(peak, 1.5) * error[c])
        limit = like(peak, tolerance / share) * peak
        count = np.int64(0)
        for c in range(n):
            if error[c] > limit and level < LEVELS - 1 and count + 4 <= most:
                for q in range(4):
                    child_x[count + q] = cell_x[c] + (0.25 if q & 1 else -0.25) * width
                    child_y[count + q] = cell_y[c] + (0.25 if q & 2 else -0.25) * width
                    child_pixel[count + q] = pixel[c]
                count += 4
            else:
                out[pixel[c]] += like(peak, share) * mean[c]
        cell_x, child_x = child_x, cell_x
        cell_y, child_y = child_y, cell_y
        pixel, child_pixel = child_pixel, pixel
        n = count
        width, share = 0.5 * width, 0.25 * share


@njit
def _integrate(lens, subhalos, maps, tiles, one, stamps, lensed, cell_x, cell_y, pixel, n, width, work, mean, error):
    """Mean brightness of n cells by 3 x 3 Gauss-Legendre points, and a bound on its error."""
    start, rows = np.int64(0), work.rows
    least = like(mean[0], ROUGH if (one.kinds == light.INTERPOL).any() else 0.0)
    x, y = (rows[BETA_X], rows[BETA_Y]) if lensed else (rows[X], rows[Y])
    while start < n:
        m = _same_tile(tiles, pixel, start, min(n, start + CHUNK // 9))
        _spread(cell_x, cell_y, start, m, width, _GAUSS_X, _GAUSS_Y, 0, 9, rows[X], rows[Y])
        if lensed:
            _trace(lens, maps, work.everything, 9 * m, rows)
            if subhalos.numbers.shape[0] > 0:
                halos.subtract_halos(subhalos, maps, tiles, tiles.tile[pixel[start]], rows, 9 * m)
        light.shine(one, stamps, x, y, 9 * m, rows, work.cusp, work.places)
        _judge(rows[light.FLUX], m, least, mean, error, start)
        for k in range(one.kinds.size):
            if one.kinds[k] == light.SERSIC:
                light.radius2(x, y, 9 * m, one.constants, k, rows[deflection.SCRATCH])
                _judge_cusp(rows[light.FLUX], rows[deflection.SCRATCH], m, error, start)
        start += m


@row_function
def _judge(f, m, least, mean, error, start):
    """Mean of each of m cells from its 9 points, and a bound on the error from the second differences across it.

    The numbers come from 15,000 cells of lensed Sersic profiles of index .8 to 3, whose true means were known: of 100
    cells one is worse. In a cell with a cusp the error is a fixed part of the curvature; in a smooth one it falls with
    the third power.
    """
    outer, inner, two = like(f[0], _OUTER), like(f[0], _INNER), like(f[0], 2.0)
    part, smooth, one, tiny = like(f[0], ERROR), like(f[0], SMOOTH), like(f[0], 1.0), like(f[0], 1e-30)
    f0, f1, f2, f3, f4 = f[:m], f[m : 2 * m], f[2 * m : 3 * m], f[3 * m : 4 * m], f[4 * m : 5 * m]
    f5, f6, f7, f8 = f[5 * m : 6 * m], f[6 * m : 7 * m], f[7 * m : 8 * m], f[8 * m : 9 * m]
    means, errors = mean[start : start + m], error[start : start + m]
    for c in range(m):
        a, b, d = f0[c], f1[c], f2[c]
        e, g, h = f3[c], f4[c], f5[c]
        i, j, k = f6[c], f7[c], f8[c]
        value = outer * (outer * (a + d + i + k) + inner * (b + j + e + h)) + inner * inner * g
        along = outer * (abs(a - two * b + d) + abs(i - two * j + k)) + inner * abs(e - two * g + h)
        up = outer * (abs(a - two * e + i) + abs(d - two * h + k)) + inner * abs(b - two * g + j)
        curved = along + up
        means[c] = value
        relative = curved / (value + tiny)
        errors[c] = part * curved * min(one, least + smooth * relative * relative)


@row_function
def _judge_cusp(f, r2, m, error, start):
    """Raise the bound of cells that may hold the centre of a Sersic profile, which hides between the points.

    With the centre inside, the nearest point is at most a third as far from it as the farthest; half is to be safe.
    """
    part, quarter = like(f[0], ERROR), like(f[0], 0.25)
    for c in range(m):
        near, far, low, high = r2[c], r2[c], f[c], f[c]
        for s in range(1, 9):
            near, far = min(near, r2[s * m + c]), max(far, r2[s * m + c])
            low, high = min(low, f[s * m + c]), max(high, f[s * m + c])
        worst = part * (high - low)
        error[start + c] = max(error[start + c], worst) if near <= quarter * far else error[start + c]


@njit
def _flag_steep(image, size, tolerance, flagged):
    """Flag pixels whose neighbours show a curvature that one ray cannot see; correct the others for it, to 4th order.

    Beside a strongly curved pixel one is flagged too: its own curvature may vanish where the sign changes.
    """
    raw, curved = image.copy(), np.empty_like(image)
    peak = like(image[0], 0.0)
    for i in range(size):
        peak = max(peak, _peak_of_row(raw, i * size, max(i - 1, 0) * size, min(i + 1, size - 1) * size, size))
    limit = like(peak, UNSEEN * 24.0 * tolerance) * peak
    for i in range(size):
        _curvature_row(raw, image, curved, i * size, max(i - 1, 0) * size, min(i + 1, size - 1) * size, size)
    for i in range(size):
        _flag_row(curved, flagged, i * size, max(i - 1, 0) * size, min(i + 1, size - 1) * size, size, limit)


@row_function
def _peak_of_row(raw, row, below, above, size):
    """The highest pixel of a row, none counted higher than its highest neighbour: a ray on a cusp says too much."""
    peak = like(raw[0], 0.0)
    for j in range(size):
        left, right = max(j - 1, 0), min(j + 1, size - 1)
        beside = max(max(raw[row + left], raw[row + right]), max(raw[below + j], raw[above + j]))
        peak = max(peak, min(raw[row + j], beside))
    return peak


@row_function
def _curvature_row(raw, image, curved, row, below, above, size):
    part, two, zero = like(raw[0], 1.0 / 24.0), like(raw[0], 2.0), like(raw[0], 0.0)
    for j in range(size):
        left, right = max(j - 1, 0), min(j + 1, size - 1)
        here = raw[row + j]
        across = raw[row + left] - two * here + raw[row + right]
        up = raw[below + j] - two * here + raw[above + j]
        curved[row + j] = abs(across) + abs(up)
        image[row + j] = max(here + part * (across + up), zero)


@row_function
def _flag_row(curved, flagged, row, below, above, size, limit):
    half = like(limit, 0.5)
    for j in range(size):
        left, right = max(j - 1, 0), min(j + 1, size - 1)
        beside = max(max(curved[row + left], curved[row + right]), max(curved[below + j], curved[above + j]))
        flagged[row + j] = max(curved[row + j], half * beside) > limit


@row_function
def _flag_centre(beta, size, x, y, flagged):
    """Flag the pixels that, or whose neighbours, may hold the position (x, y), whatever their rays see."""
    for i in range(size):
        below, above = max(i - 1, 0) * size, min(i + 1, size - 1) * size
        for j in range(size):
            k = i * size + j
            left, right = i * size + max(j - 1, 0), i * size + min(j + 1, size - 1)
            reach_x = abs(beta[0, right] - beta[0, left]) + abs(beta[0, above + j] - beta[0, below + j])
            reach_y = abs(beta[1, right] - beta[1, left]) + abs(beta[1, above + j] - beta[1, below + j])
            inside = (abs(beta[0, k] - x) <= reach_x) & (abs(beta[1, k] - y) <= reach_y)
            flagged[k] |= inside
