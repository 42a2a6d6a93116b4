"""The moments of the light in every pixel from one ray and from cells, on the CPU."""

import numpy as np
import pytest
from numpy.polynomial import Legendre

from lenstream.simulate import moments, refinement
from lenstream.simulate.core import compiled
from lenstream.simulate.cpu import spread

make, measure, add_cells, add_pixels, open_slots, clear = (
    compiled.cached(f)
    for f in (
        spread.make_spread,
        spread.measure_cells,
        spread.add_cells,
        spread.add_pixels,
        spread.open_slots,
        spread.clear,
    )
)
SIDE = 6


def made(degree, dtype=np.float64):
    out = make(degree, SIDE, 1 << 8, 113, np.dtype(dtype).type(0).dtype)
    clear(out)
    return out


def light(x, y):
    return 5.0 + 0.3 * x - 0.2 * y + 0.1 * x * y + 0.05 * x * x - 0.04 * y * y


def true_moments(degree):
    t, w = np.polynomial.legendre.leggauss(8)
    middle = np.arange(SIDE) + 0.5 - 0.5 * SIDE
    x, y = (middle[:, None] + 0.5 * t).ravel()[None, :], (middle[:, None] + 0.5 * t).ravel()[:, None]
    f = light(x, y).reshape(SIDE, 8, SIDE, 8)
    return np.array(
        [
            np.einsum("iyjx,x,y->ij", f, w / 2 * Legendre.basis(a)(t), w / 2 * Legendre.basis(b)(t))
            for a, b in moments.pairs(degree)
        ]
    )


@pytest.mark.parametrize("degree", [2, 3, 5, 7])
@pytest.mark.parametrize("parts", [1, 2, 4])
def test_cells_of_any_size_give_the_moments_of_their_pixels(degree, parts):
    kept, pixel = made(degree), np.repeat(np.array([0, 7, 14, 35], np.int32), parts * parts)
    open_slots(np.unique(pixel).astype(np.int32), 4, kept)
    cell = np.tile(np.arange(parts * parts), 4)
    middle = np.stack([pixel % SIDE + (cell % parts + 0.5) / parts, pixel // SIDE + (cell // parts + 0.5) / parts])
    middle -= 0.5 * SIDE
    x, y = (middle[axis] + refinement.POINTS[axis][:, None] / parts for axis in range(2))  # (9, cells)
    measure(light(x, y).ravel(), middle, 0, np.ones(len(pixel)), 1.0 / parts, kept)
    add_cells(pixel, -np.ones(len(pixel)), len(pixel), 1.0 / parts**2, kept)
    image, flagged = np.zeros((SIDE, SIDE)), np.zeros(SIDE * SIDE, np.uint8)
    flagged[pixel] = 1
    add_pixels(image, np.zeros(SIDE * SIDE), flagged, 4, kept)
    expected = true_moments(degree)[1:].reshape(-1, SIDE * SIDE)
    np.testing.assert_allclose(kept.planes[:, flagged == 1], expected[:, flagged == 1], atol=1e-13)
    assert not kept.planes[:, flagged == 0].any()


def test_cells_that_are_cut_are_left_out():
    kept, pixel = made(3), np.array([8, 8], np.int32)
    open_slots(pixel[:1], 1, kept)
    measure(np.ones(18), np.zeros((2, 2)) - 0.25, 0, np.ones(2), 0.5, kept)
    add_cells(pixel, np.array([1.0, 0.0]), 2, 0.25, kept)
    assert not kept.slots[0].any()


def corrected(image):
    """The means of pixels as `refinement.corrected` makes them, with border pixels as their own neighbours."""
    p = np.pad(image, 1, mode="edge")
    return image + (p[1:-1, :-2] + p[1:-1, 2:] + p[:-2, 1:-1] + p[2:, 1:-1] - 4 * image) / 24


@pytest.mark.parametrize("degree", [2, 3, 7])
def test_one_ray_a_pixel_gives_the_moments_and_strips_of_a_quadratic_image(degree):
    kept, middle = made(degree), np.arange(SIDE) + 0.5 - 0.5 * SIDE
    image, expected = light(middle[None, :], middle[:, None]), true_moments(degree)
    mean = corrected(image).ravel()
    add_pixels(image, mean, np.zeros(SIDE * SIDE, np.uint8), 0, kept)
    np.testing.assert_allclose(mean, expected[0].ravel(), atol=1e-13)
    np.testing.assert_allclose(kept.planes.reshape(-1, SIDE, SIDE), expected[1:], atol=1e-13)
    np.testing.assert_allclose(kept.strips, true_strips(degree), atol=1e-4)  # a strip's value is that in its middle


def true_strips(degree):
    """Moments along the border of the ninth part of each border pixel: left, right, low, high."""
    t, w = np.polynomial.legendre.leggauss(8)
    along = (np.arange(SIDE) + 0.5 - 0.5 * SIDE)[:, None] + 0.5 * t
    across = [-0.5 * SIDE + (t + 1) / 18, 0.5 * SIDE - (t + 1) / 18]
    weights = [w / 2 * Legendre.basis(a)(t) for a in range(degree + 1)]
    sides = [np.einsum("isx,x,as->ai", light(x, along[..., None]), w / 2, weights) for x in across]
    return np.array(sides + [np.einsum("isx,x,as->ai", light(along[..., None], y), w / 2, weights) for y in across])


@pytest.mark.parametrize("degree", [2, 3, 7])
@pytest.mark.parametrize("parts", [1, 2, 8, 16])
def test_cells_of_any_size_give_the_strips_next_to_the_border(degree, parts):
    kept, every = (
        make(degree, SIDE, 1 << 14, 113, np.dtype(float).type(0).dtype),
        np.arange(SIDE * SIDE, dtype=np.int32),
    )
    clear(kept)
    open_slots(every, SIDE * SIDE, kept)
    pixel = np.repeat(every, parts * parts)
    cell = np.tile(np.arange(parts * parts), SIDE * SIDE)
    middle = np.stack([pixel % SIDE + (cell % parts + 0.5) / parts, pixel // SIDE + (cell // parts + 0.5) / parts])
    middle -= 0.5 * SIDE
    for start in range(0, len(pixel), 100):
        at = middle[:, start : start + 100]
        x, y = (at[axis] + refinement.POINTS[axis][:, None] / parts for axis in range(2))
        measure(light(x, y).ravel(), middle, start, np.ones(at.shape[1]), 1.0 / parts, kept)
    add_cells(pixel, -np.ones(len(pixel)), len(pixel), 1.0 / parts**2, kept)
    np.testing.assert_allclose(kept.strips, true_strips(degree), atol=1e-12)
