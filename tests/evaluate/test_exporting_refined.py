"""Exported refined lenses: COOLEST's readers and the script for lenstronomy have the image that was fitted."""

import json
import runpy
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

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

FIRST = FIRST_INDEX["test"]
SMALL = ["simulate.image={num_pix: 32, pixel_scale: 0.14}", "simulate.source.0.n_galaxies=64"]


@pytest.fixture(scope="module")
def fits():
    scene = make_scene(load("demo", SMALL).simulate, 1)
    shapes = source_shapes(scene, 30)
    free = free_parameters(scene, shapes)
    return Fits(scene, shapes, free, np.full(len(free.places), 1.5))


@pytest.fixture(scope="module")
def table(fits):
    """As if two lenses were refined: one from two starts, of which the second is better, and one in vain."""
    lens = draw(fits.scene, np.array([FIRST], np.uint64), Views()).lens_mass
    true = {name: float(lens[k][n][0]) for name, (k, n) in zip(fits.free.names(), fits.free.places, strict=False)}
    same = {"index": FIRST, "chi2": 1.0, "converged": True, "agreeing": 1.0}
    bad = same | true | {"start": "a", "log_posterior": -900.0, "theta_E": true["theta_E"] + 0.5}
    none = same | dict.fromkeys(true, np.nan) | {"start": "a", "index": FIRST + 1, "log_posterior": np.nan}
    return pd.DataFrame([bad, same | true | {"start": "b", "log_posterior": -500.0}, none])


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


def test_our_reader_finds_the_image_that_was_fitted(exported):
    """Its chi2 is that of the fit."""
    from lenstronomy.Data.imaging_data import ImageData
    from lenstronomy.Data.psf import PSF
    from lenstronomy.ImSim.image_model import ImageModel
    from lenstronomy.LensModel.lens_model import LensModel
    from lenstronomy.LightModel.light_model import LightModel

    terms = from_coolest(exported[0] / f"lens_{FIRST}.json")
    model = terms["kwargs_model"]
    images = ImageModel(
        ImageData(**terms["kwargs_data"]),
        PSF(**terms["kwargs_psf"]),
        LensModel(model["lens_model_list"]),
        LightModel(model["source_light_model_list"]),
        kwargs_numerics=terms["kwargs_numerics"],
    )
    image = images.image(terms["kwargs_lens"], terms["kwargs_source"])
    residuals = (image - terms["kwargs_data"]["image_data"]) / terms["kwargs_data"]["noise_map"]
    assert 0.8 < (residuals**2).mean() < 1.25
    script = runpy.run_path(str(exported[0] / f"lens_{FIRST}.py"), run_name="imported")
    assert script["chi2"](script["kwargs_lens"]) == pytest.approx((residuals**2).mean(), rel=1e-6)


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
