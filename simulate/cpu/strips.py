"""The light next to the border of an image, on a CPU, which goes on beyond it behind a Gaussian PSF.

Of each border pixel, the ninth part that touches the border is a strip. What counts of it are its moments along the
border. They come from the parabolas of the cells that reach into it, or from one ray a pixel where that is enough: the
moments of the whole pixel would say little of a strip beside a cusp.
"""

from .. import moments, refinement
from ..core.numerics import chunk_function, ray_function, real, row_function

LEFT, RIGHT, LOW, HIGH = 0, 1, 2, 3
WIDTH = 1.0 / 9.0  # of a strip [pixels]
STRICTER = 4.0  # times: how much smaller the error of a cell has to be in a strip, which the PSF sees many times over
MIDDLE = 1.0 - WIDTH  # where it lies, from -1 to 1 across its pixel


@ray_function
def parabola_until(t, j):
    """The integral from a cell's middle to t [widths of it] of the parabola that is 1 at point j, 0 at the others."""
    g, third, half = real(t, refinement.GAUSS), real(t, 1.0 / 3.0), real(t, 0.5)
    cube = third * t * t * t
    if j == 1:
        return t - cube / (g * g)
    sign = g if j == 2 else -g
    return half * (cube + half * sign * t * t) / (g * g)


@ray_function
def strictness(at, width, side):
    """STRICTER if a cell reaches into a strip, else 1; at: its middle [pixels from the border]."""
    half = real(at, 0.5 * width)
    reaches = at - half < real(at, WIDTH) or at + half > real(at, side - WIDTH)
    return real(at, STRICTER if reaches else 1.0)


@row_function
def measure(f, middle, start, errors, width, side, polynomials, out):
    """The moments of the strips from those of m cells that lie in border pixels, from the `start`-th on.

    f: brightness of the points, (9 m,). middle, width: of cells, as in `spread.measure_cells`. errors: (m,),
    raised for cells in strips. polynomials: (6 n, m), weights times P_0 to P_(n - 1) along x and then along y. out:
    (4 n, cells).
    """
    m = errors.size
    n, half, last = out.shape[0] // 4, real(f[0], 0.5 * side), real(f[0], side - 1.0)
    one = real(f[0], 1.0)
    for c in range(m):
        x, y = middle[0, start + c] + half, middle[1, start + c] + half
        if x < one or x > last:
            _measure_one(f, m, c, (x, width, side, 0), polynomials[3 * n :], out[: 2 * n, start + c])
            errors[c] *= strictness(x, width, side)
        if y < one or y > last:
            _measure_one(f, m, c, (y, width, side, 1), polynomials, out[2 * n :, start + c])
            errors[c] *= strictness(y, width, side)


@row_function
def _measure_one(f, m, c, place, polynomials, out):
    """Moments of the strips at both ends of an axis from cell c; place: (its middle, width, side, number of axis)."""
    at, width, side, axis = place
    n, zero, w = out.size // 2, real(f[0], 0.0), real(f[0], width)
    across, along = (1, 3) if axis == 0 else (3, 1)  # how far points are apart in f
    factor = w * w * real(f[0], 1.0 / WIDTH)
    for end in range(2):
        begin = real(f[0], side - WIDTH if end == 1 else 0.0)
        finish = real(f[0], side if end == 1 else WIDTH)
        low, high = max((begin - at) / w, real(f[0], -0.5)), min((finish - at) / w, real(f[0], 0.5))
        for k in range(n):
            total = zero
            if high > low:
                for p in range(3):
                    for j in range(3):
                        share = parabola_until(high, j) - parabola_until(low, j)
                        total += share * f[(p * along + j * across) * m + c] * polynomials[3 * k + p, c]
            out[end * n + k] = factor * total


@row_function
def add_cells(pixel, kept, n_cells, side, cells, strips):
    """Add the moments of those of n_cells cells that are kept (a negative number) to the strips of their pixels.

    cells: from `measure`. strips: (4, n, side).
    """
    n = strips.shape[1]
    for c in range(n_cells):
        p = pixel[c]
        x, y = p % side, p // side
        if kept[c] < 0 and (x == 0 or y == 0 or x == side - 1 or y == side - 1):
            for k in range(n):
                if x == 0:
                    strips[LEFT, k, y] += cells[LEFT * n + k, c]
                if x == side - 1:
                    strips[RIGHT, k, y] += cells[RIGHT * n + k, c]
                if y == 0:
                    strips[LOW, k, x] += cells[LOW * n + k, c]
                if y == side - 1:
                    strips[HIGH, k, x] += cells[HIGH * n + k, c]


@chunk_function
def add_pixels(raw, mean, flagged, strips):
    """Add the strips of the border pixels with one ray, and correct their means.

    raw: (side + 2, side + 2), brightness by one ray, with a border. mean: (pixels,). flagged: uint8 (pixels,).
    """
    side = strips.shape[2]
    for i in range(side):
        for end in range(2):
            far, beyond = end * (side - 1), end * (side + 1)
            p, q = i * side + far, far * side + i
            if not flagged[p]:
                mean[p] += bend_at_border(raw[i + 1, far + 1], raw[i + 1, beyond])
            if not flagged[q]:
                mean[q] += bend_at_border(raw[far + 1, i + 1], raw[beyond, i + 1])
    for i in range(side):
        for end in range(2):
            far = end * (side - 1)
            p, q = i * side + far, far * side + i
            if not flagged[p]:
                _add_one(raw, (i + 1, far + 1), mean[p], (end, 0), strips[LEFT + end, :, i])
            if not flagged[q]:
                _add_one(raw, (far + 1, i + 1), mean[q], (end, 1), strips[LOW + end, :, i])


@ray_function
def bend_at_border(here, beyond):
    """What light beyond the border adds to the mean of a pixel, which was its own neighbour there before."""
    return real(here, 1.0 / 24.0) * (beyond - here)


@row_function
def _add_one(raw, at, mean, which, out):
    """Add the strip of a pixel with one ray, at (row, column) of raw; which: (end of the axis, number of the axis)."""
    (i, j), (end, axis) = at, which
    corners = raw[i - 1, j - 1], raw[i - 1, j + 1], raw[i + 1, j - 1], raw[i + 1, j + 1]
    across, along = (raw[i, j - 1], raw[i, j + 1]), (raw[i - 1, j], raw[i + 1, j])
    if axis == 1:
        across, along = along, across
    first, second, third = of_smooth_pixel(mean, raw[i, j], across, along, corners, end)
    out[0] += first
    out[1] += second
    out[2] += third


@ray_function
def of_smooth_pixel(mean, here, across, along, corners, end):
    """Moments 0 to 2 of the strip of a pixel with one ray.

    mean: of the pixel. here: what its ray sees. across, along: what the rays of its neighbours see, two each, across
    the border and along it. corners: as for `moments.twist`. end: 0 for the strip at the left or low side, else 1.
    """
    t = real(mean, MIDDLE if end == 1 else -MIDDLE)
    second = moments.next_legendre(1, t, t, real(mean, 1.0))
    level = mean + real(mean, 3.0) * t * moments.slope(across[0], across[1])
    return (
        level + real(mean, 5.0) * second * moments.bend(across[0], here, across[1]),
        moments.slope(along[0], along[1]) + real(mean, 3.0) * t * moments.twist(corners),
        moments.bend(along[0], here, along[1]),
    )
