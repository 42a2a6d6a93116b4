"""Distributions: their quantiles are right, bounded and ordered; joint ellipticities have no direction."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lenstream.configs.keys import Distribution
from lenstream.configs.profiles import EPL
from lenstream.simulate.population import draw_component, quantile, rayleigh_ellipticity

CASES = {
    "uniform": ((0.8, 1.6), stats.uniform(0.8, 0.8)),
    "normal": ((2.0, 0.2), stats.norm(2.0, 0.2)),
    "truncnormal": ((2.0, 0.2, 1.7, 2.1), stats.truncnorm(-1.5, 0.5, 2.0, 0.2)),
    "loguniform": ((0.1, 0.4), stats.loguniform(0.1, 0.4)),
    "beta": ((2.0, 3.0, 0.0, 0.5), stats.beta(2, 3, 0, 0.5)),
}


@pytest.mark.parametrize("kind", CASES)
def test_quantile_is_scipys(kind):
    numbers, reference = CASES[kind]
    u = np.linspace(0.001, 0.999, 999)
    np.testing.assert_allclose(quantile(Distribution(**{kind: numbers}), u), reference.ppf(u), rtol=1e-10)


@settings(deadline=None, max_examples=50)
@given(st.floats(-5, 5), st.floats(1e-3, 10), st.floats(1e-9, 1 - 1e-9))
def test_uniform_stays_inside(low, width, u):
    value = quantile(Distribution(uniform=(low, low + width)), np.array([u]))[0]
    assert low <= value <= low + width


def test_rayleigh_ellipticity_has_the_spread_and_the_bound_asked_for():
    rng = np.random.default_rng(0)
    e1, e2 = rayleigh_ellipticity(0.1, 0.85, *rng.random((2, 200_000)))  # a bound that cuts nothing
    for e in (e1, e2):
        assert abs(e.mean()) < 1e-3
        assert abs(e.std() - 0.1) < 1e-3
    assert abs(np.corrcoef(e1, e2)[0, 1]) < 0.01
    e1, e2 = rayleigh_ellipticity(0.15, 0.4, *rng.random((2, 200_000)))
    assert 0.395 < np.hypot(e1, e2).max() < 0.4


def test_a_component_draws_what_it_is_told():
    component = EPL(profile="EPL", theta_E=1.1, e1_e2={"rayleigh": (0.1, 0.3)})
    values = draw_component(component, "lens_mass.0", 1, 0, np.arange(10, dtype=np.uint64))
    assert set(values) == {"theta_E", "gamma", "e1", "e2", "center_x", "center_y"}
    assert (values["theta_E"] == 1.1).all()
    assert len(np.unique(values["e1"])) == 10


def test_changing_one_parameter_leaves_the_others():
    def drawn(**changes):
        settings = {"profile": "EPL", "theta_E": {"uniform": (0.8, 1.6)}, "gamma": {"uniform": (1.8, 2.2)}}
        return draw_component(EPL(**settings | changes), "lens_mass.0", 1, 0, np.arange(10, dtype=np.uint64))

    before, after = drawn(), drawn(gamma=2.0, center_x={"normal": (0, 0.1)})
    np.testing.assert_array_equal(before["theta_E"], after["theta_E"])
