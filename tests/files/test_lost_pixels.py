"""Lost pixels by planes whose way round nobody says."""

import numpy as np
import pytest

from lenstream.files.lost_pixels import without_lost


@pytest.mark.parametrize("good", [True, False])
def test_most_of_a_mask_is_good(good):
    mask = np.full((4, 5), good)
    mask[1, 2] = not good
    assert np.argwhere(np.isnan(without_lost(np.ones((4, 5), np.float32), None, mask))).tolist() == [[1, 2]]


@pytest.mark.parametrize("plane", [np.zeros((4, 5)), np.ones((4, 5))])
def test_a_constant_plane_says_nothing(plane):
    assert np.isfinite(without_lost(np.ones((4, 5), np.float32), plane, plane)).all()


def test_no_weight_and_no_flux():
    ivar, image = np.ones((4, 5)), np.ones((4, 5), np.float32)
    ivar[0, 1], ivar[0, 2], image[3, 3] = 0, np.nan, -1e30
    assert np.argwhere(np.isnan(without_lost(image, ivar))).tolist() == [[0, 1], [0, 2], [3, 3]]
