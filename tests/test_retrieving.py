"""The command similar: what it writes, and one sentence for what it cannot use."""

import re

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from PIL import Image

from lenstream.configs.load import load
from lenstream.retrieving import similar
from lenstream.run_pipeline import main
from lenstream.runs import RunFolder, begin

from .small_run import FEW, evaluated


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return evaluated(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def lenses(tmp_path_factory):
    """A folder of 5 noisy rings of growing radius, the third of them twice under different names."""
    folder = tmp_path_factory.mktemp("my$lenses")
    y, x = (np.mgrid[:32, :32] - 15.5) * 0.15
    for k in range(5):
        ring = np.exp(-((np.hypot(x, y) - 0.8 - 0.1 * min(k, 3)) ** 2) / 0.02)
        image = ring + np.random.default_rng(min(k, 3)).normal(0, 0.02, (32, 32))
        fits.writeto(folder / f"ring{k}.fits", image.astype(np.float32), fits.Header({"PIXSCALE": 0.15}))
    return folder


def called(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    return ended.value.code, *capsys.readouterr()


def test_neighbours_among_test_lenses_and_files(run, lenses, tmp_path, capsys):
    asked = [lenses / "ring0.fits", lenses / "ring3.fits"]
    sets = ["--in", "test", "--in", lenses]
    code, out, err = called(capsys, "similar", *asked, "--run", run.path, *sets, "-n", 4, "--out", tmp_path / "o")
    assert code == 0, err
    table = pd.read_csv(tmp_path / "o" / "similar.csv")
    assert table["query"].tolist() == ["ring0"] * 4 + ["ring3"] * 4 and {"theta_E", "e1"} <= set(table)
    assert set(table["set"]) <= {"test", lenses.name}
    assert not (table["name"] == table["query"]).any()  # itself; ring4 has the same pixels as ring3
    assert "ring4" not in set(table[table["query"] == "ring3"]["name"])
    assert table[table["set"] == "test"]["theta_E"].notna().all()
    for name in ("similar.png", "similar_dark.png"):
        assert Image.open(tmp_path / "o" / name).width > 600
    lines = out.splitlines()
    assert lines[0].startswith("ring0: less like its nearest test lens than ") and "nearest neighbours by" in lines[2]
    assert lines[-1] == f"wrote {tmp_path / 'o' / 'similar.csv'} and similar.png" and len(lines) == 14


def test_a_test_lens_in_a_file_finds_itself_first(run, tmp_path):
    from lenstream.runs import config_of
    from lenstream.simulate.render import render
    from lenstream.simulate.selection import draw
    from lenstream.simulate.systems.draw import Views
    from lenstream.simulate.systems.scene import make_scene

    config = config_of(run)
    scene = make_scene(config.simulate, config.seed)
    with np.load(run.arrays) as arrays:
        index, theta_E = arrays["indices"][7], arrays["true/theta_E"][7]
    image = render(scene, draw(scene, [index], Views()))[0, 0]
    hdus = [fits.PrimaryHDU(header=fits.Header({"PIXSCALE": 0.15})), fits.ImageHDU(image, name="IMAGE")]
    hdus.append(fits.ImageHDU(np.full(image.shape, scene.instrument.background), name="NOISE"))
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    table = similar(run.path, [tmp_path / "a.fits"], encoder="random", n=3, out=tmp_path / "o")
    assert table["name"][0] == str(index) and table["cosine"][0] > 0.999 and table["unusual"][0] == 0
    assert table["theta_E"][0] == pytest.approx(theta_E) and table["cosine"][1] < table["cosine"][0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"--encoder": "lensim"},
            'no encoder "lensim" in .*, which has lensiam, lensimclr, random.* Did you mean "lens',
        ),
        ({"image": "absent.fits"}, "absent.fits"),
        ({"image": "text.fits"}, "text.fits"),
        ({"image": "cube.npy"}, "pixel-scale"),
        ({"--in": "absent"}, "absent"),
        ({"--pixel-scale": "-1"}, "--pixel-scale must be a positive number"),
        ({"--run": "nowhere"}, "nowhere: no such run"),
        ({"--run": "unfinished"}, "unfinished has no test lenses to compare with, as it is not evaluated yet"),
        ({"--run": "only"}, "as its config has no evaluate"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_one_sentence(run, lenses, tmp_path, capsys, monkeypatch, changes, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.fits").write_text("x")
    np.save(tmp_path / "cube.npy", np.zeros((3, 20, 20), np.float32))
    begin(RunFolder(tmp_path / "unfinished"), load("tiny", FEW))
    begin(RunFolder(tmp_path / "only"), load("tiny", [*FEW[:2], "evaluate=null"]))
    given = {"image": lenses / "ring0.fits", "--run": run.path, "--out": tmp_path / "o"} | changes
    image = given.pop("image")
    code, out, err = called(capsys, "similar", image, *[w for pair in given.items() for w in pair])
    assert code == 2 and out == "" and err.startswith("lenstream: ") and err.count("\n") == 1, err
    assert re.search(said, err), err
    assert not (tmp_path / "o" / "similar.csv").exists()


def test_other_bands_are_refused(tmp_path, lenses, capsys):
    run = evaluated(tmp_path, "simulate.bands={g: {}, r: {}}", name="two")
    code, _, err = called(capsys, "similar", lenses / "ring0.fits", "--run", run.path)
    assert code == 2 and "band" in err and err.count("\n") == 1


def test_a_run_without_a_simulation_finds_images_in_files(tmp_path, capsys):
    """Images of a folder with a table of labels, learnt from and judged by."""
    rng = np.random.default_rng(0)
    (tmp_path / "set").mkdir()
    np.save(tmp_path / "set" / "images.npy", rng.normal(size=(120, 16, 16)).astype(np.float32))
    pd.DataFrame({"size": rng.normal(size=120)}).to_csv(tmp_path / "set" / "labels.csv", index=False)
    changes = ["simulate=null", f"pretrain.data={{path: {tmp_path}/set}}", f"evaluate.data={{path: {tmp_path}/set}}"]
    changes += ["evaluate.targets=[size]", "evaluate.n_labels=[20]", "evaluate.n_test=20", "name=files"]
    changes += [f"pretrain.encoders.{e}=null" for e in ("lensiam", "lensimclr", "stream_supervised")]
    changes += ["pretrain.steps=1", "evaluate.seeds=1", "evaluate.protocols=[ridge]", "evaluate.umap=false"]
    assert called(capsys, "run", "tiny", *changes, "--runs", tmp_path)[0] == 0
    (tmp_path / "mine").mkdir()
    for name in "ab":
        np.save(tmp_path / "mine" / f"{name}.npy", rng.normal(size=(16, 16)).astype(np.float32))
    code, out, err = called(capsys, "similar", tmp_path / "mine", "--run", tmp_path / "files", "-n", 3)
    assert code == 0, err
    table = pd.read_csv(tmp_path / "files" / "similar" / "mine" / "similar.csv")
    assert len(table) == 6 and table["size"].notna().all() and set(table["set"]) == {"test"}
    assert out.count("less like its nearest") == 2


def test_sets_that_are_called_alike_and_pixels_whose_size_is_given(run, tmp_path, capsys):
    rng, sets = np.random.default_rng(0), [tmp_path / "one" / "set", tmp_path / "two" / "set"]
    for place in (*sets, tmp_path / "asked"):
        place.mkdir(parents=True)
        for name in "ab":
            np.save(place / f"{name}.npy", rng.normal(0, 0.02, (32, 32)).astype(np.float32))
    among = [word for place in sets for word in ("--in", place)]
    given = ["--run", run.path, *among, "--pixel-scale", 0.15, "--out", tmp_path / "o"]
    code, _, err = called(capsys, "similar", tmp_path / "asked", *given)
    assert code == 0, err
    table = pd.read_csv(tmp_path / "o" / "similar.csv")
    assert len(table) == 8 and set(table["set"]) == {str(place) for place in sets}
