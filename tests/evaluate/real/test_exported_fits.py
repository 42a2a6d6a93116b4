"""Fits of real lenses handed on: other programs have the image that was fitted, and its place in file and sky."""

import json
import re
import runpy
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits as fits_files
from astropy.wcs import WCS

from lenstream.configs.load import load
from lenstream.evaluate.fitting.coolest_start import CoolestStart
from lenstream.evaluate.real import refined_lenses
from lenstream.evaluate.real.cutouts import read_cutouts
from lenstream.evaluate.real.exported_fits import export_fit, exporting, fitted_terms_of
from lenstream.evaluate.real.fit_images import fit_image
from lenstream.evaluate.real.lens_fits import fit_lens, prepare
from lenstream.evaluate.real.refined_lenses import RealFiles, refine_lenses
from lenstream.evaluate.real.simulated_lenses import simulated_images
from lenstream.files.cutout_layout import read_planes
from lenstream.files.cutout_psf import psf_of
from lenstream.files.file_groups import LensFiles
from lenstream.simulate.exchange.coolest_terms import from_coolest
from lenstream.simulate.galaxies import principal_components
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene

from ...lenstronomy_model import model_of as lenstronomy_model_of
from ...simulate.exchange.coolest_images import coolest_images
from ..fitting.conftest import GALAXY

SIDE, UNIT = 41, 7.0  # of the file: with an odd side the fit's pixels are half a pixel off its middle
OFF_CENTRE = [f"simulate.lens_mass.0.center_{axis}={{normal: [0, 0.03]}}" for axis in "xy"]
NAME = "lens 1[a]"  # which no file has as it stands


def written(scene, folder):
    """A test lens as a file of a survey, in a unit of its own and larger than what is fitted."""
    systems, (image,) = simulated_images(scene, np.array([FIRST_INDEX["test"] + 1], np.uint64))
    level, n = np.median(image.noise), len(image.image)
    whole = np.random.default_rng(3).normal(0, level, (SIDE, SIDE))
    noise, light = np.full((SIDE, SIDE), level), np.zeros((SIDE, SIDE))
    at = slice((SIDE - n) // 2, (SIDE - n) // 2 + n)
    whole[at, at], noise[at, at] = image.image, image.noise
    y, x = np.indices(whole.shape) - 0.5 * (SIDE - 1) + 0.5
    light = 60 * level / (1 + (x**2 + y**2) / 4)
    whole += 1.1 * light  # of which some is left
    noise[3:6, 30:33] = np.nan
    header = fits_files.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.1, "CRVAL2": 2.2})
    step = image.pixel_scale / 3600
    header.update({"CRPIX1": 0.5 * (SIDE + 1), "CRPIX2": 0.5 * (SIDE + 1), "CD1_1": -step, "CD2_2": step})
    held = [("SCI", whole / UNIT), ("ERR", noise / UNIT), ("LENSLIGHT", light / UNIT)]
    units = [fits_files.ImageHDU(pixels, header, name) for name, pixels in held]
    fits_files.HDUList([fits_files.PrimaryHDU(), *units]).writeto(folder / f"{NAME}.fits")
    return systems


def lens_of(systems, free):
    return np.array([[systems.lens_mass[k][name][0] for k, name in free.places]])


@pytest.fixture(scope="module")
def refined(tmp_path_factory):
    """A lens that was refined and exported, once with its fit for comparison."""
    folder = tmp_path_factory.mktemp("lenses")
    config = load("tiny", [GALAXY, *OFF_CENTRE, "simulate.observation.background_noise=0.02"])
    scene = make_scene(config.simulate, 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(principal_components, "SAMPLES", 300)
        fits = prepare(scene)
    fits = fits._replace(error_scales=np.full(len(fits.free.places), 1.5))
    systems = written(scene, folder)
    cutouts, _ = read_cutouts(folder, 32, scene.instrument.pixel_scale)
    lens = LensFiles(NAME, (folder / f"{NAME}.fits",))

    def start(free):
        return lens_of(systems, free)

    real = RealFiles([lens], {NAME: start}, 1, None)
    to = exporting(folder / "out", cutouts)
    table = refine_lenses(fits, real, folder, export=to)
    planes = read_planes(lens.files, 1)
    field = scene.config.image.num_pix * scene.instrument.pixel_scale
    image = fit_image(NAME, planes, psf_of(lens.files, 1), scene.instrument.pixel_scale, field)
    fit = fit_lens(fits, image, lambda free: refined_lenses.proposals(fits, free, start))
    own = {"fits": fits, "real": real, "start": start, "cutouts": cutouts, "lens": lens}
    return SimpleNamespace(folder=folder, to=to, table=table, image=image, fit=fit, **own)


def model_of(terms):
    """lenstronomy's model of an image, and the image."""
    model = lenstronomy_model_of(terms)
    return model.image(terms["kwargs_lens"], terms["kwargs_source"], terms["kwargs_lens_light"])


def path_of(refined, end=".json"):
    return refined.to.folder / f"lens_1_a_{end}"


def chi2_of(terms):
    data, good = terms["kwargs_data"], terms["likelihood_mask"]
    return (((model_of(terms) - data["image_data"]) / data["noise_map"])[good] ** 2).mean()


def test_which_files_there_are(refined):
    assert refined.to.folder == refined.folder / "out" / "refined"
    ends = (".json", ".py", ".reg", "_caustics.reg", "_sky.reg", "_caustics_sky.reg")
    images = ("image", "noise", "psf", "mask", "source_0")
    expected = {*(f"lens_1_a_{end}" for end in ends), *(f"lens_1_a__{what}.fits" for what in images)}
    assert {path.name for path in refined.to.folder.iterdir()} == expected
    assert refined.table["not_exported"].tolist() == [""]


def test_lenstronomy_has_the_arcs_of_the_fit(refined):
    """In the unit of the file: the fit's own, without the unit of the population's noise."""
    found, good = refined.fit.found, refined.fit.observed.good
    theirs = model_of(fitted_terms_of(refined.fits, refined.image, refined.fit))
    ours = (found.model - found.light) * np.median(refined.image.noise[good]) / refined.fits.scene.instrument.background
    assert not good.all() and ours.max() * UNIT > 0.1
    np.testing.assert_allclose(theirs[good], ours[good], rtol=0, atol=0.02 * ours.max())


def test_a_psf_of_the_file_is_lenstronomys(refined):
    """On pixels of the image, and with a tail to one side."""
    kernel = np.zeros((5, 5))
    kernel[2, 2], kernel[2, 3], kernel[4, 1] = 0.6, 0.3, 0.1
    image = refined.image._replace(kernel=kernel, fine=1)
    fit = fit_lens(refined.fits, image, lambda free: refined_lenses.proposals(refined.fits, free, refined.start))
    terms, good = fitted_terms_of(refined.fits, image, fit), fit.observed.good
    ours = (fit.found.model - fit.found.light) * np.median(image.noise[good])
    ours /= refined.fits.scene.instrument.background
    np.testing.assert_allclose(model_of(terms)[good], ours[good], rtol=0, atol=0.01 * ours.max())
    kernel[2, 2:4] = kernel[2, 3:1:-1]  # the other way round it is not
    terms["kwargs_psf"]["kernel_point_source"] = kernel
    assert np.abs(model_of(terms) - ours)[good].max() > 0.03 * ours.max()


def test_the_file_and_the_script_have_the_image_of_the_terms(refined):
    terms = fitted_terms_of(refined.fits, refined.image, refined.fit)
    ours, read = model_of(terms), from_coolest(path_of(refined))
    np.testing.assert_allclose(model_of(read), ours, rtol=0, atol=1e-6 * ours.max())
    script = runpy.run_path(str(path_of(refined, ".py")), run_name="imported")
    own = script["model"].image(*(script[f"kwargs_{of}"] for of in ("lens", "source", "lens_light")))
    np.testing.assert_allclose(own, ours, rtol=0, atol=1e-6 * ours.max())
    np.testing.assert_array_equal(read["likelihood_mask"], refined.fit.observed.good)
    for values in (read, script):
        np.testing.assert_allclose(values["kwargs_data"]["noise_map"], terms["kwargs_data"]["noise_map"])


def test_what_was_left_of_the_lens_light_is_not_in_the_image(refined):
    """So that chi2 is the fit's; with it there it is not."""
    terms, found = from_coolest(path_of(refined)), refined.fit.found
    assert chi2_of(terms) == pytest.approx(found.chi2, rel=0.02)
    terms["kwargs_data"]["image_data"] = refined.image.image
    assert chi2_of(terms) > 1.1 * found.chi2


def test_the_coolest_package_has_the_same_arcs(refined):
    terms = from_coolest(path_of(refined))
    ours = model_of(terms)
    theirs, light = coolest_images(path_of(refined), terms["kwargs_numerics"]["supersampling_factor"])
    assert light is None
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-6 * ours.max())


@pytest.mark.slow
def test_the_script_runs_and_goes_on(refined):
    run = [sys.executable, path_of(refined, ".py")]
    out = subprocess.run(run, capture_output=True, text=True, check=True, cwd="/").stdout
    before, after = (float(line.split(": ")[1]) for line in out.splitlines()[:2])
    assert before == pytest.approx(refined.table["chi2"][0], rel=0.02) and after <= before
    assert "lens 0 theta_E: " in out


def test_errors_and_values_are_those_of_the_table(refined):
    """But for the place, which is from the middle of the image that was fitted."""
    template, row = json.loads(path_of(refined).read_text()), refined.table.iloc[0]
    held = template["lensing_entities"][0]["mass_model"][0]["parameters"]
    for name, file in (("theta_E", "theta_E"), ("center_x", "center_x")):
        stats = held[file]["posterior_stats"]
        sigma = (stats["percentile_84th"] - stats["percentile_16th"]) / (2 * 0.9945)
        assert sigma == pytest.approx(row[f"{name}_std"], rel=0.02)
    off = template["meta"]["middle of the pixels from that of the file's [arcsec]"]
    assert off == pytest.approx([-0.5 * refined.image.pixel_scale] * 2)
    centre = [held[f"center_{axis}"]["point_estimate"]["value"] for axis in "xy"]
    np.testing.assert_allclose(np.add(centre, off), [row["center_x"], row["center_y"]])
    assert held["theta_E"]["point_estimate"]["value"] == pytest.approx(row["theta_E"])
    assert template["meta"]["chi2"] == row["chi2"] and template["meta"]["name"] == NAME


def regions(path):
    """Name -> points (m, 2) of the polygons of a DS9 file."""
    found = re.findall(r"^polygon\((.*)\) # color=\w+ text={(\w+)}$", path.read_text(), re.MULTILINE)
    return {name: np.array(points.split(","), float).reshape(-1, 2) for points, name in found}


def test_regions_are_in_pixels_of_the_file_and_on_the_sky(refined):
    row, scale = refined.table.iloc[0], refined.image.pixel_scale
    pixels, sky = (regions(path_of(refined, end)) for end in (".reg", "_sky.reg"))
    middle = pixels["theta_E"].mean(axis=0) - 0.5 * (SIDE + 1)
    np.testing.assert_allclose(middle * scale, [row["center_x"], row["center_y"]], atol=1e-3 * scale)
    header = fits_files.getheader(refined.lens.files[0], "SCI")
    np.testing.assert_allclose(WCS(header).all_world2pix(sky["theta_E"], 1), pixels["theta_E"], atol=0.01)


def test_the_image_of_the_file_has_its_place_on_the_sky(refined):
    """A pixel of the image that was fitted is where the same pixel of the survey's file is."""
    own = WCS(fits_files.getheader(path_of(refined, "_image.fits")))
    header = fits_files.getheader(refined.lens.files[0], "SCI")
    first = (SIDE - 32) // 2
    there = WCS(header).all_pix2world([[first + 3, first + 9]], 0)
    np.testing.assert_allclose(own.all_world2pix(there, 0), [[3, 9]], atol=1e-3)


def test_done_lenses_are_fitted_again_only_where_their_files_are_missing(refined, monkeypatch):
    made, row = [], refined_lenses._row
    monkeypatch.setattr(refined_lenses, "_row", lambda *of: made.append(1) or row(*of))
    for export in (None, refined.to):
        again = refine_lenses(refined.fits, refined.real, refined.folder, export=export)
        assert not made and again["theta_E"][0] == refined.table["theta_E"][0]
    assert "exported" not in again and "not_exported" in again
    before = path_of(refined).read_text()
    path_of(refined).unlink()
    refine_lenses(refined.fits, refined.real, refined.folder, export=refined.to)
    assert made == [1] and path_of(refined).read_text() == before
    monkeypatch.setattr(refined_lenses, "_row", lambda *of: made.append(1) or ({"name": NAME}, None, None))
    other = refine_lenses(
        refined.fits, refined.real, refined.folder, export=exporting(refined.folder / "b", refined.cutouts)
    )
    assert made == [1, 1] and other["not_exported"].tolist() == ["it could not be fitted"]


def test_a_file_is_the_start_of_the_same_fit(refined):
    """At once where it ended; another file is another start, with rows of its own."""
    start = CoolestStart(path_of(refined))
    n = len(refined.fit.free.places)
    np.testing.assert_allclose(start(refined.fit.free)[0], refined.fit.found.parameters[:n], atol=1e-9)
    real = refined.real._replace(samples={NAME: start})
    assert refined_lenses._key("", real, refined.lens) != refined_lenses._key("", refined.real, refined.lens)


def test_a_file_that_is_no_start_is_refused_for_its_lens_alone(refined, tmp_path):
    template = json.loads(path_of(refined).read_text())
    template["lensing_entities"][0]["mass_model"][0]["parameters"]["theta_E"]["point_estimate"]["value"] = 9.0
    for path in refined.to.folder.glob("*.fits"):
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "far.json").write_text(json.dumps(template))
    real = refined.real._replace(samples={NAME: CoolestStart(tmp_path / "far.json")})
    table = refine_lenses(refined.fits, real, tmp_path, export=exporting(tmp_path, refined.cutouts))
    assert "far.json is no start of this fit: theta_E is 9, and the population has" in table["error"][0]
    assert table["not_exported"].tolist() == ["it could not be fitted"]


def test_errors_are_larger_where_noise_is_broad(refined, tmp_path):
    to = exporting(tmp_path, refined.cutouts)
    broad = refined.fit._replace(broad=2.0 * refined.fit.broad)
    export_fit(to, refined.fits, refined.image, broad, json.loads(refined.table.iloc[0].to_json()))
    paths = to.folder / "lens_1_a_.py", path_of(refined, ".py")
    errors = [runpy.run_path(str(path), run_name="imported")["errors"] for path in paths]
    np.testing.assert_allclose(*([sigma * by for *_, sigma in own] for own, by in zip(errors, (1, 2), strict=True)))
