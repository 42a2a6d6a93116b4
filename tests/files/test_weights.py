"""The noise from weights: what a weight map is, and what it is not."""

import numpy as np
import pytest
from astropy.io.fits import Header

from lenstream.files.weights import edge_rms, from_plane, from_weight

RNG = np.random.default_rng(0)
RMS = RNG.uniform(0.04, 0.06, (48, 48))
IMAGE = RNG.normal(0, RMS)
GOOD = np.ones((48, 48), bool)


@pytest.mark.parametrize(
    ("kind", "values"), [("rms", RMS), ("variance", RMS**2), ("variance part", RMS**2), ("invvar", RMS**-2)]
)
def test_every_kind_gives_the_rms(kind, values):
    np.testing.assert_allclose(from_plane(kind, "X", values).rms, RMS, rtol=1e-12)


def test_pixels_without_weight_have_no_noise():
    for kind, values in (("invvar", [0.0, -1.0, np.nan]), ("variance", [np.inf, -1.0, np.nan])):
        assert np.isinf(from_plane(kind, "X", np.array(values)).rms).all()


def test_a_weight_is_an_inverse_variance_if_the_scatter_is_its():
    found = from_weight("WHT", RMS**-2, (Header(),), IMAGE, GOOD)
    np.testing.assert_allclose(found.rms, RMS)
    assert found.words == "noise 1/sqrt(WHT)"
    for weight in (np.full((48, 48), 2000.0), np.ones((48, 48)), RMS**-2 * 100):
        found = from_weight("WHT", weight, (Header(),), IMAGE, GOOD)
        assert found.rms is None and "for bad pixels alone (no inverse variance" in found.words


def test_the_header_of_a_weight_counts_before_its_values():
    found = from_weight("WHT", RMS**-2, (Header(), Header({"WHTTYPE": "EXP"})), IMAGE, GOOD)
    assert found.rms is None and "an exposure time by its header" in found.words
    found = from_weight("WHT", RMS**-2 * 100, (Header({"WHTTYPE": "IVM"}),), IMAGE, GOOD)
    np.testing.assert_allclose(found.rms, RMS / 10)


@pytest.mark.parametrize("headers", [(Header({"BUNIT": "s"}),), (Header(), Header({"EXPTIME": 405.0}))])
def test_an_exposure_time_is_no_inverse_variance_even_where_the_scatter_would_fit(headers):
    found = from_weight("WHT", np.full((48, 48), 400.0), headers, IMAGE, GOOD)
    assert found.rms is None and "an exposure time by its header" in found.words
    assert from_weight("WHT", np.full((48, 48), 400.0), (Header(),), IMAGE, GOOD).rms is not None


def test_a_wide_border_that_was_filled_up_is_no_edge():
    image, there = np.zeros((80, 80)), np.zeros((80, 80), bool)
    image[16:64, 16:64], there[16:64, 16:64] = IMAGE, True
    assert edge_rms(image, there) == edge_rms(IMAGE, GOOD)
    image[~there] = np.nan
    assert edge_rms(image, np.ones((80, 80), bool)) == edge_rms(IMAGE, GOOD)
    weight = np.where(there, 400.0, 0.0)
    assert from_weight("WHT", weight, (Header(),), image, there).rms is not None


def test_the_scatter_is_that_of_the_edge():
    lens = np.zeros((48, 48))
    lens[10:38, 10:38] = 100.0
    slope = np.linspace(0, 1, 48)
    assert edge_rms(IMAGE + lens + slope, GOOD) == pytest.approx(0.05, rel=0.1)
    for steep in (20 * slope, 20 * slope[:, None]):  # pixels two apart differ by many times the noise
        assert edge_rms(IMAGE + steep, GOOD) == pytest.approx(0.05, rel=0.1)
    assert np.isnan(edge_rms(np.zeros((48, 48)), GOOD)) and np.isnan(edge_rms(IMAGE, ~GOOD))
