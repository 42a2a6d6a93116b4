"""Units: totals are divided by the exposure time, rates and calibrated fluxes are left."""

import pytest
from astropy.io.fits import Header

from lenstream.errors import DataError
from lenstream.files.units import is_calibrated, rate_factor


@pytest.mark.parametrize("unit", ["ELECTRONS", "electron", "e-", "counts", "ADU", " DN ", "electron/pixel"])
def test_totals_are_divided_by_the_exposure_time(unit):
    assert rate_factor((Header({"BUNIT": unit}), Header({"EXPTIME": 500.0}))) == pytest.approx(1 / 500)
    assert rate_factor((Header({"BUNIT": unit}),)) == 1.0


@pytest.mark.parametrize("unit", ["ELECTRONS/S", "e-/s", "cps", "counts/s", "MJy/sr", "nJy", "nanomaggy", "adu/s", ""])
def test_other_units_are_left(unit):
    assert rate_factor((Header({"BUNIT": unit, "EXPTIME": 500.0}),)) == 1.0


def test_the_image_counts_before_the_file_and_zero_is_no_time():
    assert rate_factor((Header({"BUNIT": "ELECTRONS/S"}), Header({"BUNIT": "ELECTRONS", "EXPTIME": 9.0}))) == 1.0
    assert rate_factor((Header({"BUNIT": "ELECTRONS", "EXPTIME": 0.0}),)) == 1.0


@pytest.mark.parametrize("unit", ["mag", "mag/arcsec2", "mag(AB)"])
def test_magnitudes_are_no_flux(unit):
    with pytest.raises(DataError, match=r"its BUNIT is mag.*expected a flux"):
        rate_factor((Header({"BUNIT": unit}),))


def test_flux_densities_are_told_from_rates_of_a_detector():
    for unit in ("nJy", "MJy/sr", "nanomaggy", "erg/s/cm2/A", "W/m2/um"):
        assert is_calibrated((Header({"BUNIT": unit}),))
    for unit in ("ELECTRONS/S", "counts", "ADU", ""):
        assert not is_calibrated((Header({"BUNIT": unit}),))
