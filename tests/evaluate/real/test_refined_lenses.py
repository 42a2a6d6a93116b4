"""Real lenses refined one by one: rows, pictures, stopped work, and files that cannot be read."""

import json
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib import image as pictures

from lenstream.errors import DataError
from lenstream.evaluate.real import cutouts, refined_lenses
from lenstream.evaluate.real.fit_doubts import MEANINGS
from lenstream.evaluate.real.refined_lenses import RealFiles, proposals, refine_lenses
from lenstream.files.cutout_layout import Planes
from lenstream.files.file_groups import LensFiles
from lenstream.files.growing_rows import rows_so_far
from lenstream.files.lens_names import file_names
from lenstream.locking import locked
from lenstream.progress import Stopped

from .planted import SCALE, write


@pytest.fixture(scope="module")
def files(planted, tmp_path_factory):
    """Three lenses: as in a survey; without noise, PSF, light or mask; and in the midst of them a file that is none."""
    folder = tmp_path_factory.mktemp("files")
    first, other = planted.planes(0), planted.planes(2)
    bare = {"IMAGE": other["IMAGE"] - other["LENSLIGHT"]}  # with the photons' noise of the light, in no noise map
    broken = folder / "b.fits"
    broken.write_bytes(b"SIMPLE  = no more than this")
    paths = {"J0 a": write(folder / "a.fits", first), "b": broken, "c": write(folder / "c.fits", bare)}
    return [LensFiles(name, (path,)) for name, path in paths.items()]


@pytest.fixture(scope="module")
def samples(planted):
    """A network's posterior of the first lens."""
    truth = planted.truth(0)
    generator = np.random.default_rng(0)
    return {"J0 a": {name: generator.normal(truth[name], 0.02, 40) for name in ("theta_E", "e1", "e2")}}


@pytest.fixture(scope="module")
def lenses(files, samples):
    return RealFiles(files, samples, 1, None)


@pytest.fixture(scope="module")
def once(planted, lenses, tmp_path_factory):
    """The table of all, and the folder."""
    folder = tmp_path_factory.mktemp("once")
    return refine_lenses(planted.fits, lenses, folder), folder


def same(one, other):
    pd.testing.assert_frame_equal(one.drop(columns="seconds"), other.drop(columns="seconds"), check_exact=True)


def test_there_is_a_row_for_each_in_their_order(planted, once):
    table, _ = once
    assert list(table["name"]) == ["J0 a", "b", "c"]
    assert "key" not in table
    names = planted.fits.free.names()[: len(planted.fits.free.places)]
    columns = [column for name in names for column in (name, f"{name}_std")]
    more = ["chi2", "magnification", "images", "light_left", "agreeing", "seconds", "flags", "found", "error"]
    assert set(table) == {"name", *columns, *more}
    for i, row in ((0, table.iloc[0]), (2, table.iloc[2])):
        truth = planted.truth(i)
        assert abs(row["theta_E"] - truth["theta_E"]) < 4.5 * row["theta_E_std"] < 0.1
        assert row["images"] in (2, 4)
        assert row["error"] == ""
        assert 0 < row["agreeing"] <= 1
    assert 0.7 < table["chi2"][0] < 1.1
    assert 0 < table["light_left"][0] < 2
    assert np.isnan(table["light_left"][2])
    assert set(";".join(table["flags"]).split(";")) - {""} <= set(MEANINGS)
    assert {"no_psf", "light_not_subtracted"} <= set(table["flags"][2].split(";"))
    assert table["flags"][0] == ""
    assert len(table["found"][2].split(";")) == len(table["flags"][2].split(";"))


def test_a_file_that_cannot_be_read_is_a_row_with_an_error(once):
    table, folder = once
    row = table.iloc[1]
    assert row["error"].startswith("it cannot be read as FITS")
    assert "\n" not in row["error"]
    assert row["flags"] == row["found"] == ""
    assert np.isnan(row["theta_E"]) and np.isnan(row["chi2"])
    assert not (folder / "lenses" / "b.png").exists()


def test_a_lens_that_was_fitted_has_a_picture(once):
    for name in ("J0_a", "c"):
        picture = pictures.imread(once[1] / "lenses" / f"{name}.png")
        assert picture.shape[1] > 2 * picture.shape[0] > 500
        assert np.ptp(picture[..., :3]) > 0.9
    assert sorted(path.name for path in (once[1] / "lenses").iterdir()) == ["J0_a.png", "c.png"]


def test_two_threads_find_the_same(planted, lenses, once, tmp_path):
    same(once[0], refine_lenses(planted.fits, lenses, tmp_path, threads=2))


def test_stopped_work_goes_on_and_is_what_it_would_have_been(planted, lenses, once, tmp_path, monkeypatch):
    asked = []
    with pytest.raises(Stopped, match="stopped the refinement at 2 of 3"):
        refine_lenses(planted.fits, lenses, tmp_path, stop=lambda: asked.append(1) or len(asked) > 2)
    path = tmp_path / "refined.jsonl"
    assert [row["name"] for row in rows_so_far(path)] == ["J0 a", "b"]
    with open(path, "a") as file:
        file.write('{"name": "c", "theta')  # as a killed process leaves it
    made, fit_lens = [], refined_lenses.fit_lens
    monkeypatch.setattr(refined_lenses, "fit_lens", lambda *a: made.append(1) or fit_lens(*a))
    same(once[0], refine_lenses(planted.fits, lenses, tmp_path))
    assert len(made) == 1
    same(once[0], refine_lenses(planted.fits, lenses, tmp_path))
    assert len(made) == 1
    assert [json.loads(line)["name"] for line in path.read_text().splitlines()] == ["J0 a", "b", "c"]


def test_a_row_is_made_anew_where_it_would_be_another(planted, tmp_path, monkeypatch):
    """If its run is another, its fit begins elsewhere, its pixels are of another size, or its files are others."""
    made = []

    def row(fits, lenses, lens):
        made.append(lens.name)
        return {"name": lens.name, "flags": "", "found": "", "error": "none"}, None, None

    monkeypatch.setattr(refined_lenses, "_row", row)

    def again(lenses, fits=planted.fits):
        made.clear()
        refine_lenses(fits, lenses, tmp_path)
        return list(made)

    folder = tmp_path / "files"
    folder.mkdir()
    own = [LensFiles(name, (write(folder / f"{name}.fits", {"IMAGE": np.ones((9, 9))}),)) for name in "ab"]
    lenses = RealFiles(own, {}, 1, None)
    assert again(lenses) == ["a", "b"]
    assert again(lenses) == []
    scene = planted.fits.scene
    wider = scene.config.model_copy(update={"classes": {"lens": 2.0}})
    for other in ({"scene": replace(scene, config=wider)}, {"error_scales": 2 * planted.fits.error_scales}):
        assert again(lenses, planted.fits._replace(**other)) == ["a", "b"]
        assert again(lenses) == ["a", "b"]
    assert again(lenses._replace(samples={"b": {"theta_E": np.ones(3)}})) == ["b"]
    assert again(lenses._replace(samples={"b": {"theta_E": np.full(3, 1.1)}})) == ["b"]
    assert again(lenses) == ["b"]
    assert again(lenses._replace(pixel_scale=0.1)) == ["a", "b"]
    assert again(lenses) == ["a", "b"]
    assert again(lenses._replace(lens_light="fit")) == ["a", "b"]
    assert again(lenses) == ["a", "b"]
    own[0].files[0].unlink()
    write(own[0].files[0], {"IMAGE": np.ones((9, 9)), "PSF": np.ones((3, 3))})
    assert again(lenses) == ["a"]
    beside = write(folder / "b.psf.fits", {"PSF": np.ones((3, 3))})
    assert again(lenses._replace(files=[own[0], LensFiles("b", (*own[1].files, beside))])) == ["b"]
    assert again(lenses._replace(files=own[:1])) == []


def test_one_process_at_a_time_refines_to_a_folder(tmp_path):
    (tmp_path / "refined.jsonl").write_text("rows of another process")
    said = r"lenses is being written by another process .* or give another folder \(--out\)"
    with locked(tmp_path / "lenses"), pytest.raises(DataError, match=said):
        refine_lenses(None, RealFiles([], {}, 1, None), tmp_path)
    assert (tmp_path / "refined.jsonl").read_text() == "rows of another process"


def test_of_two_lenses_of_one_name_the_first_is_refined(planted, lenses, files, once, tmp_path):
    twice = [files[0], LensFiles(files[0].name, files[2].files)]
    table = refine_lenses(planted.fits, lenses._replace(files=twice), tmp_path)
    assert len(table) == 1
    assert dict(table.iloc[0].drop("seconds")) == dict(once[0].iloc[0].drop("seconds"))


def test_an_image_that_no_lens_fits_is_doubted(planted, tmp_path):
    """Noise alone."""
    noise = np.random.default_rng(0).normal(0, 0.02, (48, 48))
    path = write(tmp_path / "noise.fits", {"IMAGE": noise, "NOISE": np.full((48, 48), 0.02)})
    table = refine_lenses(planted.fits, RealFiles([LensFiles("noise", (path,))], {}, 1, None), tmp_path)
    assert table["flags"][0].split(";")[0] in ("not_fitted", "not_converged")
    assert table["error"][0] == ""


def test_the_network_is_asked_first_and_the_population_beside_it(planted, samples):
    free = planted.fits.free
    own = free.names().index("theta_E")
    found = proposals(planted.fits, free, samples["J0 a"])
    assert len(found) == refined_lenses.PROPOSALS + refined_lenses.BESIDE
    np.testing.assert_allclose(found[:32, own], samples["J0 a"]["theta_E"][:32])
    assert np.ptp(found[32:, own]) > 0.4
    alone = proposals(planted.fits, free, {})
    assert alone.shape == found.shape
    assert np.ptp(alone[:, own]) > 0.6


def test_a_function_may_say_where_a_fit_begins(planted):
    free = planted.fits.free
    given = free.mean[None, : len(free.places)]
    found = proposals(planted.fits, free, lambda asked: given if asked is free else None)
    np.testing.assert_array_equal(found[0], given[0])
    assert len(found) == 1 + refined_lenses.BESIDE


@pytest.mark.parametrize(
    ("asked", "of_file", "without"),
    [("subtract", "file", None), ("as_is", None, None), ("fit", "file", "fitted"), ("fit_all", "fitted", "fitted")],
)
def test_the_light_that_is_asked_for_is_subtracted(lenses, monkeypatch, asked, of_file, without):
    """That of the file, a fitted one, or none."""
    scales = []

    def fitted(planes, scale):
        scales.append(scale)
        return planes._replace(light="fitted")

    monkeypatch.setattr(cutouts, "_with_fitted_light", fitted)
    planes = Planes(None, None, None, "file", ({"PIXSCALE": 0.07},), "", ())
    lenses = lenses._replace(lens_light=asked)
    assert refined_lenses.with_light(planes, lenses).light == of_file
    assert refined_lenses.with_light(planes._replace(light=None), lenses).light == without
    assert set(scales) <= {0.07}


@pytest.mark.parametrize(("name", "expected"), [("J0 a", "J0_a"), ("a/b", "a_b"), ("J0728+3835", "J0728+3835")])
def test_a_name_becomes_that_of_a_file(name, expected):
    assert file_names([name]) == [expected]


def test_pixels_are_of_the_size_that_is_given(planted, files, once, tmp_path):
    """The header's own given as a number is the same lens."""
    lenses = RealFiles(files[2:], {}, 1, SCALE)
    with ThreadPoolExecutor(1) as pool:
        table = pool.submit(refine_lenses, planted.fits, lenses, tmp_path).result()
    assert table["theta_E"][0] == once[0]["theta_E"][2]


def test_the_population_is_tried_where_a_network_leads_astray(monkeypatch):
    """The higher maximum counts, with the time of both and the maxima that both found."""
    asked = []

    def known(fits, image, of):
        start = of("free")
        asked.append(start)
        chi2, value = (1.3, -50.0) if start == "network" else (1.2, -40.0)
        return Fit(Found(chi2, value, 2.0), [start])

    Found = namedtuple("Found", ["chi2", "log_posterior", "seconds"])
    Fit = namedtuple("Fit", ["found", "ends"])
    monkeypatch.setattr(refined_lenses, "fit_lens", known)
    monkeypatch.setattr(refined_lenses, "proposals", lambda fits, free, s: "network" if s else "population")
    best = refined_lenses.best_fit(None, None, {"theta_E": np.ones(3)})
    assert asked == ["network", "population"] and best.ends == asked
    assert best.found == (1.2, -40.0, 4.0)
    asked.clear()
    monkeypatch.setattr(refined_lenses, "FITS", 1.31)
    assert refined_lenses.best_fit(None, None, {"theta_E": np.ones(3)}).found.chi2 == 1.3 and len(asked) == 1
    assert refined_lenses.best_fit(None, None, {}).found.log_posterior == -40.0
