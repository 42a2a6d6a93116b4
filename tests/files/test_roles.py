"""Roles of the parts of an image file: they are found by name, and values that mark missing pixels do not count."""

import numpy as np
import pytest

from lenstream.files.fits import FitsImage
from lenstream.files.roles import chosen, is_flux, is_noise, named, without_absurd


def images(*names):
    return [FitsImage(k, name, (9, 9), ()) for k, name in enumerate(names)]


@pytest.mark.parametrize(
    ("names", "role", "found"),
    [
        (["NOISE", "IMAGE"], "image", 1),
        (["ERR", "SCI", "DQ"], "image", 1),
        (["SCI", "IMAGE"], "image", 1),
        (["IMAGE", "IMAGE"], "image", 0),
        (["SCI", "ERR"], "noise", 1),
        (["SCI", "ERR"], "mask", None),
        (["IMAGE", "PSF"], "psf", 1),
        ([], "image", None),
    ],
)
def test_parts_are_found_by_name(names, role, found):
    image = named(images(*names), role)
    assert (image.hdu if image else None) == found


def test_without_a_name_the_first_image_counts():
    assert chosen(images("PRIMARY", "OTHER"), "image").hdu == 0
    assert chosen([], "image") is None


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
