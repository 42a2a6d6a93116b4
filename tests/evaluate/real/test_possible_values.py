"""Which values a lens can have, and what is left out of published ones."""

import numpy as np
import pytest

from lenstream.evaluate.real.possible_values import is_possible, leave_out_impossible


@pytest.mark.parametrize(
    ("target", "possible", "not_possible"),
    [
        ("theta_E", [0.01, 1.6, 9.0, 9.9], [-99, 0, -1, 99, 1e30]),
        ("theta_E_1", [1.6], [-99]),
        ("gamma", [1.2, 2.9], [1, 3, 99.9]),
        ("e1", [-0.99, 0.99], [-1, 1, -99]),
        ("center_x", [-1, 9.9, 98, 100], [-99, 99.99, 999.9, -9999, 999999]),
        ("phi_m", [-1, 3.1], [99]),
    ],
)
def test_values_of_a_lens(target, possible, not_possible):
    values = np.array([*possible, *not_possible], float)
    expected = [True] * len(possible) + [False] * len(not_possible)
    assert is_possible(target, values).tolist() == expected
    assert [bool(is_possible(target, value)) for value in values] == expected


def test_an_ellipticity_is_left_out_as_a_whole_and_counted():
    values = {
        "e1": np.array([0.1, 0.8, -99.0]),
        "e2": np.array([0.2, 0.8, 0.1]),
        "theta_E": np.array([1.0, np.nan, 2.0]),
    }
    notes = leave_out_impossible(values, ["a", "b", "c"])
    np.testing.assert_array_equal(values["e1"], [0.1, np.nan, np.nan])
    np.testing.assert_array_equal(values["e2"], [0.2, np.nan, np.nan])
    np.testing.assert_array_equal(values["theta_E"], [1.0, np.nan, 2.0])
    assert len(notes) == 2 and "2 of 3 lenses have an impossible e1" in notes[0] and "b with 0.8" in notes[0]
