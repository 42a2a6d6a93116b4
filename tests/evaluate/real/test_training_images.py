"""What is usual among simulated images: ranges with a margin, and how far from all others the farthest one lies."""

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.evaluate.real.training_images import MARGIN, Strangeness, TrainingImages, training_images, usual
from lenstream.simulate.stream import simulate
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene


def test_the_usual_range_goes_beyond_both_extremes_by_a_share_of_their_distance_from_the_median():
    assert usual(np.array([1.0, 2.0, 3.0, 5.0, 11.0])) == pytest.approx((1 - MARGIN * 2, 11 + MARGIN * 8))
    assert usual(np.array([np.nan, 1.0, 2.0, np.inf, 3.0])) == pytest.approx((1 - MARGIN, 3 + MARGIN))
    assert usual(np.array([np.nan])) == (-np.inf, np.inf)


def test_strangeness_is_the_distance_to_five_neighbours_over_that_of_the_farthest_known_image():
    known = np.r_[np.arange(10.0), 20.0][:, None]  # the last one is alone: its five others are 11 to 15 away
    scale = known.std()
    found = Strangeness(known)
    assert found._farthest == pytest.approx(np.mean([11, 12, 13, 14, 15]) / scale)
    # The neighbours of 33 are 20, 9, 8, 7, 6; the neighbours of 4.5 are .5, .5, 1.5, 1.5, 2.5 away.
    expected = [np.mean([13, 24, 25, 26, 27]) / 13, np.mean([0.5, 0.5, 1.5, 1.5, 2.5]) / 13]
    np.testing.assert_allclose(found(np.array([[33.0], [4.5]])), expected, rtol=1e-6)


def test_a_feature_that_is_constant_in_simulations_does_not_count():
    known = np.c_[np.arange(10.0), np.ones(10)]
    found = Strangeness(known)
    np.testing.assert_allclose(found(np.array([[4.5, 1.0]])), found(np.array([[4.5, 100.0]])))


def test_the_radius_of_the_centre_is_half_of_the_smallest_einstein_radius():
    images = TrainingImages(np.zeros((2, 1, 64, 64), np.float32), np.ones(1), {}, 0.1, False)
    assert images.central_radius() == 4.0
    images.labels["theta_E"] = np.array([1.2, 0.6, np.nan])
    assert images.central_radius() == pytest.approx(3.0) and images.relative(0).shape == (2, 64, 64)
    images.labels["theta_E"] = np.array([0.1, 0.8])
    assert images.central_radius() == 1.5


def test_images_are_those_of_the_validation_in_units_of_the_background():
    config = load("tiny")
    scene = make_scene(config.simulate, config.seed)
    found = training_images(scene)
    assert found.images.shape == (400, 1, scene.config.image.num_pix, scene.config.image.num_pix)
    assert np.isfinite(found.images).all() and not found.with_light
    assert found.relative(0)[:, :2, :2].std() == pytest.approx(1.0, abs=0.1)
    other = simulate(scene, np.array([FIRST_INDEX["validation"] + 7], np.uint64))
    np.testing.assert_array_equal(found.images[7], other.images[0, 0])
    assert found.labels["theta_E"][7] == other.labels["theta_E"][0]
