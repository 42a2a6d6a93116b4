"""The pixel scale of a FITS image from its headers, by one rule for every reader."""

import numpy as np
import pytest
from astropy.io.fits import Header
from hypothesis import given
from hypothesis import strategies as st

from lenstream.errors import DataError
from lenstream.files.pixel_scale import header_pixel_scale, wcs_pixel_scale

SCALE = 0.05 / 3600.0
SKY = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}


def turned(angle, scale=SCALE, flip=-1.0):
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return {"CD1_1": flip * c, "CD1_2": s, "CD2_1": flip * s, "CD2_2": -flip * flip * c}


def header(cards):
    out = Header()
    out.update(cards)
    return out


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"PIXSCALE": 0.04}, {"PIXSCALE": 0.1}, 0.04),
        ({}, {"PIXELSCL": 0.1}, 0.1),
        ({}, {"HIERARCH PIXEL_SCALE": 0.1}, 0.1),
        ({"PIXSCALE": -1.0}, {"PIXSCALE": 0.1}, 0.1),
        ({"PIXSCALE": True}, {}, None),
        ({"PIXSCALE": "small"}, {}, None),
        ({"CDELT1": -SCALE, "CDELT2": SCALE}, {"PIXSCALE": 0.051}, 0.05),  # what is nearer to the image wins
        ({"PIXSCALE": "0.05"}, {}, 0.05),
        ({"PIXSCALE": (100, "[mas/pixel]")}, {}, 0.1),
        ({"PIXSCALE": "50 mas"}, {}, 0.05),
        ({"PIXSCALE": '0.05"'}, {}, 0.05),
        ({"PIXSCALE": (SCALE, "[deg] a pixel")}, {}, 0.05),
        ({"PIXSCALE": (0.05 / 60, "arcmin")}, {}, 0.05),
        ({"PIXSCALE": (0.05, "arcsec, not degrees")}, {}, 0.05),
        ({"SECPIX": 0.05}, {}, 0.05),
        ({"PIXSCAL1": 0.05}, {}, 0.05),
        (SKY | {"PC1_1": -SCALE, "PC1_2": 0.0, "PC2_1": 0.0, "PC2_2": SCALE}, {}, 0.05),
        ({"CDELT1": 0.05, "CDELT2": 0.05, "CUNIT1": "arcsec", "CUNIT2": "arcsec"}, {}, 0.05),
        ({}, {"PIXAR_A2": 0.0025}, 0.05),
        ({}, {"PIXAR_SR": 0.0025 * (np.pi / 648000) ** 2}, 0.05),
        ({"CDELT1": 1.0, "CDELT2": 1.0}, {}, None),  # a default that says nothing
        ({"CDELT1": 0.05, "CDELT2": 0.05}, {}, None),  # arcsec, or pixels of 180 arcsec
        ({"CDELT1": 0.0, "CDELT2": 0.0}, {}, None),
        ({}, {}, None),
    ],
)
def test_keys_and_their_order(first, second, expected):
    scale = header_pixel_scale((header(first), header(second)))
    assert scale == (None if expected is None else pytest.approx(expected, rel=1e-9))


@given(st.floats(0, 6.3), st.floats(0.01, 5), st.booleans())
def test_sky_coordinates_with_and_without_names_of_axes(angle, arcsec, named):
    header = Header(turned(angle, arcsec / 3600.0) | (SKY if named else {}))
    assert header_pixel_scale((header,)) == pytest.approx(arcsec, rel=1e-6)


def test_a_distortion_whose_table_is_absent_does_no_harm():
    distorted = header(turned(0.3) | SKY | {"CPDIS1": "Lookup", "DP1.EXTVER": 1, "DP1.NAXES": 2, "D2IMDIS1": "Lookup"})
    assert header_pixel_scale((distorted,)) == pytest.approx(0.05, rel=1e-6)
    assert "CPDIS1" in distorted  # a header stays as it is


def test_sky_coordinates_alone():
    with_both = header(turned(0.3) | SKY | {"PIXSCALE": 0.2})
    assert wcs_pixel_scale((header({"PIXSCALE": 0.2}), with_both)) == pytest.approx(0.05, rel=1e-6)
    assert wcs_pixel_scale((header({"PIXSCALE": 0.2}),)) is None


@pytest.mark.parametrize("named", [{}, SKY])
def test_pixels_that_are_not_square_are_refused(named):
    header = Header(named | {"CDELT1": -SCALE, "CDELT2": 1.02 * SCALE})
    with pytest.raises(DataError, match=r"its pixels are not square \(0\.05 x 0\.051 arcsec\)"):
        header_pixel_scale((header,))


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({"PIXSCALE": 0.1, "CDELT1": -SCALE, "CDELT2": SCALE}, {}, "PIXSCALE says pixels of 0.1 .* CDELT 0.05"),
        ({"CDELT1": -SCALE, "CDELT2": SCALE}, {"PIXSCALE": 0.1}, "CDELT says pixels of 0.05 .* PIXSCALE 0.1"),
        (turned(0.3), {"PIXAR_A2": 0.01}, "CD says pixels of 0.05 .* PIXAR_A2 0.1"),
        ({"PIXSCALE": 100}, {}, "PIXSCALE says pixels of 100 arcsec: expected at most 10 .* in arcsec and not in mas"),
        ({"PIXELSCL": 1e300}, {}, "PIXELSCL says pixels of 1e\\+300"),
        (SKY | {"CDELT1": -0.1, "CDELT2": 0.1}, {}, "CDELT says pixels of 360 arcsec"),
    ],
)
def test_contradictions_and_pixels_as_large_as_none_are_refused(first, second, words):
    with pytest.raises(DataError, match=words):
        header_pixel_scale((Header(first), Header(second)))
