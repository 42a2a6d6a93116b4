"""Values of an image: those that stand for a missing pixel do not count, by one rule for every reader."""

import numpy as np
import pytest

from lenstream.files.values import box_of, is_flux, is_noise, is_padding, without_absurd


def test_which_values_count():
    values = np.array([0.0, -3.0, 1e19, 1e20, -1e30, np.inf, -np.inf, np.nan])
    assert is_flux(values).tolist() == [True, True, True] + 5 * [False]
    assert is_noise(np.array([1e-9, 9e6, 1e7, 1e8, 0.0, -1.0, np.inf, np.nan])).tolist() == [True, True] + 6 * [False]


@pytest.mark.parametrize("dtype", ["f4", "f8", ">f4"])
def test_absurd_values_become_nan_in_a_copy(dtype):
    values = np.array([1.0, -1e30, np.inf], dtype)
    cleaned = without_absurd(values)
    np.testing.assert_array_equal(cleaned, [1.0, np.nan, np.nan])
    assert cleaned.dtype.itemsize == values.dtype.itemsize and np.isinf(values[2])
    assert without_absurd(values[:1]) is not None and without_absurd(values[:1]).tolist() == [1.0]


@pytest.mark.parametrize("sentinel", [-99.0, -999.0, -9999.0, -32768.0])
def test_round_negative_numbers_alone_stand_for_missing_pixels(sentinel):
    values = np.random.default_rng(0).normal(0, 0.1, (20, 20))
    values[3, :5] = sentinel
    assert np.isnan(without_absurd(values)).sum() == 5
    counts = np.round(np.random.default_rng(0).normal(0, abs(sentinel), (200, 200)))
    counts[0, 0] = sentinel
    assert not np.isnan(without_absurd(counts)).any()


def turned_frame(seed=0):
    """Noise that fills a tilted square, as drizzling leaves it, and where it does not."""
    image = np.random.default_rng(seed).normal(0, 1, (60, 60))
    x, y = np.meshgrid(*2 * [np.arange(60) - 29.5])
    outside = np.abs(x) + np.abs(y) > 38
    return np.where(outside, 0.0, image), outside


def test_zeros_at_the_border_of_noise_are_padding():
    image, outside = turned_frame()
    np.testing.assert_array_equal(is_padding(image), outside)
    image[30, 30] = 0.0
    assert not is_padding(image)[30, 30]
    strip = np.random.default_rng(1).normal(5, 1, (40, 40))  # on a sky
    strip[:, :7] = 0.0
    assert is_padding(strip).sum() == 280


@pytest.mark.parametrize("side", [np.s_[:7], np.s_[-7:], np.s_[:, :7], np.s_[:, -7:]])
def test_zeros_along_any_one_side_are_padding_where_the_pixels_beside_them_are_not_faint(side):
    strip = np.random.default_rng(1).normal(5, 1, (40, 40))
    strip[side] = 0.0
    expected = strip == 0.0
    np.testing.assert_array_equal(is_padding(strip), expected)
    faint = np.pad(strip == 0.0, 1)
    beside = faint[2:, 1:-1] | faint[:-2, 1:-1] | faint[1:-1, 2:] | faint[1:-1, :-2]
    assert not is_padding(np.where(beside & ~expected, 1e-3, strip)).any()


def test_light_that_fades_to_zero_is_no_padding():
    x, y = np.meshgrid(*2 * [np.arange(40) - 19.5])
    faded = np.round(1000 * np.exp(-(x**2 + y**2) / 50))
    for image in (faded, np.zeros((40, 40)), np.random.default_rng(0).normal(size=(40, 40))):
        assert not is_padding(image).any()


def test_the_box_is_the_smallest_around_what_is_good():
    good = np.zeros((6, 9), bool)
    good[2, 7] = good[4, 3] = True
    assert box_of(good) == (slice(2, 5), slice(3, 8))
