"""The vectorisable exp2 and log2 against numpy."""

import numpy as np
import pytest

from lenstream.simulate.numerics import exp2, log2, row_function


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
    x = np.linspace(-100, 100, 200_001).astype(dtype)
    np.testing.assert_allclose(_apply(_exp2_of, x), np.exp2(x.astype(float)), rtol=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-7), (np.float64, 1e-15)])
def test_log2(dtype, tolerance):
    x = np.exp2(np.linspace(-30, 30, 200_001)).astype(dtype)
    np.testing.assert_allclose(_apply(_log2_of, x), np.log2(x.astype(float)), rtol=tolerance, atol=1e-7)


def test_exp2_far_out_is_clamped_not_infinite():
    far = _apply(_exp2_of, np.array([-1e4, 1e4], np.float32))
    assert far[0] < 1e-37
    assert np.isfinite(far).all()
