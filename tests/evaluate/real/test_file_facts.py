"""Facts of a file: contradicting pixel scales, saturation, and where the model of the lens light peaks."""

import numpy as np
import pytest
from astropy.io.fits import Header

from lenstream.evaluate.real.file_facts import measure_file
from lenstream.files.cutout_layout import Planes

STEP = 0.05 / 3600
WCS = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CD1_1": -STEP, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": STEP}


def facts(image=None, scale=0.05, light=None, noise=None, valid=None, **keys):
    image = np.random.default_rng(0).normal(0, 1, (30, 40)) if image is None else image
    valid = np.ones(image.shape, bool) if valid is None else valid
    planes = Planes(image, noise, valid, light, (Header(keys),), "", ())
    return measure_file(planes, valid, scale)


def test_field_and_noise():
    found = facts()
    assert (found.width, found.height, found.pixel_scale) == (pytest.approx(2.0), pytest.approx(1.5), 0.05)
    assert not found.noise_given and facts(noise=np.ones((30, 40))).noise_given
    assert found.orientation is None and facts(**WCS).orientation.sense == 1


@pytest.mark.parametrize(
    ("keys", "other"),
    [
        ({}, None),
        ({"PIXSCALE": 0.0505}, None),
        ({"PIXSCALE": 0.06}, 0.06),
        (WCS, None),
        (WCS | {"PIXSCALE": 0.05}, None),
        (WCS | {"CD1_1": -2 * STEP, "CD2_2": 2 * STEP}, 0.1),
        ({"CTYPE1": "LINEAR", "CDELT1": 1.0}, None),
    ],
)
def test_a_header_that_contradicts_the_scale_used(keys, other):
    assert facts(**keys).other_scale == (None if other is None else pytest.approx(other))


def test_pixels_that_share_the_largest_value_are_saturated():
    image = np.random.default_rng(0).normal(0, 1, (30, 40))
    image[10:12, 10:13] = 500
    assert facts(image).saturated == 6
    image[10, 10] = 501
    assert facts(image).saturated == 0
    assert facts(np.minimum(image, 2)).saturated == 0  # clipped noise, no signal
    image[10:14, 10:14] = 9
    assert facts(image).saturated == 16  # many, so that they need not be bright
    image[10:12, 10:13] = 500
    image[10, 10] = 500
    valid = image < 400
    assert facts(image, valid=valid).saturated == 0  # masked


def test_the_peak_of_the_light_tells_where_the_lens_is():
    y, x = np.mgrid[:31, :41]
    for dx, dy in ((0, 0), (6, 8)):
        light = np.exp(-np.hypot(x - 20 - dx, y - 15 - dy))
        assert facts(np.zeros((31, 41)), light=light).light_offset == pytest.approx(0.05 * np.hypot(dx, dy))
    assert facts().light_offset is None


def test_the_unit_tells_whether_the_noise_says_how_deep_an_image_is():
    assert facts(BUNIT="MJy/sr").calibrated and not facts(BUNIT="ELECTRONS/S").calibrated
