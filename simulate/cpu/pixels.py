"""The mean surface brightness of every pixel by a fixed grid of rays, on a CPU.

n x n rays at the middles of n x n parts of a pixel, as every other simulator has it; `adaptive` goes on from one ray in
every pixel. Rays go in chunks through the loops of `deflection` and `light`.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from ..core.numerics import chunk_function, real, row_function
from ..kernel_arguments import Maps
from . import deflection, halos, light
from .deflection import BETA_X, BETA_Y, X, Y

CHUNK = 1024  # rays that go through all loops together
PADDED = CHUNK + 48  # rows of 4096 bytes exactly would fall on the same lines of the cache


class Workspace(NamedTuple):
    """Scratch space for a chunk of rays."""

    rows: np.ndarray  # (light.TOTAL + 1, PADDED), see `deflection` and `light`
    exact: np.ndarray  # float64 (deflection.N_ROWS, PADDED)
    few: np.ndarray  # (deflection.N_ROWS, PADDED)
    places: np.ndarray  # int32 (PADDED,)
    cusp: np.ndarray  # bool (components,)
    everything: np.ndarray  # int32: 0, 1, 2, ...


class Deflectors(NamedTuple):
    """All that deflects the rays of one system, in the type of the image."""

    lens: deflection.Lens
    subhalos: deflection.Lens
    maps: Maps
    tiles: halos.Tiles


class ExactDeflectors(NamedTuple):
    """The main deflectors of one system in float64."""

    lens: deflection.Lens
    maps: Maps


class Layers(NamedTuple):
    """The light of one system: the `light.Light` of each layer, stacked along a first axis of their arrays."""

    sources: light.Light
    exact_sources: light.Light  # float64
    lights: light.Light  # not lensed
    stamps: np.ndarray  # (s, side, side): galaxy images


class RayGrid(NamedTuple):
    """Where rays start: at every offset in every cell."""

    cells: np.ndarray  # (2, cells) [pixels from the middle of the image]: the middles of cells
    offsets: np.ndarray  # float64 (2, rays) [widths of a cell]: from there to each ray
    scale: float  # arcsec, a pixel


class Chunk(NamedTuple):
    """Rays of a `RayGrid` that go together: those with `count` offsets, from `first` on, in `m` cells from `start` on.

    Ray s m + c belongs to the s-th of these offsets and the c-th of these cells.
    """

    start: int
    m: int
    first: int
    count: int


class Brightness(NamedTuple):
    """Mean surface brightness of every pixel [counts/s/arcsec^2]."""

    source: np.ndarray  # (layers, pixels)
    light: np.ndarray  # (layers, pixels)
    beta: np.ndarray  # (2, pixels) [arcsec]: where each ray arrives in the source plane, if a pixel has one


def workspace(n_components, n_deflectors, dtype):
    """A `Workspace` for rays of a dtype."""
    return Workspace(
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
def place_rays(grid, width, chunk, linear_terms, rows):
    """Place the rays of a chunk: where they start, and where they arrive through the linear deflectors alone.

    width: of a cell [pixels], float64. linear_terms: from `deflection.linear_part`; these deflectors cost least here,
    while a ray is in registers.
    """
    m, offsets = chunk.m, grid.offsets
    stop = chunk.start + m
    # slices, as an index that is computed in the loop would stop it from vectorising
    cell_x, cell_y = grid.cells[0, chunk.start : stop], grid.cells[1, chunk.start : stop]
    whole = real(cell_x[0], grid.scale)
    rest = real(whole, grid.scale - whole)  # without it, positions in float32 would be off by twice as much
    for s in range(chunk.count):
        dx, dy = real(whole, width * offsets[0, chunk.first + s]), real(whole, width * offsets[1, chunk.first + s])
        x, y = rows[X, s * m : (s + 1) * m], rows[Y, s * m : (s + 1) * m]
        beta_x, beta_y = rows[BETA_X, s * m : (s + 1) * m], rows[BETA_Y, s * m : (s + 1) * m]
        for c in range(m):
            u, v = cell_x[c] + dx, cell_y[c] + dy
            u, v = u * whole + u * rest, v * whole + v * rest
            x[c], y[c] = u, v
            beta_x[c], beta_y[c] = deflection.linear_source_position(u, v, linear_terms)


@row_function
def _copy(values, n, out):
    for i in range(n):
        out[i] = values[i]


@chunk_function
def deflect(lens, maps, everything, n, rows):
    """Subtract the deflections of all deflectors of `lens` but the linear ones at the n rays of a chunk."""
    deflection.subtract(lens, maps, everything, np.int64(0), lens.numbers.shape[0], rows, n)


@chunk_function
def trace_all(lens, subhalos, maps, everything, n, rows):
    """Source-plane positions of the first n rays of `rows` through every deflector and every subhalo one by one."""
    deflection.trace_linear(deflection.linear_part(lens), n, rows)
    deflect(lens, maps, everything, n, rows)
    deflect(subhalos, maps, everything, n, rows)


@chunk_function
def _recompute_cusps(rough, exact_light, deflectors, exact, grid, chunk, work):
    """Replace the float32 brightness of rays inside a Sersic cusp by what float64 gives (see `light.CUSP_RADIUS2`).

    Every subhalo is traced, in float32: it deflects so little that the rounding does not show.

    rough, exact_light: the source in float32 and float64. exact: the `ExactDeflectors`.
    """
    m, n = chunk.m, chunk.m * chunk.count
    beta_x, beta_y, flux = work.rows[BETA_X], work.rows[BETA_Y], work.rows[light.FLUX]
    main_rays, halo_rays, zero = work.exact, work.few, real(flux[0], 0.0)
    for k in range(rough.profiles.size):
        if rough.profiles[k] != light.SERSIC or not work.cusp[k]:
            continue
        p, exact_p, r2 = rough.constants[k], exact_light.constants[k], work.rows[deflection.SCRATCH]
        light.radius2(beta_x, beta_y, n, rough.constants, k, r2)
        count = light.in_cusp(r2, n, work.places)
        for j in range(count):
            i = work.places[j]
            s, c = chunk.first + i // m, chunk.start + i % m
            main_rays[X, j] = (grid.cells[0, c] + grid.offsets[0, s]) * grid.scale
            main_rays[Y, j] = (grid.cells[1, c] + grid.offsets[1, s]) * grid.scale
            halo_rays[X, j], halo_rays[Y, j] = work.rows[X, i], work.rows[Y, i]
            halo_rays[BETA_X, j], halo_rays[BETA_Y, j] = zero, zero
        deflection.trace_linear(deflection.linear_part(exact.lens), count, main_rays)
        deflect(exact.lens, exact.maps, work.everything, count, main_rays)
        deflect(deflectors.subhalos, deflectors.maps, work.everything, count, halo_rays)
        for j in range(count):
            i = work.places[j]
            x, y = main_rays[BETA_X, j] + halo_rays[BETA_X, j], main_rays[BETA_Y, j] + halo_rays[BETA_Y, j]
            brightness = light.sersic_brightness(x, y, exact_p)
            flux[i] += real(flux[i], brightness) - light.sersic_brightness(beta_x[i], beta_y[i], p)


@row_function
def _add_rays(flux, m, count, share, total):
    """Add `share` of the rays of m cells, of which each has `count`, to the cells."""
    for s in range(count):
        rays = flux[s * m : (s + 1) * m]
        for c in range(m):
            total[c] += share * rays[c]


@chunk_function
def fixed(deflectors, exact, layers, grid, exact_cusps, work, out):
    """Mean surface brightness of every pixel by a fixed grid of rays, for all layers.

    Args:
        deflectors: `Deflectors`. exact: `ExactDeflectors`. layers: `Layers`.
        grid: a `RayGrid` whose cells are the pixels, in the order of the tiles.
        exact_cusps: whether to trace rays in cusps in float64. work: `Workspace`. out: `Brightness`, filled.
    """
    tiles, n_offsets, rows = deflectors.tiles, grid.offsets.shape[1], work.rows
    at_once, linear_terms = max(1, CHUNK // n_offsets), deflection.linear_part(deflectors.lens)
    zero = real(rows[0, 0], 0.0)
    out.source[:] = zero
    if layers.lights.profiles.size > 0:
        out.light[:] = zero
    for tile in range(tiles.count.size):
        start, stop = tiles.first[tile], tiles.first[tile + 1]
        while start < stop:
            m = min(at_once, stop - start)
            for first in range(0, n_offsets, CHUNK):
                chunk = Chunk(start, m, first, min(CHUNK, n_offsets - first))
                n = chunk.count * m
                place_rays(grid, 1.0, chunk, linear_terms, rows)
                deflect(deflectors.lens, deflectors.maps, work.everything, n, rows)
                if deflectors.subhalos.numbers.shape[0] > 0:
                    halos.subtract_halos(deflectors.subhalos, deflectors.maps, tiles, tile, rows, n)
                if n_offsets == 1:
                    _put(rows[BETA_X], m, tiles, start, out.beta[0])
                    _put(rows[BETA_Y], m, tiles, start, out.beta[1])
                _add_layers(deflectors, exact, layers, grid, (exact_cusps, chunk), work, out)
            start += m


@njit(inline="always")  # all that it is given would otherwise be copied for every chunk
def _add_layers(deflectors, exact, layers, grid, how, work, out):
    """Add the brightness of all layers at the rays of a chunk, which are traced; how: (exact_cusps, `Chunk`)."""
    exact_cusps, chunk = how
    tiles, rows, n, n_offsets = deflectors.tiles, work.rows, chunk.count * chunk.m, grid.offsets.shape[1]
    for layer in range(layers.sources.profiles.shape[0]):
        source, lens_light = layer_light(layers.sources, layer), layer_light(layers.lights, layer)
        light.surface_brightness(source, layers.stamps, rows[BETA_X], rows[BETA_Y], n, rows, work.cusp, work.places)
        if exact_cusps:
            _recompute_cusps(source, layer_light(layers.exact_sources, layer), deflectors, exact, grid, chunk, work)
        _store(rows, chunk, tiles, n_offsets, out.source[layer])
        if lens_light.profiles.size > 0:
            light.surface_brightness(lens_light, layers.stamps, rows[X], rows[Y], n, rows, work.cusp, work.places)
            _store(rows, chunk, tiles, n_offsets, out.light[layer])


@chunk_function
def _put(values, m, tiles, start, out):
    """One value into each of the pixels of `out` that m cells are, from the `start`-th in order."""
    if tiles.count.size == 1:  # pixels are in order
        _copy(values, m, out[start : start + m])
        return
    for c in range(m):
        out[np.uint32(tiles.order[start + c])] = values[c]  # unsigned: numba would test each for being negative


@chunk_function
def _store(rows, chunk, tiles, n_offsets, out):
    """Add the brightness of a chunk of rays, of which a cell has `n_offsets` in all, to the pixels of `out`."""
    flux, total, start, m = rows[light.FLUX], rows[light.TOTAL], chunk.start, chunk.m
    share = real(flux[0], 1.0 / n_offsets)
    if tiles.count.size == 1:
        _add_rays(flux, m, chunk.count, share, out[start : start + m])
        return
    total[:m] = real(flux[0], 0.0)
    _add_rays(flux, m, chunk.count, share, total)
    for c in range(m):
        out[np.uint32(tiles.order[start + c])] += total[c]


@njit(inline="always")
def layer_light(lights, layer):
    """The `light.Light` of one layer; inlined, as what returns arrays has to count references."""
    return light.Light(lights.profiles[layer], lights.constants[layer], lights.stamps[layer])
