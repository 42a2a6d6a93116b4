"""Normalisation: the noise is found, lost pixels are 0 and hurt no other, the numbers travel with the weights."""

import numpy as np
import pytest
import torch

from lenstream.errors import ArgumentError, DataError
from lenstream.ssl.normalize import SCALINGS, Normalize, Statistics, binned, statistics


def white(n=200, bands=1, size=32, rms=1.0):
    return np.random.default_rng(0).normal(0, rms, (n, bands, size, size))


def blob(size, width, peak):
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return peak * np.exp(-(x**2 + y**2) / (2 * width**2))


def some(bands=2):
    noise = np.array([0.5, 2.0])[:bands]
    return Statistics(noise, mean=np.array([1.0, -3.0])[:bands], std=np.array([4.0, 0.25])[:bands])


def test_white_noise_is_measured_per_band():
    images = white(bands=2) * np.array([0.02, 3.0])[None, :, None, None] + np.array([5.0, -1.0])[None, :, None, None]
    found = statistics(images)
    np.testing.assert_allclose(found.noise, [0.02, 3.0], rtol=0.03)
    np.testing.assert_allclose(found.std, [0.02, 3.0], rtol=0.03)
    np.testing.assert_allclose(found.mean, [5.0, -1.0], atol=0.05)


@pytest.mark.parametrize("size", [24, 48])
def test_a_lens_in_the_centre_does_not_fool_the_noise(size):
    images = white(size=size) + blob(size, size / 10, peak=100.0) + np.linspace(0, 5, size)
    found = statistics(images)
    np.testing.assert_allclose(found.noise, 1.0, rtol=0.05)
    assert found.std > 5  # which is why it is not the scale


def test_the_noise_of_correlated_pixels_is_that_of_a_pixel():
    fine = white(size=33)
    images = (fine[..., 1:, 1:] + fine[..., :-1, 1:] + fine[..., 1:, :-1] + fine[..., :-1, :-1]) / 2  # rms 1
    np.testing.assert_allclose(statistics(images).noise, 1.0, rtol=0.05)


def test_lost_pixels_and_lost_images_are_left_out():
    images = white()
    whole = statistics(images)
    images[:, :, 5] = np.nan
    images[0, 0, 0, 0] = np.inf
    images[3] = np.nan
    found = statistics(torch.from_numpy(images))
    for a, b in zip(found, whole, strict=True):
        np.testing.assert_allclose(a, b, atol=0.02)


def test_each_band_is_scaled_by_its_own_numbers():
    x = torch.ones(1, 2, 4, 4)
    two = Statistics(noise=np.array([0.01, 0.02]), mean=np.array([0.0, 1.0]), std=np.array([2.0, 4.0]))
    scaled = Normalize("asinh", two)(x)[0, :, 0, 0]
    np.testing.assert_allclose(scaled, np.arcsinh([100.0, 50.0]), rtol=1e-6)
    np.testing.assert_allclose(Normalize("zscore", two)(x)[0, :, 0, 0], [0.5, 0.0])


def test_no_scale_is_ever_zero():
    steep = np.stack([blob(32, 3.0, peak) for peak in (1.0, 2.0, 3.0)])[:, None]
    wings = 1 / (1 - np.log(blob(48, 3.0, 1.0)))[None, None]
    for clean in (steep, wings, wings + 5 + np.linspace(0, 1, 48)):
        assert statistics(clean).noise == statistics(clean).std == pytest.approx(clean.std())
    for nothing in (np.zeros((2, 1, 16, 16)), np.full((2, 1, 16, 16), 0.1), np.full((2, 1, 16, 16), np.nan)):
        found = statistics(nothing)
        assert found.noise == found.std == 1
    nearly = -1e6 + 1e-6 * white(n=2)  # but for rounding, and below zero
    assert statistics(nearly).noise == statistics(nearly).std == 1
    with pytest.raises(ValueError, match="noise of the data must be positive"):
        Normalize("asinh", Statistics.of_background(0.0))


@pytest.mark.parametrize("unit", [1e-18, 1.0, 1e18])
def test_noise_is_found_in_any_unit_and_on_a_sky_a_million_times_brighter(unit):
    found = statistics(unit * (1e6 + white()))  # 1e-18: as in erg/s/cm2
    np.testing.assert_allclose([found.noise[0], found.std[0]], unit, rtol=0.03)


def test_where_only_the_background_is_known():
    found = Statistics.of_background(0.02, bands=3)
    assert found.noise.tolist() == [0.02] * 3
    np.testing.assert_array_equal(Statistics.of_background(np.array([1.0, 2.0]), 2).noise, [1, 2])
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(Normalize("asinh", found)(0.02 * x), torch.asinh(x))


def test_the_formulas():
    x = torch.randn(3, 2, 8, 8) * 5
    noise, mean, std = (torch.tensor(v, dtype=torch.float32)[None, :, None, None] for v in some())
    torch.testing.assert_close(Normalize("asinh", some())(x), torch.asinh(x / noise))
    torch.testing.assert_close(Normalize("zscore", some())(x), (x - mean) / std)
    y = Normalize("minmax", some())(x)
    assert (y.amin((-2, -1)) == 0).all() and (y.amax((-2, -1)) == 1).all()
    torch.testing.assert_close(y[1, 1] * (x[1, 1].max() - x[1, 1].min()) + x[1, 1].min(), x[1, 1])
    x[0, 0] = 7.0
    y = Normalize("minmax", some())(x)
    assert (y[0, 0] == 0).all() and y[0, 1].max() == 1


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("lost", [torch.nan, torch.inf, -torch.inf])
def test_lost_pixels_become_zero_and_change_no_other(scaling, lost):
    normalize, x = Normalize(scaling, some()), torch.randn(2, 2, 8, 8)
    x[0, 0, 2, 3] = x[0, 0].mean()  # neither the lowest nor the highest
    x[1, 0, 0, 0] = 9.0  # the peak, in the band that stays
    broken = x.clone()
    broken[0, 0, 2, 3], broken[1, 1] = lost, torch.nan
    expected = normalize(x)
    expected[0, 0, 2, 3], expected[1, 1] = 0, 0
    torch.testing.assert_close(normalize(broken), expected, rtol=0, atol=0)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_arithmetic_is_float32_under_autocast(scaling):
    normalize, x = Normalize(scaling, some()), torch.randn(2, 2, 8, 8) * 1e4
    with torch.autocast("cpu", torch.bfloat16):
        y = normalize(x)
    assert y.dtype == torch.float32
    assert torch.equal(y, normalize(x))
    assert normalize(x.bfloat16()).dtype == torch.float32


def test_the_numbers_travel_with_the_weights():
    here, there = Normalize("zscore", some()), Normalize("zscore", Statistics.of_background(1.0, 2))
    assert {k: v.shape for k, v in here.state_dict().items()} == {
        "noise": (1, 2, 1, 1),
        "mean": (1, 2, 1, 1),
        "std": (1, 2, 1, 1),
        "kind_code": (),
    }
    x = torch.randn(2, 2, 8, 8)
    assert not torch.equal(here(x), there(x))
    there.load_state_dict(here.state_dict())
    assert torch.equal(here(x), there(x))


def test_weights_of_another_kind_are_refused():
    saved = Normalize("zscore", some()).state_dict()
    with pytest.raises(DataError, match=r"normalised by zscore, but the config says minmax"):
        torch.nn.Sequential(Normalize("minmax", some())).load_state_dict({f"0.{k}": v for k, v in saved.items()})
    with pytest.raises(DataError, match="scaling 9"):
        Normalize("minmax", some()).load_state_dict(saved | {"kind_code": torch.tensor(9)})


def test_weights_of_another_bin_are_refused():
    one, two = (Normalize("zscore", some(), edge).state_dict() for edge in (1, 2))
    with pytest.raises(DataError, match=r"binned by 2, but the config says 1; expected backbone\.bin: 2"):
        Normalize("zscore", some()).load_state_dict(two)
    with pytest.raises(DataError, match=r"binned by 1, but the config says 2"):
        Normalize("zscore", some(), 2).load_state_dict(one)
    with pytest.raises(DataError, match=r"normalised by zscore, but the config says asinh_peak"):
        Normalize("asinh_peak", some()).load_state_dict(two)
    Normalize("zscore", some(), 2).load_state_dict(two)


@pytest.mark.parametrize(("scaling", "code"), [("asinh", 0), ("zscore", 1), ("minmax", 2)])
def test_weights_of_earlier_versions_are_known_by_their_numbers(scaling, code):
    normalize = Normalize(scaling, some())
    assert int(normalize.kind_code) == code
    normalize.load_state_dict(normalize.state_dict() | {"kind_code": torch.tensor(code)})


def test_the_peak_is_that_of_the_image_over_its_bands():
    x = torch.randn(3, 2, 8, 8)
    x[0, 1, 2, 3], x[1, 0, 4, 4], x[2] = 60.0, 200.0, -x[2].abs() - 1
    y = Normalize("asinh_peak", some())(x)
    torch.testing.assert_close(y[0], torch.asinh(x[0] / 3))
    torch.testing.assert_close(y[1], torch.asinh(x[1] / 10))
    torch.testing.assert_close(y[2], torch.asinh(x[2]))  # nothing is above 0
    torch.testing.assert_close(Normalize("asinh_peak", some())(1e-15 * x[:2]), y[:2])  # whatever the unit
    assert y.max() == pytest.approx(np.arcsinh(20))


def test_binned_pixels_are_means_of_blocks():
    x = np.random.default_rng(0).normal(size=(2, 3, 12, 8))
    expected = x.reshape(2, 3, 3, 4, 2, 4).mean(axis=(3, 5))
    np.testing.assert_allclose(binned(torch.from_numpy(x), 4), expected, atol=1e-12)
    assert binned(x, 1) is x


def test_lost_pixels_count_in_no_mean():
    x = torch.arange(32.0).reshape(1, 2, 4, 4)
    x[0, 0, 0, 0], x[0, 0, 1, 1], x[0, 1, :2, 2:] = torch.nan, torch.inf, torch.nan
    found = binned(x, 2)
    assert found[0, 0, 0, 0] == (1 + 4) / 2 and found[0, 0, 1, 1] == (10 + 11 + 14 + 15) / 4
    assert found[0, 1, 0, 1].isnan() and found.isnan().sum() == 1
    y = Normalize("zscore", some(), 2)(x)
    assert y[0, 1, 0, 1] == 0 and y.shape == (1, 2, 2, 2)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_scaling_follows_the_bin(scaling):
    x = torch.randn(2, 2, 12, 12) * 9
    torch.testing.assert_close(Normalize(scaling, some(), 3)(x), Normalize(scaling, some())(binned(x, 3)))


def test_images_that_are_no_whole_blocks_are_refused():
    with pytest.raises(ArgumentError, match=r"images: 12 x 9 pixels are not whole blocks of 2 x 2, as backbone\.bin"):
        Normalize("asinh", some(), 2)(torch.zeros(1, 2, 12, 9))
