"""Where in every pixel the light lies, on a CPU: its Legendre moments from adaptive rays (see `simulate.moments`).

A pixel with one ray has what its neighbours' rays say of slope and curvature; a pixel in cells has the sum over those.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from .. import moments, refinement
from ..core.numerics import chunk_function, ray_function, real, row_function
from . import strips


def _five_points():
    """Nodes of a quadrature [widths of a cell], and what each adds to each of the points of a parabola: (4, 5)."""
    t, w = np.polynomial.legendre.leggauss(5)
    at = 0.5 * t / refinement.GAUSS
    return np.stack(
        [0.5 * t, *(0.5 * w * part for part in (0.5 * at * (at - 1.0), 1.0 - at * at, 0.5 * at * (at + 1.0)))]
    )


FIVE = _five_points()


class Spread(NamedTuple):
    """Room for the moments of all pixels of one layer; moment 0, the mean, is kept elsewhere. Of size 0: none is kept.

    Moment k of `moments.pairs` lies at k - 1.
    """

    degree: int  # 0: none is kept
    planes: np.ndarray  # (moments - 1, pixels)
    slots: np.ndarray  # (pixels, moments - 1): of the pixels that are in cells, the first so many count
    slot: np.ndarray  # int32 (pixels,): the number in `slots` of such a pixel
    pixel: np.ndarray  # int32 (pixels,): the pixel that a slot belongs to
    cells: np.ndarray  # (moments - 1, cells): of the cells of one level
    strips: np.ndarray  # (4, degree + 1, side): moments along the border of the light next to it, see `strips`
    cell_strips: np.ndarray  # (4 (degree + 1), cells): of the cells of one level
    raw: np.ndarray  # (side + 2, side + 2): one ray in every pixel, with a border
    scratch: np.ndarray  # (9 (degree + 1), cells of a chunk)


@njit
def make_spread(degree, side, n_cells, n_chunk, dtype):
    """An empty `Spread` for images of side^2 pixels in up to n_cells cells, which come n_chunk at a time."""
    n_pixels = side * side
    n, kept = moments.number_of_moments(degree) - 1, 1 if degree > 0 else 0
    return Spread(
        degree,
        np.empty((n, kept * n_pixels), dtype),
        np.empty((kept * n_pixels, n), dtype),
        np.empty(kept * n_pixels, np.int32),
        np.empty(kept * n_pixels, np.int32),
        np.empty((n, kept * n_cells), dtype),
        np.empty((4, degree + 1, kept * side), dtype),
        np.empty((4 * (degree + 1), kept * n_cells), dtype),
        np.empty((side + 2, side + 2), dtype),
        np.empty((kept * 9 * (degree + 1), n_chunk), dtype),
    )


@row_function
def clear(spread):
    """Set the moments of all pixels to 0."""
    planes = spread.planes.reshape(spread.planes.size)
    zero = real(planes[0], 0.0)
    for i in range(planes.size):
        planes[i] = zero
    edges = spread.strips.reshape(spread.strips.size)
    for i in range(edges.size):
        edges[i] = zero


@row_function
def open_slots(pixel, n, spread):
    """Give each of n pixels, which are about to be cut into cells, a slot of zeros."""
    for s in range(n):
        spread.pixel[s] = pixel[s]
        spread.slot[np.uint32(pixel[s])] = s
    slots = spread.slots.reshape(spread.slots.size)[: n * spread.slots.shape[1]]
    zero = real(slots[0], 0.0)
    for i in range(slots.size):
        slots[i] = zero


@chunk_function
def measure_cells(f, middle, start, errors, width, spread):
    """The moments of m cells from the `start`-th on, in the frame of their pixels, from 3 x 3 Gauss-Legendre points.

    f: brightness of the points, (9 m,). middle: of all cells, (2, cells) [pixels from the middle of the image]. width:
    of a cell [pixels]. errors: (m,), raised for cells at the border.
    """
    m = errors.size
    degree, scratch, size = spread.degree, spread.scratch, spread.raw.shape[0] - 2
    n = 3 * (degree + 1)
    for axis in range(2):  # what follows `n` rows is still free
        _polynomials(middle[axis, start : start + m], width, size, degree, scratch[axis * n : (axis + 1) * n + 3])
    for a in range(degree + 1):
        for row in range(3):
            _sum_of_three(f[3 * row * m :], m, m, scratch[3 * a : 3 * a + 3], scratch[2 * n + 3 * a + row])
    k = 0
    for b in range(degree + 1):
        for a in range(degree + 1 - b):
            if k > 0:
                rows = scratch[2 * n + 3 * a : 2 * n + 3 * a + 3]
                pitch, flat = rows.shape[1], rows.reshape(rows.size)
                _sum_of_three(
                    flat, pitch, m, scratch[n + 3 * b : n + 3 * b + 3], spread.cells[k - 1, start : start + m]
                )
            k += 1
    strips.measure(f, middle, start, errors, width, size, scratch[: 2 * n], spread.cell_strips)


@chunk_function
def _polynomials(middle, width, size, degree, out):
    """What each of three points along an axis of m cells adds to moments 0 to `degree`: (3 (degree + 1) + 3, m).

    The last three rows are overwritten. Up to degree 4 that is a Legendre polynomial at the point times its weight.
    Beyond, three points are too few: the light is taken as the parabola through them, integrated by five points.
    """
    rows = out[: 3 * (degree + 1)]
    if degree <= 4:
        for point in range(3):
            weight = refinement.INNER if point == 1 else refinement.OUTER
            _legendre_rows(middle, refinement.GAUSS * (point - 1) * width, size, point, weight, rows)
        return
    rows[:] = real(middle[0], 0.0)
    for node in range(FIVE.shape[1]):
        _add_node(middle, FIVE[0, node] * width, size, FIVE[1:, node], out)


@row_function
def _legendre_rows(middle, offset, size, point, weight, out):
    """P_0, P_1, ... times a weight, into every third row: of cells at an offset [pixels] from their middles."""
    half, two, shift = real(middle[0], 0.5), real(middle[0], 2.0), real(middle[0], 0.5 * size)
    near, w, once = real(middle[0], offset), real(middle[0], weight), real(middle[0], 1.0 / weight)
    zeroth, first = out[point], out[3 + point]
    for c in range(middle.size):
        place = middle[c] + shift
        zeroth[c], first[c] = w, w * (two * (place - np.floor(place) - half + near))
    for k in range(1, out.shape[0] // 3 - 1):
        before, here, after = out[3 * k - 3 + point], out[3 * k + point], out[3 * k + 3 + point]
        for c in range(middle.size):
            after[c] = moments.next_legendre(k, once * first[c], here[c], before[c])


@row_function
def _add_node(middle, offset, size, weights, out):
    """Add what a node of the quadrature gives to each of the three points; weights: (3,)."""
    n, m = out.shape[0] - 3, middle.size
    before, here, spare = out[n, :m], out[n + 1, :m], out[n + 2, :m]
    half, two, shift = real(middle[0], 0.5), real(middle[0], 2.0), real(middle[0], 0.5 * size)
    near, one = real(middle[0], offset), real(middle[0], 1.0)
    for c in range(m):
        place = middle[c] + shift
        before[c], here[c], spare[c] = real(half, 0.0), one, two * (place - np.floor(place) - half + near)
    w0, w1, w2 = real(one, weights[0]), real(one, weights[1]), real(one, weights[2])
    for k in range(n // 3):
        low, middle_row, high = out[3 * k], out[3 * k + 1], out[3 * k + 2]
        for c in range(m):
            low[c] += w0 * here[c]
            middle_row[c] += w1 * here[c]
            high[c] += w2 * here[c]
        for c in range(m):
            after = moments.next_legendre(k, spare[c], here[c], before[c])
            before[c], here[c] = here[c], after


@row_function
def _sum_of_three(f, pitch, m, factors, out):
    """The sum of three rows, which lie `pitch` apart in f, times three rows of factors."""
    f0, f1, f2 = f[:m], f[pitch : pitch + m], f[2 * pitch : 2 * pitch + m]
    p0, p1, p2 = factors[0], factors[1], factors[2]
    for c in range(m):
        out[c] = p0[c] * f0[c] + p1[c] * f1[c] + p2[c] * f2[c]


@row_function
def add_cells(pixel, kept, n, share, spread):
    """Add those of n cells that are kept (a negative number) to the slots of their pixels, of which each is a share."""
    cells, slots = spread.cells, spread.slots
    for c in range(n):
        if kept[c] < 0:
            row = slots[np.uint32(spread.slot[np.uint32(pixel[c])])]
            for k in range(row.size):
                row[k] += share * cells[k, c]
    strips.add_cells(pixel, kept, n, spread.strips.shape[2], spread.cell_strips, spread.strips)


@chunk_function
def add_pixels(image, mean, flagged, n_slots, spread):
    """Add the moments of all pixels of a layer to `planes`, and to `strips`.

    image: (side, side), brightness by one ray in every pixel. mean: (pixels,). flagged: uint8 (pixels,), 1 where a
    pixel is in cells. n_slots: how many are.
    """
    side, degree, raw = image.shape[0], spread.degree, spread.raw
    planes = spread.planes.reshape(spread.planes.shape[0], side, side)
    _continue_beyond(image, raw)
    up = degree  # as moment 0 is not among them, (0, 1) is here, after (1, 0) to (degree, 0)
    for i in range(side):
        rows, here = (raw[i], raw[i + 1], raw[i + 2]), flagged[i * side : (i + 1) * side]
        _add_slopes(rows, here, planes[0, i], planes[up, i], planes[up + 1, i])
        _add_bends(rows, here, planes[1, i], planes[2 * degree, i])
    _add_slots(n_slots, spread)
    strips.add_pixels(raw, mean, flagged, spread.strips)


@row_function
def _continue_beyond(image, out):
    """An image (n, n), n at least 3, with a border of one pixel, in which it goes on as a parabola, not below 0."""
    n = image.shape[0]
    for i in range(n):
        row = out[i + 1, 1:]
        for j in range(n):
            row[j] = image[i, j]
        out[i + 1, 0] = beyond(image[i, 0], image[i, 1], image[i, 2])
        out[i + 1, n + 1] = beyond(image[i, n - 1], image[i, n - 2], image[i, n - 3])
    for j in range(n + 2):
        out[0, j] = beyond(out[1, j], out[2, j], out[3, j])
        out[n + 1, j] = beyond(out[n, j], out[n - 1, j], out[n - 2, j])


@ray_function
def beyond(last, second, third):
    return max(real(last, 3.0) * (last - second) + third, real(last, 0.0))


@row_function
def _add_slopes(rows, flagged, across, up, both):
    low, here, high = rows
    for j in range(flagged.size):
        smooth = real(here[0], 1.0) - real(here[0], flagged[j])
        across[j] += smooth * moments.slope(here[j], here[j + 2])
        up[j] += smooth * moments.slope(low[j + 1], high[j + 1])
        both[j] += smooth * moments.twist((low[j], low[j + 2], high[j], high[j + 2]))


@row_function
def _add_bends(rows, flagged, across, up):
    low, here, high = rows
    for j in range(flagged.size):
        smooth = real(here[0], 1.0) - real(here[0], flagged[j])
        across[j] += smooth * moments.bend(here[j], here[j + 1], here[j + 2])
        up[j] += smooth * moments.bend(low[j + 1], here[j + 1], high[j + 1])


@row_function
def _add_slots(n_slots, spread):
    slots, planes = spread.slots, spread.planes
    for s in range(n_slots):
        p = np.uint32(spread.pixel[s])
        for k in range(slots.shape[1]):
            planes[k, p] += slots[s, k]
