"""FITS cut-outs onto the network's grid: flux, centre, noise, masks, and files that cannot be used."""

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

from lenstream import load_config, make_scene
from lenstream.errors import DataError
from lenstream.evaluate.real.cutouts import overlap_matrix, read_cutouts, resample, sky_noise
from lenstream.simulate.stream import simulate


def gaussian(n, scale, x=0.0, y=0.0, sigma=0.3):
    """A source of total flux 1, sampled at the pixel centres of an n x n array around its centre, (n, n)."""
    axis = (np.arange(n) - (n - 1) / 2) * scale
    shape = np.exp(-((axis[None] - x) ** 2 + (axis[:, None] - y) ** 2) / (2 * sigma**2))
    return shape * scale**2 / (2 * np.pi * sigma**2)


def write(path, image, noise=None, mask=None, light=None, scale=0.05):
    """A file in the multi-extension layout."""
    primary = fits.PrimaryHDU()
    if scale is not None:
        primary.header["PIXSCALE"] = scale
    planes = {"IMAGE": image, "NOISE": noise, "MASK": mask, "LENSLIGHT": light}
    hdus = [fits.ImageHDU(np.asarray(p), name=n) for n, p in planes.items() if p is not None]
    fits.HDUList([primary, *hdus]).writeto(path)


def noisy(n=100, seed=0, sigma=0.01):
    return np.random.default_rng(seed).normal(0, sigma, (n, n)).astype(np.float32)


def reason(folder, **options):
    """Why the single file of a folder cannot be used."""
    with pytest.raises(DataError) as error:
        read_cutouts(folder, 48, 0.1, **options)
    text = str(error.value)
    assert "\n" not in text and "Traceback" not in text
    return text


@pytest.mark.parametrize("ratio", [3.0, 2.0, 1.0, 0.7, 1.37])
def test_flux_and_centre_are_kept(ratio):
    scale_in, num_pix = 0.05, 48
    scale = ratio * scale_in
    x, y = 0.2, -0.15
    image = gaussian(201, scale_in, x, y, sigma=0.12)
    valid = np.ones(image.shape, bool)
    flux, _, covered = resample(image, image, valid, scale_in, num_pix, scale)
    inside = covered > 0.999
    assert flux[inside].sum() == pytest.approx(1, abs=1e-3)
    axis = (np.arange(num_pix) - (num_pix - 1) / 2) * scale
    assert (flux.sum(0) * axis).sum() / flux.sum() == pytest.approx(x, abs=1e-3)
    assert (flux.sum(1) * axis).sum() / flux.sum() == pytest.approx(y, abs=1e-3)


def test_same_grid_is_unchanged_and_matrix_sums_to_one():
    image = noisy(48)
    flux, variance, covered = resample(image, image**2, np.ones((48, 48), bool), 0.1, 48, 0.1)
    np.testing.assert_allclose(flux, image, atol=1e-12)
    np.testing.assert_allclose(variance, image.astype(float) ** 2, atol=1e-12)
    np.testing.assert_allclose(covered, 1)
    np.testing.assert_allclose(overlap_matrix(30, 0.07, 50, 0.11).sum(0), 1)


@pytest.mark.parametrize("n_in", [120, 121])
@pytest.mark.parametrize("num_pix", [40, 41])
def test_a_centred_lens_stays_centred_on_odd_and_even_grids(n_in, num_pix):
    image = gaussian(n_in, 0.05, sigma=0.4)
    flux, _, _ = resample(image, image, np.ones(image.shape, bool), 0.05, num_pix, 0.13)
    np.testing.assert_allclose(flux, flux[::-1], atol=1e-12)
    np.testing.assert_allclose(flux, flux[:, ::-1], atol=1e-12)


def test_filled_pixels_have_the_noise_of_the_others(tmp_path):
    mask = np.zeros((96, 96), np.uint8)
    mask[:36] = 1
    write(tmp_path / "a.fits", noisy(96), np.full((96, 96), 0.1), mask)
    (cutout,), _ = read_cutouts(tmp_path, 48, 0.1)
    assert cutout.masked > 0.3
    np.testing.assert_allclose(cutout.noise, 0.2, rtol=1e-6)


def test_sky_coordinates_without_names_of_axes_are_degrees(tmp_path):
    hdu = fits.PrimaryHDU(noisy(120))
    hdu.header.update(CD1_1=-0.05 / 3600, CD1_2=0.0, CD2_1=0.0, CD2_2=0.05 / 3600)
    hdu.writeto(tmp_path / "a.fits")
    (cutout,), _ = read_cutouts(tmp_path, 48, 0.1)
    assert np.median(cutout.noise) == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize("scale", [0.1, 0.0685, 0.035])
def test_noise_is_what_independent_pixels_give(scale):
    rng = np.random.default_rng(1)
    rms = rng.uniform(0.5, 2, (60, 60))
    valid = rng.random((60, 60)) > 0.1
    draws = np.stack([resample(rng.normal(0, rms), rms**2, valid, 0.05, 24, scale)[0] for _ in range(800)])
    _, variance, covered = resample(rms, rms**2, valid, 0.05, 24, scale)
    used = covered > 0.5
    ratio = draws.std(0)[used] / np.sqrt(variance[used])
    assert abs(ratio.mean() - 1) < 0.01
    assert ratio.min() > 0.88 and ratio.max() < 1.12


def test_filled_pixels_have_the_noise_of_the_others_even_if_most_are_filled(tmp_path):
    mask = np.zeros((96, 96), np.uint8)
    mask[:, :20] = mask[:, 60:] = 1  # 58 %, beside the lens
    write(tmp_path / "a.fits", noisy(96), np.full((96, 96), 0.1, np.float32), mask)
    (cutout,), _ = read_cutouts(tmp_path, 48, 0.1)
    assert cutout.masked == pytest.approx(56 / 96)
    np.testing.assert_allclose(cutout.noise, 0.2, rtol=1e-5)


def test_masked_pixels_do_not_leak(tmp_path):
    image = np.full((96, 96), 2.0, np.float32)
    noise = np.full((96, 96), 0.1, np.float32)
    mask = np.zeros((96, 96), np.uint8)
    mask[10, 10] = mask[20:24, 30:34] = 1
    image[10, 10] = image[20:24, 30:34] = 1e6
    image[50, 50], noise[60, 60], noise[62, 62], image[64, 64] = np.nan, 1e8, -1, -1e30
    write(tmp_path / "a.fits", image, noise, mask)
    (cutout,), skipped = read_cutouts(tmp_path, 48, 0.1)
    assert skipped == [] and cutout.name == "a" and not cutout.light_subtracted
    assert cutout.masked == pytest.approx(4 / 48**2)
    np.testing.assert_array_equal(cutout.image[10:12, 15:17], 0)
    cutout.image[10:12, 15:17] = 8
    np.testing.assert_allclose(cutout.image, 8, rtol=1e-6)  # one bad pixel in four: scaled up to the full area
    assert cutout.noise[0, 0] == pytest.approx(0.2)
    assert cutout.noise[5, 5] == pytest.approx(0.1 * np.sqrt(3) * 4 / 3)
    assert cutout.noise[10, 15] == pytest.approx(0.2)
    assert cutout.image.dtype == cutout.noise.dtype == np.float32


def test_light_is_subtracted_only_when_wanted(tmp_path):
    light = gaussian(100, 0.05, sigma=0.5).astype(np.float32) * 100
    write(tmp_path / "a.fits", noisy() + light, np.full((100, 100), 0.01), None, light)
    (without,), _ = read_cutouts(tmp_path, 48, 0.1)
    (as_is,), _ = read_cutouts(tmp_path, 48, 0.1, light="as_is")
    assert without.light_subtracted and not as_is.light_subtracted
    assert abs(without.image.sum()) < 3 and as_is.image.sum() == pytest.approx(100, abs=3)
    assert without.image.std() == pytest.approx(0.02, rel=0.1)


def test_plain_image_with_sky_coordinates(tmp_path):
    image = noisy(120, sigma=0.02)
    image[40:60, 40:60] += 3 * gaussian(20, 0.05, sigma=0.1)
    hdu = fits.PrimaryHDU(image)
    hdu.header.update(CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=10.0, CRVAL2=5.0, CRPIX1=60, CRPIX2=60)
    angle = np.radians(30)
    hdu.header["CD1_1"], hdu.header["CD2_2"] = (-0.05 / 3600 * np.cos(angle), 0.05 / 3600 * np.cos(angle))
    hdu.header["CD1_2"], hdu.header["CD2_1"] = (0.05 / 3600 * np.sin(angle), 0.05 / 3600 * np.sin(angle))
    hdu.writeto(tmp_path / "plain.FITS")
    (cutout,), _ = read_cutouts(tmp_path, 48, 0.1)
    assert cutout.name == "plain" and cutout.masked == 0
    assert np.median(cutout.noise) == pytest.approx(0.04, rel=0.05)
    assert cutout.image[14:26, 14:26].sum() == pytest.approx(3 + 0, abs=1)


def test_pixel_scale_from_the_caller_and_compressed_file(tmp_path):
    fits.PrimaryHDU(noisy(48)).writeto(tmp_path / "a.fits.gz")
    assert "real_lenses.pixel_scale" in reason(tmp_path)
    fits.setval(tmp_path / "a.fits.gz", "CDELT1", value=0.1)
    assert "has CDELT1 = 0.1 without a CTYPE or CUNIT" in reason(tmp_path)
    (cutout,), _ = read_cutouts(tmp_path, 48, 0.1, input_pixel_scale=0.1)
    np.testing.assert_allclose(cutout.image, noisy(48), rtol=1e-6)
    assert cutout.name == "a" and cutout.pixel_scale == 0.1


def test_small_field_is_filled_and_very_small_one_refused(tmp_path):
    write(tmp_path / "a.fits", noisy(76) + 1, np.full((76, 76), 0.01))
    (cutout,), _ = read_cutouts(tmp_path, 48, 0.1)
    assert cutout.masked == pytest.approx(1 - 38**2 / 48**2)
    assert (cutout.image[:5] == 0).all() and (cutout.image[5:43, 5:43] > 3).all() and (cutout.noise > 0).all()
    assert "covers 44%" in reason(tmp_path, input_pixel_scale=0.042)


def test_noise_estimate_ignores_the_lens_and_a_slope():
    image = noisy(120, seed=3, sigma=0.02) + 50 * gaussian(120, 0.05, sigma=0.3) + np.linspace(0, 1, 120)
    assert sky_noise(image, np.ones(image.shape, bool)) == pytest.approx(0.02, rel=0.08)


def test_a_bad_file_does_not_stop_the_others(tmp_path):
    good = np.full((100, 100), 0.01)
    write(tmp_path / "good.fits", noisy(), good, None, np.zeros((100, 100)))
    (tmp_path / "b_text.fits").write_text("name,theta_E\n")
    (tmp_path / "c_empty.fits").write_bytes(b"")
    whole = (tmp_path / "good.fits").read_bytes()
    (tmp_path / "d_cut.fits").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "d_cut_late.fits").write_bytes(whole[:-20_000])
    write(tmp_path / "e_nan.fits", np.full((100, 100), np.nan), good)
    write(tmp_path / "f_cube.fits", np.zeros((2, 100, 100)))
    write(tmp_path / "g_shape.fits", noisy(), good[:50])
    write(tmp_path / "h_scale.fits", noisy(), good, scale=None)
    write(tmp_path / "i_flat.fits", np.zeros((100, 100)))
    fits.HDUList([fits.PrimaryHDU()]).writeto(tmp_path / "j_nothing.fits")
    write(tmp_path / "k_hole.fits", noisy(200), np.pad(np.full((100, 100), 1e8), 50, constant_values=0.1))
    (tmp_path / "good.fit").write_bytes(whole)
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "folder.fits").mkdir()
    cutouts, skipped = read_cutouts(tmp_path, 48, 0.1)
    assert [c.name for c in cutouts] == ["good"]
    expected = {
        "b_text.fits": "cannot be read as FITS",
        "c_empty.fits": "cannot be read as FITS",
        "d_cut.fits": "FITS|truncated",
        "d_cut_late.fits": "FITS|truncated",
        "e_nan.fits": "not one pixel is valid",
        "f_cube.fits": "2 bands",
        "folder.fits": "cannot be read as FITS",
        "g_shape.fits": r"noise \(NOISE\) has shape \(50, 100\)",
        "good.fits": "name good was read already",
        "h_scale.fits": "real_lenses.pixel_scale",
        "i_flat.fits": "add an extension NOISE",
        "j_nothing.fits": "holds no image",
        "k_hole.fits": "not one pixel near the lens is valid",
    }
    assert [name for name, _ in skipped] == sorted(expected)
    for name, why in skipped:
        assert pd.Series([why]).str.contains(expected[name], regex=True).all(), (name, why)
        assert why.endswith(".") and "\n" not in why


def test_no_usable_folder_or_file(tmp_path):
    assert "There is no folder" in reason(tmp_path / "missing")
    (tmp_path / "file").write_text("x")
    assert "is not a folder" in reason(tmp_path / "file")
    assert "holds no file that ends in .fits" in reason(tmp_path)
    write(tmp_path / "a.fits", np.full((50, 50), np.nan))
    (tmp_path / "b.fits").write_text("x")
    text = reason(tmp_path)
    assert "None of the 2 FITS files" in text and "a.fits: not one pixel" in text and "b.fits: it cannot" in text


def survey_files(folder, image, rms, bad):
    """One lens as Euclid, HSC, JWST and drizzled HST files would have it; bad pixels hold rubbish."""
    broken = np.where(bad, 40.0, image)
    arcs = np.where(image > 3 * rms, 32, 0)
    sky = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CDELT1": -0.1 / 3600, "CDELT2": 0.1 / 3600})
    layouts = {
        "euclid": {"VIS_RMS": rms, "VIS_BGSUB": broken, "VIS_FLAG": np.where(bad, 1, 1 << 18), "VIS_PSF": rms[:9, :9]},
        "hsc": {"IMAGE": broken, "MASK": arcs | np.where(bad, 2, 0), "VARIANCE": rms**2},
        "jwst": {"SCI": broken, "ERR": rms, "DQ": np.where(bad, 1, 4), "VAR_POISSON": rms**2},
        "hst": {"SCI": broken, "WHT": np.where(bad, 0, rms**-2), "CTX": np.ones(rms.shape, np.int32)},
    }
    for name, planes in layouts.items():
        primary = fits.PrimaryHDU(header=fits.Header({"TELESCOP": name.upper(), "EXPTIME": 2000.0}))
        hdus = [fits.ImageHDU(plane, sky, name=extension) for extension, plane in planes.items()]
        for hdu in hdus if name == "hsc" else []:
            hdu.header.update(MP_BAD=0, MP_SAT=1, MP_DETECTED=5)
        if name == "hst":
            hdus[0].header["BUNIT"] = "ELECTRONS/S"
        fits.HDUList([primary, *hdus]).writeto(folder / f"{name}.fits")


def test_the_files_of_four_surveys_give_one_cutout(tmp_path):
    """What a network predicts follows from the image over its noise: it has to be the same."""
    scene = make_scene(load_config("demo").simulate, seed=0)
    lens = simulate(scene, [3], derived=False).images[0, 0, 0].numpy().astype(float)
    rms = np.sqrt(scene.instrument.background**2 + np.clip(lens, 0, None) / scene.instrument.exposure_time)
    bad = np.random.default_rng(0).random(lens.shape) > 0.98
    survey_files(tmp_path, lens, rms, bad)
    write(tmp_path / "ours.fits", lens, rms, bad.astype(np.uint8), scale=0.1)
    cutouts, skipped = read_cutouts(tmp_path, 48, 0.1)
    assert [c.name for c in cutouts] == ["euclid", "hsc", "hst", "jwst", "ours"] and not skipped
    for cutout in cutouts:
        np.testing.assert_allclose(
            cutout.image / cutout.noise, cutouts[0].image / cutouts[0].noise, rtol=1e-5, atol=1e-6
        )
        assert cutout.masked == cutouts[0].masked == pytest.approx(bad.mean())
    assert {c.name: c.ignored for c in cutouts}["jwst"] == ("VAR_POISSON",)


def test_real_lenses_show_their_arcs(slacs):
    cutouts, skipped = read_cutouts(slacs, 48, 0.1)
    assert len(cutouts) == 21 and skipped == []
    published = pd.read_csv(slacs / "catalogue.csv").set_index("name")["theta_E_published"]
    axis = (np.arange(48) - 23.5) * 0.1
    radius = np.hypot(axis[None], axis[:, None])
    brighter = []
    for cutout in cutouts:
        assert cutout.image.shape == cutout.noise.shape == (48, 48) and cutout.light_subtracted
        assert np.isfinite(cutout.image).all() and np.isfinite(cutout.noise).all() and (cutout.noise > 0).all()
        assert cutout.noise.max() < 1 and cutout.masked < 0.25
        snr = cutout.image / cutout.noise
        near = np.abs(radius - published[cutout.name]) < 0.3
        assert snr[near].mean() > 0
        brighter.append(snr[near].mean() > snr[radius > 2.9].mean() + 0.2)
    assert np.mean(brighter) > 0.8


def galaxy_and_arc(n=96):
    """A round galaxy of 500 times the noise of `noisy`, and an arc beside it."""
    y, x = np.meshgrid(*2 * [np.arange(n) - (n - 1) / 2], indexing="ij")
    radius = np.hypot(x, y)
    arc = 0.2 * np.exp(-((radius - 22) ** 2) / 8) * (np.abs(np.arctan2(y, x)) < 0.5)
    return 5 * np.exp(-np.sqrt(radius + 0.1) * 1.2), arc


def test_lens_light_is_fitted_where_a_file_has_none(tmp_path):
    light, arc = galaxy_and_arc()
    image, noise = light + arc + noisy(96), np.full((96, 96), 0.01)
    write(tmp_path / "a.fits", image, noise)
    write(tmp_path / "b.fits", image, noise, light=light)
    write(tmp_path / "c.fits", arc + noisy(96), noise)

    def read(light):
        cutouts, _ = read_cutouts(tmp_path, 48, 0.1, light=light)
        return {cutout.name: cutout for cutout in cutouts}

    fitted, published, as_is, all_fitted = (read(light) for light in ("fit", "subtract", "as_is", "fit_all"))
    assert "lens light fitted" in fitted["a"].used and fitted["a"].light_subtracted
    assert np.sqrt(np.mean((fitted["a"].image - published["b"].image)[np.hypot(*grid(48)) > 5] ** 2)) < 0.02
    np.testing.assert_array_equal(fitted["b"].image, published["b"].image)
    assert "lens light LENSLIGHT" in fitted["b"].used
    np.testing.assert_array_equal(all_fitted["b"].image, fitted["a"].image)
    assert "LENSLIGHT" not in all_fitted["b"].used
    np.testing.assert_array_equal(published["a"].image, as_is["a"].image)
    assert not as_is["b"].light_subtracted and "fitted" not in published["a"].used
    assert fitted["c"].used.endswith(
        "lens light not fitted: no galaxy stands out in its centre, so no light of one was fitted"
    )
    np.testing.assert_array_equal(fitted["c"].image, as_is["c"].image)
    assert not fitted["c"].light_subtracted
    assert fitted["a"].facts.light_offset < 0.1


def test_lens_light_is_fitted_without_a_noise_map(tmp_path):
    light, arc = galaxy_and_arc()
    write(tmp_path / "a.fits", light + arc + noisy(96))
    (cutout,), _ = read_cutouts(tmp_path, 48, 0.1, light="fit")
    assert cutout.light_subtracted and cutout.image.max() < 0.5 * light.max()


def grid(n):
    return np.meshgrid(*2 * [np.arange(n) - (n - 1) / 2])
