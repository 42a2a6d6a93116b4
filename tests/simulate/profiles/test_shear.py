"""SHEAR against lenstronomy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.errors import DataError
from lenstream.simulate.profiles import limits, shear


@settings(deadline=None, max_examples=20)
@given(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_is_lenstronomys(profiles, gamma1, gamma2):
    for x, y in (profiles.grid, profiles.rays()):
        theirs = profiles.lenstronomy("SHEAR", shear.PROFILE.columns, (gamma1, gamma2), x, y)
        np.testing.assert_allclose(profiles.deflect(shear, (gamma1, gamma2), x, y), theirs, atol=1e-14)
        single = profiles.deflect(shear, (gamma1, gamma2), x, y, np.float32)
        np.testing.assert_allclose(single, theirs, atol=3e-7 * np.abs(theirs).max() + 1e-37)


def test_turned_by_an_eighth_swaps_its_components(profiles):
    x, y = profiles.grid
    u, v = profiles.deflect(shear, (0.1, 0.0), x, y)
    c = np.sqrt(0.5)
    turned = profiles.deflect(shear, (0.0, 0.1), c * (x - y), c * (x + y))
    np.testing.assert_allclose(turned, [c * (u - v), c * (u + v)], atol=1e-14)


def test_without_strength_does_nothing(profiles):
    assert not profiles.deflect(shear, (0.0, 0.0), *profiles.rays()).any()


def test_nan_and_vectors(profiles):
    profiles.finite_on_the_centre(shear, (0.1, -0.2))
    profiles.passes_nan_on(shear, (0.1, -0.2))
    profiles.vectorised_in_float32(shear, (0.1, -0.2))


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("value", [1e300, -2e9, np.inf])
def test_a_shear_without_end_is_refused(number, value):
    rows = np.zeros((3, 2))
    rows[1, number] = value
    with pytest.raises(DataError, match=f"lens_mass.1.gamma{number + 1} must"):
        limits.check(limits.MASS["SHEAR"], rows, "lens_mass.1")
    limits.check(limits.MASS["SHEAR"], np.full((3, 2), 0.3), "lens_mass.1")
