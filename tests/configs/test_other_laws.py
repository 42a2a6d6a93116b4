"""Other laws: multiplied as their draws would be, and moved within their ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lenstream.configs.other_laws import moved, scaled
from lenstream.configs.parameters import Distribution
from lenstream.simulate.core.distributions import quantile

LAWS = [
    {"uniform": [0.8, 1.6]},
    {"normal": [2.0, 0.2]},
    {"truncnormal": [2.0, 0.2, 1.5, 2.5]},
    {"lognormal": [0.5, 0.2]},
    {"lognormal": [0.5, 0.2, 0.1, 2.0]},
    {"loguniform": [0.1, 0.4]},
    {"beta": [2.0, 5.0, 0.1, 0.9]},
    {"mixture": [{"weight": 2.0, "normal": [1.0, 0.1]}, {"weight": 1.0, "uniform": [2.0, 3.0]}]},
]
U = np.linspace(0.01, 0.99, 41)


def drawn(law):
    return quantile(Distribution.model_validate(law), U)


@pytest.mark.parametrize("law", LAWS, ids=str)
@given(factor=st.floats(0.1, 10))
def test_a_law_times_a_factor_is_that_of_its_draws_times_the_factor(law, factor):
    np.testing.assert_allclose(drawn(scaled(law, factor)), factor * drawn(law), rtol=1e-9)


def test_a_number_is_multiplied_and_what_cannot_be_is_refused():
    assert scaled(0.5, 3.0) == 1.5
    with pytest.raises(ValueError, match="the law follow does not allow"):
        scaled({"follow": {"parameter": "lens_mass.0.theta_E"}}, 2.0)


@pytest.mark.parametrize("law", LAWS[:-1], ids=str)
def test_a_moved_law_is_another_within_the_same_ends(law):
    other = moved(law)
    assert other != law and np.abs(drawn(other) - drawn(law)).max() > 0.02 * np.ptp(drawn(law))
    ends = Distribution.model_validate(law).support()
    assert Distribution.model_validate(other).support() == ends


@pytest.mark.parametrize("law", [{"normal": [0, 0.03]}, {"uniform": [-0.1, 0.1]}, {"truncnormal": [0, 0.1, -0.3, 0.3]}])
def test_what_is_drawn_about_0_spreads_further_and_gets_no_direction(law):
    values = drawn(moved(law))
    np.testing.assert_allclose(values, -values[::-1], atol=1e-12)
    assert 1.1 < values.std() / drawn(law).std() <= 1.5 + 1e-9


def test_the_mean_of_other_laws_moves_by_half_a_standard_deviation():
    assert moved({"normal": [2.0, 0.2]}) == {"normal": [2.1, 0.2]}
    assert moved({"truncnormal": [2.0, 0.2, 1.5, 2.5]}) == {"truncnormal": [2.1, 0.2, 1.5, 2.5]}


@pytest.mark.parametrize("law", [LAWS[-1], {"table": {"file": "a.csv", "column": "x"}}, {"follow": {"parameter": "x"}}])
def test_what_has_no_other_law_stays(law):
    assert moved(law) is None
