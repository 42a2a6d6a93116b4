"""Exported predictions: COOLEST's readers, astropy's tables and WCS, and DS9 regions say what was predicted."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from lenstream.configs.load import load
from lenstream.errors import DataError
from lenstream.evaluate.real.cutouts import Cutout
from lenstream.evaluate.real.exported import export_predictions, predicted_lens
from lenstream.evaluate.real.file_facts import FileFacts
from lenstream.evaluate.real.published import prediction_table
from lenstream.files.orientation import Orientation
from lenstream.simulate.exchange.coolest_terms import from_coolest
from lenstream.simulate.systems.scene import make_scene

TARGETS = ["theta_E", "e1", "e2", "gamma"]
MEANS = {"theta_E": [1.1, 0.9], "e1": [0.2, -0.1], "e2": [-0.1, 0.05], "gamma": [2.1, 3.4]}
PREDICTED = {t: (np.array(MEANS[t]), np.array([0.03, 0.03])) for t in TARGETS}
ONE = {t: (mean[:1], sigma[:1]) for t, (mean, sigma) in PREDICTED.items()}


def cutout(name, centre=(150.1, 2.2)):
    at = None if centre is None else Orientation(0.7, -1)
    facts = FileFacts(4.8, 4.8, 0.15, None, True, True, 0, None, at, centre)
    image = np.random.default_rng(1).normal(size=(32, 32)).astype(np.float32)
    filled = np.zeros((32, 32), bool)
    filled[3, 4] = True
    return Cutout(name, image, np.full((32, 32), 0.5, np.float32), 0.0, True, 0.15, filled=filled, facts=facts)


@pytest.fixture(scope="module")
def scene():
    return make_scene(load("tiny").simulate, 3)


@pytest.fixture(scope="module")
def exported(scene, tmp_path_factory):
    """The folder of two lenses, of which no lens is like the second, and what was said."""
    folder = tmp_path_factory.mktemp("exported")
    cutouts = [cutout("a"), cutout("set/b[1]", None)]
    table = prediction_table(cutouts, PREDICTED, "array", ["off_centre", ""])
    return folder, export_predictions(folder, predicted_lens(scene, TARGETS), cutouts, PREDICTED, None, table)


def test_the_lens_of_the_file_is_the_predicted_one(exported):
    folder, _ = exported
    terms = from_coolest(folder / "a.json")
    assert terms["kwargs_model"]["lens_model_list"] == ["EPL", "SHEAR"]
    lens = terms["kwargs_lens"][0]
    assert [lens[t] for t in TARGETS] == pytest.approx([1.1, 0.2, -0.1, 2.1])
    np.testing.assert_allclose(terms["kwargs_data"]["image_data"], cutout("a").image)
    np.testing.assert_allclose(terms["kwargs_data"]["noise_map"], 0.5)
    assert not terms["likelihood_mask"][3, 4] and terms["likelihood_mask"].sum() == 32**2 - 1
    template = json.loads((folder / "a.json").read_text())
    stats = template["lensing_entities"][0]["mass_model"][0]["parameters"]["theta_E"]["posterior_stats"]
    assert stats["percentile_84th"] - stats["percentile_16th"] == pytest.approx(2 * 0.9945 * 0.03, rel=0.01)
    assert template["coordinates_origin"] == {"ra": "10h00m24s", "dec": "+02d12m00s"}
    assert template["mode"] == "MAP" and template["meta"]["flags"] == "off_centre"
    assert template["meta"]["not predicted, but the mean of the population"] == [
        *("center_x", "center_y", "gamma1", "gamma2")
    ]


def test_other_programs_read_it(exported, monkeypatch):
    pytest.importorskip("coolest")
    from coolest.api.util import get_coolest_object
    from lenstronomy.Util.coolest_interface import create_lenstronomy_from_coolest

    folder, _ = exported
    monkeypatch.chdir(folder)
    assert get_coolest_object(str(folder / "a")).mode == "MAP"
    lens, _ = create_lenstronomy_from_coolest(str(folder / "a"))["kwargs_result"]["kwargs_lens"]
    assert (lens["e1"], lens["e2"]) == pytest.approx((0.2, 0.1))  # its x is to the left


def test_a_lens_that_cannot_be_is_said(exported):
    folder, said = exported
    (sentence,) = said
    assert sentence.startswith("set/b[1] is not exported: kwargs_lens.0: COOLEST has gamma of a PEMD from 1 to 3")
    assert sorted(path.name for path in folder.iterdir()) == [
        *("a.json", "a.reg", "a_caustics.reg", "a_caustics_sky.reg"),
        *("a_image.fits", "a_mask.fits", "a_noise.fits", "a_psf.fits", "a_sky.reg"),
        *("table.ecsv", "table.vot"),
    ]


def test_tables_have_units_and_meanings(exported):
    folder, _ = exported
    for name in ("table.ecsv", "table.vot"):
        table = Table.read(folder / name)
        assert table["theta_E_std"].unit == "arcsec" and table["e1"].unit is None
        assert table["theta_E"].description == "Einstein radius on the intermediate axis"
        assert table["theta_E_std"].description == "standard deviation of theta_E"
        np.testing.assert_allclose(table["theta_E"], MEANS["theta_E"])
        assert list(table["name"]) == ["a", "set/b[1]"]


def test_regions_in_pixels_and_on_the_sky_are_the_same_lines(exported):
    """By the WCS that astropy reads from the image beside them, whose pixels are those of the file here."""
    folder, _ = exported
    pixels, sky = (regions(folder / name) for name in ("a.reg", "a_sky.reg"))
    assert list(pixels) == list(sky) == ["theta_E", "tangential"]
    wcs = WCS(fits.getheader(folder / "a_image.fits"))
    for name, points in pixels.items():
        np.testing.assert_allclose(wcs.all_world2pix(sky[name], 1), points, atol=0.01)
    radius = 0.15 * np.hypot(*(pixels["theta_E"] - 16.5 - offset(exported)).T)
    np.testing.assert_allclose(radius, 1.1, atol=1e-3)


def offset(exported):
    lens = from_coolest(exported[0] / "a.json")["kwargs_lens"][0]
    return np.array([lens["center_x"], lens["center_y"]]) / 0.15


def regions(path):
    """Name -> points (m, 2) of the polygons of a DS9 file."""
    found = re.findall(r"^polygon\((.*)\) # color=\w+ text={(\w+)}$", path.read_text(), re.MULTILINE)
    return {name: np.array(points.split(","), float).reshape(-1, 2) for points, name in found}


def test_the_critical_curve_is_where_the_magnification_is_infinite(exported):
    from lenstronomy.LensModel.lens_model import LensModel

    terms = from_coolest(exported[0] / "a.json")
    x, y = (regions(exported[0] / "a.reg")["tangential"].T - 16.5) * 0.15
    model = LensModel(terms["kwargs_model"]["lens_model_list"])
    assert np.abs(1 / model.magnification(x, y, terms["kwargs_lens"])).max() < 0.02


def test_samples_keep_their_correlations(scene, tmp_path):
    drawn = np.random.default_rng(0).normal(0, 0.02, (1, 4000, 4)) + np.array([1.1, 0.0, 0.0, 2.1])
    drawn[..., 2] = drawn[..., 1] + 0.2  # e2 follows e1
    predicted = {t: (drawn[..., k].mean(1), drawn[..., k].std(1)) for k, t in enumerate(TARGETS)}
    table = prediction_table([cutout("a")], predicted, "array", [""])
    export_predictions(tmp_path, predicted_lens(scene, TARGETS), [cutout("a")], predicted, drawn, table)
    template = json.loads((tmp_path / "a.json").read_text())
    q = template["lensing_entities"][0]["mass_model"][0]["parameters"]["q"]["posterior_stats"]
    e = np.hypot(drawn[0, :, 1], drawn[0, :, 2])
    assert q["median"] == pytest.approx(np.median((1 - e) / (1 + e)))


def test_every_band_has_a_file_with_its_image_and_psf(tmp_path):
    bands = "simulate.bands={r: {}, i: {psf: {kind: gaussian, fwhm: 0.45}}}"
    scene = make_scene(load("tiny", [bands, "simulate.source.0.colors={i: -0.5}"]).simulate, 3)
    one = cutout("a")
    pair = replace(
        one,
        image=np.stack([one.image, one.image + 1]),
        noise=np.stack([one.noise, 3 * one.noise]),
        filled=np.stack([one.filled, ~one.filled]),
    )
    table = prediction_table([one], ONE, "array", [""])
    lens = predicted_lens(scene, TARGETS)
    assert export_predictions(tmp_path, lens, [pair], ONE, None, table) == []
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["a_i.json", "a_r.json"]
    assert (tmp_path / "a.reg").exists() and (tmp_path / "a_caustics_sky.reg").exists()
    r, i = (from_coolest(tmp_path / f"a_{band}.json") for band in "ri")
    assert r["kwargs_lens"] == i["kwargs_lens"]
    np.testing.assert_allclose(i["kwargs_data"]["image_data"], one.image + 1)
    assert i["kwargs_data"]["noise_map"][0, 0] == 1.5 and i["likelihood_mask"].sum() == 1
    width = [terms["kwargs_psf"]["kernel_point_source"].max() for terms in (r, i)]
    assert width[1] < 0.8 * width[0] and json.loads((tmp_path / "a_i.json").read_text())["instrument"]["band"] == "i"


def test_names_that_are_the_same_as_files_get_numbers(tmp_path):
    cutouts, alone = [cutout(name) for name in ("b 1", "b_1", "b_1_2", "b/1")], {"theta_E": (np.ones(4), np.ones(4))}
    table = prediction_table(cutouts, alone, "array", [""] * 4)
    export_predictions(tmp_path, predicted_lens(None, ["theta_E"]), cutouts, alone, None, table)
    named = {path.stem: json.loads(path.read_text())["meta"]["name"] for path in tmp_path.glob("*.json")}
    assert named == {"b_1": "b 1", "b_1_2": "b_1", "b_1_2_2": "b_1_2", "b_1_3": "b/1"}


def test_bands_of_files_without_a_simulation_have_their_names(tmp_path):
    one = cutout("a")
    pair = replace(one, image=np.stack([one.image] * 2), noise=np.stack([one.noise] * 2))
    alone = {"theta_E": ONE["theta_E"]}
    table = prediction_table([one], alone, "array", [""])
    export_predictions(tmp_path, predicted_lens(None, ["theta_E"], ("g", "")), [pair], alone, None, table)
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["a_2.json", "a_g.json"]


def test_a_run_whose_lens_light_is_subtracted_is_exported():
    """No bridge has its images, but only the PSF is needed."""
    scene = make_scene(load("hst_slacs", ["mode=subtracted", "simulate.selection=null"]).simulate, 3)
    assert scene.config.observation.subtract_lens_light
    ((terms, described),) = predicted_lens(scene, ["theta_E"]).bands
    assert terms["kwargs_psf"]["psf_type"] in ("GAUSSIAN", "PIXEL") and described.redshifts


def test_without_a_simulation_the_lens_is_a_power_law(tmp_path):
    lens = predicted_lens(None, ["theta_E", "gamma1"])
    lens_alone = predicted_lens(None, ["theta_E"])
    assert lens.profiles == ["EPL", "SHEAR"] and lens.values[0]["gamma"] == 2.0
    table = pd.DataFrame({"name": ["a"], "theta_E": [1.0], "flags": [""]})
    export_predictions(tmp_path, lens_alone, [cutout("a")], {"theta_E": PREDICTED["theta_E"]}, None, table)
    assert "kwargs_psf" not in from_coolest(tmp_path / "a.json")
    with pytest.raises(DataError, match="--export: theta_E is not among the predictions"):
        predicted_lens(None, ["e1", "e2"])


def test_profiles_without_counterpart_are_refused_before_all_work():
    halo = "simulate.lens_mass.1={profile: NFW, Rs: 1, alpha_Rs: 0.1}"
    scene = make_scene(load("tiny", [halo]).simulate, 3)
    with pytest.raises(DataError, match=r"--export: simulate.lens_mass.1: the mass profile NFW has no counterpart"):
        predicted_lens(scene, ["theta_E"])
