"""Distributions: their quantiles are right, bounded and ordered; joint ellipticities have no direction."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lenstream.configs.parameters import Distribution
from lenstream.simulate.core.distributions import quantile, rayleigh_ellipticity

CASES = {
    "uniform": ((0.8, 1.6), stats.uniform(0.8, 0.8)),
    "normal": ((2.0, 0.2), stats.norm(2.0, 0.2)),
    "truncnormal": ((2.0, 0.2, 1.7, 2.1), stats.truncnorm(-1.5, 0.5, 2.0, 0.2)),
    "loguniform": ((0.1, 0.4), stats.loguniform(0.1, 0.4)),
    "beta": ((2.0, 3.0, 0.0, 0.5), stats.beta(2, 3, 0, 0.5)),
    "lognormal": ((0.3, 0.2), stats.lognorm(0.2 * np.log(10), scale=0.3)),
}
MANY = np.random.default_rng(0).random(200_000)


@pytest.mark.parametrize("law", CASES)
def test_quantile_is_scipys(law):
    numbers, reference = CASES[law]
    u = np.linspace(0.001, 0.999, 999)
    np.testing.assert_allclose(quantile(Distribution(**{law: numbers}), u), reference.ppf(u), rtol=1e-10)


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


def test_a_truncated_lognormal_is_the_lognormal_inside_its_bounds():
    values = quantile(Distribution(lognormal=(0.3, 0.2, 0.2, 0.5)), MANY)
    whole = CASES["lognormal"][1]
    inside = whole.cdf(0.5) - whole.cdf(0.2)
    assert values.min() >= 0.2 and values.max() <= 0.5
    result = stats.kstest(values, lambda x: (whole.cdf(x) - whole.cdf(0.2)) / inside)
    assert result.pvalue > 1e-3


def test_a_mixture_has_the_cdf_of_its_parts():
    parts = [{"weight": 3, "normal": (0, 1)}, {"weight": 1, "uniform": (2, 5)}]
    values = quantile(Distribution(mixture=parts), MANY)
    result = stats.kstest(values, lambda x: 0.75 * stats.norm.cdf(x) + 0.25 * stats.uniform(2, 3).cdf(x))
    assert result.pvalue > 1e-3
    edges = np.array([2.0**-53, 0.75 - 2**-53, 0.75, 0.75 + 2**-53, 1 - 2**-53])
    assert np.isfinite(quantile(Distribution(mixture=parts), edges)).all()
    assert quantile(Distribution(mixture=parts), 0.875) == pytest.approx(3.5)  # of one number, as of an array
