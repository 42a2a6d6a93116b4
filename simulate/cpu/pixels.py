"""From surface brightness to pixels: the mean over every pixel by a fixed grid of rays.

n x n rays at the middles of n x n parts of a pixel, as every other simulator has it; `adaptive` goes on from one ray in
every pixel. Rays go in chunks through the loops of `deflection` and `light`.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from ..core.numerics import chunk_function, like, row_function
from . import deflection, halos, light
from .deflection import BETA_X, BETA_Y, X, Y

CHUNK = 1024  # rays that go through all loops together
PADDED = CHUNK + 48  # rows of 4096 bytes exactly would fall on the same lines of the cache


class Work(NamedTuple):
    """Scratch space for a chunk of rays."""

    rows: np.ndarray  # (light.TOTAL + 1, PADDED), see `deflection` and `light`
    exact: np.ndarray  # float64 (deflection.N_ROWS, PADDED)
    few: np.ndarray  # (deflection.N_ROWS, PADDED)
    places: np.ndarray  # int32 (PADDED,)
    cusp: np.ndarray  # bool (components,)
    everything: np.ndarray  # int32: 0, 1, 2, ...


def workspace(n_components, n_deflectors, dtype):
    """A `Work` for rays of a dtype."""
    return Work(
        rows=aligned((light.TOTAL + 1, PADDED), dtype),
        exact=aligned((deflection.N_ROWS, PADDED), np.float64),
        few=aligned((deflection.N_ROWS, PADDED), dtype),
        places=np.empty(PADDED, np.int32),
        cusp=np.zeros(n_components, np.bool_),
        everything=np.arange(n_deflectors, dtype=np.int32),
    )


def aligned(shape, dtype):
    """An empty array that begins on a line of the cache: a vector across two lines costs twice."""
    raw = np.empty(math.prod(shape) * np.dtype(dtype).itemsize + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : raw.size - 64 + start].view(dtype).reshape(shape)


@row_function
def spread(cells, start, m, width, offsets, first, count, scale, of_lens, rows):
    """The rays of m cells, all rays with one offset together: ray s m + c belongs to cell c.

    cells [pixels], offsets [widths]; width [pixels] and scale [arcsec] float64. of_lens: from `deflection.linear`: what
    those deflect costs least here, while a ray is in registers.
    """
    cell_x, cell_y = cells[0, start : start + m], cells[1, start : start + m]  # a computed index stops vectorisation
    whole = like(cells[0, 0], scale)
    rest = like(whole, scale - whole)  # without it, positions in float32 would be off by twice as much
    for s in range(count):
        dx, dy = like(whole, width * offsets[0, first + s]), like(whole, width * offsets[1, first + s])
        x, y = rows[X, s * m : (s + 1) * m], rows[Y, s * m : (s + 1) * m]
        beta_x, beta_y = rows[BETA_X, s * m : (s + 1) * m], rows[BETA_Y, s * m : (s + 1) * m]
        for c in range(m):
            u, v = cell_x[c] + dx, cell_y[c] + dy
            u, v = u * whole + u * rest, v * whole + v * rest
            x[c], y[c] = u, v
            beta_x[c], beta_y[c] = deflection.behind(u, v, of_lens)


@row_function
def _copy(values, n, out):
    for i in range(n):
        out[i] = values[i]


@chunk_function
def deflect(lens, maps, everything, n, rows):
    """Subtract the deflections of all of `lens`, but for those of `linear`, at the n rays of a chunk."""
    deflection.subtract(lens, maps, everything, np.int64(0), lens.numbers.shape[0], rows, n)


@chunk_function
def trace_all(lens, subhalos, maps, everything, n, rows):
    """Source-plane positions of the first n rays of `rows` through every deflector and every subhalo one by one."""
    deflection.begin(deflection.linear(lens), n, rows)
    deflect(lens, maps, everything, n, rows)
    deflect(subhalos, maps, everything, n, rows)


@chunk_function
def _mend_cusps(rough, exact, optics, exact_optics, grid, start, m, first, n, work):
    """Replace the float32 brightness of rays inside a Sersic cusp by what float64 gives (see `light.CUSP_RADIUS2`).

    rough, exact: the source in float32 and float64. The others: as in `fixed`. Every subhalo is traced, in float32: it
    deflects so little that the rounding does not show.
    """
    _, subhalos, maps, _ = optics
    exact_lens, exact_maps = exact_optics
    cells, offsets, scale = grid
    beta_x, beta_y, flux = work.rows[BETA_X], work.rows[BETA_Y], work.rows[light.FLUX]
    of_main, of_halos, zero = work.exact, work.few, like(flux[0], 0.0)
    for k in range(rough.kinds.size):
        if rough.kinds[k] != light.SERSIC or not work.cusp[k]:
            continue
        p, exact_p, r2 = rough.constants[k], exact.constants[k], work.rows[deflection.SCRATCH]
        light.radius2(beta_x, beta_y, n, rough.constants, k, r2)
        count = light.in_cusp(r2, n, work.places)
        for j in range(count):
            i = work.places[j]
            s, c = first + i // m, start + i % m
            of_main[X, j], of_main[Y, j] = (cells[0, c] + offsets[0, s]) * scale, (cells[1, c] + offsets[1, s]) * scale
            of_halos[X, j], of_halos[Y, j] = work.rows[X, i], work.rows[Y, i]
            of_halos[BETA_X, j], of_halos[BETA_Y, j] = zero, zero
        deflection.begin(deflection.linear(exact_lens), count, of_main)
        deflect(exact_lens, exact_maps, work.everything, count, of_main)
        deflect(subhalos, maps, work.everything, count, of_halos)
        for j in range(count):
            i = work.places[j]
            x, y = of_main[BETA_X, j] + of_halos[BETA_X, j], of_main[BETA_Y, j] + of_halos[BETA_Y, j]
            brightness = light.sersic_brightness(x, y, exact_p)
            flux[i] += like(flux[i], brightness) - light.sersic_brightness(beta_x[i], beta_y[i], p)


@row_function
def _add_rays(flux, m, count, share, total):
    """Add `share` of the rays of m cells, of which each has `count`, to the cells."""
    for s in range(count):
        rays = flux[s * m : (s + 1) * m]
        for c in range(m):
            total[c] += share * rays[c]


@chunk_function
def fixed(optics, exact, sources, exact_sources, lights, stamps, grid, mend, work, out_source, out_light, beta):
    """Mean surface brightness of every pixel by a fixed grid of rays, for all layers.

    Args:
        optics, exact: (lens, subhalos, maps, tiles) in the type of the image, (lens, maps) in float64.
        sources, exact_sources, lights: `light.Light` of each layer, stacked along a first axis of their arrays.
        grid: cells (2, pixels) of the type of the image, the middles of pixels in the order of `tiles`; offsets float64
            (2, rays), from there to each ray [both in pixels, from the middle of the image]; scale [arcsec], a pixel.
        mend: whether to trace rays in cusps in float64.
        out_source, out_light: (layers, pixels). beta: (2, pixels), gets the source-plane positions of single rays.
    """
    lens, subhalos, maps, tiles = optics
    cells, offsets, scale = grid
    n_offsets, rows = offsets.shape[1], work.rows
    at_once, of_lens = max(1, CHUNK // n_offsets), deflection.linear(lens)
    zero = like(rows[0, 0], 0.0)
    out_source[:] = zero
    if lights.kinds.size > 0:
        out_light[:] = zero
    for tile in range(tiles.count.size):
        start, stop = tiles.first[tile], tiles.first[tile + 1]
        while start < stop:
            m = min(at_once, stop - start)
            for first in range(0, n_offsets, CHUNK):
                count = min(CHUNK, n_offsets - first)
                n = count * m
                spread(cells, start, m, 1.0, offsets, first, count, scale, of_lens, rows)
                deflect(lens, maps, work.everything, n, rows)
                if subhalos.numbers.shape[0] > 0:
                    halos.subtract_halos(subhalos, maps, tiles, tile, rows, n)
                if n_offsets == 1:
                    _put(rows[BETA_X], m, tiles, start, beta[0])
                    _put(rows[BETA_Y], m, tiles, start, beta[1])
                for layer in range(sources.kinds.shape[0]):
                    source, lens_light = of_layer(sources, layer), of_layer(lights, layer)
                    light.shine(source, stamps, rows[BETA_X], rows[BETA_Y], n, rows, work.cusp, work.places)
                    if mend:
                        exact_source = of_layer(exact_sources, layer)
                        _mend_cusps(source, exact_source, optics, exact, grid, start, m, first, n, work)
                    _store(rows, m, count, tiles, start, n_offsets, out_source[layer])
                    if lens_light.kinds.size > 0:
                        light.shine(lens_light, stamps, rows[X], rows[Y], n, rows, work.cusp, work.places)
                        _store(rows, m, count, tiles, start, n_offsets, out_light[layer])
            start += m


@chunk_function
def _put(values, m, tiles, start, out):
    """One value into each of the pixels of `out` that m cells are, from the `start`-th in order."""
    if tiles.count.size == 1:  # pixels are in order
        _copy(values, m, out[start : start + m])
        return
    for c in range(m):
        out[np.uint32(tiles.order[start + c])] = values[c]  # unsigned: numba would test each for being negative


@chunk_function
def _store(rows, m, count, tiles, start, n_offsets, out):
    """Add the mean of the rays of m cells to the pixels of `out` that these cells are, from the `start`-th in order."""
    flux, total = rows[light.FLUX], rows[light.TOTAL]
    share = like(flux[0], 1.0 / n_offsets)
    if tiles.count.size == 1:
        _add_rays(flux, m, count, share, out[start : start + m])
        return
    total[:m] = like(flux[0], 0.0)
    _add_rays(flux, m, count, share, total)
    for c in range(m):
        out[np.uint32(tiles.order[start + c])] += total[c]


@njit(inline="always")
def of_layer(lights, layer):
    """The `light.Light` of one layer; inlined, as what returns arrays has to count references."""
    return light.Light(lights.kinds[layer], lights.constants[layer], lights.stamps[layer])
