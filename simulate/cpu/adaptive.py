"""Adaptive ray tracing on a CPU: pixels that one ray does not describe get 3 x 3 Gauss-Legendre points, or more.

Such a pixel is cut into four for as long as the points show a curvature that could matter, level by level for all
pixels together. `steep` finds the pixels; `refinement` says what is good enough.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from .. import refinement
from ..core.numerics import chunk_function, real, row_function
from . import deflection, halos, light, pixels, spread, steep
from .deflection import BETA_X, BETA_Y, SCRATCH, X, Y
from .pixels import Chunk, RayGrid

MOST_CELLS = 8  # times the number of pixels at one level
KEPT = -1.0


class Layer(NamedTuple):
    """The light of one layer."""

    galaxy: light.Light
    stamps: np.ndarray  # (s, side, side): galaxy images
    lensed: bool  # whether it is behind the lens
    keeps: bool  # whether moments of its light in a pixel are kept
    core: tuple  # of the PSF, see `refinement.seen`


class Cells(NamedTuple):
    """Squares of one size, each within a pixel, of which the first so many count."""

    middle: np.ndarray  # (2, cells) [pixels from the middle of the image]
    pixel: np.ndarray  # int32 (cells,): the pixel that each is a part of
    mean: np.ndarray  # (cells,): surface brightness
    error: np.ndarray  # (cells,): a bound on the error of the mean; `KEPT` where the cell is not cut


class Cut(NamedTuple):
    """What decides whether cells are cut into four."""

    limit: float  # the error that a cell may have
    quarter: float  # pixels: a quarter of a cell's width
    share: float  # of a pixel, that a cell is
    room: int  # how many cells there may be then


@njit(_nrt=True)  # makes arrays, whoever calls it
def refine(deflectors, layer, grid, tolerance, beta, work, within, out):
    """Refine the pixels of one layer, given by one ray each, until their error is about `tolerance` of the peak.

    Args:
        deflectors: `pixels.Deflectors`. layer: `Layer`. grid: the `pixels.RayGrid` of the pixels.
        beta: (2, pixels) [arcsec], where each pixel's ray falls. work: `pixels.Workspace`. within: a
            `spread.Spread`, to which the layer is added. out: (pixels,), changed.
    """
    most = most_cells(out.size)
    mean, error = np.empty(most, out.dtype), np.empty(most, out.dtype)
    cells = Cells(np.empty((2, most), out.dtype), np.empty(most, np.int32), mean, error)
    children = Cells(np.empty((2, most), out.dtype), np.empty(most, np.int32), mean, error)
    border = real(out[0], refinement.BORDER if layer.keeps else 1.0)
    tolerance = tolerance * refinement.part_of_tolerance(roughness(layer.galaxy, out[0]), layer.core)
    flagged, peak, factor, raw = steep.flag(out, layer.galaxy, beta, tolerance, layer.core, border)
    n_flagged = _first_cells(deflectors.tiles.order, flagged, grid.cells, cells)
    n = n_flagged
    if layer.keeps:
        spread.open_slots(cells.pixel, n, within)
    width, share = 1.0, 1.0
    for level in range(refinement.LEVELS):
        _integrate(deflectors, layer, cells, n, width, grid.scale, work, within)
        if level == 0:
            for c in range(n):
                peak = max(peak, refinement.peak_lower_bound(mean[c], error[c]))
        limit = refinement.error_limit(factor * peak, tolerance, share)
        room = most if level < refinement.LEVELS - 1 else 0
        n_children = _divide(cells, n, Cut(limit, real(peak, 0.25 * width), real(peak, share), room), children, out)
        if layer.keeps:
            spread.add_cells(cells.pixel, cells.error, n, real(peak, share), within)
        cells, children, n = children, cells, n_children
        width, share = 0.5 * width, 0.25 * share
    if layer.keeps:
        spread.add_pixels(raw, out, flagged, n_flagged, within)


@njit
def most_cells(n_pixels):
    """How many cells there may be at one level of an image."""
    return max(MOST_CELLS * n_pixels, 1 << 15)


@row_function
def _first_cells(order, flagged, middles, cells):
    """List the flagged pixels as cells, in order; returns how many."""
    n = np.uint64(0)
    for i in range(order.size):
        p = np.uint32(order[i])
        # overwritten by the next one if this is not flagged
        cells.middle[0, n], cells.middle[1, n], cells.pixel[n] = middles[0, i], middles[1, i], p
        n += np.uint64(flagged[p])
    return np.int64(n)


@row_function
def _divide(cells, n, cut, children, out):
    """Cut the cells with too large an error into four, if there is room for those, and add the others to their pixels.

    Returns how many cells there are now.
    """
    count, quarter = np.int64(0), cut.quarter
    for c in range(n):
        if cells.error[c] > cut.limit and count + 4 <= cut.room:
            for q in range(4):
                to = np.uint64(count + q)
                children.middle[0, to] = cells.middle[0, c] + (quarter if q & 1 else -quarter)
                children.middle[1, to] = cells.middle[1, c] + (quarter if q & 2 else -quarter)
                children.pixel[to] = cells.pixel[c]
            count += 4
        else:
            out[np.uint32(cells.pixel[c])] += cut.share * cells.mean[c]
            cells.error[c] = KEPT
    return count


@chunk_function
def _integrate(deflectors, layer, cells, n, width, scale, work, within):
    """Fill in mean, error and moments of n cells of a width [pixels] by 3 x 3 Gauss-Legendre points."""
    lens, subhalos, maps, tiles = deflectors
    galaxy, start, rows, linear_terms = layer.galaxy, np.int64(0), work.rows, deflection.linear_part(lens)
    least = roughness(galaxy, rows[0, 0])
    x, y = (rows[BETA_X], rows[BETA_Y]) if layer.lensed else (rows[X], rows[Y])
    grid = RayGrid(cells.middle, refinement.POINTS, scale)
    while start < n:
        m = _same_tile(tiles, cells.pixel, start, min(n, start + pixels.CHUNK // refinement.N_POINTS))
        n_rays = m * refinement.N_POINTS
        pixels.place_rays(grid, width, Chunk(start, m, 0, refinement.N_POINTS), linear_terms, rows)
        if layer.lensed:
            pixels.deflect(lens, maps, work.everything, n_rays, rows)
            if subhalos.numbers.shape[0] > 0:
                halos.subtract_halos(subhalos, maps, tiles, tiles.tile[cells.pixel[start]], rows, n_rays)
        light.surface_brightness(galaxy, layer.stamps, x, y, n_rays, rows, work.cusp, work.places)
        errors = cells.error[start : start + m]
        _means_and_errors(rows[light.FLUX], least, cells.mean[start : start + m], errors)
        for k in range(galaxy.profiles.size):
            if galaxy.profiles[k] == light.SERSIC:
                light.radius2(x, y, n_rays, galaxy.constants, k, rows[SCRATCH])
                _raise_cusp_errors(rows[light.FLUX], rows[SCRATCH], rows, errors)
        if layer.keeps:
            spread.measure_cells(rows[light.FLUX], cells.middle, start, errors, width, within)
        start += m


@row_function
def roughness(galaxy, x):
    """The `least` of `refinement.mean_and_error` for a `light.Light`, in the type of x."""
    least = real(x, 0.0)
    for k in range(galaxy.profiles.size):
        if galaxy.profiles[k] == light.INTERPOL:
            least = real(x, refinement.ROUGH)
    return least


@chunk_function
def _same_tile(tiles, pixel, start, stop):
    """How many of pixel[start:stop], from the first one on, lie in its tile."""
    if tiles.count.size == 1:
        return stop - start
    tile, m = tiles.tile[pixel[start]], 1
    while start + m < stop and tiles.tile[pixel[start + m]] == tile:
        m += 1
    return m


@row_function
def _means_and_errors(f, least, means, errors):
    """Mean of each of m cells and a bound on its error, from the brightness f of its points, (9 m,)."""
    m = means.size
    f0, f1, f2, f3, f4 = f[:m], f[m : 2 * m], f[2 * m : 3 * m], f[3 * m : 4 * m], f[4 * m : 5 * m]
    f5, f6, f7, f8 = f[5 * m : 6 * m], f[6 * m : 7 * m], f[7 * m : 8 * m], f[8 * m : 9 * m]
    for c in range(m):
        low, middle, high = (f0[c], f1[c], f2[c]), (f3[c], f4[c], f5[c]), (f6[c], f7[c], f8[c])
        means[c], errors[c] = refinement.mean_and_error(low, middle, high, least)


@row_function
def _raise_cusp_errors(f, r2, rows, errors):
    """Raise the bound of m cells that may hold the centre of a Sersic profile.

    f, r2: brightness and (R / R_sersic)^2 of their points, (9 m,). rows: scratch space, beyond the first row of it.
    """
    m = errors.size
    near, far = rows[SCRATCH + 1, :m], rows[SCRATCH + 2, :m]
    low, high = rows[SCRATCH + 3, :m], rows[SCRATCH + 4, :m]
    for c in range(m):
        near[c], far[c], low[c], high[c] = r2[c], r2[c], f[c], f[c]
    for s in range(1, refinement.N_POINTS):
        f_s, r2_s = f[s * m : (s + 1) * m], r2[s * m : (s + 1) * m]
        for c in range(m):
            near[c], far[c] = min(near[c], r2_s[c]), max(far[c], r2_s[c])
            low[c], high[c] = min(low[c], f_s[c]), max(high[c], f_s[c])
    for c in range(m):
        errors[c] = max(errors[c], refinement.cusp_error(near[c], far[c], low[c], high[c]))
