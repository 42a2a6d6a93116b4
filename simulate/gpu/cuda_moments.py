"""Where in every pixel the light lies, on a GPU: its moments, as `simulate.cpu.spread` and `cpu.strips` have them."""

from typing import NamedTuple

import torch

from .. import moments, refinement
from ..core.numerics import real, row_function
from ..cpu import strips
from ..cpu.spread import FIVE, beyond


class Others(NamedTuple):
    """Moments of the light in every pixel of m = n L layers beside its mean, of the layers that keep them."""

    planes: torch.Tensor  # (m, moments - 1, size^2), in the order of `moments.pairs`
    strips: torch.Tensor  # (m, 4, degree + 1, size): along the border, of the light next to it, see `cpu.strips`


def make_others(degree, n_images, size, dtype, device):
    """Empty `Others`; the strips are 0. degree: of the moments, 0 for none."""
    if degree == 0:
        return Others(torch.empty(1, 1, 1, dtype=dtype, device=device), torch.empty(1, 1, 1, 1, device=device))
    planes = torch.empty(n_images, moments.number_of_moments(degree) - 1, size * size, dtype=dtype, device=device)
    return Others(planes, torch.zeros(n_images, 4, degree + 1, size, dtype=dtype, device=device))


@row_function
def _in_row(image, i, j, size):
    """Pixel (i, j) of an image, which goes on before the first and after the last of a row, see `spread.beyond`."""
    first, last = i * size, i * size + size - 1
    if j < 0:
        return beyond(image[first], image[first + 1], image[first + 2])
    return beyond(image[last], image[last - 1], image[last - 2]) if j >= size else image[first + j]


@row_function
def _pixel(image, i, j, size):
    """Pixel (i, j) of an image, which goes on beyond its border."""
    last = size - 1
    if i < 0:
        return beyond(_in_row(image, 0, j, size), _in_row(image, 1, j, size), _in_row(image, 2, j, size))
    if i >= size:
        one, two, three = (
            _in_row(image, last, j, size),
            _in_row(image, last - 1, j, size),
            _in_row(image, last - 2, j, size),
        )
        return beyond(one, two, three)
    return _in_row(image, i, j, size)


@row_function
def keep_smooth(image, place, mean, degree, others, m):
    """Keep the moments of a pixel from the rays of its neighbours; returns its mean, corrected at the border.

    image: of one layer, one ray in every pixel. place: (row, column, pixels on a side). mean: by
    `refinement.corrected`. others: `Others`. m: number of the layer.
    """
    i, j, size = place[0], place[1], place[2]
    planes = others.planes[m]
    border = others.strips[m]
    p, here, last = i * size + j, image[i * size + j], size - 1
    low, high = _pixel(image, i - 1, j, size), _pixel(image, i + 1, j, size)
    left, right = _pixel(image, i, j - 1, size), _pixel(image, i, j + 1, size)
    low_left, low_right = _pixel(image, i - 1, j - 1, size), _pixel(image, i - 1, j + 1, size)
    high_left, high_right = _pixel(image, i + 1, j - 1, size), _pixel(image, i + 1, j + 1, size)
    corners = low_left, low_right, high_left, high_right
    clear(others, m, p, size)
    # as moment 0 is not among them, (0, 1) comes after (1, 0) to (degree, 0)
    planes[0, p], planes[1, p] = moments.slope(left, right), moments.bend(left, here, right)
    planes[degree, p], planes[2 * degree, p] = moments.slope(low, high), moments.bend(low, here, high)
    planes[degree + 1, p] = moments.twist(corners)
    if j == 0 or j == last:
        mean += strips.bend_at_border(here, left if j == 0 else right)
    if i == 0 or i == last:
        mean += strips.bend_at_border(here, low if i == 0 else high)
    if j == 0 or j == last:
        end = 0 if j == 0 else 1
        found = strips.of_smooth_pixel(mean, here, (left, right), (low, high), corners, end)
        border[end, 0, i], border[end, 1, i], border[end, 2, i] = found
    if i == 0 or i == last:
        end = 0 if i == 0 else 1
        found = strips.of_smooth_pixel(mean, here, (low, high), (left, right), corners, end)
        border[2 + end, 0, j], border[2 + end, 1, j], border[2 + end, 2, j] = found
    return mean


@row_function
def clear(others, m, p, size):
    """Set the moments of pixel `p` of layer `m` to 0."""
    zero = real(others.planes[m, 0, p], 0.0)
    for k in range(others.planes.shape[1]):
        others.planes[m, k, p] = zero
    for k in range(others.strips.shape[2]):
        if p % size == 0 or p % size == size - 1:
            others.strips[m, 0 if p % size == 0 else 1, k, p // size] = zero
        if p // size == 0 or p // size == size - 1:
            others.strips[m, 2 if p // size == 0 else 3, k, p % size] = zero


@row_function
def strictness(place, width, p, size):
    """How much smaller the error of a cell of pixel `p` has to be than elsewhere, see `strips.strictness`.

    place: of the cell's middle from the pixel's, and its width [pixels].
    """
    x, y, factor = p % size + 0.5 + place[0], p // size + 0.5 + place[1], 1.0
    if x < 1.0 or x > size - 1.0:
        factor *= strips.strictness(x, width, size)
    if y < 1.0 or y > size - 1.0:
        factor *= strips.strictness(y, width, size)
    return factor


@row_function
def keep_cell(f, place, width, degree, others, where):
    """Add the moments of a cell from the brightness f of its 3 x 3 points.

    place: of the cell's middle from the pixel's, and its width [pixels]. others: `Others`. where: (number of the layer,
    pixel, pixels on a side).
    """
    (x, y), (m, p, size), share = place, where, width * width
    row, column = p // size, p % size
    if column == 0 or column == size - 1:
        end = 0 if column == 0 else 1
        _add_to_strip(f, (x, y, width), (1, 3), degree, others.strips[m, end, :, row], end)
    if row == 0 or row == size - 1:
        end = 0 if row == 0 else 1
        _add_to_strip(f, (y, x, width), (3, 1), degree, others.strips[m, 2 + end, :, column], end)
    if degree <= 4:
        for s in range(refinement.N_POINTS):
            u, v = refinement.point(s)
            weight = refinement.INNER if s % 3 == 1 else refinement.OUTER
            weight *= refinement.INNER if s // 3 == 1 else refinement.OUTER
            _add_point(real(f[0], weight * share) * f[s], (x + width * u, y + width * v), degree, others.planes[m], p)
        return
    for s in range(FIVE.shape[1] * FIVE.shape[1]):  # three points are too few, see `cpu.spread`
        i, j = s % FIVE.shape[1], s // FIVE.shape[1]
        light = real(f[0], 0.0)
        for t in range(refinement.N_POINTS):
            light += real(f[0], share * FIVE[1 + t % 3, i] * FIVE[1 + t // 3, j]) * f[t]
        _add_point(light, (x + width * FIVE[0, i], y + width * FIVE[0, j]), degree, others.planes[m], p)


@row_function
def _add_to_strip(f, place, apart, degree, strip, end):
    """Add the moments along the border of a cell's part in a strip.

    place: of the cell's middle from the pixel's, across the border and along it, and its width [pixels]. apart: how far
    points are apart in f, across and along. end: 0 for the strip at the left or low side, else 1.
    """
    (across, along, width), (step, stride) = place, apart
    begin = 0.5 - strips.WIDTH if end == 1 else -0.5
    low, high = max((begin - across) / width, -0.5), min((begin + strips.WIDTH - across) / width, 0.5)
    if high <= low:
        return
    factor = width * width / strips.WIDTH
    for node in range(3 if degree <= 4 else FIVE.shape[1]):
        at = refinement.GAUSS * (node - 1) if degree <= 4 else FIVE[0, node]
        light = real(f[0], 0.0)
        for point in range(3):
            if degree > 4:
                weight = FIVE[1 + point, node]
            else:
                weight = (refinement.INNER if point == 1 else refinement.OUTER) if point == node else 0.0
            for j in range(3):
                share = strips.parabola_until(high, j) - strips.parabola_until(low, j)
                light += real(f[0], factor * weight * share) * f[point * stride + j * step]
        t = real(light, 2.0 * (along + width * at))
        here, before = real(light, 1.0), real(light, 0.0)
        for k in range(degree + 1):
            strip[k] += light * here
            here, before = moments.next_legendre(k, t, here, before), here


@row_function
def _add_point(light, place, degree, planes, p):
    """Add the moments of light at a place [pixels from the middle] of pixel `p` of a layer."""
    t, z, k = real(light, 2.0 * place[0]), real(light, 2.0 * place[1]), 0
    along_y, before_y = real(light, 1.0), real(light, 0.0)
    for b in range(degree + 1):
        along_x, before_x = real(light, 1.0), real(light, 0.0)
        for a in range(degree + 1 - b):
            if k > 0:
                planes[k - 1, p] += light * along_x * along_y
            along_x, before_x = moments.next_legendre(a, t, along_x, before_x), along_x
            k += 1
        along_y, before_y = moments.next_legendre(b, z, along_y, before_y), along_y
