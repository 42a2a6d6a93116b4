"""Many subhalos at little cost: near ones ray by ray, far ones by one polynomial for each tile of the image.

A tile of the image has N_NODES x N_NODES Chebyshev nodes. The deflection of every subhalo farther than NEAR tile
half-widths from the tile's centre is smooth across it: it is summed at the nodes only, and the polynomial through them
gives the sum at any ray. With 6 nodes a side, a subhalo at twice the half-width is interpolated to about 3e-4 of its
deflection. `tests/simulate/test_halos.py` holds the error to 1e-3 of the subhalos' signal and 1e-4 of the peak.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from .deflection import subtract
from .numerics import like, row_function

N_NODES = 6
NEAR = 2.0
TILE_X, TILE_Y = 16, 8  # pixels: with 2x2 rays a pixel, a tile fills a chunk
FEW = 12  # so few subhalos are cheaper ray by ray

_NODES = np.cos((np.arange(N_NODES) + 0.5) * np.pi / N_NODES)
_TO_POWERS = np.linalg.inv(np.vander(_NODES, increasing=True))  # values at the nodes to coefficients of 1, u, u^2, ...


class Tiles(NamedTuple):
    """The subhalos of one system, tile by tile."""

    order: np.ndarray  # int32 (pixels,): pixels, one tile after the other
    tile: np.ndarray  # int32 (pixels,): the tile of each pixel
    centre: np.ndarray  # float64 (tiles, 2) [arcsec]
    half: np.ndarray  # float64 (2,) [arcsec]: half-widths of a tile
    first: np.ndarray  # int64 (tiles + 1,): near subhalos of tile t are near[first[t]:first[t + 1]]
    near: np.ndarray  # int32
    powers: np.ndarray  # (tiles, 2, N_NODES, N_NODES): coefficients of v^a u^b for both components
    smooth: np.ndarray  # bool (1,): whether any subhalo is in the polynomials


def grid_of_tiles(num_pix, pixel_scale, tiled, n_halos, dtype):
    """Empty `Tiles` for an image; one tile for all of it unless `tiled`."""
    wide, high = (TILE_X, TILE_Y) if tiled else (num_pix, num_pix)
    rows, columns = np.indices((num_pix, num_pix)).reshape(2, -1)
    across = -(-num_pix // wide)
    tile = (rows // high) * across + columns // wide
    n = int(tile.max()) + 1
    middle = np.stack([(np.arange(n) % across + 0.5) * wide, (np.arange(n) // across + 0.5) * high], axis=1)
    return Tiles(
        order=np.argsort(tile, kind="stable").astype(np.int32),
        tile=tile.astype(np.int32),
        centre=(middle - 0.5 * num_pix) * pixel_scale,
        half=0.5 * pixel_scale * np.array([wide, high]),
        first=np.zeros(n + 1, np.int64),
        near=np.zeros(n * n_halos, np.int32),
        powers=np.zeros((n, 2, N_NODES, N_NODES), dtype),
        smooth=np.zeros(1, np.bool_),
    )


@njit
def all_near(tiles, n_halos):
    """Every subhalo ray by ray, in every tile."""
    tiles.smooth[0] = False
    for t in range(tiles.first.size - 1):
        tiles.first[t + 1] = (t + 1) * n_halos
        for h in range(n_halos):
            tiles.near[t * n_halos + h] = h


@njit
def sort_by_distance(halos, maps, tiles, scratch):
    """Sort the subhalos into near and far ones for every tile, and sum the far ones into the tile's polynomials."""
    n_tiles, n_halos = tiles.first.size - 1, halos.kinds.size
    n = N_NODES * N_NODES
    dtype = halos.constants.dtype
    x, y = np.empty(n_tiles * n, dtype), np.empty(n_tiles * n, dtype)
    for t in range(n_tiles):
        for a in range(N_NODES):
            for b in range(N_NODES):
                x[t * n + a * N_NODES + b] = tiles.centre[t, 0] + tiles.half[0] * _NODES[b]
                y[t * n + a * N_NODES + b] = tiles.centre[t, 1] + tiles.half[1] * _NODES[a]
    one_x, one_y = np.empty_like(x), np.empty_like(x)
    sum_x, sum_y = np.zeros_like(x), np.zeros_like(x)
    is_near = np.zeros((n_tiles, n_halos), np.bool_)
    for h in range(n_halos):
        one_x[:] = like(x[0], 0.0)
        one_y[:] = like(x[0], 0.0)
        subtract(halos, maps, h, x, y, x.size, one_x, one_y, scratch)
        for t in range(n_tiles):
            u = (halos.constants[h, 0] - tiles.centre[t, 0]) / tiles.half[0]
            v = (halos.constants[h, 1] - tiles.centre[t, 1]) / tiles.half[1]
            if u * u + v * v < NEAR * NEAR:
                is_near[t, h] = True
            else:
                _add(sum_x, one_x, t * n, n)
                _add(sum_y, one_y, t * n, n)
    tiles.smooth[0] = True
    count = 0
    for t in range(n_tiles):
        for h in range(n_halos):
            if is_near[t, h]:
                tiles.near[count] = h
                count += 1
        tiles.first[t + 1] = count
        _fit(sum_x[t * n : (t + 1) * n], tiles.powers[t, 0])
        _fit(sum_y[t * n : (t + 1) * n], tiles.powers[t, 1])


@row_function
def _add(total, values, start, n):
    for i in range(start, start + n):
        total[i] += values[i]


@njit
def _fit(values, powers):
    """Coefficients of v^a u^b from values at the nodes, (a, b) in rows."""
    for a in range(N_NODES):
        for b in range(N_NODES):
            total = 0.0
            for i in range(N_NODES):
                for j in range(N_NODES):
                    total += _TO_POWERS[a, i] * values[i * N_NODES + j] * _TO_POWERS[b, j]
            powers[a, b] = total


@row_function
def _horner(u, v, n, first, px, py, sum_x, sum_y):
    """One step of Horner's rule in v: sum <- sum v + (polynomial in u with the six coefficients of px, py)."""
    x0, x1, x2, x3, x4, x5 = px[0], px[1], px[2], px[3], px[4], px[5]
    y0, y1, y2, y3, y4, y5 = py[0], py[1], py[2], py[3], py[4], py[5]
    for i in range(n):
        s = u[i]
        in_x = ((((x5 * s + x4) * s + x3) * s + x2) * s + x1) * s + x0
        in_y = ((((y5 * s + y4) * s + y3) * s + y2) * s + y1) * s + y0
        sum_x[i] = in_x if first else sum_x[i] * v[i] + in_x
        sum_y[i] = in_y if first else sum_y[i] * v[i] + in_y


@row_function
def _relative(x, n, centre, half, u):
    inverse = like(centre, 1.0) / half
    for i in range(n):
        u[i] = (x[i] - centre) * inverse


@njit
def subtract_halos(halos, maps, tiles, t, x, y, n, beta_x, beta_y, scratch):
    """Subtract the deflection of all subhalos at n positions within tile `t` from (beta_x, beta_y)."""
    for k in range(tiles.first[t], tiles.first[t + 1]):
        subtract(halos, maps, np.int64(tiles.near[k]), x, y, n, beta_x, beta_y, scratch)
    if not tiles.smooth[0]:
        return
    u, v, sum_x, sum_y = scratch[0], scratch[1], scratch[2], scratch[3]
    _relative(x, n, like(x[0], tiles.centre[t, 0]), like(x[0], tiles.half[0]), u)
    _relative(y, n, like(x[0], tiles.centre[t, 1]), like(x[0], tiles.half[1]), v)
    for a in range(N_NODES - 1, -1, -1):
        _horner(u, v, n, a == N_NODES - 1, tiles.powers[t, 0, a], tiles.powers[t, 1, a], sum_x, sum_y)
    _add(beta_x, sum_x, 0, n)
    _add(beta_y, sum_y, 0, n)
