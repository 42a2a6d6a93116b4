"""Compiled loops from galaxy components on the source plane to pixels behind the PSF, and back.

Rays are listed with their fine row and column. Components lie side by side, stamps (side, side, k), as every ray takes
the same four corners of all of them. A ray outside of the stamp sees nothing.
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
def _down(lit, first, taps_y, work, out):
    """From rows behind the PSF along x to whole images."""
    out[:] = 0.0
    n = out.shape[0]
    for term in range(taps_y.shape[0]):
        for y in range(first.size):
            if lit[y]:
                for p in range(taps_y.shape[2]):
                    at = first[y] + p
                    if at >= 0 and at < n:
                        for x in range(n):
                            _add_scaled(taps_y[term, y, p], work[term, y, x], out[at, x])


@cached
def seen_components(u, v, rows, columns, stamps, response, work, out):
    """Images of components behind the PSF, for light of 1 a fine pixel.

    Args:
        u, v: where rays meet the stamp [stamp pixels], (rays,). rows, columns: their fine pixels, int64 (rays,).
        stamps: (side, side, k). response: `pixel_response.PixelResponse`. work: scratch (terms, fine rows, n, k).
        out: (n, n, k), is filled.
    """
    _, first, taps_y, taps_x = response
    side, n = stamps.shape[0], out.shape[0]
    light, lit = np.empty(stamps.shape[2]), np.zeros(first.size, np.bool_)
    work[:] = 0.0
    for r in range(u.size):
        if u[r] <= 0.0 or v[r] <= 0.0 or u[r] >= side - 1 or v[r] >= side - 1:
            continue
        j, i = int(u[r]), int(v[r])
        s, t = u[r] - j, v[r] - i
        a, b, c, d = stamps[i, j], stamps[i, j + 1], stamps[i + 1, j], stamps[i + 1, j + 1]
        w0, w1, w2, w3 = (1.0 - s) * (1.0 - t), s * (1.0 - t), (1.0 - s) * t, s * t
        _mix(w0, w1, w2, w3, a, b, c, d, light)
        y, x = rows[r], columns[r]
        lit[y] = True
        for term in range(taps_x.shape[0]):
            for p in range(taps_x.shape[2]):
                at = first[x] + p
                if at >= 0 and at < n:
                    _add_scaled(taps_x[term, x, p], light, work[term, y, at])
    _down(lit, first, taps_y, work, out)


@cached
def seen_images(values, rows, columns, response, work, out):
    """Images behind the PSF of light that rays see, values (rays, k): out (n, n, k)."""
    _, first, taps_y, taps_x = response
    n, lit = out.shape[0], np.zeros(first.size, np.bool_)
    work[:] = 0.0
    for r in range(rows.size):
        y, x = rows[r], columns[r]
        lit[y] = True
        for term in range(taps_x.shape[0]):
            for p in range(taps_x.shape[2]):
                at = first[x] + p
                if at >= 0 and at < n:
                    _add_scaled(taps_x[term, x, p], values[r], work[term, y, at])
    _down(lit, first, taps_y, work, out)


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
def pulled_back(u, v, rows, columns, stamps, weights, response, work, pulls):
    """How a weighted sum of the images of components changes as rays move: the transpose of `seen_components`.

    weights: (n, n, k), of every pixel of every component's image. pulls: (2, rays), is filled with the derivatives of
    sum(weights * images) by u and by v of each ray.
    """
    _, first, taps_y, taps_x = response
    side, n = stamps.shape[0], weights.shape[0]
    lit, own = np.zeros(first.size, np.bool_), np.empty(stamps.shape[2])
    for r in range(rows.size):
        lit[rows[r]] = True
    work[:] = 0.0
    for term in range(taps_y.shape[0]):
        for y in range(first.size):
            if lit[y]:
                for p in range(taps_y.shape[2]):
                    at = first[y] + p
                    if at >= 0 and at < n:
                        for x in range(n):
                            _add_scaled(taps_y[term, y, p], weights[at, x], work[term, y, x])
    for r in range(u.size):
        pulls[0, r] = pulls[1, r] = 0.0
        if u[r] <= 0.0 or v[r] <= 0.0 or u[r] >= side - 1 or v[r] >= side - 1:
            continue
        own[:] = 0.0
        y, x = rows[r], columns[r]
        for term in range(taps_x.shape[0]):
            for p in range(taps_x.shape[2]):
                at = first[x] + p
                if at >= 0 and at < n:
                    _add_scaled(taps_x[term, x, p], work[term, y, at], own)
        j, i = int(u[r]), int(v[r])
        s, t = u[r] - j, v[r] - i
        a, b, c, d = stamps[i, j], stamps[i, j + 1], stamps[i + 1, j], stamps[i + 1, j + 1]
        pulls[0, r], pulls[1, r] = _slopes_of_all(s, t, a, b, c, d, own)
