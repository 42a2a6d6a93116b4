"""The noise of one pixel: variance, normal numbers and correlation against lenstronomy, scipy and algebra."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lenstronomy.SimulationAPI.observation_api import SingleBand
from numba import njit
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


def test_the_variance_is_that_of_lenstronomys_noise():
    band = SingleBand(**preset("HST/WFC3_F160W"), data_count_unit="e-")
    electrons = band.exposure_time
    noise = band.noise_for_model(np.full((1000, 1000), 0.3), seed=1)
    expected = pixel_variance(0.3, band.background_noise**2, 1 / electrons)
    assert noise.var() == pytest.approx(expected, rel=5 * np.sqrt(2e-6))


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


def test_all_normal_numbers_have_the_moments_of_the_normal_law():
    """Of every word without its sign, which bit 31 alone decides: 2^24 numbers that are equally likely."""
    numbers = np.empty(2**24)
    fill(numbers)
    assert numbers.min() >= 0 and (np.diff(numbers) <= 0).all()
    assert 5.54 < numbers.max() < 5.55
    assert numbers.mean() == pytest.approx(np.sqrt(2 / np.pi), abs=1e-6)
    for power, moment in ((2, 1), (4, 3), (6, 15)):
        assert np.mean(numbers**power) == pytest.approx(moment, rel=2e-5)
    assert normal(np.uint32(2**31 + 77 * 128)) == -normal(np.uint32(77 * 128))


@njit
def fill(out):
    for k in range(out.size):
        out[k] = pixel_noise.normal(np.uint32(k << 7))


@pytest.mark.parametrize("correlation", [0.0, 0.05, 0.28, 0.5, 0.7])
def test_neighbours_in_a_million_pixels_have_that_correlation(correlation):
    """Along both axes; along the diagonal its square, and none further than two pixels away."""
    white = np.random.default_rng(0).standard_normal((1002, 1002))
    a, weighted = pixel_noise.neighbour_weight(correlation), pixel_noise.weighted.py_func
    rows = weighted(white[:-2], white[1:-1], white[2:], a)
    noise = pixel_noise.correlation_norm.py_func(a) * weighted(rows[:, :-2], rows[:, 1:-1], rows[:, 2:], a)
    assert noise.var() == pytest.approx(1, abs=0.01)
    next_but_one = a**2 / (1 + 2 * a**2)
    shifts = {(0, 1): correlation, (1, 0): correlation, (1, 1): correlation**2, (0, 2): next_but_one, (0, 3): 0}
    for (dy, dx), expected in shifts.items():
        found = np.mean(noise[dy:, dx:] * noise[: 1000 - dy, : 1000 - dx]) / noise.var()
        assert found == pytest.approx(expected, abs=0.005), (dy, dx)


@given(st.floats(0, 0.7))
def test_weights_of_neighbours_give_the_correlation_and_keep_the_variance(correlation):
    a = pixel_noise.neighbour_weight(correlation)
    kernel = np.array([0, a, 1, a, 0])
    norm = pixel_noise.correlation_norm.py_func(a)
    assert norm * (kernel @ kernel) == pytest.approx(1)  # of both axes together: norm^2 (1 + 2 a^2)^2
    assert norm * (kernel[1:] @ kernel[:-1]) == pytest.approx(correlation, abs=2e-8)
    assert pixel_noise.weighted.py_func(1.0, 10.0, 100.0, a) == pytest.approx(10 + 101 * a)
