"""Recipes of surveys: their images have the numbers of real ones."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from scipy.ndimage import label

from lenstream.configs.load import load
from lenstream.simulate.labels import all_labels
from lenstream.simulate.packing import noise_levels
from lenstream.simulate.render import render_all, subtracted_light
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

DATA = Path(os.environ.get("LENSTREAM_DATA", Path(__file__).parents[3] / "shared" / "data"))
N = 32
WHOLE = ("simulate.observation.cosmic_rays=0", "simulate.observation.masked_disks=null")  # no pixel is lost


def rendered(recipe, *changes, noise=None, n=N):
    """A scene, n of its systems, and their images with arcs."""
    scene = make_scene(load(recipe, list(changes)))
    systems = draw(scene, np.arange(n), Views())
    return scene, systems, render_all(scene, systems, noise=noise, arcs=True)


def spread(values):
    """The standard deviation by the median deviation, which single bright pixels do not change."""
    return 1.4826 * np.median(np.abs(values - np.median(values)))


@pytest.fixture(scope="module")
def slacs():
    """A scene of hst_slacs without lost pixels, its systems, images without and with noise."""
    scene, systems, clean = rendered("hst_slacs", *WHOLE, noise=False)
    return scene, systems, clean, render_all(scene, systems, arcs=True).images[:, 0, 0]


def test_hst_slacs_has_the_noise_of_snapshots_and_of_deep_images(slacs):
    _, systems, clean, noisy = slacs
    noise = (noisy - clean.images[:, 0, 0])[:, :16]  # far from the lens
    seconds = systems.optics["exposure_time"][:, 0, 0]
    # measured on slacs_dev: 0.012 to 0.014 and 0.006 to 0.008
    for low, high, expected in (
        (400, 430, 0.0135),
        (1400, 2300, 0.0065),
    ):
        own = [spread(image) for image in noise[(seconds >= low) & (seconds <= high)]]
        assert len(own) > 5
        assert 0.8 * expected < np.median(own) < 1.3 * expected
    pull = noise / noise.std(axis=(1, 2), keepdims=True)
    assert abs((pull[:, :, 1:] * pull[:, :, :-1]).mean() - 0.28) < 0.03


def test_hst_slacs_lenses_outshine_their_arcs_as_real_ones_do(slacs):
    clean = slacs[2]
    light = clean.images.sum(axis=(1, 2, 3, 4)) - clean.arcs[:, 0, 0, 0]
    ratio = np.percentile(light / clean.arcs[:, 0, 0, 0], [10, 50, 90])
    assert 3 < ratio[0] < 20 < ratio[1] < 80 and ratio[2] < 500
    peak = clean.images[:, 0, 0].max(axis=(1, 2))
    assert 5 < np.median(peak) < 25  # of slacs_dev: 2.5 to 47 electrons/s, median 12


def test_subtracted_hst_slacs_lenses_have_residuals_in_the_centre_as_real_ones_do():
    """In units of the noise; of slacs_dev: medians 3.0, 0.9 and 0.8, of the best four in ten 1.9, 0.7 and 0.7."""
    changes = ["mode=subtracted", *WHOLE, "simulate.lens_mass.0.theta_E=1.5"]
    scene, systems, left = rendered("hst_slacs", *changes)
    background, exposure, electrons = (level[:, 0, None, None] for level in noise_levels(scene, systems))
    light = subtracted_light(scene, systems)[:, 0, 0]
    noise = np.sqrt(background**2 + light / (exposure * electrons))
    y, x = (np.mgrid[0:128, 0:128] - 63.5) * 0.05
    median, best = [], []
    for low, high in ((0, 0.15), (0.15, 0.3), (0.3, 0.5)):
        ring = (np.hypot(x, y) >= low) & (np.hypot(x, y) < high)
        # real noise maps are those of pixels on their own, whose rms is larger than the true one by 1 / 0.68
        rms = 0.68 * np.sqrt(((left.images[:, 0, 0] / noise)[:, ring] ** 2).mean(axis=1))
        median.append(np.median(rms))
        best.append(np.quantile(rms, 0.4))
    assert 2 < median[0] < 4.5 and 0.75 < median[1] < 1.4 and 0.7 < median[2] < 1.2
    assert 1.2 < best[0] < 3 and 0.6 < best[1] < 0.95 and 0.6 < best[2] < 0.9


def test_hst_slacs_loses_pixels_as_real_images_do():
    """In 6.4" of slacs_dev: 0.03 of all pixels in the median, 0.002 to 0.17; snapshots 26 to 108 holes of 6 pixels."""
    _, systems, seen = rendered("hst_slacs", n=64)
    snapshot = systems.optics["exposure_time"][:, 0, 0] < 500
    lost = seen.mask[:, 0, 0]
    holes = np.array([label(m, np.ones((3, 3)))[1] for m in lost])
    assert 45 < np.median(holes[snapshot]) < 90 and holes[~snapshot].max() < 8
    share = lost.mean(axis=(1, 2))
    assert 0.01 < np.median(share) < 0.05 and share.min() < 0.005 and 0.05 < share.max() < 0.3
    y, x = (np.mgrid[0:128, 0:128] - 63.5) * 0.05
    assert not lost[~snapshot][:, np.hypot(x, y) < 1.1].any()


def test_hst_slacs_takes_the_instruments_kernel():
    file = DATA / "hst_f814w_psf.fits"
    if not file.is_file():
        pytest.skip("the PSF of HST is not there: set LENSTREAM_DATA")
    kernel = fits.getdata(file)
    scene, _, of_file = rendered(
        "hst_slacs", f"simulate.observation.psf={{kind: pixel, file: {file}}}", noise=False, n=2
    )
    np.testing.assert_allclose(scene.instrument.kernels[0], kernel / kernel.sum(), rtol=1e-6, atol=1e-9)
    assert np.isfinite(of_file.images).all()


# Of surveys other than HST: rms of the background [electrons/s a pixel] by numbers that are not in the recipes.
HSC_VARIANCES = {
    "g": (1.4e-3, 28.90),
    "r": (2.9e-3, 28.86),
    "i": (4.7e-3, 28.61),
}  # at zero point 27 (xlens)
DECALS_DEPTHS = {"g": 24.7, "r": 23.9, "z": 23.0}  # points at 5 sigma, two observations at 1.5" (legacysurvey.org, DR8)
LSST_VISIT = {
    "g": (24.42, 22.26),
    "r": (24.44, 21.20),
    "i": (24.32, 20.48),
}  # C_m, sky (Ivezic+ 2019, ApJ 873, 111, table 2)
EUCLID_DEPTH = 25.6  # at 10 sigma, in an aperture of 1.3" diameter, of stacks in Q1 (McCracken+ 2025, arXiv:2503.15303)
COSMOS_WEB_DEPTH = 27.66  # at 5 sigma, in an aperture of 0.15" radius (Casey+ 2023, ApJ 954, 31)
SURVEYS = ("euclid_vis", "lsst_gri", "hsc_gri", "decals_grz", "jwst_f150w", "roman_f106")


def bands_of(recipe):
    """The instruments of a recipe by band."""
    return make_scene(load(recipe)).bands


def depth(instrument, pixels):
    """Magnitude of 5 times the noise of so many pixels."""
    return instrument.magnitude_zero_point - 2.5 * np.log10(5 * instrument.background * np.sqrt(pixels))


def pixels_of(fwhm, scale):
    """How many pixels the noise of a point counts, which a fit with its Gaussian PSF finds (all sampled well)."""
    return 4 * np.pi * (fwhm / 2.3548 / scale) ** 2


def test_hsc_gri_has_the_noise_of_the_surveys_coadds():
    for name, instrument in bands_of("hsc_gri").items():
        variance, zero_point = HSC_VARIANCES[name]
        expected = np.sqrt(variance) * 10 ** (0.4 * (zero_point - 27))
        assert instrument.background == pytest.approx(expected, rel=0.06), name


def test_decals_grz_is_as_deep_as_two_observations_are_foretold_to_be():
    for name, instrument in bands_of("decals_grz").items():
        assert instrument.num_exposures == 2
        reached = depth(instrument, pixels_of(1.5, instrument.pixel_scale))
        assert abs(reached - DECALS_DEPTHS[name]) < 0.35, name


def test_lsst_gri_is_as_deep_as_ten_years_are_foretold_to_be():
    for name, instrument in bands_of("lsst_gri").items():
        seeing = instrument.fwhm.truncnormal[0]
        at_zenith, sky = LSST_VISIT[name]  # of 30 s in 0.7" and a sky of 21: equation 6
        foretold = at_zenith + 0.5 * (sky - 21) + 2.5 * np.log10(0.7 / seeing)
        foretold += 1.25 * np.log10(instrument.exposure_time / 30)
        assert abs(depth(instrument, pixels_of(seeing, instrument.pixel_scale)) - foretold) < 0.1, name


def test_euclid_vis_is_as_deep_as_the_first_stacks():
    (instrument,) = bands_of("euclid_vis").values()
    pixels = np.pi * (0.65 / instrument.pixel_scale) ** 2
    assert abs(depth(instrument, pixels) - 2.5 * np.log10(10 / 5) - EUCLID_DEPTH) < 0.15


def test_jwst_f150w_is_as_deep_as_cosmos_web():
    (instrument,) = bands_of("jwst_f150w").values()
    pixels = np.pi * (0.15 / instrument.pixel_scale) ** 2
    assert abs(depth(instrument, pixels) - COSMOS_WEB_DEPTH) < 0.1
    sky = instrument.sky_rate / instrument.pixel_scale**2 * 10 ** (-0.4 * instrument.magnitude_zero_point)
    assert 0.1e6 < 3631 * sky / 2.3504e-11 < 0.4e6  # Jy/sr; zodiacal light at 1.5 microns is 0.2 MJy/sr


def test_roman_f106_has_the_noise_of_its_technical_information():
    (instrument,) = bands_of("roman_f106").values()
    sky = 10 ** (0.4 * (26.32 - 22.92)) * 0.11**2  # electrons/s, the least zodiacal light (surveycodex)
    seconds = 6 * 107
    assert instrument.exposure_time == seconds
    assert instrument.background == pytest.approx(np.sqrt(6 * 8.5**2 + seconds * sky) / seconds, rel=0.02)


@pytest.fixture(scope="module", params=SURVEYS)
def survey(request):
    """The name of a recipe, its scene, 16 systems, and their images without and with noise."""
    scene, systems, clean = rendered(request.param, noise=False, n=16)
    return request.param, scene, systems, clean, render_all(scene, systems)


def test_surveys_show_empty_sky_with_its_noise_around_the_lens(survey):
    name, scene, _, clean, noisy = survey
    for b, (band, instrument) in enumerate(scene.bands.items()):
        edge = (noisy.images - clean.images)[:, 0, b, :3]
        assert spread(edge) == pytest.approx(instrument.background, rel=0.1), (name, band)
        light = clean.images[:, 0, b, :3].mean(axis=(1, 2))
        assert np.median(light) < 3 * instrument.background, (name, band)


def test_surveys_have_arcs_that_are_seen_though_the_lens_outshines_them(survey):
    name, _, _, clean, _ = survey
    arcs = clean.arcs[:, 0, 0, 0]  # in the reddest band
    light = clean.images[:, 0, 0].sum(axis=(1, 2)) - arcs
    assert 4 < np.median(light / arcs) < 25, name  # SLACS: some 20 in F814W
    snr = np.sqrt(clean.arcs[:, 0, :, 1].sum(axis=1))
    assert snr.min() > 20, name
    assert 35 < np.median(snr) < 600, name


def test_arcs_are_clearer_the_deeper_the_survey():
    of = {}
    for name in ("lsst_gri", "hsc_gri", "decals_grz"):
        scene = make_scene(load(name))
        of[name] = np.median(all_labels(scene, draw(scene, np.arange(N), Views()))["arc_snr"])
    assert of["lsst_gri"] > 1.4 * of["hsc_gri"] and of["hsc_gri"] > 2 * of["decals_grz"]


def test_surveys_in_colour_have_red_lenses_and_blue_arcs(survey):
    name, scene, _, clean, _ = survey
    if len(scene.bands) == 1:
        pytest.skip("one band has no colour")
    arcs = clean.arcs[:, 0, :, 0]
    light = clean.images[:, 0].sum(axis=(2, 3)) - arcs
    zero_points = np.array([t.magnitude_zero_point for t in scene.bands.values()])
    lens, arc = (zero_points - 2.5 * np.log10(flux) for flux in (light, arcs))
    assert list(scene.bands)[-1] == "g"
    assert 2 < np.median(lens[:, -1] - lens[:, 0]) < 3.2, name  # g - i or g - z of early types at a redshift of 0.5
    assert ((lens - arc)[:, -1] - (lens - arc)[:, 0]).min() > 0.7, name


def test_surveys_hold_their_rings(survey):
    name, scene, *_ = survey
    half = scene.config.image.num_pix * scene.instrument.pixel_scale / 2
    mass = scene.config.lens_mass[0].theta_E
    assert mass.support()[1] * 1.3 < half, name
    assert mass.support()[0] > 0.2, name
