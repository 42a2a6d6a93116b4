"""Instruments: lenstronomy's numbers by name, its background noise and images, kernels and sky, and clear refusals."""

import numpy as np
import pytest
from astropy.io import fits
from lenstronomy.SimulationAPI.observation_api import SingleBand
from lenstronomy.SimulationAPI.sim_api import SimAPI
from pydantic import ValidationError

from lenstream.configs.load import check, load
from lenstream.configs.observation import PSF, Observation
from lenstream.errors import ConfigError, DataError
from lenstream.simulate.detector.instrument import counts_per_second, make_instrument, preset, read_kernels, read_sky
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

BANDS = {
    "DES": "g r i z Y",
    "Euclid": "VIS Y J H",
    "HST": "WFC3_F160W F160W TDLMC_F160W",
    "JWST": "F115W F150W F200W F277W F356W F444W",
    "LSST": "u g r i z y",
    "Roman": "F106 F129 F158",
    "ZTF": "g r i",
}
NAMES = [f"{telescope}/{band}" for telescope, bands in BANDS.items() for band in bands.split()]
ROMAN = {
    "time_domain_wide": "F062 F087 F106 F129 F158",
    "time_domain_deep": "F087 F106 F129 F158 F184",
    "microlensing": "F146 F087",
}
NEEDS_PSF = {"HST/TDLMC_F160W"} | {n for n in NAMES if n.startswith("JWST")}


@pytest.mark.parametrize("unit", ["e-", "ADU"])
@pytest.mark.parametrize("name", NAMES)
def test_every_instrument_and_band_is_lenstronomys(name, unit):
    ours = make_instrument(Observation(instrument=name, data_count_unit=unit, psf=PSF(kind="gaussian", fwhm=0.2)))
    settings = preset(name) | {"psf_type": "GAUSSIAN"}
    theirs = SingleBand(**settings, data_count_unit=unit)
    assert ours.background == pytest.approx(theirs.background_noise, rel=1e-12)
    assert ours.exposure_time == pytest.approx(theirs.exposure_time)
    assert ours.num_exposures == settings["num_exposures"]
    assert ours.pixel_scale == settings["pixel_scale"]
    assert counts_per_second(21.3, ours.magnitude_zero_point) == pytest.approx(theirs.magnitude2cps(21.3), rel=1e-12)
    assert ours.gain * ours.exposure_time == pytest.approx(theirs.flux_iid(1.0))


@pytest.mark.parametrize("name", NAMES)
def test_the_psf_is_the_presets_or_asked_for(name):
    if name not in NEEDS_PSF:
        instrument = make_instrument(Observation(instrument=name))
        assert (instrument.psf_kind, instrument.fwhm) == ("gaussian", preset(name)["seeing"])
        return
    with pytest.raises(ConfigError, match=rf"simulate\.observation\.psf: lenstronomy has no PSF for {name}.*pixel"):
        make_instrument(Observation(instrument=name))
    seeing = preset(name)["seeing"]
    if seeing is None:
        with pytest.raises(ConfigError, match="fwhm is missing"):
            make_instrument(Observation(instrument=name, psf=PSF(kind="gaussian")))
    else:
        assert make_instrument(Observation(instrument=name, psf=PSF(kind="gaussian"))).fwhm == seeing


@pytest.mark.parametrize(("mode", "bands"), ROMAN.items())
def test_roman_has_survey_modes(mode, bands):
    from lenstronomy.SimulationAPI.ObservationConfig.Roman import Roman

    for band in bands.split():
        theirs = Roman(band, survey_mode=mode).kwargs_single_band()
        assert preset(f"Roman/{band}", survey_mode=mode) == theirs
        instrument = make_instrument(Observation(instrument=f"Roman/{band}", survey_mode=mode))
        assert instrument.exposure_time == theirs["exposure_time"] * theirs["num_exposures"]


@pytest.mark.parametrize(("name", "years", "exposures"), [("LSST/i", 5, 230), ("DES/g", 6, 20), ("Euclid/VIS", 3, 2)])
def test_years_of_a_survey_are_added_and_forgotten(name, years, exposures):
    before = make_instrument(Observation(instrument=name)).num_exposures
    assert make_instrument(Observation(instrument=name, coadd_years=years)).num_exposures == exposures
    assert make_instrument(Observation(instrument=name)).num_exposures == before  # lenstronomy's own class remembers


def test_the_background_of_drawn_exposures_follows_from_their_median():
    drawn = make_instrument(Observation(instrument="HST/WFC3_F160W", exposure_time={"loguniform": (100, 10_000)}))
    median = make_instrument(Observation(instrument="HST/WFC3_F160W", exposure_time=1000))
    assert drawn.exposure_time == pytest.approx(1000 * median.num_exposures, rel=1e-12)
    assert drawn.background == pytest.approx(median.background, rel=1e-12)


def test_given_numbers_replace_the_presets():
    instrument = make_instrument(Observation(instrument="LSST/i", exposure_time=30, num_exposures=2), pixel_scale=0.3)
    assert (instrument.exposure_time, instrument.num_exposures, instrument.pixel_scale) == (60, 2, 0.3)
    assert instrument.fwhm == preset("LSST/i")["seeing"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"instrument": "Euclit/VIS"},
            r'instrument: no instrument "Euclit/VIS".*Did you mean "Euclid/VIS"',
        ),
        ({"instrument": "Euclid"}, "expected NAME/BAND"),
        ({"instrument": "Euclid/VSI"}, r'Euclid has no band "VSI"; expected one of VIS, Y, J, H.*"VIS"'),
        ({"instrument": "JWST/F120W"}, r'JWST has no band "F120W"; expected one of F115W'),
        ({"instrument": "LSST/i", "coadd_years": 11}, r"coadd_years: .*between 1 and 10"),
        ({"instrument": "HST/WFC3_F160W", "coadd_years": 2}, r"coadd_years"),
        ({"instrument": "Roman/F062"}, r"survey_mode: .*F106"),
        ({"instrument": "Roman/F106", "survey_mode": "deep"}, r"survey_mode: .*time_domain_deep"),
        ({"instrument": "Roman/F106", "coadd_years": 2}, r"coadd_years: lenstronomy's Roman has no such option"),
        ({"instrument": "LSST/i", "survey_mode": "wide"}, r"survey_mode: lenstronomy's LSST has no such option"),
    ],
)
def test_unknown_names_and_options_are_refused_in_one_sentence(settings, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        make_instrument(Observation(**settings))
    assert len(caught.value.problems) == 1 and "\n" not in str(caught.value)


def test_all_that_is_missing_is_listed_at_once():
    with pytest.raises(ConfigError) as caught:
        make_instrument(Observation(data_count_unit="ADU"), path="simulate.bands.g")
    assert len(caught.value.problems) == 6
    assert sum(p.startswith("simulate.bands.g") for p in caught.value.problems) == 5


@pytest.mark.parametrize(
    ("psf", "sentence"),
    [
        ({"kind": "pixel"}, "needs the key file"),
        ({"kind": "moffat", "fwhm": 0.7}, "needs the key beta"),
        ({"kind": "gaussian", "beta": 3.0}, "beta belongs to a moffat PSF"),
        ({"kind": "none", "fwhm": 1.0}, "fwhm belongs to a gaussian or moffat PSF"),
        ({"kind": "gaussian", "file": "psf.fits"}, "file belongs to a pixel PSF"),
        ({"kind": "moffat", "fwhm": 0.7, "beta": 1.0}, "beta must lie between"),
        ({"kind": "moffat", "fwhm": 0.7, "beta": 3.0, "size": 20}, "size must be odd"),
    ],
)
def test_psf_settings_that_do_not_fit_are_refused(psf, sentence):
    with pytest.raises(ValidationError, match=sentence):
        PSF(**psf)


def test_a_moffat_psf_gets_a_kernel_that_holds_its_wings():
    psf = PSF(kind="moffat", fwhm={"uniform": (0.6, 0.9)}, beta={"uniform": (2.5, 4.0)})
    instrument = make_instrument(Observation(instrument="LSST/i", psf=psf))
    assert (instrument.psf_kind, instrument.psf_size, len(instrument.kernels)) == ("moffat", 2 * 18 + 1, 0)
    assert instrument.fwhm.support() == (0.6, 0.9) and instrument.beta.support() == (2.5, 4.0)
    finer = make_instrument(Observation(instrument="LSST/i", psf=PSF(kind="moffat", beta=3.0, supersampling=3)))
    assert (finer.fwhm, finer.supersampling) == (preset("LSST/i")["seeing"], 3)
    assert finer.psf_size == 2 * int(np.ceil(4 * 0.71 / 0.2 * 3)) + 1
    with pytest.raises(ConfigError, match=r"psf\.size: missing"):
        make_instrument(Observation(instrument="LSST/i", psf=PSF(kind="moffat", fwhm={"uniform": (1, 90)}, beta=3.0)))


def test_lost_pixels_hold_zero_or_nan():
    assert make_instrument(Observation(instrument="LSST/i", cosmic_rays=1.0)).mask_value == 0
    instrument = make_instrument(Observation(instrument="LSST/i", bad_pixels=0.1, mask_value="nan"))
    assert np.isnan(instrument.mask_value) and instrument.loses_pixels
    assert not make_instrument(Observation(instrument="LSST/i")).loses_pixels


def test_kernels_are_cut_and_normalised(tmp_path):
    kernel = np.random.default_rng(0).random((11, 11))
    fits.writeto(tmp_path / "psf.fits", kernel)
    cut = read_kernels(tmp_path / "psf.fits", 5)
    np.testing.assert_allclose(cut, kernel[None, 3:8, 3:8] / kernel[3:8, 3:8].sum())
    np.testing.assert_allclose(read_kernels(tmp_path / "psf.fits", 99)[0], kernel / kernel.sum())


def test_kernels_come_as_a_cube_or_a_folder_by_name(tmp_path):
    kernels = np.random.default_rng(0).random((3, 7, 7))
    fits.writeto(tmp_path / "b.fits", kernels)
    fits.writeto(tmp_path / "a.fits", np.ones((3, 3)))
    (tmp_path / "notes.txt").write_text("not a kernel")
    bank = read_kernels(tmp_path)
    assert bank.shape == (4, 7, 7)
    np.testing.assert_allclose(bank.sum((1, 2)), 1.0)
    np.testing.assert_allclose(bank[0], np.pad(np.full((3, 3), 1 / 9), 2))
    np.testing.assert_allclose(bank[1:], kernels / kernels.sum((1, 2), keepdims=True))
    psf = PSF(kind="pixel", file=str(tmp_path), size=5, supersampling=2)
    instrument = make_instrument(Observation(instrument="HST/TDLMC_F160W", psf=psf))
    assert (instrument.kernels.shape, instrument.supersampling, instrument.fwhm) == ((4, 5, 5), 2, 0.0)


def test_the_extension_psf_of_a_file_with_an_image_is_the_kernel(tmp_path):
    kernel = np.random.default_rng(0).random((5, 5))
    parts = [fits.ImageHDU(np.ones((8, 8)), name="IMAGE"), fits.ImageHDU(kernel, name="PSF")]
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(tmp_path / "lens.fits")
    np.testing.assert_allclose(read_kernels(tmp_path / "lens.fits"), kernel[None] / kernel.sum())


@pytest.mark.parametrize(
    "kernel",
    [np.full((3, 3), 1e30), np.ones((4, 4)), np.ones((3, 5)), np.full((3, 3), np.nan), np.zeros((3, 3)), np.ones(5)],
)
def test_a_bad_kernel_is_refused_in_one_sentence(tmp_path, kernel):
    fits.writeto(tmp_path / "psf.fits", kernel)
    with pytest.raises(DataError, match=r"psf\.file: .*psf\.fits") as caught:
        read_kernels(tmp_path / "psf.fits")
    assert "\n" not in str(caught.value)


def test_absent_empty_and_truncated_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_kernels(tmp_path / "none.fits")
    with pytest.raises(DataError, match="holds no file"):
        read_kernels(tmp_path)
    fits.writeto(tmp_path / "psf.fits", np.ones((31, 31)))
    data = (tmp_path / "psf.fits").read_bytes()
    (tmp_path / "psf.fits").write_bytes(data[:4000])
    with pytest.raises(DataError, match="cannot be read"):
        read_kernels(tmp_path / "psf.fits")
    with pytest.raises(DataError, match=r"sky_cutouts: .*none: cannot be read"):
        read_sky(tmp_path / "none")


def test_sky_comes_from_fits_and_numpy_files(tmp_path):
    images = [np.random.default_rng(k).random((5 + k, 9)).astype(np.float32) for k in range(5)]
    images[1][2, 3] = np.nan
    fits.writeto(tmp_path / "a.fits", images[0].astype(">f8"))
    np.save(tmp_path / "b.npy", images[1])
    np.savez_compressed(tmp_path / "c.npz", x=images[2], y=np.stack([images[3], images[3] + 1]))
    sky = make_instrument(Observation(instrument="HST/WFC3_F160W", sky_cutouts=str(tmp_path))).sky
    assert sky.shapes.tolist() == [[5, 9], [6, 9], [7, 9], [8, 9], [8, 9]]
    for first, shape, image in zip(sky.first, sky.shapes, [*images[:4], images[3] + 1], strict=True):
        np.testing.assert_array_equal(sky.pixels[first : first + image.size].reshape(shape), image)


def test_absurd_pixels_of_the_sky_are_absent(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[1.0, -1e30], [np.inf, 2.0]]))
    np.testing.assert_array_equal(read_sky(tmp_path).pixels, np.float32([1.0, np.nan, np.nan, 2.0]))


@pytest.mark.parametrize(
    ("name", "content"), [("a.npy", b"not numpy"), ("a.npz", b"PK\x03\x04 broken"), ("a.fits", b"SIMPLE  = T")]
)
def test_broken_sky_is_refused_in_one_sentence(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"sky_cutouts: .*{name}: cannot be read as") as caught:
        read_sky(tmp_path)
    assert "\n" not in str(caught.value)


def test_pickled_and_empty_sky_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="cannot be read"):
        read_sky(tmp_path)
    np.save(tmp_path / "a.npy", np.full((4, 4), np.nan))
    with pytest.raises(DataError, match="without a finite pixel"):
        read_sky(tmp_path)


@pytest.mark.parametrize("unit", ["e-", "ADU"])
@pytest.mark.parametrize("name", ["HST/WFC3_F160W", "Euclid/VIS", "LSST/i"])
def test_an_image_has_the_counts_of_lenstronomys_simulation_api(name, unit):
    source = {"magnitude": 21.0, "R_sersic": 0.6, "n_sersic": 1.2, "e1": 0.1, "e2": -0.2, "center_x": 0.1}
    values = load("w1").model_dump(exclude_none=True)
    values["simulate"] |= {
        "image": {"num_pix": 40, "rays": 3},
        "lens_mass": [{"profile": "EPL", "theta_E": 1.1, "gamma": 2.1, "e1": 0.1}],
        "source": [{"profile": "SERSIC_ELLIPSE", **source}],
        "observation": {"instrument": name, "data_count_unit": unit},
    }
    scene = make_scene(check(values, "test").simulate, 0)
    ours = render(scene, draw(scene, [0], Views()), noise=False, dtype=np.float64)[0, 0]
    models = {"lens_model_list": ["EPL"], "source_light_model_list": ["SERSIC_ELLIPSE"]}
    api = SimAPI(40, preset(name) | {"data_count_unit": unit}, models)
    _, kwargs_source, _ = api.magnitude2amplitude(kwargs_source_mag=[source | {"center_y": 0.0}])
    kwargs_lens = [{"theta_E": 1.1, "gamma": 2.1, "e1": 0.1, "e2": 0.0, "center_x": 0.0, "center_y": 0.0}]
    theirs = api.image_model_class({"supersampling_factor": 3}).image(kwargs_lens, kwargs_source)
    assert np.abs(ours - theirs).max() < 1e-6 * theirs.max()
