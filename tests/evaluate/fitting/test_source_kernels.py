"""The compiled loops against plain sums, against differences, and against each other."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from lenstream.evaluate.fitting import source_kernels
from lenstream.evaluate.fitting.pixel_response import PixelResponse

N, FINE, SIDE, K, TERMS, WIDTH = 6, 2, 9, 4, 2, 3
RNG = np.random.default_rng(5)
RESPONSE = PixelResponse(
    FINE,
    np.arange(N * FINE) // FINE - 1,  # the first and the last reach beyond the frame
    RNG.random((TERMS, N * FINE, WIDTH)),
    RNG.random((TERMS, N * FINE, WIDTH)),
)
STAMPS = RNG.normal(size=(SIDE, SIDE, K))


def rays(n=40):
    """Where rays meet the stamp, none at the edge of a cell of it, some outside of it; their fine rows and columns."""
    u, v = RNG.integers(-2, SIDE + 1, (2, n)) + RNG.uniform(0.1, 0.9, (2, n))
    return u, v, np.sort(RNG.integers(0, N * FINE, n)), RNG.integers(0, N * FINE, n)


def behind_psf(values, rows, columns):
    """Images of light (rays, k), tap by tap."""
    out = np.zeros((N, N, values.shape[1]))
    for value, y, x in zip(values, rows, columns, strict=True):
        for p in range(WIDTH):
            for q in range(WIDTH):
                i, j = RESPONSE.first[y] + p, RESPONSE.first[x] + q
                if 0 <= i < N and 0 <= j < N:
                    out[i, j] += value * (RESPONSE.taps_y[:, y, p] @ RESPONSE.taps_x[:, x, q])
    return out


def seen(u, v, rows, columns):
    out = np.full((N, N, K), np.nan)  # what was there before must not matter
    source_kernels.seen_components(u, v, rows, columns, STAMPS, RESPONSE, out)
    return out


def test_components_are_drawn_bilinearly_and_blurred():
    u, v, rows, columns = rays()
    inside = (u > 0) & (v > 0) & (u < SIDE - 1) & (v < SIDE - 1)
    assert 10 < inside.sum() < 40
    light = np.stack([map_coordinates(STAMPS[:, :, k], [v, u], order=1) for k in range(K)], axis=1)
    np.testing.assert_allclose(
        seen(u, v, rows, columns), behind_psf(light * inside[:, None], rows, columns), rtol=1e-12, atol=1e-12
    )


def test_light_of_rays_is_blurred():
    _, _, rows, columns = rays()
    values, out = RNG.normal(size=(40, 3)), np.full((N, N, 3), np.nan)
    source_kernels.seen_images(values, rows, columns, RESPONSE, out)
    np.testing.assert_allclose(out, behind_psf(values, rows, columns), rtol=1e-12, atol=1e-12)


def test_slopes_are_those_of_the_bilinear_stamp():
    u, v, _, _ = rays()
    stamp, (along_u, along_v) = np.ascontiguousarray(STAMPS[:, :, 1]), np.empty((2, 40))
    source_kernels.slopes(u, v, stamp, along_u, along_v)
    inside, h = (u > 0) & (v > 0) & (u < SIDE - 1) & (v < SIDE - 1), 1e-3

    def at(u, v):
        return map_coordinates(stamp, [v, u], order=1)

    np.testing.assert_allclose(along_u[inside], ((at(u + h, v) - at(u - h, v)) / (2 * h))[inside], atol=1e-10)
    np.testing.assert_allclose(along_v[inside], ((at(u, v + h) - at(u, v - h)) / (2 * h))[inside], atol=1e-10)
    assert not along_u[~inside].any()
    assert not along_v[~inside].any()


def test_pulls_are_the_derivatives_of_a_weighted_sum_of_images():
    """Within a cell of the stamp light is linear along u and along v, so differences are exact."""
    u, v, rows, columns = rays()
    weights, pulls, h = RNG.normal(size=(N, N, K)), np.empty((2, 40)), 1e-2
    source_kernels.pulled_back(u, v, rows, columns, STAMPS, weights, RESPONSE, pulls)

    def total(du, dv):
        return (weights * seen(u + du, v + dv, rows, columns)).sum()

    for r in range(40):
        step = h * np.eye(40)[r]
        assert pulls[0, r] == pytest.approx((total(step, 0) - total(-step, 0)) / (2 * h), abs=1e-9)
        assert pulls[1, r] == pytest.approx((total(0, step) - total(0, -step)) / (2 * h), abs=1e-9)
    assert np.count_nonzero(pulls[0]) > 10


def test_pulls_add_up_to_the_change_of_images():
    """The transpose: sum(weights * change of images) = sum(pulls * moves of rays), for any weights and moves."""
    u, v, rows, columns = rays()
    weights, pulls, moves = RNG.normal(size=(N, N, K)), np.empty((2, 40)), RNG.normal(size=(2, 40)) * 1e-6
    source_kernels.pulled_back(u, v, rows, columns, STAMPS, weights, RESPONSE, pulls)
    changed = seen(u + moves[0], v + moves[1], rows, columns) - seen(u, v, rows, columns)
    assert (weights * changed).sum() == pytest.approx((pulls * moves).sum(), rel=1e-5)


def test_no_ray_that_arrives_is_a_dark_image():
    nowhere = np.full(3, -5.0)
    places = np.arange(3)
    assert not seen(nowhere, nowhere, places, places).any()
    assert not seen(nowhere[:0], nowhere[:0], places[:0], places[:0]).any()


def test_brightness_is_that_of_the_bilinear_stamp():
    u, v, _, _ = rays(200)
    stamp, out = np.ascontiguousarray(STAMPS[:, :, 2]), np.full(200, 9.0)
    source_kernels.brightness(u, v, stamp, out)
    inside = (u > 0) & (v > 0) & (u < SIDE - 1) & (v < SIDE - 1)
    np.testing.assert_allclose(out[inside], map_coordinates(stamp, [v, u], order=1)[inside], atol=1e-12)
    assert inside.any() and not out[~inside].any()
