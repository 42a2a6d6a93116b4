"""Fast deflection by many subhalos: near ones ray by ray, far ones by one polynomial for each tile of the image.

A tile of the image has N_NODES x N_NODES Chebyshev nodes. The deflection of a subhalo outside is smooth across it: it
is summed at the nodes only, and the polynomial through them gives the sum at any ray. The error of the polynomial is
about rho^-N_NODES of the deflection, with rho = g + sqrt(g^2 + 1) for a subhalo at g half-widths from the tile's edge
(rho is the ellipse on which the deflection first has a pole), so a weak subhalo counts as far sooner than a strong
one. `tests/simulate/cpu/test_halos.py` holds an image's error to 1e-3 of the subhalos' signal and 1e-4 of the peak.
"""

import functools
from typing import NamedTuple

import numpy as np
from numba import njit

from ..core.numerics import chunk_function, ray_function, real, row_function
from . import deflection
from .deflection import BETA_X, BETA_Y, SCRATCH, X, Y

N_NODES = 6  # even: `_horner` takes two steps at a time
NEAREST = 1.0  # half-widths from the edge: a far subhalo is at least as far, and so good to 5e-3 of its deflection
ERROR = 5e-5  # pixels: a far subhalo's deflection is at least as good as this
ERRORS = 2.5e-4  # pixels: and those of all far ones together, which add up where many stand side by side
TILE = 11  # pixels on a side
FEW = 12  # so few subhalos are cheaper ray by ray

_NODES = np.cos((np.arange(N_NODES) + 0.5) * np.pi / N_NODES)
_TO_POWERS = np.linalg.inv(np.vander(_NODES, increasing=True))  # values at the nodes to coefficients of 1, u, u^2, ...


class Tiles(NamedTuple):
    """The subhalos of one system, tile by tile."""

    order: np.ndarray  # int32 (pixels,): pixels, one tile after the other
    first: np.ndarray  # int64 (tiles + 1,): where in it each tile begins
    tile: np.ndarray  # int32 (pixels,): the tile of each pixel
    centre: np.ndarray  # float64 (2, tiles): x and y [arcsec]
    half: np.ndarray  # float64 (1,) [arcsec]: half the side of a tile
    pixel: np.ndarray  # float64 (1,) [arcsec]
    count: np.ndarray  # int64 (tiles,): how many subhalos are near
    near: np.ndarray  # int32 (tiles, subhalos): which ones
    powers: np.ndarray  # (2, N_NODES^2 * tiles): coefficients of v^a u^b, tiles side by side, for both components
    smooth: np.ndarray  # bool (1,): whether any subhalo is in the polynomials


def grid_of_tiles(num_pix, pixel_scale, tiled, n_halos, dtype):
    """Empty `Tiles` for an image; one tile for all of it unless `tiled`."""
    side = TILE if tiled else num_pix
    order, first, tile, middle = _layout(num_pix, side)
    n = first.size - 1
    return Tiles(
        order=order,
        first=first,
        tile=tile,
        centre=(middle - 0.5 * num_pix) * pixel_scale,
        half=np.array([0.5 * pixel_scale * side]),
        pixel=np.array([pixel_scale]),
        count=np.zeros(n, np.int64),
        near=np.zeros((n, n_halos), np.int32),
        powers=np.zeros((2, N_NODES * N_NODES * n), dtype),
        smooth=np.zeros(1, np.bool_),
    )


@functools.lru_cache(maxsize=16)
def _layout(num_pix, side):
    """What depends on the grid alone: order, first and tile of `Tiles`, and the middles of the tiles [pixels]."""
    rows, columns = np.indices((num_pix, num_pix)).reshape(2, -1)
    across = -(-num_pix // side)
    tile = (rows // side) * across + columns // side
    n = across * across
    middle = np.stack([np.arange(n) % across + 0.5, np.arange(n) // across + 0.5]) * side
    order, first = np.argsort(tile, kind="stable").astype(np.int32), np.searchsorted(np.sort(tile), np.arange(n + 1))
    return order, first, tile.astype(np.int32), middle


@chunk_function
def all_near(tiles, n_halos):
    """Every subhalo ray by ray, in every tile."""
    tiles.smooth[0] = False
    for t in range(tiles.count.size):
        tiles.count[t] = n_halos
        for h in range(n_halos):
            tiles.near[t, h] = h


@njit(_nrt=True)  # makes arrays, whoever calls it
def sort_by_distance(halos, maps, tiles):
    """Sort the subhalos into near and far ones for every tile, and sum the far ones into the tile's polynomials.

    All subhalos are summed at all nodes, and then the near ones of each tile are taken out at its nodes again. Values
    are held node by node, with the tiles of a node side by side: long loops, whatever the number of nodes.
    """
    n_tiles, n_halos, n = tiles.count.size, halos.numbers.shape[0], N_NODES * N_NODES
    everything = np.arange(n_halos).astype(np.int32)
    nodes = np.empty((deflection.N_ROWS, n * n_tiles), halos.constants.dtype)
    nodes[BETA_X : BETA_Y + 1] = real(nodes[0, 0], 0.0)
    for i in range(n):
        for t in range(n_tiles):
            nodes[X, i * n_tiles + t] = tiles.centre[0, t] + tiles.half[0] * _NODES[i % N_NODES]
            nodes[Y, i * n_tiles + t] = tiles.centre[1, t] + tiles.half[0] * _NODES[i // N_NODES]
    deflection.subtract(halos, maps, everything, np.int64(0), n_halos, nodes, n * n_tiles)
    _find_near(halos, maps, tiles, everything)
    own = np.empty((deflection.N_ROWS, n), halos.constants.dtype)
    total_x, total_y = nodes[BETA_X], nodes[BETA_Y]
    for t in range(n_tiles):
        for i in range(n):
            own[X, i] = nodes[X, i * n_tiles + t]
            own[Y, i] = nodes[Y, i * n_tiles + t]
            own[BETA_X, i] = real(own[0, 0], 0.0)
            own[BETA_Y, i] = real(own[0, 0], 0.0)
        deflection.subtract(halos, maps, tiles.near[t], np.int64(0), tiles.count[t], own, n)
        for i in range(n):
            total_x[i * n_tiles + t] -= own[BETA_X, i]
            total_y[i * n_tiles + t] -= own[BETA_Y, i]
    tiles.smooth[0] = True
    _fit(total_x, n_tiles, tiles.powers[0], nodes[SCRATCH])
    _fit(total_y, n_tiles, tiles.powers[1], nodes[SCRATCH])


@njit
def _find_near(halos, maps, tiles, everything):
    """Fill in which subhalos are near each tile."""
    n_tiles = tiles.count.size
    middle = np.zeros((deflection.N_ROWS, n_tiles), halos.constants.dtype)
    far, errors = np.empty(n_tiles, np.bool_), np.zeros(n_tiles, halos.constants.dtype)
    for t in range(n_tiles):
        middle[X, t], middle[Y, t] = tiles.centre[0, t], tiles.centre[1, t]
    tiles.count[:] = 0
    for h in range(halos.numbers.shape[0]):
        middle[BETA_X, :] = real(middle[0, 0], 0.0)
        middle[BETA_Y, :] = real(middle[0, 0], 0.0)
        deflection.subtract(halos, maps, everything, h, h + 1, middle, n_tiles)
        grows = halos.numbers[h, 0] != deflection.SIS
        x, y, lengths = halos.constants[h, 0], halos.constants[h, 1], (tiles.half[0], tiles.pixel[0])
        _find_far(x, y, grows, middle, lengths, errors, far)
        _append(h, far, tiles.near, tiles.count)


@row_function
def _append(h, far, near, count):
    for t in range(far.size):
        near[t, np.uint64(count[t])] = h  # overwritten by the next one if far
        count[t] += 0 if far[t] else 1


@row_function
def _find_far(x, y, grows, middle, lengths, errors, far):
    """For which tiles a subhalo at (x, y) is far; middle: the rows of rays at the middles of the tiles.

    grows: whether it deflects the more, the nearer it is, as all but a SIS do: at the edge of a tile then more than in
    the middle, at most by the ratio of the distances. lengths: half the side of a tile and a pixel [arcsec]. errors: of
    the subhalos that were far so far; its own is added.
    """
    half, pixel = lengths
    inverse, one, zero = real(x, 1.0 / half), real(x, 1.0), real(x, 0.0)
    centre_x, centre_y, alpha_x, alpha_y = middle[0], middle[1], middle[2], middle[3]
    nearest, most, together = real(x, NEAREST), real(x, ERROR * pixel), real(x, ERRORS * pixel)
    for t in range(far.size):
        u, v = abs(x - centre_x[t]) * inverse, abs(y - centre_y[t]) * inverse
        gap_u, gap_v = max(u - one, zero), max(v - one, zero)
        gap2 = gap_u * gap_u + gap_v * gap_v
        gap = max(np.sqrt(gap2), nearest)
        rho = gap + np.sqrt(gap * gap + one)
        rho3 = rho * rho * rho
        ratio2 = (u * u + v * v) / (gap * gap) if grows else one
        error = np.sqrt((alpha_x[t] * alpha_x[t] + alpha_y[t] * alpha_y[t]) * ratio2) / (rho3 * rho3)
        far[t] = (gap2 >= nearest * nearest) & (error <= most) & (errors[t] + error <= together)
        errors[t] += error if far[t] else zero


@row_function
def _fit(values, n_tiles, powers, scratch):
    """Coefficients of v^a u^b of every tile from values at its nodes: one axis after the other."""
    for axis in range(2):
        source, to = (values, scratch) if axis == 0 else (scratch, powers)
        step, other = (1, N_NODES) if axis == 0 else (N_NODES, 1)
        for line in range(N_NODES):
            for a in range(N_NODES):
                begin = (line * other + a * step) * n_tiles
                _weigh(source[line * other * n_tiles :], step * n_tiles, a, to[begin : begin + n_tiles])


@row_function
def _weigh(values, pitch, a, out):
    """Coefficient `a` of every tile from values at six nodes, `pitch` numbers from one to the next."""
    p0, p1, p2 = values, values[pitch:], values[2 * pitch :]
    p3, p4, p5 = values[3 * pitch :], values[4 * pitch :], values[5 * pitch :]
    w0, w1, w2 = real(out[0], _TO_POWERS[a, 0]), real(out[0], _TO_POWERS[a, 1]), real(out[0], _TO_POWERS[a, 2])
    w3, w4, w5 = real(out[0], _TO_POWERS[a, 3]), real(out[0], _TO_POWERS[a, 4]), real(out[0], _TO_POWERS[a, 5])
    for t in range(out.size):
        out[t] = w0 * p0[t] + w1 * p1[t] + w2 * p2[t] + w3 * p3[t] + w4 * p4[t] + w5 * p5[t]


@ray_function
def _in_u(s, p, k):
    """The polynomial in u with the six coefficients p[k]."""
    return ((((p[k, 5] * s + p[k, 4]) * s + p[k, 3]) * s + p[k, 2]) * s + p[k, 1]) * s + p[k, 0]


@row_function
def _horner(at, n, p, sums, totals, first, last):
    """Two steps of Horner's rule in v: sum <- (sum v + polynomial in u) v + polynomial in u.

    at: u and v. p: (4, 6), the coefficients of both steps for x, then for y. sums, totals: for x and y; what the `last`
    steps give is added to the totals. Rows one by one, as the compiler could not tell them apart in one array.
    """
    (u, v), (sum_x, sum_y), (total_x, total_y) = at, sums, totals
    zero = real(u[0], 0.0)
    for i in range(n):
        a, b = zero if first else sum_x[i], zero if first else sum_y[i]
        a = (a * v[i] + _in_u(u[i], p, 0)) * v[i] + _in_u(u[i], p, 1)
        b = (b * v[i] + _in_u(u[i], p, 2)) * v[i] + _in_u(u[i], p, 3)
        if last:
            total_x[i] += a
            total_y[i] += b
        else:
            sum_x[i], sum_y[i] = a, b


@row_function
def _relative(x, n, centre, half, u):
    inverse = real(centre, 1.0) / half
    for i in range(n):
        u[i] = (x[i] - centre) * inverse


@chunk_function
def subtract_halos(halos, maps, tiles, t, rows, n):
    """Subtract the deflection of all subhalos at the first n rays of `rows`, all in tile `t`."""
    deflection.subtract(halos, maps, tiles.near[t], np.int64(0), tiles.count[t], rows, n)
    if not tiles.smooth[0]:
        return
    n_tiles, u, v, totals = tiles.count.size, rows[SCRATCH], rows[SCRATCH + 1], (rows[BETA_X], rows[BETA_Y])
    sums = rows[SCRATCH + 2], rows[SCRATCH + 3]
    p = rows[SCRATCH + 4, : 4 * N_NODES].reshape(4, N_NODES)
    _relative(rows[X], n, real(u[0], tiles.centre[0, t]), real(u[0], tiles.half[0]), u)
    _relative(rows[Y], n, real(u[0], tiles.centre[1, t]), real(u[0], tiles.half[0]), v)
    for a in range(N_NODES - 1, 0, -2):
        for b in range(N_NODES):
            p[0, b] = tiles.powers[0, (a * N_NODES + b) * n_tiles + t]
            p[1, b] = tiles.powers[0, ((a - 1) * N_NODES + b) * n_tiles + t]
            p[2, b] = tiles.powers[1, (a * N_NODES + b) * n_tiles + t]
            p[3, b] = tiles.powers[1, ((a - 1) * N_NODES + b) * n_tiles + t]
        _horner((u, v), n, p, sums, totals, a == N_NODES - 1, a == 1)
