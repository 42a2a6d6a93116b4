"""Lost pixels by planes whose way round nobody says."""

import numpy as np
import pytest

from lenstream.files.lost_pixels import marks_good, without_lost


@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize("bad", [1, 19])
def test_a_mask_has_the_sense_it_is_given(good, bad):
    """Also where most of an image is bad."""
    mask = np.where(np.arange(20).reshape(4, 5) < bad, not good, good)
    assert np.isnan(without_lost(np.ones((4, 5), np.float32), None, mask, good)).sum() == bad
    assert np.isnan(without_lost(np.ones((4, 5), np.float32), None, mask, good))[0, 0]


@pytest.mark.parametrize("good", [True, False])
def test_most_pixels_of_a_set_are_good(good):
    masks = np.full((4, 3, 3), good)
    masks[0] = not good
    assert marks_good(masks) == marks_good(masks.astype(np.uint8) * 255) == good


@pytest.mark.parametrize("plane", [np.zeros((4, 5)), np.ones((4, 5))])
def test_a_constant_plane_says_nothing(plane):
    assert np.isfinite(without_lost(np.ones((4, 5), np.float32), plane, plane)).all()


def test_no_weight_and_no_flux():
    ivar, image = np.ones((4, 5)), np.ones((4, 5), np.float32)
    ivar[0, 1], ivar[0, 2], image[3, 3] = 0, np.nan, -1e30
    assert np.argwhere(np.isnan(without_lost(image, ivar))).tolist() == [[0, 1], [0, 2], [3, 3]]
