"""Bad pixels: the flags of each survey, and masks that are the wrong way round."""

import numpy as np
import pytest
from astropy.io.fits import Header

from lenstream.errors import DataError
from lenstream.files.bad_pixels import ANY, check_way_round, describe, flags_of, is_bad

NONE = (Header(), Header())


def flagged(name, values, header=None, beside=()):
    """Which values of a mask are bad."""
    return is_bad(np.array(values), flags_of(name, (Header(header or {}), Header()), beside)).tolist()


def test_planes_of_hsc_and_lsst_have_the_numbers_of_the_header():
    assert flagged("MASK", [0, 1, 2, 4, 8, 32], {"MP_BAD": 2, "MP_DETECTED": 5, "MP_SAT": 0, "MP_INTRP": 3}) == [
        *(False, True, False, True),
        *(False, False),
    ]


def test_planes_of_hsc_and_lsst_without_numbers_are_the_usual_ones():
    values = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 32 | 2]
    expected = [False, True, True, False, True, True, False, False, True, True, False, True]
    assert flagged("MASK", values, beside=("IMAGE", "VARIANCE")) == expected
    assert flagged("MASK", values, {"INSTRUME": "HSC"}) == expected
    assert flagged("MASK", values) == [False] + [True] * 11


@pytest.mark.parametrize(
    ("name", "header", "beside", "good", "bad"),
    [
        ("DQ", {"TELESCOP": "JWST"}, (), [0, 2, 4, 64], [1, 5]),
        ("DQ", {}, ("SCI", "VAR_POISSON"), [0, 4], [1, 5]),  # a cut-out without the header of JWST's file
        ("KIDS_r_msk.fits", {}, (), [0], [1, 32, 2048]),
        ("DQ", {"TELESCOP": "HST"}, (), [0], [1, 16, 4096, 8192, -32768]),
        ("VIS_FLAG", {}, ("VIS_BGSUB",), [0, 64, 512, 1 << 18, 1 << 24], [1, 2, 4, 8, 16, 128, 1 << 22]),
        ("FLAG", {}, ("BGSUB",), [1 << 18], [1]),
        ("MSK", {}, ("SCI", "WGT"), [0, 32, 2048], [1, 2, 16, 512]),
        ("MASKBITS", {}, (), [0, 1, 2, 4096], [4, 8, 32, 64, 1 << 14]),
        ("", {"IMTYPE": "maskbits"}, (), [1], [4]),
        ("FLAG", {}, ("SCI",), [0], [1, 1 << 18]),
    ],
)
def test_flags_of_each_survey(name, header, beside, good, bad):
    assert flagged(name, good + bad, header, beside) == [False] * len(good) + [True] * len(bad)


def test_masks_of_any_type():
    for values in (np.array([0.0, np.nan, 1.0]), np.array([False, True, True]), np.array([0, 1, 2**63], np.uint64)):
        assert is_bad(values, ANY).tolist() == [False, True, True]
    lsst = flags_of("MASK", NONE, ("VARIANCE",))
    assert is_bad(np.array([0.0, np.nan, 32.0, 1.0]), lsst).tolist() == [False, True, False, True]
    assert describe("DQ", ANY) == "DQ where not 0" and "BAD, SAT" in describe("MASK", lsst)


X, Y = np.meshgrid(*2 * [(np.arange(48) - 23.5) * 0.1])
RADIUS = np.hypot(X, Y)
ARCS = np.abs(RADIUS - 1.2) < 0.3


@pytest.mark.parametrize(
    "mask",
    [
        np.ones((48, 48), bool),
        RADIUS < 1.6,  # good pixels as 1
        ARCS,
        RADIUS > 0.3,  # a hole where the lens galaxy was
    ],
)
def test_a_mask_that_covers_the_lens_is_refused_with_the_convention(mask):
    with pytest.raises(DataError, match=r"its mask MASK is not 0 on .* expected 0 where a pixel is good"):
        check_way_round(mask, "MASK", ARCS)


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((48, 48), bool),
        RADIUS > 1.9,  # all but the lens
        RADIUS < 0.3,  # the core of the lens galaxy
        np.hypot(X - 1.0, Y - 1.0) < 0.4,  # a neighbour
        Y > 1.0,
    ],
)
def test_masks_that_people_make_are_accepted(mask):
    check_way_round(mask, "MASK", ARCS)


@pytest.mark.parametrize(("kept", "refused"), [(0.25, True), (0.75, False)])
def test_a_mask_with_holes_is_refused_if_most_of_the_centre_is_masked(kept, refused):
    mask = (RADIUS < 0.9) & (np.random.default_rng(0).random((48, 48)) > kept)
    nothing = np.zeros((48, 48), bool)
    if refused:
        with pytest.raises(DataError, match="is not 0 on"):
            check_way_round(mask, "MASK", nothing)
    else:
        check_way_round(mask, "MASK", nothing)
