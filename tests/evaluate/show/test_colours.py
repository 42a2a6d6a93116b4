"""Colours of images: lost pixels, the order of bands, arcs beside bright cores."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from lenstream.evaluate.show import colours
from lenstream.evaluate.show.colours import LOST, coloured, weights


def test_lost_pixels_have_a_colour_of_their_own():
    image = np.random.default_rng(0).normal(size=(1, 8, 8))
    image[0, 2, 3] = np.nan
    lost = ~np.isfinite(image[0])
    shown = coloured(image, lost, [""], np.ones(1))
    assert shown.shape == (8, 8, 3) and np.isfinite(shown).all()
    assert np.allclose(shown[2, 3], to_rgb(LOST))
    assert not np.any(np.all(np.isclose(shown, shown[2, 3]), axis=-1) & ~lost)


@pytest.mark.parametrize("bands", [["i", "r", "g"], ["g", "r", "i"], ["g", "i"], ["u", "g", "r", "i", "z"]])
def test_the_reddest_band_is_red_in_whatever_order_bands_are_given(bands):
    image = np.zeros((len(bands), 9, 9))
    reddest, bluest = (max if red else min for red in (True, False))
    red, blue = (bands.index(pick(bands, key="ugriz".index)) for pick in (reddest, bluest))
    image[red, 2, 2] = image[blue, 6, 6] = 1.0
    shown = coloured(image, np.zeros((9, 9), bool), bands, np.ones(len(bands)))
    assert np.argmax(shown[2, 2]) == 0 and np.argmax(shown[6, 6]) == 2
    assert shown.min() >= 0 and shown.max() <= 1


def test_arcs_are_seen_beside_a_core_that_outshines_them():
    """An arc of 1/300 of the core's brightness is well above the sky in the picture."""
    y, x = np.mgrid[-24:25, -24:25]
    r = np.hypot(x, y)
    image = 300 * np.exp(-(r**2) / 4) + np.exp(-((r - 14) ** 2) / 4)
    image += np.random.default_rng(0).normal(0, 0.03, image.shape)
    shown = colours._brightness(image)
    assert np.median(shown[np.abs(r - 14) < 1]) > np.median(shown[r > 22]) + 0.2
    assert shown[24, 24] == 1.0


def test_images_without_light_or_without_pixels_do_not_break_the_picture():
    for image in (np.zeros((1, 6, 6)), np.full((3, 6, 6), np.nan)):
        lost = np.isnan(image).any(0)
        assert np.isfinite(coloured(image, lost, ["r", "g", "b"][: len(image)], np.ones(len(image)))).all()


def test_weights_make_the_usual_image_white_whatever_its_brightness():
    shape = np.random.default_rng(0).random((6, 6))
    bands, brightness = np.array([1.0, 4.0, 2.0]), np.array([1.0, 10.0, 0.1, 3.0, 1.0])
    images = brightness[:, None, None, None] * bands[:, None, None] * shape
    images[4] *= np.array([9.0, 1.0, 1.0])[:, None, None]  # one of another colour
    images[0, 1, 2, 2] = np.nan
    found = weights(images) * bands
    np.testing.assert_allclose(found, found[0], rtol=0.03)
