"""A look at some images: what is counted in which."""

from pathlib import Path

import numpy as np
import pytest

from lenstream.evaluate.show.image_survey import KEPT, survey
from lenstream.files.image_sets import ImageSet


def set_of(images):
    """A set of arrays (n, views, bands, h, w)."""
    n, views, bands, height, width = images.shape
    return ImageSet(Path("x"), "", "", range(n), views, ("",) * bands, height, width, lambda k: images[k])


def noise(n=10, views=1):
    return np.random.default_rng(0).normal(size=(n, views, 2, 8, 9)).astype(np.float32)


def test_lost_pixels_are_counted_in_all_views():
    images = noise(4, 2)
    images[1, 1, 0, 2, 3] = np.nan
    images[3, 0, 1, :, 0] = np.nan
    seen = survey(set_of(images))
    assert seen.lost == pytest.approx(9 / images.size)
    assert seen.with_lost == 2


def test_empty_and_equal():
    images = noise()
    images[2] = 5.0
    images[4] = np.nan
    images[9] = images[0]
    images[8] = images[0]
    seen = survey(set_of(images))
    assert seen.empty == (2, 4)
    assert seen.equal == ((0, 8), (0, 9))


def test_evenly_through_a_large_set():
    seen = survey(set_of(noise(100)), 5)
    assert seen.numbers.tolist() == [0, 25, 50, 74, 99]
    assert seen.shown == (0, 25, 50, 74, 99)
    assert len(survey(set_of(noise(100))).images) == KEPT


def test_fluxes_of_a_typical_image():
    images = noise(5)
    images[0] *= 1000
    low, middle, high = survey(set_of(images)).fluxes
    assert -4 < low < -1 < middle < 1 < high < 4


def test_nothing_to_see():
    assert np.isnan(survey(set_of(noise() * np.nan)).fluxes).all()
