"""The rules of adaptive rays: when one ray describes a pixel, and when a cell of 3 x 3 rays is good enough.

Every rule is a function of a few numbers. The loops of the CPU (`cpu.steep`, `cpu.adaptive`) and the kernels of the GPU
(`gpu.cuda_adaptive`) differ in the order in which they visit pixels and cells, not in these. Functions compute in the
floating type of their first argument.
"""

import math

import numpy as np

from .core.numerics import ray_function, real

LEVELS = 6  # a cell is at least 2**-5 of a pixel: 96 x 96 rays
ERROR = 0.12  # of the curvature across a cell may be in the error of its mean, see `mean_and_error`
SMOOTH = 2.0  # times the relative curvature squared: how much smaller that error is in a smooth cell
ROUGH = 0.6  # in place of that in a cell of a galaxy image, whose bilinear kinks no cell can see
ROUGH_BEHIND_PSF = 0.25  # of the tolerance of such an image behind a PSF: its kinks err alike in neighbouring pixels
UNSEEN = 0.4  # of the tolerance: the curvature from pixel to pixel below which a pixel keeps its one ray
BORDER = 0.1  # of that in a border pixel whose light goes on beyond the border, behind a PSF that sees it there
GAUSS = math.sqrt(0.15)  # of a cell's width from its middle: the outer ones of three Gauss-Legendre points
OUTER, INNER = 5.0 / 18.0, 8.0 / 18.0  # weights of the outer points and of the middle one; the three add up to 1
N_POINTS = 9  # of a cell


@ray_function
def point(s):
    """Where point s (0 to 8) of a cell lies, row by row from the lowest: x, y in widths of the cell from its middle."""
    return GAUSS * (s % 3 - 1), GAUSS * (s // 3 - 1)


POINTS = np.array(
    [getattr(point, "py_func", point)(s) for s in range(N_POINTS)]
).T.copy()  # (2, N_POINTS): x and y; plain where compiling is off


@ray_function
def _second_differences(left, here, right, below, above):
    """Second differences of brightness at a pixel, along its row and along its column."""
    two = real(here, 2.0)
    return left - two * here + right, below - two * here + above


@ray_function
def curvature(left, here, right, below, above):
    """How much brightness bends from pixel to pixel: the absolute second differences along x and along y, added."""
    across, up = _second_differences(left, here, right, below, above)
    return abs(across) + abs(up)


@ray_function
def corrected(left, here, right, below, above):
    """Mean brightness of a pixel, not below 0, from the ray in its middle and its neighbours', to fourth order."""
    across, up = _second_differences(left, here, right, below, above)
    return max(here + real(here, 1.0 / 24.0) * (across + up), real(here, 0.0))


@ray_function
def capped(left, here, right, below, above):
    """A pixel's brightness, or that of its brightest neighbour if that is less: a ray on a cusp says too much."""
    return min(here, max(max(left, right), max(below, above)))


@ray_function
def seen(left, capped_here, right, below, above, core):
    """About the brightness of a pixel behind the PSF, over what is left there of an error of one pixel.

    The promise is about the peak behind the PSF, which is lower than that of the light; but so is an error. Errors of
    neighbours are partly alike, so the PSF is trusted with the square root of what it makes of a single one. A lower
    bound: light from further away is left out.

    left, right, below, above: brightness of the neighbours. core: the PSF's weight of a pixel and of the next along an
    axis; 1 and 0 without a PSF, which gives the brightness itself.
    """
    own, beside = core
    left, right = min(left, capped_here), min(right, capped_here)
    below, above = min(below, capped_here), min(above, capped_here)
    cross = left + right + below + above
    corners = min(left, below) + min(left, above) + min(right, below) + min(right, above)
    return own * capped_here + beside * cross + beside * beside / own * corners


@ray_function
def part_of_tolerance(least, core):
    """The part of the tolerance that a layer may use; least: ROUGH for a galaxy image, else 0. core: as in `seen`."""
    return real(least, ROUGH_BEHIND_PSF if least > 0.0 and core[0] < 1.0 else 1.0)


@ray_function
def curvature_limit(peak, tolerance):
    """The `curvature` that one ray in a pixel may leave unseen, for a tolerance as a part of the image's peak."""
    return real(peak, UNSEEN * 24.0 * tolerance) * peak


@ray_function
def is_steep(left, here, right, below, above, limit):
    """Whether a pixel's curvature, or half of a neighbour's, is above the limit: its own may vanish for a moment.

    All but the limit are curvatures, of the pixel (`here`) and of its neighbours.
    """
    return max(here, real(here, 0.5) * max(max(left, right), max(below, above))) > limit


@ray_function
def may_hold_centre(left, here, right, below, above, centre):
    """Whether a pixel, or a neighbour, may hold a galaxy's centre, judged along one axis of the source plane.

    All are positions along that axis [arcsec]: of the pixel's ray (`here`), of its neighbours' rays, of the centre.
    """
    return abs(here - centre) <= abs(right - left) + abs(above - below)


@ray_function
def mean_and_error(low, middle, high, least):
    """Mean brightness of a cell, and a bound on its error from the second differences across it.

    The numbers come from 15,000 cells of lensed Sersic profiles of index .8 to 3, whose true means were known: of 100
    cells one is worse. In a cell with a cusp the error is a fixed part of the curvature; in a smooth one it falls with
    the third power.

    low, middle, high: brightness at the points of each row, three each. least: ROUGH for a galaxy image, else 0.
    """
    a, b, d = low
    e, g, h = middle
    i, j, k = high
    outer, inner, two, one = real(g, OUTER), real(g, INNER), real(g, 2.0), real(g, 1.0)
    value = outer * (outer * (a + d + i + k) + inner * (b + j + e + h)) + inner * inner * g
    along = outer * (abs(a - two * b + d) + abs(i - two * j + k)) + inner * abs(e - two * g + h)
    up = outer * (abs(a - two * e + i) + abs(d - two * h + k)) + inner * abs(b - two * g + j)
    curved = along + up
    relative = curved / (value + real(g, 1e-30))
    return value, real(g, ERROR) * curved * min(one, least + real(g, SMOOTH) * relative * relative)


@ray_function
def cusp_error(near, far, low, high):
    """The least bound on the error of a cell that may hold the centre of a Sersic profile; 0 for any other cell.

    The cusp hides between the points. With the centre inside, the nearest point is at most a third as far from it as
    the farthest; half is to be safe.

    near, far: the smallest and the largest squared radius of the cell's points. low, high: of their brightness.
    """
    return real(low, ERROR) * (high - low) if near <= real(near, 0.25) * far else real(low, 0.0)


@ray_function
def peak_lower_bound(mean, error):
    """A lower bound on the image's peak from a cell: less than its mean, as a point right on a cusp says too much."""
    return mean - real(mean, 1.5) * error


@ray_function
def error_limit(peak, tolerance, share):
    """The error that the mean of a cell may have, which is a `share` of a pixel; tolerance: of the image's peak."""
    return real(peak, tolerance / share) * peak
