"""INTERPOL (a deflection on a grid) against lenstronomy's with cubic splines and known surfaces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lenstronomy.LensModel.lens_model import LensModel

from lenstream.simulate.core.numerics import compiled, row_function
from lenstream.simulate.profiles import deflection_map
from lenstream.simulate.systems.deflection_maps import make_map

CUBIC = {"kwargs_spline": {"kx": 3, "ky": 3, "s": 0}}
function = compiled(deflection_map.deflection)


@row_function
def loop(x, y, alpha_x, alpha_y, c, coefficients, side):
    p = c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9]
    for i in range(x.size):
        alpha_x[i], alpha_y[i] = function(x[i], y[i], p, coefficients, side)


def deflect(profiles, field, x, y, center=(0.0, 0.0), dtype=np.float64):
    """alpha_x, alpha_y of a map, (2, rays)."""
    c = profiles.constants_of(deflection_map, (*center, 0), field.grid).astype(dtype)
    alpha = np.zeros((2, len(x)), dtype)
    arrays = [np.ascontiguousarray(a, dtype=dtype) for a in (x, y, field.coefficients)]
    loop(*arrays[:2], *alpha, c, arrays[2], np.int32(field.side))
    return alpha


def lenstronomy(field, x, y, center=(0.0, 0.0)):
    grid_x, grid_y = field.axes(*center)
    kwargs = {"grid_interp_x": grid_x, "grid_interp_y": grid_y, "f_x": field.f_x, "f_y": field.f_y}
    return np.array(LensModel(["INTERPOL"], profile_kwargs_list=[CUBIC]).alpha(x, y, [kwargs]))


def smooth(rows, columns, seed):
    """Two random smooth fields: plane waves of several pixels, about 1 arcsec."""
    rng = np.random.default_rng(seed)
    i, j = np.indices((rows, columns))
    waves = [rng.normal() * np.sin(a * i + b * j + c) for a, b, c in rng.uniform(-1, 1, (8, 3))]
    return sum(waves[:4]), sum(waves[4:])


position = st.floats(-0.5, 0.5)


@settings(deadline=None, max_examples=25)
@given(
    st.tuples(st.integers(4, 40), st.integers(4, 40)),
    st.floats(0.03, 0.5),
    st.tuples(position, position),
    st.tuples(position, position),
    st.integers(0, 99),
)
def test_is_lenstronomys(profiles, shape, scale, middle, center, seed):
    field = make_map(*smooth(*shape, seed), scale, *middle)
    x, y = profiles.rays(*center)  # inside, on the edge and outside
    theirs = lenstronomy(field, x, y, center)
    largest = np.abs(field.f_x).max() + np.abs(field.f_y).max()
    np.testing.assert_allclose(deflect(profiles, field, x, y, center), theirs, atol=1e-11 * largest)
    # a position is rounded by up to 5e-7 arcsec, and the fields change by up to their size within a pixel
    single = deflect(profiles, field, x, y, center, np.float32)
    np.testing.assert_allclose(single, theirs, atol=(3e-6 + 1e-6 / scale) * largest)


def test_pixel_centres_have_the_pixels_values(profiles):
    f_x, f_y = smooth(7, 11, 1)
    field = make_map(f_x, f_y, 0.2, 0.3, -0.4)
    x, y = np.meshgrid(*field.axes())
    np.testing.assert_allclose(deflect(profiles, field, x.ravel(), y.ravel()), [f_x.ravel(), f_y.ravel()], atol=1e-13)


def test_cubic_surfaces_are_exact(profiles):
    field = make_map(np.zeros((12, 9)), np.zeros((12, 9)), 0.25)
    x, y = np.meshgrid(*field.axes())

    def f_x(x, y):
        return 0.3 * x**3 - x * y**2 + 0.5 * x - 0.2

    def f_y(x, y):
        return 0.1 * y**3 * x + 0.4 * x**2 - y

    field = make_map(f_x(x, y), f_y(x, y), 0.25)
    rng = np.random.default_rng(1)
    u, v = rng.uniform(-1.0, 1.0, 200), rng.uniform(-1.37, 1.37, 200)
    np.testing.assert_allclose(deflect(profiles, field, u, v), [f_x(u, v), f_y(u, v)], atol=1e-13)


def test_beyond_the_edge_is_the_edge(profiles):
    field = make_map(*smooth(6, 6, 2), 0.5)
    far = deflect(profiles, field, np.array([9.0, -1e6, 1e20]), np.array([0.3, 0.1, -0.2]))
    edge = deflect(profiles, field, np.array([1.25, -1.25, 1.25]), np.array([0.3, 0.1, -0.2]))
    np.testing.assert_allclose(far, edge, rtol=1e-12)


def test_moves_with_its_centre(profiles):
    field = make_map(*smooth(8, 8, 3), 0.3)
    x, y = profiles.rays()
    here = deflect(profiles, field, x, y)
    np.testing.assert_allclose(deflect(profiles, field, x + 0.5, y - 0.25, (0.5, -0.25)), here, atol=1e-12)


def test_map_of_zeros_does_nothing(profiles):
    field = make_map(np.zeros((5, 5)), np.zeros((5, 5)), 0.5)
    assert not deflect(profiles, field, *profiles.rays()).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_stays_nan(profiles, dtype):
    field = make_map(*smooth(8, 8, 3), 0.3)
    x, y = np.linspace(-2, 2, 32), np.linspace(1, -1, 32)
    clean = deflect(profiles, field, x, y, dtype=dtype)
    x[5], y[7] = np.nan, np.nan
    x[9] = np.inf
    broken = deflect(profiles, field, x, y, dtype=dtype)
    assert np.isnan(broken[:, [5, 7]]).all()
    kept = np.setdiff1d(np.arange(32), [5, 7, 9])
    np.testing.assert_array_equal(broken[:, kept], clean[:, kept])
