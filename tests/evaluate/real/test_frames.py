"""Frames: what the sky coordinates of an image say about angles, against astropy and lenstronomy."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io.fits import Header
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from lenstronomy.Util.param_util import phi_q2_ellipticity

from lenstream.evaluate.real.frames import (
    ARRAY,
    NORTH_EAST,
    ellipticity,
    in_frame,
    to_array,
    to_sky,
    turned_std,
)
from lenstream.files.orientation import Orientation, orientation_of

SHAPE = (61, 80)


def header(roll=0.0, mirrored=False, ra=150.0, dec=2.0, scale=0.05, **more):
    """Sky coordinates of an image whose +y is `roll` rad East of North; East is to the left unless mirrored."""
    sign = 1 if mirrored else -1
    cos, sin = np.cos(roll), np.sin(roll)
    step = scale / 3600
    out = Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": ra, "CRVAL2": dec, "CRPIX1": 40, "CRPIX2": 31})
    out.update(CD1_1=sign * step * cos, CD1_2=step * sin, CD2_1=-sign * step * sin, CD2_2=step * cos)
    out.update(more)
    return out


def position_angle(head, phi):
    """Position angle [rad] of the direction phi (counter-clockwise from +x) at the centre, by astropy alone."""
    x, y = (SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2
    start, end = (WCS(head).pixel_to_world(x + r * np.cos(phi), y + r * np.sin(phi)).icrs for r in (0, 3))
    return start.position_angle(end).rad


@settings(max_examples=60, deadline=None)
@given(
    roll=st.floats(-7, 7),
    mirrored=st.booleans(),
    phi=st.floats(0, 3.1),
    dec=st.floats(-89.9, 89.9),
    offset=st.floats(-3000, 3000),
)
def test_an_ellipticity_on_the_sky_is_that_of_its_position_angle(roll, mirrored, phi, dec, offset):
    head = header(roll, mirrored, dec=dec, CRPIX1=40 + offset)
    orientation = orientation_of((head,), SHAPE)
    assert orientation.sense == (-1 if mirrored else 1)
    expected = phi_q2_ellipticity(position_angle(head, phi), 0.6)
    np.testing.assert_allclose(to_sky(*phi_q2_ellipticity(phi, 0.6), orientation), expected, atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(angle=st.floats(-10, 10), sense=st.sampled_from([1, -1]), x=st.floats(-1, 1), y=st.floats(-1, 1))
def test_back_is_the_inverse_and_sizes_stay(angle, sense, x, y):
    for spin in (1, 2):
        turned = to_sky(x, y, Orientation(angle, sense), spin)
        assert np.hypot(*turned) == pytest.approx(np.hypot(x, y))
        np.testing.assert_allclose(to_array(*turned, Orientation(angle, sense), spin), (x, y), atol=1e-12)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("roll", [0.0, 0.4, 2.0, -1.1])
def test_a_lens_turned_with_its_image_has_one_ellipticity_on_the_sky(roll, mirrored):
    """Second moments of an image drawn from its shape on the sky, whatever the array."""
    head = header(roll, mirrored, scale=0.1)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    sky = WCS(head).pixel_to_world(x, y)
    centre = WCS(head).pixel_to_world((SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2)
    east, north = (offset.to_value("arcsec") for offset in centre.spherical_offsets_to(sky))
    pa = np.radians(25)
    major, minor = north * np.cos(pa) + east * np.sin(pa), east * np.cos(pa) - north * np.sin(pa)
    image = np.exp(-((major / 0.6) ** 2) / 2 - (minor / 0.36) ** 2 / 2)
    u, v = x - (SHAPE[1] - 1) / 2, y - (SHAPE[0] - 1) / 2
    xx, yy, xy = ((image * k).sum() / image.sum() for k in (u * u, v * v, u * v))
    size = xx + yy + 2 * np.sqrt(xx * yy - xy**2)
    found = to_sky((xx - yy) / size, 2 * xy / size, orientation_of((head,), SHAPE))
    np.testing.assert_allclose(found, phi_q2_ellipticity(pa, 0.6), atol=2e-3)


def test_north_up_and_east_left():
    orientation = orientation_of((header(),), SHAPE)
    assert np.mod(orientation.position_angle_of_x, 2 * np.pi) == pytest.approx(1.5 * np.pi, abs=1e-4)  # +x is West
    np.testing.assert_allclose(to_sky(0.2, 0.0, orientation), (-0.2, 0), atol=1e-4)  # along a row: East to West
    np.testing.assert_allclose(to_sky(0.0, 1.0, orientation, spin=1), (1, 0), atol=1e-4)  # up is North


def same(head, other, shape=SHAPE):
    a, b = (orientation_of((h,), shape) for h in (head, other))
    assert a.sense == b.sense
    assert np.exp(1j * a.position_angle_of_x) == pytest.approx(np.exp(1j * b.position_angle_of_x), abs=1e-4)


def plain(head):
    return Header({key: value for key, value in head.items() if not key.startswith("CD")})


def test_every_way_to_write_it_gives_the_same():
    roll, step = 0.7, 0.05 / 3600
    expected = header(roll)
    with_pc = plain(expected)
    with_pc.update(CDELT1=-step, CDELT2=step, PC1_1=np.cos(roll), PC1_2=-np.sin(roll))
    with_pc.update(PC2_1=np.sin(roll), PC2_2=np.cos(roll))
    same(with_pc, expected)
    with_crota = plain(expected)
    with_crota.update(CDELT1=-step, CDELT2=step, CROTA2=-np.degrees(roll))
    same(with_crota, expected)
    swapped = header(roll)
    swapped.update(CTYPE1="DEC--TAN", CTYPE2="RA---TAN", CRVAL1=2.0, CRVAL2=150.0)
    for k in "12":
        swapped[f"CD1_{k}"], swapped[f"CD2_{k}"] = expected[f"CD2_{k}"], expected[f"CD1_{k}"]
    same(swapped, expected)
    for projection in ("SIN", "ZPN", "CAR"):
        other = header(roll, ra=0.0, dec=0.0)
        other.update(CTYPE1=f"RA---{projection}", CTYPE2=f"DEC--{projection}", PV2_1=1.0)
        same(other, header(roll, ra=0.0, dec=0.0))


def test_distortions_other_axes_and_tables_elsewhere_do_no_harm():
    sip = header(0.3, A_ORDER=2, B_ORDER=2, A_2_0=1e-6, B_0_2=-1e-6)
    sip.update(CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP")
    same(sip, header(0.3))
    same(header(0.3, CPDIS1="LOOKUP", CPDIS2="LOOKUP", D2IMDIS1="LOOKUP"), header(0.3))
    same(header(0.3, NAXIS=3, CTYPE3="WAVE", CDELT3=1.0, CRVAL3=1.0), header(0.3), (3, *SHAPE))


def test_galactic_coordinates_are_turned_to_equatorial_ones():
    head = header(0.0)
    centre = SkyCoord(150, 2, unit="deg").galactic
    head.update(CTYPE1="GLON-TAN", CTYPE2="GLAT-TAN", CRVAL1=centre.l.deg, CRVAL2=centre.b.deg)
    expected = phi_q2_ellipticity(position_angle(head, 0.5), 0.5)
    found = to_sky(*phi_q2_ellipticity(0.5, 0.5), orientation_of((head,), SHAPE))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert abs(found[0] - to_sky(*phi_q2_ellipticity(0.5, 0.5), orientation_of((header(),), SHAPE))[0]) > 0.01


def test_no_orientation_where_the_header_has_none():
    assert orientation_of((Header(), Header({"PIXSCALE": 0.1})), SHAPE) is None
    assert (
        orientation_of((Header({"CTYPE1": "LINEAR", "CTYPE2": "LINEAR", "CDELT1": 1.0, "CDELT2": 1.0}),), SHAPE) is None
    )
    assert orientation_of((Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}),), SHAPE) is None
    assert orientation_of((header(CD1_1=0.0, CD1_2=0.0),), SHAPE) is None
    assert orientation_of((header(CTYPE1="RA---XYZ"),), SHAPE) is None
    same_as_first = orientation_of((Header(), header(0.3)), SHAPE)
    assert same_as_first == orientation_of((header(0.3),), SHAPE)


def test_values_in_a_frame_and_their_errors():
    n = 20_000
    rng = np.random.default_rng(0)
    values = {t: (np.array([0.1, 0.2]), np.array([0.03, 0.06])) for t in ("theta_E", "e1")}
    values["e2"] = np.array([-0.1, 0.0]), np.array([0.01, 0.02])
    values["phi_m"] = np.array([0.3, 0.3]), np.array([0.1, 0.1])
    orientations = [Orientation(0.4, -1), None]
    assert in_frame(values, orientations, ARRAY) is values
    turned = in_frame(values, orientations, NORTH_EAST)
    np.testing.assert_array_equal(turned["theta_E"], values["theta_E"])
    np.testing.assert_allclose((turned["e1"][0][0], turned["e2"][0][0]), to_sky(0.1, -0.1, orientations[0]))
    assert turned["phi_m"][0][0] == pytest.approx(0.1)
    assert all(np.isnan(turned[name][part][1]) for name in ("e1", "e2", "phi_m") for part in (0, 1))
    draws = to_sky(rng.normal(0.1, 0.03, n), rng.normal(-0.1, 0.01, n), orientations[0])
    np.testing.assert_allclose((turned["e1"][1][0], turned["e2"][1][0]), np.std(draws, axis=1), rtol=0.03)
    np.testing.assert_allclose(turned_std(0.03, 0.01, Orientation(0.0, -1)), (0.03, 0.01))
    np.testing.assert_allclose(turned_std(0.03, 0.01, Orientation(np.pi / 4, 1)), (0.01, 0.03))
    np.testing.assert_array_equal(values["e1"][0], [0.1, 0.2])  # untouched


def test_ellipticity_is_lenstronomys():
    np.testing.assert_allclose(ellipticity(0.7, 1.1), phi_q2_ellipticity(1.1, 0.7))
