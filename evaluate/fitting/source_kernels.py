"""Compiled loops from galaxy components on the source plane to pixels behind the PSF, and back.

Rays are listed with their fine row and column, row after row, so that only one row at a time lies between rays and
images. Components lie side by side, stamps (side, side, k), as every ray takes the same four corners of all of them. A
ray outside of the stamp sees nothing.
"""

import numpy as np

from ...simulate.core.compiled import cached
from ...simulate.core.numerics import sum_function


@sum_function
def _add_scaled(w, row, out):
    for m in range(out.size):
        out[m] += w * row[m]


@sum_function
def _mix(w0, w1, w2, w3, a, b, c, d, out):
    for m in range(out.size):
        out[m] = w0 * a[m] + w1 * b[m] + w2 * c[m] + w3 * d[m]


@sum_function
def _slopes_of_all(s, t, a, b, c, d, weights):
    """The slopes of a weighted sum of components between four corners, at (s, t) from the first."""
    along_u = along_v = 0.0
    for m in range(weights.size):
        along_u += weights[m] * ((1.0 - t) * (b[m] - a[m]) + t * (d[m] - c[m]))
        along_v += weights[m] * ((1.0 - s) * (c[m] - a[m]) + s * (d[m] - b[m]))
    return along_u, along_v


@sum_function
def _reached(x, first, width, n, low, high):
    """The first and the last pixel of a row that some light reaches, with the light of one more fine column."""
    return min(low, max(first[x], 0)), max(high, min(first[x] + width - 1, n - 1))


@sum_function
def _spread(x, light, response, row):
    """Add the light of a fine column to its pixels of a row (terms, n, k)."""
    _, first, _, taps_x = response
    for term in range(taps_x.shape[0]):
        for p in range(taps_x.shape[2]):
            at = first[x] + p
            if at >= 0 and at < row.shape[1]:
                _add_scaled(taps_x[term, x, p], light, row[term, at])


@sum_function
def _down(y, low, high, response, row, out):
    """Add a fine row (terms, n, k), from pixel `low` to `high`, to the rows of whole images, and clear it."""
    _, first, taps_y, _ = response
    for term in range(taps_y.shape[0]):
        for p in range(taps_y.shape[2]):
            at = first[y] + p
            if at >= 0 and at < out.shape[0]:
                for x in range(low, high + 1):
                    _add_scaled(taps_y[term, y, p], row[term, x], out[at, x])
        for x in range(low, high + 1):
            row[term, x, :] = 0.0


@sum_function
def _up(y, low, high, response, images, row):
    """The transpose of `_down`: fill a fine row (terms, n, k) from images (n, n, k)."""
    _, first, taps_y, _ = response
    for term in range(taps_y.shape[0]):
        for x in range(low, high + 1):
            row[term, x, :] = 0.0
        for p in range(taps_y.shape[2]):
            at = first[y] + p
            if at >= 0 and at < images.shape[0]:
                for x in range(low, high + 1):
                    _add_scaled(taps_y[term, y, p], images[at, x], row[term, x])


@cached
def seen_components(u, v, rows, columns, stamps, response, out):
    """Images of components behind the PSF, for light of 1 a fine pixel.

    Args:
        u, v: where rays meet the stamp [stamp pixels], (rays,). rows, columns: their fine pixels, int64 (rays,).
        stamps: (side, side, k). response: `pixel_response.PixelResponse`. out: (n, n, k), is filled.
    """
    side, n, width = stamps.shape[0], out.shape[0], response.taps_x.shape[2]
    light, row = np.empty(stamps.shape[2]), np.zeros((response.taps_x.shape[0], n, stamps.shape[2]))
    out[:] = 0.0
    r = 0
    while r < rows.size:
        y, low, high = rows[r], n, -1
        while r < rows.size and rows[r] == y:
            if u[r] > 0.0 and v[r] > 0.0 and u[r] < side - 1 and v[r] < side - 1:
                j, i = int(u[r]), int(v[r])
                s, t = u[r] - j, v[r] - i
                a, b, c, d = stamps[i, j], stamps[i, j + 1], stamps[i + 1, j], stamps[i + 1, j + 1]
                _mix((1.0 - s) * (1.0 - t), s * (1.0 - t), (1.0 - s) * t, s * t, a, b, c, d, light)
                _spread(columns[r], light, response, row)
                low, high = _reached(columns[r], response.first, width, n, low, high)
            r += 1
        _down(y, low, high, response, row, out)


@cached
def seen_images(values, rows, columns, response, out):
    """Images behind the PSF of light that rays see, values (rays, k): out (n, n, k)."""
    n, width = out.shape[0], response.taps_x.shape[2]
    row = np.zeros((response.taps_x.shape[0], n, values.shape[1]))
    out[:] = 0.0
    r = 0
    while r < rows.size:
        y, low, high = rows[r], n, -1
        while r < rows.size and rows[r] == y:
            _spread(columns[r], values[r], response, row)
            low, high = _reached(columns[r], response.first, width, n, low, high)
            r += 1
        _down(y, low, high, response, row, out)


@cached
def brightness(u, v, stamp, out):
    """The light of one stamp (side, side) where rays meet it, into (rays,); none outside of it."""
    side = stamp.shape[0]
    for r in range(u.size):
        out[r] = 0.0
        if u[r] > 0.0 and v[r] > 0.0 and u[r] < side - 1 and v[r] < side - 1:
            j, i = int(u[r]), int(v[r])
            s, t = u[r] - j, v[r] - i
            below = (1.0 - s) * stamp[i, j] + s * stamp[i, j + 1]
            out[r] = (1.0 - t) * below + t * ((1.0 - s) * stamp[i + 1, j] + s * stamp[i + 1, j + 1])


@cached
def slopes(u, v, stamp, along_u, along_v):
    """The slopes of one stamp (side, side) where rays meet it, per stamp pixel, into (rays,) each."""
    side = stamp.shape[0]
    for r in range(u.size):
        along_u[r] = along_v[r] = 0.0
        if u[r] <= 0.0 or v[r] <= 0.0 or u[r] >= side - 1 or v[r] >= side - 1:
            continue
        j, i = int(u[r]), int(v[r])
        s, t = u[r] - j, v[r] - i
        a, b, c, d = stamp[i, j], stamp[i, j + 1], stamp[i + 1, j], stamp[i + 1, j + 1]
        along_u[r] = (1.0 - t) * (b - a) + t * (d - c)
        along_v[r] = (1.0 - s) * (c - a) + s * (d - b)


@cached
def pulled_back(u, v, rows, columns, stamps, weights, response, pulls):
    """How a weighted sum of the images of components changes as rays move: the transpose of `seen_components`.

    weights: (n, n, k), of every pixel of every component's image. pulls: (2, rays), is filled with the derivatives of
    sum(weights * images) by u and by v of each ray.
    """
    _, first, _, taps_x = response
    side, n, width = stamps.shape[0], weights.shape[0], taps_x.shape[2]
    own, row = np.empty(stamps.shape[2]), np.zeros((taps_x.shape[0], n, stamps.shape[2]))
    start = 0
    while start < rows.size:
        y, stop, low, high = rows[start], start, n, -1
        while stop < rows.size and rows[stop] == y:
            low, high = _reached(columns[stop], first, width, n, low, high)
            stop += 1
        _up(y, low, high, response, weights, row)
        for r in range(start, stop):
            pulls[0, r] = pulls[1, r] = 0.0
            if u[r] <= 0.0 or v[r] <= 0.0 or u[r] >= side - 1 or v[r] >= side - 1:
                continue
            own[:] = 0.0
            for term in range(taps_x.shape[0]):
                for p in range(width):
                    at = first[columns[r]] + p
                    if at >= 0 and at < n:
                        _add_scaled(taps_x[term, columns[r], p], row[term, at], own)
            j, i = int(u[r]), int(v[r])
            s, t = u[r] - j, v[r] - i
            a, b, c, d = stamps[i, j], stamps[i, j + 1], stamps[i + 1, j], stamps[i + 1, j + 1]
            pulls[0, r], pulls[1, r] = _slopes_of_all(s, t, a, b, c, d, own)
        start = stop
