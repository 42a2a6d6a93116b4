"""Real lenses refined by a run: where fits begin, frames, published values, and what is refused before all work."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.table import Table

from lenstream.configs.load import load
from lenstream.configs.schema import RealLenses
from lenstream.errors import ConfigError, DataError
from lenstream.evaluate.fitting.coolest_start import CoolestStart
from lenstream.evaluate.real import refining_files
from lenstream.evaluate.real.cutouts import read_cutouts
from lenstream.evaluate.real.refining_files import (
    KEPT,
    POPULATION,
    Told,
    check_folders,
    refine_files,
    starts_of,
    with_errors,
)
from lenstream.files.file_groups import LensFiles

NAMES = ["theta_E", "e1", "e2", "gamma1", "gamma2"]
PLACES = [(0, "theta_E"), (0, "e1"), (0, "e2"), (1, "gamma1"), (1, "gamma2")]


class Free:
    """Names of the parameters of a lens alone."""

    places = PLACES

    def names(self):
        return NAMES


class Fits(SimpleNamespace):
    def _replace(self, **changes):
        return Fits(**vars(self) | changes)


def write(path, angle=None):
    """A cut-out of noise; angle: of +y from North through East [rad], None: nothing tells where North is."""
    header = fits.Header({"PIXSCALE": 0.15})
    if angle is not None:
        step, cos, sin = 0.15 / 3600, np.cos(angle), np.sin(angle)
        header.update({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 4.0, "CRVAL2": 0.0})
        header.update({"CD1_1": -step * cos, "CD1_2": step * sin, "CD2_1": step * sin, "CD2_2": step * cos})
        header.update({"CRPIX1": 16.5, "CRPIX2": 16.5})
    noise = np.random.default_rng(0).normal(0, 0.02, (32, 32))
    fits.writeto(path, noise.astype(np.float32), header)


@pytest.fixture
def refined(tmp_path, monkeypatch):
    """A function that refines two lenses to known values: `a` with North upwards, `b` with it to the left."""
    (tmp_path / "lenses").mkdir()
    write(tmp_path / "lenses" / "a.fits", 0.0)
    write(tmp_path / "lenses" / "b.fits", np.pi / 2)
    asked = []

    def known(fits_, files, folder, threads, stop, export):
        asked.append(files)
        rows = [dict(zip(NAMES, (1.2, 0.1, 0.02, 0.03, -0.01), strict=True)) for _ in files.files]
        rows = [row | {f"{name}_std": 0.01 * k for k, name in enumerate(NAMES, 1)} for row in rows]
        told = {"flags": "misfit;no_psf", "found": "chi2 3;", "error": ""}
        told |= {} if export is None else {"not_exported": "no program has it"}
        return pd.DataFrame([{"name": lens.name} | row | told for lens, row in zip(files.files, rows, strict=True)])

    monkeypatch.setattr(refining_files, "prepare", lambda scene: Fits(free=Free(), error_scales=1.0))
    monkeypatch.setattr(refining_files, "error_scales", lambda *_: np.arange(1.0, 6.0))
    monkeypatch.setattr(refining_files, "refine_lenses", known)
    cutouts, _ = read_cutouts(tmp_path / "lenses", 32, 0.15)

    def of(frame="array", published=None, start=POPULATION, export=None):
        lenses = RealLenses(images=str(tmp_path / "lenses"), frame=frame)
        scene = SimpleNamespace(bands={"": None})
        told = Told(cutouts, {"a": {"theta_E": np.ones(3)}}, published or {})
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        return refine_files(load("tiny"), scene, tmp_path, lenses, told, start, out, export=export), asked

    return of


def test_ellipticities_without_shear_are_those_of_the_same_deflections(refined):
    table = refined()[0].table
    np.testing.assert_allclose(table["e1_shearless"], 0.1 - 1.8 * 0.03)
    np.testing.assert_allclose(table["e2_shearless"], 0.02 + 1.8 * 0.01)
    np.testing.assert_allclose(table["e1_shearless_std"], np.hypot(0.02, 1.8 * 0.04))


def test_a_shear_is_an_ellipticity_of_lenstronomys_lens():
    """The e of an SIE whose deflections at theta_E are nearest to those of a round one with a shear."""
    from lenstronomy.LensModel.lens_model import LensModel
    from scipy.optimize import minimize_scalar

    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    x, y, round_one = np.cos(angle), np.sin(angle), {"theta_E": 1.0, "center_x": 0.0, "center_y": 0.0}
    sheared = LensModel(["SIE", "SHEAR"]).alpha(
        x, y, [round_one | {"e1": 1e-9, "e2": 0.0}, {"gamma1": -0.02, "gamma2": 0.0}]
    )

    def apart(e1):
        other = LensModel(["SIE"]).alpha(x, y, [round_one | {"e1": e1, "e2": 0.0}])
        return sum(((a - b) ** 2).sum() for a, b in zip(sheared, other, strict=True))

    assert minimize_scalar(apart, (0.0, 0.1)).x / 0.02 == pytest.approx(refining_files.SHEAR_AS_E, rel=0.02)


def test_values_turn_into_the_sky_frame_lens_by_lens(refined):
    """With North upwards e1 changes its sign; with North to the left it stays, as x points along the same line."""
    table = refined("north_east")[0].table.set_index("name")
    assert table["e1"]["a"] == pytest.approx(-0.1) and table["e1"]["b"] == pytest.approx(0.1)
    assert table["e1_shearless"]["a"] == pytest.approx(-(0.1 - 1.8 * 0.03))
    assert set(table["frame"]) == {"north_east"} and (table["theta_E"] == 1.2).all()


def test_published_values_stand_beside_those_without_shear_too(refined, tmp_path):
    found, _ = refined(published={"theta_E": np.array([1.0, np.nan]), "e1": np.array([0.05, 0.1])})
    summary = found.summary.set_index("target")
    assert summary.loc["theta_E", "bias"] == pytest.approx(0.2) and summary.loc["theta_E", "n"] == 1
    assert summary.loc["e1_shearless", "bias"] == pytest.approx(0.046 - 0.075)
    written = pd.read_csv(tmp_path / "out" / "refined.csv")
    assert written["theta_E_difference"][0] == pytest.approx(0.2) and np.isnan(written["theta_E_difference"][1])
    assert (tmp_path / "out" / "refined_summary.csv").is_file()


def test_each_flag_is_said_in_a_sentence(refined):
    found, _ = refined()
    assert found.doubts[0].startswith("misfit: 2 lenses (a chi2 3, b chi2 3): ")
    assert found.doubts[1].startswith("no_psf: 2 lenses (a, b): ") and len(found.doubts) == 2


def test_errors_are_found_once_and_kept(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(refining_files, "error_scales", lambda *_: made.append(1) or np.arange(1.0, 6.0))
    fits_ = Fits(free=Free(), error_scales=None)
    for _ in range(2):
        np.testing.assert_array_equal(with_errors(fits_, None, tmp_path).error_scales, np.arange(1.0, 6.0))
    assert len(made) == 1
    (tmp_path / KEPT).write_text(json.dumps({"error_scales": {"theta_E": 1.0}}))  # of another lens
    with_errors(fits_, None, tmp_path)
    assert len(made) == 2
    for damaged in (float("nan"), 0.0):
        (tmp_path / KEPT).write_text(json.dumps({"error_scales": dict.fromkeys(NAMES, damaged)}))
        np.testing.assert_array_equal(with_errors(fits_, None, tmp_path).error_scales, np.arange(1.0, 6.0))
    assert len(made) == 4


def test_a_run_that_cannot_be_written_to_is_fitted_with(tmp_path, monkeypatch):
    monkeypatch.setattr(refining_files, "error_scales", lambda *_: np.arange(1.0, 6.0))

    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(refining_files, "write_text", refused)
    fits_ = with_errors(Fits(free=Free(), error_scales=None), None, tmp_path)
    np.testing.assert_array_equal(fits_.error_scales, np.arange(1.0, 6.0))


def test_where_fits_begin(tmp_path, refined):
    files = [LensFiles("a", ()), LensFiles("b c", ())]
    assert starts_of(POPULATION, files, {"a": 1}) == {} and starts_of("network", files, {"a": 1}) == {"a": 1}
    (tmp_path / "b_c.json").write_text("{}")
    found = starts_of(str(tmp_path), files, {})
    assert list(found) == ["b c"] and callable(found["b c"])
    with pytest.raises(DataError, match="--start nowhere: expected network, population, or a folder"):
        starts_of("nowhere", files, {})


def test_a_folder_of_models_is_where_fits_begin(refined, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "b.json").write_text("{}")
    found, (files,) = refined(start=str(tmp_path / "models"))
    assert found.doubts[-1] == "a: --start has no model of a, so its fit began with the population"
    assert files.samples == {"b": CoolestStart(tmp_path / "models" / "b.json")}  # `a` begins with the population


def test_tables_of_an_export_have_units_and_what_is_not_exported_is_said(refined, tmp_path):
    found, _ = refined("north_east", export=tmp_path)
    assert found.doubts[-2:] == [f"{name} is not exported as refined: no program has it" for name in "ab"]
    for name in ("refined.ecsv", "refined.vot"):
        table = Table.read(tmp_path / name)
        assert table["theta_E_std"].unit == "arcsec" and table["e1_shearless"].unit is None
        assert table["e1_shearless_std"].description == "standard deviation of e1_shearless"
        assert list(table["name"]) == ["a", "b"] and list(table["frame"]) == ["north_east"] * 2
        np.testing.assert_allclose(table["e1"], [-0.1, 0.1], atol=1e-9)
    assert "not_exported" not in pd.read_csv(tmp_path / "out" / "refined.csv")


def test_starts_are_not_overwritten(tmp_path):
    check_folders(str(tmp_path / "old" / "refined"), tmp_path / "new")
    check_folders(POPULATION, tmp_path)
    check_folders(str(tmp_path / "refined"), None)
    with pytest.raises(DataError, match="refined lenses would replace those of --start; expected another folder"):
        check_folders(str(tmp_path / "refined"), tmp_path)


def test_what_is_no_fits_file_is_refused(tmp_path, refined):
    np.save(tmp_path / "x.npy", np.zeros((3, 32, 32)))
    lenses = RealLenses(images=str(tmp_path / "x.npy"))
    with pytest.raises(DataError, match="--refine: refined are FITS cut-outs"):
        refining_files.fits_lenses(lenses, [])


def test_runs_without_a_model_of_lenses_are_refused(tmp_path):
    config = load("lsst_gri")
    with pytest.raises(ConfigError, match="--refine: the run has several bands, and real lenses are refined in one"):
        refine_files(config, None, tmp_path, RealLenses(images="x"), None, POPULATION, tmp_path)
