"""The vectorisable functions against numpy, and how functions are compiled."""

import numpy as np
import pytest

from lenstream.simulate.core.numerics import branch_function, chain, compiled, row_function
from lenstream.simulate.profiles.scalar import atan_ratio, exp2, log1p, log2, per_ray, real


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


@per_ray
def _half(x):
    return real(x, 0.5) * x


@per_ray
def _quarter(x):
    return _half(_half(x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_marked_function_is_compiled_with_those_that_it_calls(dtype):
    quarter = compiled(_quarter)

    @row_function
    def loop(x, out):
        for i in range(x.size):
            out[i] = quarter(x[i])

    x = np.arange(8, dtype=dtype)
    np.testing.assert_array_equal(_apply(loop, x), x / 4)
    assert compiled(_quarter) is quarter
    assert _quarter(dtype(8)) == 2  # itself, it stays plain Python
    if dtype == np.float32:
        assert "double" not in loop.inspect_llvm(loop.signatures[0])


def test_a_function_without_a_mark_is_not_compiled():
    with pytest.raises(AttributeError, match="done_per"):
        compiled(_apply)


@pytest.mark.parametrize("numbers", [(0, 1, 5), (3,), ()])
def test_a_chain_takes_the_branch_with_the_number(numbers):
    def branch(value):
        @branch_function
        def of_work(work):
            x, y = work
            return value * x + y

        return of_work

    chosen = chain({number: branch(10.0 * (number + 1)) for number in numbers}, branch(-1.0), branch_function)

    @row_function
    def call(number):
        return chosen(number, (2.0, 1.0))

    for number in (-1, 0, 1, 2, 3, 5, 6):
        assert call(number) == (20.0 * (number + 1) + 1 if number in numbers else -1.0)
