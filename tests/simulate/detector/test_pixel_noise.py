"""The noise of one pixel: variance, normal numbers and correlation against lenstronomy, scipy and algebra."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lenstronomy.SimulationAPI.observation_api import SingleBand
from scipy import special

from lenstream.simulate.core import compiled
from lenstream.simulate.detector import pixel_noise
from lenstream.simulate.detector.instrument import preset

normal = compiled.cached(pixel_noise.normal)
pixel_variance = compiled.cached(pixel_noise.pixel_variance)


@pytest.mark.parametrize(("unit", "gain"), [("e-", 1.0), ("ADU", 1.58)])
def test_the_variance_is_lenstronomys(unit, gain):
    known = preset("Euclid/VIS") | {"ccd_gain": gain}
    band = SingleBand(**known, data_count_unit=unit)
    electrons = gain * known["exposure_time"] * known["num_exposures"]
    flux = np.linspace(0, 50, 11)
    theirs = band.background_noise**2 + band.flux_noise(flux) ** 2
    ours = [pixel_variance(f, band.background_noise**2, 1 / electrons) for f in flux]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_numbers_arrays_and_tensors_have_one_variance():
    flux = np.array([0.0, 1.5, 20.0])
    expected = [pixel_variance(f, 0.04, 0.01) for f in flux]
    np.testing.assert_allclose(pixel_noise.variance(flux, 0.04, 0.01), expected, rtol=1e-14)
    tensor = pixel_noise.variance(torch.from_numpy(flux), 0.04, 0.01)
    np.testing.assert_allclose(tensor.numpy(), expected, rtol=1e-14)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_normal_number_is_the_inverse_of_the_normal_law(word):
    """25 bits below the first one choose the tail's probability; the first one is the sign."""
    half = ((word & 0x7FFFFFFF) >> 7) * 2.0**-25 + 2.0**-26
    expected = np.sqrt(2) * special.erfinv(1 - 2 * half) * (-1 if word >> 31 else 1)
    assert normal(np.uint32(word)) == pytest.approx(expected, rel=2e-5, abs=2e-6)


@given(st.floats(0, 0.7))
def test_weights_of_neighbours_give_the_correlation_and_keep_the_variance(correlation):
    a = pixel_noise.neighbour_weight(correlation)
    kernel = np.array([0, a, 1, a, 0])
    norm = pixel_noise.correlation_norm.py_func(a)
    assert norm * (kernel @ kernel) == pytest.approx(1)  # of both axes together: norm^2 (1 + 2 a^2)^2
    assert norm * (kernel[1:] @ kernel[:-1]) == pytest.approx(correlation, abs=2e-8)
    assert pixel_noise.weighted.py_func(1.0, 10.0, 100.0, a) == pytest.approx(10 + 101 * a)
