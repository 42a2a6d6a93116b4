"""The vectorisable functions against numpy."""

import numpy as np
import pytest

from lenstream.simulate.core.numerics import row_function
from lenstream.simulate.profiles.scalar import atan_ratio, exp2, log1p, log2


@row_function
def _exp2_of(x, out):
    for i in range(x.size):
        out[i] = exp2(x[i])


@row_function
def _log2_of(x, out):
    for i in range(x.size):
        out[i] = log2(x[i])


def _apply(function, x):
    out = np.empty_like(x)
    function(x, out)
    return out


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-7), (np.float64, 1e-15)])
def test_exp2(dtype, tolerance):
    x = np.linspace(-100, 126, 200_001).astype(dtype)
    np.testing.assert_allclose(_apply(_exp2_of, x), np.exp2(x.astype(float)), rtol=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-7), (np.float64, 1e-15)])
def test_log2(dtype, tolerance):
    x = np.exp2(np.linspace(-30, 30, 200_001)).astype(dtype)
    np.testing.assert_allclose(_apply(_log2_of, x), np.log2(x.astype(float)), rtol=tolerance, atol=1e-7)


def test_exp2_far_below_is_next_to_nothing():
    assert 0 <= _apply(_exp2_of, np.array([-1e4], np.float32))[0] < 1e-37


@row_function
def _log1p_of(x, out):
    for i in range(x.size):
        out[i] = log1p(x[i])


@row_function
def _atan_ratio_of(x, out):
    for i in range(x.size):
        out[i] = atan_ratio(x[i])


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 4e-7), (np.float64, 1e-15)])
def test_log1p(dtype, tolerance):
    x = np.geomspace(1e-30, 1e30, 100_001)
    x = np.concatenate([x, -x[x < 0.99], [0.0]]).astype(dtype)
    np.testing.assert_allclose(_apply(_log1p_of, x), np.log1p(x.astype(float)), rtol=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 3e-7), (np.float64, 1e-15)])
def test_atan_ratio(dtype, tolerance):
    up = np.concatenate([np.linspace(1e-3, 1.0, 50_001), np.geomspace(1e-30, 1e-3, 1001)]).astype(dtype)
    root = np.sqrt(up.astype(float))
    np.testing.assert_allclose(_apply(_atan_ratio_of, up), np.arctan(root) / root, rtol=tolerance)
    down = up[up < 0.1716]
    root = np.sqrt(down.astype(float))
    np.testing.assert_allclose(_apply(_atan_ratio_of, -down), np.arctanh(root) / root, rtol=tolerance)
    assert _apply(_atan_ratio_of, np.zeros(1, dtype))[0] == pytest.approx(1.0, rel=tolerance)


def test_called_from_python_they_are_the_library_functions():
    assert log1p(0.5) == np.log1p(0.5)
    assert atan_ratio(1.0) == pytest.approx(np.pi / 4, rel=1e-15)
    assert isinstance(atan_ratio(np.float32(-0.1)), np.float32)
