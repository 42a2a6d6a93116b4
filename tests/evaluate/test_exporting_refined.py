"""Exported refined lenses: COOLEST's readers and the script for lenstronomy have the image that was fitted."""

import json
import runpy
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from lenstronomy.Data.imaging_data import ImageData
from lenstronomy.Data.psf import PSF
from lenstronomy.ImSim.image_model import ImageModel
from lenstronomy.LightModel.light_model import LightModel

from lenstream.configs.load import load
from lenstream.errors import DataError
from lenstream.evaluate.exporting_refined import check_exportable, export_refined
from lenstream.evaluate.fitting.fitted_systems import Fits
from lenstream.evaluate.fitting.free_parameters import free_parameters
from lenstream.evaluate.fitting.source_shapes import source_shapes
from lenstream.progress import Stopped
from lenstream.simulate.exchange.coolest_terms import from_coolest
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene

from ..lenstronomy_model import model_of
from ..simulate.exchange.coolest_images import coolest_images
from .fitting.conftest import BANDS, COLOR, GALAXY, LIGHT

FIRST = FIRST_INDEX["test"]
SMALL = ["simulate.image={num_pix: 32, pixel_scale: 0.14}", "simulate.source.0.n_galaxies=64"]


@pytest.fixture(scope="module")
def fits():
    scene = make_scene(load("demo", SMALL).simulate, 1)
    shapes = source_shapes(scene, 30)
    free = free_parameters(scene, shapes)
    return Fits(scene, shapes, free, np.full(len(free.places), 1.5))


def row_of(fits, index):
    """A row of the table as if a lens was refined, to the truth."""
    lens = draw(fits.scene, np.array([index], np.uint64), Views()).lens_mass
    true = {name: float(lens[k][n][0]) for name, (k, n) in zip(fits.free.names(), fits.free.places, strict=False)}
    return true | {
        "index": index,
        "chi2": 1.0,
        "converged": True,
        "agreeing": 1.0,
        "start": "b",
        "log_posterior": -500.0,
    }


@pytest.fixture(scope="module")
def table(fits):
    """As if two lenses were refined: one from two starts, of which the second is better, and one in vain."""
    good = row_of(fits, FIRST)
    bad = good | {"start": "a", "log_posterior": -900.0, "theta_E": good["theta_E"] + 0.5}
    nothing = {name: np.nan for name in (*fits.free.names()[: len(fits.free.places)], "log_posterior")}
    return pd.DataFrame([bad, good, bad | nothing | {"index": FIRST + 1}])


@pytest.fixture(scope="module")
def exported(fits, table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    return folder, export_refined(folder, fits, table)


def test_which_files_there_are_and_what_is_said(exported):
    folder, said = exported
    ends = (".json", ".py", ".reg", "_caustics.reg", "_image.fits", "_noise.fits", "_psf.fits", "_source_0.fits")
    assert sorted(path.name for path in folder.iterdir()) == [f"lens_{FIRST}{end}" for end in ends]
    assert said == [f"lens {FIRST + 1} is not exported: it could not be fitted"]


def test_the_template_has_the_errors_and_the_better_start(fits, exported, table):
    template = json.loads((exported[0] / f"lens_{FIRST}.json").read_text())
    assert template["mode"] == "MAP" and template["meta"]["start"] == "b" and template["meta"]["index"] == FIRST
    parameters = template["lensing_entities"][0]["mass_model"][0]["parameters"]
    stats, value = parameters["theta_E"]["posterior_stats"], parameters["theta_E"]["point_estimate"]["value"]
    sigma = (stats["percentile_84th"] - stats["percentile_16th"]) / 2
    assert 1e-4 < sigma < 0.02 and abs(value - table.theta_E[1]) < 5 * sigma
    assert stats["median"] == pytest.approx(value, abs=0.01 * sigma)


def residuals_of(path):
    """What our reader's model leaves of the image, in units of the noise, with the terms and lenstronomy's model."""
    terms = from_coolest(path)
    images = model_of(terms)
    image = images.image(terms["kwargs_lens"], terms["kwargs_source"], terms["kwargs_lens_light"])
    return (image - terms["kwargs_data"]["image_data"]) / terms["kwargs_data"]["noise_map"], terms, images


def test_our_reader_and_the_script_find_the_image_that_was_fitted(exported):
    """Its chi2 is that of the fit."""
    residuals, _, _ = residuals_of(exported[0] / f"lens_{FIRST}.json")
    assert 0.8 < (residuals**2).mean() < 1.25
    script = runpy.run_path(str(exported[0] / f"lens_{FIRST}.py"), run_name="imported")
    assert script["chi2"](script["kwargs_lens"]) == pytest.approx((residuals**2).mean(), rel=1e-6)


def test_the_coolest_package_finds_the_same_arcs(exported):
    path = exported[0] / f"lens_{FIRST}.json"
    _, terms, images = residuals_of(path)
    ours = images.image(terms["kwargs_lens"], terms["kwargs_source"], lens_light_add=False)
    theirs, light = coolest_images(path, terms["kwargs_numerics"]["supersampling_factor"])
    assert light is None
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-6 * ours.max())


@pytest.fixture(scope="module")
def lit_in_two_bands(tmp_path_factory):
    """A folder with a lens of two bands and light of its own."""
    more = ["simulate.image.rays=4", "simulate.observation.background_noise=0.04"]
    scene = make_scene(load("tiny", [GALAXY, LIGHT, BANDS, COLOR, *more]).simulate, 3)
    shapes = source_shapes(scene, 24)
    free = free_parameters(scene, shapes)
    fits = Fits(scene, shapes, free, np.ones(len(free.places)))
    folder = tmp_path_factory.mktemp("lit")
    assert export_refined(folder, fits, pd.DataFrame([row_of(fits, FIRST)])) == []
    return folder


def test_each_band_has_a_file_with_the_same_lens(lit_in_two_bands):
    names = {path.name for path in lit_in_two_bands.iterdir()}
    ends = (".json", ".py", ".reg", "_caustics.reg", "_image.fits", "_noise.fits", "_psf.fits", "_source_0.fits")
    assert names == {f"lens_{FIRST}_{band}{end}" for band in "ri" for end in ends}
    found = {band: residuals_of(lit_in_two_bands / f"lens_{FIRST}_{band}.json") for band in "ri"}
    for band, n, pixel_scale in (("r", 32, 0.15), ("i", 24, 0.2)):
        residuals, terms, _ = found[band]
        assert residuals.shape == (n, n) and 0.75 < (residuals**2).mean() < 1.3
        assert terms["kwargs_data"]["transform_pix2angle"][0, 0] == pytest.approx(pixel_scale)
        template = json.loads((lit_in_two_bands / f"lens_{FIRST}_{band}.json").read_text())
        assert template["instrument"]["band"] == band
    (_, r, _), (_, i, _) = found.values()
    assert r["kwargs_lens"] == i["kwargs_lens"]
    assert r["kwargs_lens_light"][0].pop("amp") > 0 and i["kwargs_lens_light"][0].pop("amp") > 0
    assert r["kwargs_lens_light"] == i["kwargs_lens_light"]


def test_light_of_the_lens_is_in_script_and_file_and_the_coolest_package_has_it(lit_in_two_bands):
    for band in "ri":
        path = lit_in_two_bands / f"lens_{FIRST}_{band}.json"
        residuals, terms, _ = residuals_of(path)
        script = runpy.run_path(str(path.with_suffix(".py")), run_name="imported")
        assert script["chi2"](script["kwargs_lens"]) == pytest.approx((residuals**2).mean(), rel=1e-6)
        assert script["kwargs_lens_light"][0] == pytest.approx(terms["kwargs_lens_light"][0])
        sharp = ImageModel(
            ImageData(**terms["kwargs_data"]), PSF("NONE"), lens_light_model_class=LightModel(["SERSIC_ELLIPSE"])
        ).image(kwargs_lens_light=terms["kwargs_lens_light"])
        np.testing.assert_allclose(coolest_images(path)[1], sharp, rtol=0, atol=1e-6 * sharp.max())


@pytest.mark.slow
def test_the_script_runs_and_fits(exported):
    path = exported[0] / f"lens_{FIRST}.py"
    out = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True, cwd="/").stdout
    before, after = (float(line.split(": ")[1]) for line in out.splitlines()[:2])
    assert after <= before < 1.25
    assert "lens 0 theta_E: " in out


def test_stopped_between_lenses(fits, table, tmp_path):
    with pytest.raises(Stopped, match="stopped the export at 0 of 1"):
        export_refined(tmp_path, fits, table, stop=lambda: True)


def test_lenses_without_counterpart_are_refused():
    scene = make_scene(load("demo", [*SMALL, "simulate.lens_mass.1={profile: MULTIPOLE, m: 4, a_m: 0.01}"]).simulate, 1)
    with pytest.raises(DataError, match=r"--export: simulate.lens_mass.1: the mass profile MULTIPOLE has no counter"):
        check_exportable(scene)
