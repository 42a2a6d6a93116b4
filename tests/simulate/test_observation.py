"""Instruments: lenstronomy's numbers by name, its background noise, and clear refusals."""

import numpy as np
import pytest
from astropy.io import fits
from lenstronomy.SimulationAPI.observation_api import SingleBand

from lenstream.configs.observation import PSF, Observation
from lenstream.errors import ConfigError, DataError
from lenstream.simulate.observation import instrument, preset, read_psf


@pytest.mark.parametrize("name", ["HST/WFC3_F160W", "Euclid/VIS", "LSST/i", "LSST/g", "DES/r", "Roman/F129"])
def test_background_and_zero_point_are_lenstronomys(name):
    psf = PSF(kind="gaussian", fwhm=0.2)
    ours = instrument(Observation(instrument=name, psf=psf))
    settings = preset(name) | {"psf_type": "GAUSSIAN"}
    theirs = SingleBand(**settings)
    assert ours.background == pytest.approx(theirs.background_noise, rel=1e-12)
    assert ours.exposure_time == pytest.approx(theirs.exposure_time)
    assert ours.magnitude_zero_point == settings["magnitude_zero_point"]
    assert ours.pixel_scale == settings["pixel_scale"]


def test_given_numbers_replace_the_presets():
    tool = instrument(Observation(instrument="LSST/i", exposure_time=30, num_exposures=2), pixel_scale=0.3)
    assert (tool.exposure_time, tool.pixel_scale) == (60, 0.3)
    assert tool.fwhm == preset("LSST/i")["seeing"]


def test_an_unknown_instrument_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match=r'no instrument "Euclit/VIS".*Did you mean "Euclid"'):
        instrument(Observation(instrument="Euclit/VIS"))
    with pytest.raises(ConfigError, match="band"):
        instrument(Observation(instrument="Euclid/X"))


def test_all_that_is_missing_is_listed_at_once():
    with pytest.raises(ConfigError) as caught:
        instrument(Observation())
    assert len(caught.value.problems) == 5


def test_a_psf_is_cut_and_normalised(tmp_path):
    kernel = np.random.default_rng(0).random((11, 11))
    fits.writeto(tmp_path / "psf.fits", kernel)
    cut = read_psf(tmp_path / "psf.fits", 5)
    np.testing.assert_allclose(cut, kernel[3:8, 3:8] / kernel[3:8, 3:8].sum())


@pytest.mark.parametrize("kernel", [np.ones((4, 4)), np.ones((3, 5)), np.full((3, 3), np.nan), np.zeros((3, 3))])
def test_a_bad_psf_is_refused_in_one_sentence(tmp_path, kernel):
    fits.writeto(tmp_path / "psf.fits", kernel)
    with pytest.raises(DataError, match=r"psf\.fits"):
        read_psf(tmp_path / "psf.fits")


def test_an_absent_or_truncated_psf_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot read"):
        read_psf(tmp_path / "none.fits")
    fits.writeto(tmp_path / "psf.fits", np.ones((31, 31)))
    data = (tmp_path / "psf.fits").read_bytes()
    (tmp_path / "psf.fits").write_bytes(data[:4000])
    with pytest.raises(DataError, match="cannot read"):
        read_psf(tmp_path / "psf.fits")
