"""Masked disks: a Poisson number of circles of the radii asked for, away from the centre, of an index alone."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import label

from lenstream.configs.load import load
from lenstream.configs.observation import Observation
from lenstream.errors import ConfigError
from lenstream.simulate.detector.instrument import make_instrument
from lenstream.simulate.detector.noise import observe

WITHOUT = make_instrument(Observation(instrument="HST/WFC3_F160W"))


def lost(disks, n=300, size=120, streams=(0,), start=0):
    """Masks (n, layers, size, size) of images of one arcsec a pixel."""
    given = Observation(instrument="HST/WFC3_F160W", masked_disks=disks).masked_disks
    instrument = dataclasses.replace(WITHOUT, pixel_scale=1.0, masked_disks=given)
    images = np.ones((n, len(streams), size, size), np.float32)
    mask = observe(images, [instrument], [0] * len(streams), list(streams), 1, np.arange(start, start + n))
    assert (images[mask] == 0).all() and np.isfinite(images).all()
    return mask


def test_there_is_a_poisson_number_of_disks_of_the_radius_asked_for():
    mask = lost({"number": 1.5, "radius": 3.0}, n=600)[:, 0]
    counts = np.array([label(m)[1] for m in mask])  # few touch
    assert counts.mean() == pytest.approx(1.5, abs=0.15)
    assert (counts == 0).mean() == pytest.approx(np.exp(-1.5), abs=0.06)
    one = mask[counts == 1]
    inner = one[~(one[:, [0, -1]].any((1, 2)) | one[:, :, [0, -1]].any((1, 2)))]
    assert inner.sum((1, 2)).mean() == pytest.approx(np.pi * 3**2, rel=0.03)
    share = mask.mean(0)
    assert share[:60].mean() == pytest.approx(share[60:].mean(), rel=0.3)
    assert share[:, :60].mean() == pytest.approx(share[:, 60:].mean(), rel=0.3)


def test_none_comes_nearer_to_the_centre():
    mask = lost({"number": 4, "radius": {"uniform": [2, 6]}, "nearest": 20})[:, 0]
    y, x = np.mgrid[0:120, 0:120] - 59.5
    assert not mask[:, np.hypot(x, y) < 20].any() and mask[:, np.hypot(x, y) < 24].any()


def test_they_are_of_the_stream_and_the_index():
    disks = {"number": 2, "radius": {"lognormal": [4, 0.2, 1, 9]}}
    mask = lost(disks, 12, streams=(0, 0, 1))
    np.testing.assert_array_equal(mask[:, 0], mask[:, 1])
    assert (mask[:, 0] != mask[:, 2]).any()
    np.testing.assert_array_equal(lost(disks, 4, start=8), mask[8:, :1])


def test_noise_elsewhere_stays_as_it_was():
    plain, with_disks = np.ones((2, 3, 1, 40, 40), np.float32)
    observe(plain, [WITHOUT], [0], [0], 1, np.arange(3))
    given = Observation(masked_disks={"number": 5, "radius": 0.5}).masked_disks
    mask = observe(with_disks, [dataclasses.replace(WITHOUT, masked_disks=given)], [0], [0], 1, np.arange(3))
    assert mask.any()
    np.testing.assert_array_equal(with_disks[~mask], plain[~mask])


def test_radii_without_an_end_are_refused():
    with pytest.raises(ConfigError, match=r"masked_disks.*radius must lie between"):
        load("tiny", ["simulate.observation.masked_disks={number: 1, radius: {normal: [1, 1]}}"])
