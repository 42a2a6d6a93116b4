"""Roles: what the names and headers of the surveys' products say of an image."""

import numpy as np
import pytest
from astropy.io.fits import Header

from lenstream.files.fits import FitsImage
from lenstream.files.roles import band_of, role_of, role_of_image


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        ("IMAGE SCI DATA VIS_BGSUB NIR_Y_BGSUB SCI_F814W IMAGE_R image.g G HSC-G F160W", "image"),
        ("NOISE ERR RMS VIS_RMS NOISE_MAP noise-map ERR_F814W SIGMA UNCERT SKY_RMS", "rms"),
        ("VARIANCE VAR VAR_G", "variance"),
        ("VAR_POISSON VAR_RNOISE VAR_FLAT", "variance part"),
        ("IVAR INVVAR IVM INV_VAR INVERSE_VARIANCE", "invvar"),
        ("WHT WEIGHT WGT WEIGHT_MAP WHT_F814W", "weight"),
        ("MASK DQ MSK VIS_FLAG FLAGS BAD_PIXELS MASKBITS IMAGE_MASK DATA_QUALITY", "mask"),
        ("LENSLIGHT LENS_LIGHT lenslight_g", "light"),
        ("PSF VIS_PSF PSF_MODEL", "psf"),
        ("CTX SEGMENTATION SEG_MASK MODEL MODEL_IMAGE RESIDUAL BKG D2IMARR AREA", "other"),
        ("FOO HDU1 SOURCE", ""),
    ],
)
def test_names(names, kind):
    assert {name: role_of(name).kind for name in names.split()} == dict.fromkeys(names.split(), kind)


@pytest.mark.parametrize(
    ("name", "band"),
    [
        ("NIR_Y_BGSUB", "Y"),
        ("VIS_RMS", "VIS"),
        ("SCI_F814W", "F814W"),
        ("IMAGE", ""),
        ("err r", "R"),
        ("F115W", "F115W"),
    ],
)
def test_bands_in_names(name, band):
    assert role_of(name).band == band


def test_words_that_are_neither_role_nor_band_are_told():
    assert role_of("SOURCE_IMAGE").rest == ("SOURCE",) and role_of("HST_ACS_SCI_1").rest == ()
    assert role_of("RED", bands=("blue", "red")) == ("image", "RED", ())
    assert role_of("RED").kind == ""


@pytest.mark.parametrize(
    ("name", "band"),
    [("LSST_g", "G"), ("Euclid/VIS", "VIS"), ("HST/WFC3_F160W", "F160W"), ("blue", "BLUE"), ("z", "Z")],
)
def test_band_of_a_band_or_instrument(name, band):
    assert band_of(name) == band


@pytest.mark.parametrize(
    ("name", "header", "kind"),
    [
        ("", {"IMTYPE": "invvar"}, "invvar"),
        ("COMPRESSED_IMAGE", {"IMTYPE": "maskbits"}, "mask"),
        ("", {"EXTTYPE": "VARIANCE"}, "variance"),
        ("", {"DES_EXT": "WEIGHT"}, "weight"),
        ("STAT", {"HDUCLAS2": "ERROR", "HDUCLAS3": "MSE"}, "variance"),
        ("STAT", {"HDUCLAS2": "ERROR", "HDUCLAS3": "INVMSE"}, "invvar"),
        ("STAT", {"HDUCLAS2": "ERROR", "HDUCLAS3": "RMSE"}, "rms"),
        ("UNCERT", {"UTYPE": "VarianceUncertainty"}, "variance"),
        ("UNCERT", {"UTYPE": "InverseVariance"}, "invvar"),
        ("UNCERT", {"UTYPE": "StdDevUncertainty"}, "rms"),
        ("SCI", {"IMTYPE": "invvar"}, "image"),
        ("PRIMARY", {}, ""),
    ],
)
def test_headers_say_it_where_the_name_does_not(name, header, kind):
    assert role_of_image(FitsImage(1, name, 1, (9, 9), (Header(header), Header()))).kind == kind


def test_the_band_of_an_extension_may_be_in_its_header():
    images = [FitsImage(1, "SCI", 1, (9, 9), (Header({"FILTER": value}), Header())) for value in ("HSC-G", "CLEAR")]
    assert [role_of_image(image).band for image in images] == ["G", ""]
    assert np.all([role_of_image(image).kind == "image" for image in images])
