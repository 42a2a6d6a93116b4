"""The maths of profiles in plain Python gives what Python's own functions give."""

import math

import numpy as np
import pytest

from lenstream.simulate.profiles.scalar import LN_2, LOG2_E, atan_ratio, exp2, log1p, log2, per_ray, per_system, real


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_takes_the_type_of_the_number_beside_it(dtype):
    assert type(real(dtype(2.0), 0.1)) is dtype
    assert real(dtype(2.0), 0.1) == dtype(0.1)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-7), (float, 1e-15)])
def test_functions(dtype, tolerance):
    for x in (1e-3, 0.5, 1.0, 7.0):
        found = [f(dtype(x)) for f in (exp2, log2, log1p, atan_ratio)]
        assert all(type(value) is dtype for value in found)
        expected = [2.0**x, math.log2(x), math.log1p(x), math.atan(math.sqrt(x)) / math.sqrt(x)]
        assert found == pytest.approx(expected, rel=10 * tolerance)
    assert atan_ratio(dtype(-0.25)) == pytest.approx(math.atanh(0.5) / 0.5, rel=10 * tolerance)
    assert atan_ratio(dtype(0.0)) == 1.0


def test_constants_are_each_others_inverse():
    assert pytest.approx(1.0, rel=1e-15) == LN_2 * LOG2_E


def test_marks_leave_a_function_as_it_is():
    def double(x):
        return 2 * x

    assert per_ray(double) is double and double(3) == 6
    assert double.done_per == "ray"
    assert per_system(double).done_per == "system"
