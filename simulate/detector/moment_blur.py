"""A point-spread function applied to the moments of the light in every pixel (see `simulate.moments`).

Behind a Gaussian, light goes on beyond the border as it is next to it. Behind a Moffat there is none, as behind other
kernels.
Loops take several taps at a time and run over many rows as one long one, as those of `psf`.
"""

from numba import njit

from ..core.numerics import chunk_function, real, row_function
from ..moments import next_legendre, number_of_moments
from .psf import copy_row

EDGE = 8.0 / 9.0  # of the way from the middle of a pixel to its border: where the light is that goes on past a corner
MORE, MORE_ROWS = 16, 3  # numbers and rows behind the last ones that are read, with a weight of 0
RUN = 4096  # numbers that go through a loop together, so that they stay in the fastest cache


@njit
def blur_room(degree, size, reach):
    """How many numbers of work space `blur_moments` needs for taps that reach that far."""
    reach = min(reach, size)
    pitch, n = size + 2 * reach, number_of_moments(degree)
    return (n + 1) * size * pitch + (degree + 1) * ((pitch + MORE_ROWS) * pitch + 2 * (pitch + MORE)) + MORE


@chunk_function
def blur_moments(light, psf, area, out, space):
    """Counts of every pixel behind a PSF, from the moments of the surface brightness in every pixel.

    light: (mean, (size^2,), moment 0; others, (moments - 1, size^2), in the order of `moments.pairs`; strips, (4,
    degree + 1, size), moments along the border of the light next to it: left, right, low, high). psf: (taps, (terms,
    degree + 1, 2 r + 1), as in `kernel_arguments.Blur`; whether light goes on beyond the border, as beside a Gaussian).
    area: of a pixel, by which all is multiplied. out: (size, size). space: `blur_room` numbers.
    All of one type.
    """
    (mean, others, strips), (taps, goes_on) = light, psf
    size, degree = out.shape[0], taps.shape[1] - 1
    n = number_of_moments(degree)
    reach = _reach(taps, size)
    pitch, shape = size + 2 * reach, (size, reach)
    planes, rest = space[: n * size * pitch].reshape(n, size * pitch), space[n * size * pitch :]
    _clear(rest[:MORE])
    total, rest = rest[MORE : MORE + size * pitch], rest[MORE + size * pitch :]
    weights = rest[: (degree + 1) * (pitch + MORE)].reshape(degree + 1, pitch + MORE)
    rest = rest[weights.size :]
    strip, rest = rest[: weights.size].reshape(degree + 1, pitch + MORE), rest[weights.size :]
    rows = rest[: (degree + 1) * (pitch + MORE_ROWS) * pitch].reshape(degree + 1, (pitch + MORE_ROWS) * pitch)
    for k in range(n):
        _pad_rows(mean if k == 0 else others[k - 1], size, reach, planes[k])
    if goes_on:
        _extend_rows(planes, strips, size, reach)
    for term in range(taps.shape[0]):
        far = _far(taps[term], reach) if goes_on else real(area, 0.0)
        _reverse(taps[term], reach, weights)
        _blur_along_rows(planes, weights, far, shape, rows)
        _clear_columns(rows, size, reach)
        if goes_on and reach > 0:
            for end in range(2):
                edge = rows[0, end * (size + reach) * pitch :][: reach * pitch]
                _extend_columns(strips[2 + end], weights, far, shape, strip, edge)
        _blur_along_columns(rows, weights, far, shape, total)
        for i in range(size):
            _put(total[i * pitch : i * pitch + size], area, term == 0, out[i])


@row_function
def _reach(taps, size):
    """How far taps reach that are not 0, at most as far as the image is wide."""
    r, zero = taps.shape[2] // 2, real(taps[0, 0, 0], 0.0)
    reach = 0
    for term in range(taps.shape[0]):
        for d in range(reach + 1, r + 1):
            if taps[term, 0, r + d] != zero:
                reach = d
    return min(reach, size)


@row_function
def _far(taps, reach):
    """The weight of moment 0 beyond `reach` on a side: such taps see the light beyond the border, wherever they are."""
    r, total = taps.shape[1] // 2, real(taps[0, 0], 0.0)
    for d in range(reach + 1, r + 1):
        total += taps[0, r + d]
    return total


@row_function
def _pad_rows(values, size, reach, out):
    """Rows of an image with `reach` zeros before and after each."""
    pitch, zero = size + 2 * reach, real(values[0], 0.0)
    for i in range(size):
        row, to = values[i * size : (i + 1) * size], out[i * pitch : (i + 1) * pitch]
        for j in range(reach):
            to[j] = zero
            to[reach + size + j] = zero
        inner = to[reach:]
        for j in range(size):
            inner[j] = row[j]


@row_function
def _extend_rows(planes, strips, size, reach):
    """Fill the room at the ends of the rows of the moments that are 0 along x with the light next to the border."""
    pitch, first, degree = size + 2 * reach, 0, strips.shape[1] - 1
    for b in range(degree + 1):
        for i in range(size):
            low, high = strips[0, b, i], strips[1, b, i]
            to = planes[first, i * pitch : (i + 1) * pitch]
            for j in range(reach):
                to[j] = low
                to[reach + size + j] = high
        first += degree + 1 - b


@row_function
def _past_corners(moments, size):
    """Brightness of a strip past its two ends, from its moments (degree + 1, size) along it in the last pixels."""
    one, t = real(moments[0, 0], 1.0), real(moments[0, 0], EDGE)
    low, high = moments[0, 0], moments[0, size - 1]
    here, before, sign = t, one, -one
    for a in range(1, moments.shape[0]):
        factor = real(one, 2.0 * a + 1.0) * here
        low += sign * factor * moments[a, 0]
        high += factor * moments[a, size - 1]
        here, before, sign = next_legendre(a, t, here, before), here, -sign
    return low, high


@row_function
def _reverse(taps, reach, out):
    """The taps of each moment from the farthest back on to the farthest ahead, and zeros."""
    degree, r, zero = taps.shape[0] - 1, taps.shape[1] // 2, real(taps[0, 0], 0.0)
    for a in range(degree + 1):
        for k in range(out.shape[1]):
            out[a, k] = taps[a, r + reach - k] if k <= 2 * reach else zero


@chunk_function
def _blur_along_rows(planes, weights, far, shape, rows):
    """All moments along x into one image for each moment along y, with room for `reach` more rows at each end."""
    size, reach = shape
    pitch, degree = size + 2 * reach, weights.shape[0] - 1
    at_once = max(1, RUN // pitch)
    for i in range(0, size, at_once):
        start, stop = i * pitch, min(size, i + at_once) * pitch
        first = 0
        for b in range(degree + 1):
            out = rows[b, reach * pitch + start : reach * pitch + stop - 2 * reach]
            _clear(out)
            for a in range(degree + 1 - b):
                _add_taps_along(planes[first + a, start:], weights[a], 2 * reach + 1, out)
            if far > real(far, 0.0):
                for y in range(start, stop, pitch):
                    ends = planes[first, y] + planes[first, y + pitch - 1]
                    _add_constant(far * ends, rows[b, reach * pitch + y : reach * pitch + y + size])
            first += degree + 1 - b


@chunk_function
def _add_taps_along(values, weights, n, out):
    """Add the sum of n weights times the numbers from each one on to `out`."""
    k = 0
    while k < n:
        if n - k <= 5:
            _add_five(values[k:], weights[k:], out)
            k += 5
        elif 9 < n - k <= 13:
            _add_thirteen(values[k:], weights[k:], out)
            k += 13
        else:
            _add_nine(values[k:], weights[k:], out)
            k += 9


@row_function
def _clear(out):
    zero = real(out[0], 0.0)
    for j in range(out.size):
        out[j] = zero


@row_function
def _add_constant(value, out):
    for j in range(out.size):
        out[j] += value


@row_function
def _add_five(p, w, out):
    w0, w1, w2, w3, w4 = w[0], w[1], w[2], w[3], w[4]
    for j in range(out.size):
        out[j] += w0 * p[j] + w1 * p[j + 1] + w2 * p[j + 2] + w3 * p[j + 3] + w4 * p[j + 4]


@row_function
def _add_nine(p, w, out):
    w0, w1, w2, w3, w4, w5, w6, w7, w8 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8]
    for j in range(out.size):
        near = w0 * p[j] + w1 * p[j + 1] + w2 * p[j + 2] + w3 * p[j + 3] + w4 * p[j + 4]
        out[j] += near + (w5 * p[j + 5] + w6 * p[j + 6] + w7 * p[j + 7] + w8 * p[j + 8])


@row_function
def _add_thirteen(p, w, out):
    w0, w1, w2, w3, w4, w5, w6 = w[0], w[1], w[2], w[3], w[4], w[5], w[6]
    w7, w8, w9, w10, w11, w12 = w[7], w[8], w[9], w[10], w[11], w[12]
    for j in range(out.size):
        near = w0 * p[j] + w1 * p[j + 1] + w2 * p[j + 2] + w3 * p[j + 3] + w4 * p[j + 4] + w5 * p[j + 5]
        far = w7 * p[j + 7] + w8 * p[j + 8] + w9 * p[j + 9] + w10 * p[j + 10] + w11 * p[j + 11] + w12 * p[j + 12]
        out[j] += near + w6 * p[j + 6] + far


@row_function
def _clear_columns(rows, size, reach):
    """Set the rows beyond the image to 0, and those that are read with a weight of 0."""
    pitch, zero = size + 2 * reach, real(rows[0, 0], 0.0)
    for b in range(rows.shape[0]):
        rows[b, : reach * pitch] = zero
        rows[b, (reach + size) * pitch :] = zero


@chunk_function
def _extend_columns(moments, weights, far, shape, strip, edge):
    """Fill the rows beyond one border of the image with the strip next to it, blurred along x.

    moments: (degree + 1, size), along the strip. strip: room for them. edge: (`reach` rows of the pitch,), changed.
    """
    size, reach = shape
    pitch, degree, zero = size + 2 * reach, weights.shape[0] - 1, real(edge[0], 0.0)
    low, high = _past_corners(moments, size)
    row = edge[:size]
    for a in range(degree + 1):
        strip[a, :] = zero
        copy_row(moments[a], strip[a, reach : reach + size])
        if a == 0:
            for j in range(reach):
                strip[0, j] = low
                strip[0, reach + size + j] = high
        _add_taps_along(strip[a], weights[a], 2 * reach + 1, row)
    if far > zero:
        _add_constant(far * (low + high), row)
    for k in range(1, reach):
        copy_row(row, edge[k * pitch : k * pitch + size])


@row_function
def _add_scaled(w, row, out):
    for j in range(out.size):
        out[j] += w * row[j]


@chunk_function
def _blur_along_columns(rows, weights, far, shape, total):
    """Images of all moments along y into one: (size, pitch), of which the last columns mean nothing."""
    size, reach = shape
    pitch, at_once = size + 2 * reach, max(1, RUN // (size + 2 * reach))
    for i in range(0, size, at_once):
        start, stop = i * pitch, min(size, i + at_once) * pitch
        out = total[start:stop]
        _clear(out)
        for b in range(weights.shape[0]):
            _add_taps_across(rows[b, start:], pitch, weights[b], 2 * reach + 1, out)
    if far > real(far, 0.0):
        for i in range(size):
            row = total[i * pitch : i * pitch + size]
            _add_scaled(far, rows[0, :size], row)
            _add_scaled(far, rows[0, (2 * reach + size - 1) * pitch :], row)


@chunk_function
def _add_taps_across(values, pitch, weights, n, out):
    """Add the sum of n weights times the rows from each one on to `out`."""
    k = 0
    while k < n:
        if n - k == 1:
            _add_scaled(weights[k], values[k * pitch :], out)
            k += 1
        elif n - k <= 4:
            _add_four_rows(values[k * pitch :], pitch, weights[k:], out)
            k += 4
        else:
            _add_eight_rows(values[k * pitch :], pitch, weights[k:], out)
            k += 8


@row_function
def _add_four_rows(p, pitch, w, out):
    a, b, c, d = p, p[pitch:], p[2 * pitch :], p[3 * pitch :]
    w0, w1, w2, w3 = w[0], w[1], w[2], w[3]
    for j in range(out.size):
        out[j] += w0 * a[j] + w1 * b[j] + w2 * c[j] + w3 * d[j]


@row_function
def _add_eight_rows(p, pitch, w, out):
    a, b, c, d = p, p[pitch:], p[2 * pitch :], p[3 * pitch :]
    e, f, g, h = p[4 * pitch :], p[5 * pitch :], p[6 * pitch :], p[7 * pitch :]
    w0, w1, w2, w3, w4, w5, w6, w7 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]
    for j in range(out.size):
        near = w0 * a[j] + w1 * b[j] + w2 * c[j] + w3 * d[j]
        out[j] += near + (w4 * e[j] + w5 * f[j] + w6 * g[j] + w7 * h[j])


@row_function
def _put(row, factor, first, out):
    """The row times a factor, as the first term of a sum or added to it."""
    if first:
        for j in range(out.size):
            out[j] = factor * row[j]
    else:
        for j in range(out.size):
            out[j] += factor * row[j]
