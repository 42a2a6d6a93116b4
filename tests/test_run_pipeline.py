"""The command line as a user meets it: a whole tiny run, stopping and continuing, and clear refusals."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

from lenstream.configs.load import load
from lenstream.run_pipeline import main
from lenstream.simulate.exchange.coolest_terms import from_coolest
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene

from .calling import lenstream, said_in_process

ROOT = Path(__file__).resolve().parents[1]


def cutout(path, image):
    """A plain FITS image with a pixel scale."""
    header = fits.Header({"PIXSCALE": 0.15})
    fits.writeto(path, image.astype(np.float32), header)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a finished tiny run and a folder of cut-outs: one good, one truncated, one all NaN."""
    cwd = tmp_path_factory.mktemp("run")
    (cwd / "lenses").mkdir()
    rng = np.random.default_rng(0)
    good = rng.normal(0, 0.02, (40, 40))
    cutout(cwd / "lenses" / "good.fits", good)
    cutout(cwd / "lenses" / "blank.fits", np.full((40, 40), np.nan))
    cutout(cwd / "lenses" / "cut.fits", good)
    whole = (cwd / "lenses" / "cut.fits").read_bytes()
    (cwd / "lenses" / "cut.fits").write_bytes(whole[:4000])
    (cwd / "catalogue.csv").write_text("name,theta_E_published,e1,e2\ngood,1.2,0.1,-0.05\nother,1.0,0,0\n")
    result = lenstream("run", "tiny", "real_lenses.images=lenses", "real_lenses.catalogue=catalogue.csv", cwd=cwd)
    assert result.returncode == 0, result.stderr
    return cwd, result


def test_a_run_leaves_what_it_promises(finished):
    cwd, result = finished
    run = cwd / "runs" / "tiny"
    results = pd.read_csv(run / "results.csv")
    assert list(results.columns) == ["task", "encoder", "protocol", "n_labels", "seed", "target", "metric", "value"]
    assert set(results.encoder) == {
        "lensiam",
        "simsiam",
        "lensimclr",
        "stream_supervised",
        "random",
        "supervised",
        "limit",
    }
    assert set(results.target) == {"theta_E", "e1", "e2", "gamma"}
    assert set(results[results.encoder == "lensiam"].n_labels) == {20, 40}
    assert set(results[results.encoder == "lensiam"].seed) == {0, 1}
    assert results.value.notna().all()
    for name in ("pairs.png", "report.html", "config.yaml", "environment.json", "real_lenses/real_lenses.png"):
        assert (run / name).stat().st_size > 100, name
    assert 'href="real_lenses/lenses.html"' in (run / "report.html").read_text(encoding="utf-8")
    assert (run / "real_lenses" / "lenses.html").is_file()
    for name in ("predicted_vs_true", "r2_against_labels", "training_curves", "umap"):
        assert (run / "figures" / f"{name}.png").stat().st_size > 1000
    assert "skipped blank.fits" in result.stderr
    assert "skipped cut.fits" in result.stderr
    table, report = result.stdout.splitlines()[:-1], result.stdout.splitlines()[-1]
    assert report == "report: runs/tiny/report.html"
    columns = [[k for k, sign in enumerate(line) if sign == "±"] for line in table[1:]]
    assert table[0] == "R2 with 40 labels" and len(max(columns, key=len)) == 4, table
    assert all(set(places) <= set(max(columns, key=len)) for places in columns), table  # points are in line
    assert "pre-training" in result.stderr and "arning" not in result.stderr
    html = (run / "report.html").read_text()
    assert all(name in html for name in ("lensiam", "lensimclr", "good"))


def test_a_finished_run_is_left_alone(finished):
    cwd, _ = finished
    report = cwd / "runs" / "tiny" / "report.html"
    before = report.stat().st_mtime_ns
    real = ["real_lenses.images=lenses", "real_lenses.catalogue=catalogue.csv"]
    again = lenstream("run", "tiny", *real, cwd=cwd)
    assert again.returncode == 0
    assert "is finished" in again.stderr
    assert report.stat().st_mtime_ns == before
    other = lenstream("run", "tiny", "seed=4", cwd=cwd)
    assert other.returncode == 2
    assert "begun with another config (first difference: seed is 4, was 3)" in other.stderr
    assert "`lenstream run runs/tiny/config.yaml` goes on as it was begun" in other.stderr


def test_predictions_of_a_folder_with_and_without_a_catalogue(finished):
    cwd, _ = finished
    result = lenstream("predict", "--run", "runs/tiny", "--images", "lenses", "--out", "plain", cwd=cwd)
    assert result.returncode == 0, result.stderr
    title, names, _, good, wrote, page = result.stdout.splitlines()
    assert page == "all lenses: plain/lenses.html" and (cwd / "plain" / "lenses.html").is_file()
    assert title == "1 lens, frame array" and good.startswith("good ")
    assert names.split() == ["lens", "theta_E", "e1", "e2", "gamma", "flags"]
    assert "skipped" in result.stderr and wrote.startswith("wrote plain/predictions.csv")
    table = pd.read_csv(cwd / "plain" / "predictions.csv")
    assert list(table.name) == ["good"]
    assert np.isfinite(table[["theta_E", "theta_E_std", "e1", "e2", "gamma"]].to_numpy()).all()
    assert not (cwd / "plain" / "summary.csv").exists()
    assert set(table.frame) == {"array"} and {"no_arc", "no_noise_map"} <= set(table["flags"][0].split(";"))
    assert "no_arc: 1 lens (good S/N" in result.stderr
    arguments = ["--run", "runs/tiny", "--images", "lenses", "--catalogue", "catalogue.csv"]
    assert lenstream("predict", *arguments, cwd=cwd).returncode == 0
    beside = pd.read_csv(cwd / "runs" / "tiny" / "predictions" / "lenses" / "predictions.csv")
    assert beside.theta_E_published[0] == 1.2
    assert beside.theta_E[0] == table.theta_E[0]
    (cwd / "other.csv").write_text("name,b_SIE,q,PA\ngood,1.3,0.6,100\n")
    arguments = ["--run", "runs/tiny", "--images", "lenses", "--catalogue", "other.csv", "--out", "other"]
    turned = lenstream("predict", *arguments, "--frame", "north_east", "--column", "theta_E=b_SIE", cwd=cwd)
    assert turned.returncode == 0, turned.stderr
    beside = pd.read_csv(cwd / "other" / "predictions.csv")
    assert beside.theta_E_published[0] == 1.3 and beside.frame[0] == "north_east" and np.isnan(beside.e1[0])
    assert "no_orientation: 1 lens (good)" in turned.stderr and "says where North is" in turned.stderr
    assert set(pd.read_csv(cwd / "runs" / "tiny" / "predictions" / "lenses" / "summary.csv").target) >= {
        "theta_E",
        "e1",
        "e2",
    }


def test_predictions_are_refined(finished, capsys, monkeypatch):
    """Two simulated lenses in files of their own are found by the fit; the second time nothing is fitted again."""
    monkeypatch.chdir(finished[0])
    config = load("tiny")
    scene = make_scene(config)
    systems = draw(scene, FIRST_INDEX["test"] + np.arange(2), Views())
    Path("shown").mkdir()
    for i, image in enumerate(render(scene, systems)[:, 0]):
        noise = np.sqrt(0.02**2 + np.maximum(image, 0) / 2000)
        hdus = [fits.ImageHDU(image, name="IMAGE"), fits.ImageHDU(noise, name="NOISE")]
        fits.HDUList([fits.PrimaryHDU(header=fits.Header({"PIXSCALE": 0.15})), *hdus]).writeto(f"shown/lens{i}.fits")
    asked = ["predict", "--run", "runs/tiny", "--images", "shown", "--out", "refining", "--refine"]
    code, out, err = said_in_process(asked, capsys)
    assert code == 0, err
    assert "2 lenses refined, frame array" in out and "no_psf: 2 lenses (lens0, lens1)" in err
    table = pd.read_csv("refining/refined.csv")
    pulls = (table.theta_E - systems.lens_mass[0]["theta_E"]) / np.hypot(table.theta_E_std, 0.01)
    assert (np.abs(pulls) < 4).all() and set(table["frame"]) == {"array"}
    assert {path.name for path in Path("refining/lenses").glob("*.png")} == {"lens0.png", "lens1.png"}
    page = Path("refining/lenses/lens0.html").read_text(encoding="utf-8")
    assert "all lenses: refining/lenses.html" in out and 'src="lens0.png"' in page and "no psf" in page
    fitted = {path: path.stat().st_mtime_ns for path in Path("refining/lenses").glob("*.png")}
    assert said_in_process(asked, capsys)[0] == 0
    pd.testing.assert_frame_equal(pd.read_csv("refining/refined.csv"), table)
    assert {path: path.stat().st_mtime_ns for path in Path("refining/lenses").glob("*.png")} == fitted
    code, _, err = said_in_process([*asked[:-1], "--start", "population"], capsys)
    assert code == 2 and "--refine" in err and len(err.splitlines()) == 1


def test_predictions_are_exported(finished, capsys, monkeypatch):
    """Into a folder of its own, with a sentence on where; what cannot be is said before anything is predicted."""
    monkeypatch.chdir(finished[0])
    asked = ["predict", "--run", "runs/tiny", "--images", "lenses", "--out", "exporting", "--export"]
    code, out, err = said_in_process([*asked, "for_others"], capsys)
    assert code == 0 and out.splitlines()[-1] == "exported to for_others", err
    names = {path.name for path in Path("for_others").iterdir()}
    assert {"table.ecsv", "table.vot", "good.json", "good.reg", "good_caustics.reg", "good_image.fits"} <= names
    lens = from_coolest("for_others/good.json")["kwargs_lens"][0]
    predicted = pd.read_csv("exporting/predictions.csv")
    assert lens["theta_E"] == pytest.approx(predicted.theta_E[0], rel=1e-4)
    assert lens["e1"] == pytest.approx(predicted.e1[0], abs=1e-5)
    Path("taken").write_text("")
    shutil.rmtree("exporting")
    code, out, err = said_in_process([*asked, "taken"], capsys)
    assert code == 1 and "taken" in err and len(err.splitlines()) == 1 and not out
    assert not Path("exporting/predictions.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "dmo"], 'Did you mean "demo"?'),
        (["preview", "deeplens"], "deeplense_model_1/2/3/4"),
        (["preview", "w1", "mode=as_released"], "this recipe has no modes"),
        (["config", "--show", "deeplense_model_1", "mode=as_relased"], 'Did you mean "as_released"?'),
        (["run", "tiny", "pretrain.stepss=3"], 'unknown key "pretrain.stepss". Did you mean "pretrain.steps"?'),
        (["run", "tiny", "simulate.image.pixel_scale=-1"], "pixel_scale: input should be greater than 0, got -1"),
        (["run", "w1"], "the key pretrain is missing"),
        (["preview", "tiny", "--out", "picture.doc"], "expected a picture's name"),
        (["predict", "--run", "nowhere", "--images", "."], "no such run"),
        (["predict", "--run", "runs/tiny", "--images", "nowhere"], "nowhere"),
        (["predict", "--run", "runs/tiny", "--images", "lenses", "--pixel-scale", "-1"], "positive number"),
        (["predict", "--run", "runs/tiny", "--images", "lenses", "--catalogue", "no.csv"], "no.csv"),
        (["predict", "--run", "runs/tiny", "--images", "lenses", "--column", "b_SIE"], "expected NAME=COLUMN"),
        (["predict", "--run", "runs/tiny", "--images", "lenses", "--frame", "sky"], "north_east"),
        (["predict", "--run", "runs/tiny", "--images", "lenses", "--lens-light", "fitted"], "fit_all"),
        (["predict", "--run", "runs/tiny", "--images", "empty"], "empty"),
        (["run", "tiny", "name=other", "real_lenses.images=nowhere"], "nowhere"),
        (["run", "tiny", "name=strangers", "--overwrite"], "is not a LenStream run"),
        (["run", "tiny", "pretrain.encoders.lensiam.views=augment"], "lensiam is simsiam with physics views"),
        (["run", "tiny", "pretrain.encoders.lensiam.method=moco"], 'no method "moco", expected simsiam'),
        (["run", "tiny", "name=no_vit", "pretrain.encoders.mine={method: mae}"], "method mae needs a ViT backbone"),
        (["run", "tiny", "name=folder", "pretrain.data={path: nowhere}"], "there is no folder nowhere"),
        (["pretrain", "real_dino_vit_small", "pretrain.data={path: nowhere}"], "there is no folder nowhere"),
        (["fly"], "No such command"),
        (["config", ""], 'no recipe ""'),
        (["config", "/"], 'no recipe "/"'),
        (["train", "tiny"], 'Did you mean "lenstream pretrain"?'),
        (["tiny"], 'Did you mean "lenstream run tiny"?'),
        (["mine.yaml"], 'Did you mean "lenstream run mine.yaml"?'),
        (["previews", "tiny"], 'Did you mean "preview"?'),
        (["recipe"], 'Did you mean "lenstream recipes"?'),
        (["runs/tiny"], '"lenstream predict --run runs/tiny"'),
        (["run", "runs/tiny"], 'Did you mean "runs/tiny/config.yaml"'),
        (["run", "runs/tiny/report.html"], 'Did you mean "runs/tiny/config.yaml"'),
        (["run", "tiny.yaml"], 'Did you mean "tiny"?'),
        (["run", "pretrain.steps=3"], "The recipe comes before its changes"),
        (["run", "--set", "seed=2", "tiny"], "Changes are given as they are: seed=2"),
        (["run", "tiny", "--pretrain.steps=100"], "without dashes: pretrain.steps=100"),
        (["run", "tiny", "--steps", "100"], "by its dotted name: pretrain.steps=100"),
        (["run", "tiny", "--seed", "5"], "by its dotted name: seed=5"),
        (["run", "--config", "tiny"], "A recipe or YAML file is given as it is, after the command: tiny"),
        (["run", "tiny", "overwrite=true"], "give --overwrite"),
        (["run", "tiny", "scale=tiny"], "give --scale tiny"),
        (["run", "tiny", "steps=4"], 'Did you mean "pretrain.steps"'),
        (["run", "tiny", "pretrain.step=4"], 'Did you mean "pretrain.steps"?'),
        (["run", "tiny", "simulate.num_pix=40"], 'Did you mean "simulate.image.num_pix"?'),
        (["run", "tiny", "simulate.observation.instrument=euclid"], 'Did you mean "Euclid/VIS"'),
        (["run", "tiny", "simulate.observation.instrument=Euclid"], "one of Euclid/VIS"),
        (["run", "tiny", "simulate.source.0.profile=SERSIC"], 'Did you mean "SERSIC_ELLIPSE"?'),
        (["run"], '"lenstream recipes" lists'),
        (["predict", "--run", "tiny", "--images", "lenses"], 'Did you mean "runs/tiny"?'),
        (["predict", "--run", "runs/tiny/report.html", "--images", "lenses"], 'Did you mean "runs/tiny"?'),
        (["predict", "runs/tiny", "--images", "lenses"], "Did you mean --run runs/tiny?"),
        (["predict", "--run", "runs/tiny"], "--images my_lenses"),
        (["predict", "--run", "runs/tiny", "--images", "lenses/no.fits"], "There is no file lenses/no.fits"),
        (["predict", "--run", "runs/tiny", "--images", "catalogue.csv"], "catalogue.csv"),
        (["run", "tiny", "-extend", "5"], 'Did you mean "--extend"?'),
        (["run", "runs/moved/config.yaml"], "give name=moved to go on with it"),
        (["run", "tiny", "--nonsense"], "--nonsense"),
    ],
)
def test_a_bad_command_gets_one_sentence_and_exit_code_2(finished, arguments, said, monkeypatch, capsys):
    cwd, _ = finished
    (cwd / "empty").mkdir(exist_ok=True)
    (cwd / "runs" / "strangers").mkdir(exist_ok=True)
    (cwd / "runs" / "strangers" / "mine.txt").write_text("not a run's")
    if not (cwd / "runs" / "moved").exists():
        shutil.copytree(cwd / "runs" / "tiny", cwd / "runs" / "moved")
    monkeypatch.chdir(cwd)
    with pytest.raises(SystemExit) as stopped:  # in this process: starting one for each takes most of the time
        main(arguments)
    said_instead = capsys.readouterr().err
    assert stopped.value.code == 2, said_instead
    assert said in said_instead
    assert len(said_instead.strip().splitlines()) == 1


def test_images_are_a_folder_a_file_or_several(finished, monkeypatch, capsys):
    cwd, _ = finished
    monkeypatch.chdir(cwd)
    (cwd / "few").mkdir(exist_ok=True)
    whole = (cwd / "lenses" / "good.fits").read_bytes()
    for name in ("a [x].fits", "b.fits"):
        (cwd / "few" / name).write_bytes(whole)
    for arguments, names in (
        (["--images", "few/a [x].fits", "few/b.fits"], ["a [x]", "b"]),  # as a shell expands few/*.fits
        (["--images", "few", "--images", "lenses/good.fits"], ["good", "a [x]", "b"]),
    ):
        command = ["predict", "--run", "runs/tiny", *arguments, "--out", "out [few]"]
        code, _, err = said_in_process(command, capsys)  # in this process: starting one for each takes most of the time
        assert code == 0, err
        assert sorted(pd.read_csv(cwd / "out [few]" / "predictions.csv").name) == sorted(names)


def test_the_three_commands_of_a_run_take_the_same_options(tmp_path):
    said = {}
    for command in ("run", "pretrain", "evaluate"):
        shown = lenstream(command, "--help", cwd=tmp_path).stdout
        said[command] = shown[: shown.index("Arguments:")], shown[shown.index("Arguments:") :]
    assert len({options for _, options in said.values()}) == 1
    assert len({text for text, _ in said.values()}) == 3
    assert all(
        option in said["run"][1] for option in ("--runs", "--scale", "--overwrite", "--extend", "RECIPE", "KEY=VALUE")
    )


def test_cite_reads_a_recipe_or_a_run(finished):
    cwd, _ = finished
    of_run, of_recipe = lenstream("cite", "runs/tiny", cwd=cwd), lenstream("cite", "tiny", cwd=cwd)
    assert of_run.returncode == 0, of_run.stderr
    assert of_run.stdout == of_recipe.stdout
    assert "@misc{chang2023," in of_run.stdout and "@inproceedings{caron2021," not in of_run.stdout
    everything = lenstream("cite", cwd=cwd).stdout
    assert "@inproceedings{caron2021," in everything and len(everything) > len(of_run.stdout)


def test_config_show_prints_what_every_key_means(tmp_path):
    shown = lenstream("config", "--show", "demo", "seed=5", cwd=tmp_path)
    assert shown.returncode == 0
    assert "seed: 5  # decides every random number" in shown.stdout
    assert "[arcsec]" in shown.stdout


def test_config_show_prints_a_mode_that_loads_again(tmp_path):
    shown = lenstream("config", "--show", "deeplense_model_1", "mode=as_released", cwd=tmp_path)
    assert shown.returncode == 0
    assert "mode: as_released" in shown.stdout and "defect: double_poisson" in shown.stdout
    (tmp_path / "mine.yaml").write_text(shown.stdout)
    again = lenstream("config", "--show", "mine.yaml", cwd=tmp_path)
    assert again.stdout == shown.stdout


def test_preview_draws_a_picture_and_says_what_it_measured(tmp_path):
    small = ["simulate.image.num_pix=24", "simulate.image.pixel_scale=0.3", "mode=as_released"]
    result = lenstream("preview", "deeplense_model_1", *small, "--out", "new/a.png", cwd=tmp_path)
    assert result.returncode == 0
    assert (tmp_path / "new" / "a.png").read_bytes().startswith(b"\x89PNG")
    assert all(word in result.stdout for word in ("3 classes", "rays", "a second", "wrote new/a.png"))


def test_a_published_recipe_runs_in_a_minute(tmp_path):
    """Classes, no evaluation: the encoders are what there is."""
    result = lenstream("pretrain", "mae_foundation", "--scale", "tiny", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "runs" / "mae_foundation_tiny" / "encoders" / "mae" / "encoder.safetensors").exists()
    assert result.stdout == "encoders: runs/mae_foundation_tiny/encoders\n"


def test_ranks_of_torchrun_train_together_and_one_does_the_rest(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "lenstream.run_pipeline"]
    options = ["pretrain.encoders.simsiam=null", "pretrain.encoders.lensimclr=null", "evaluate.protocols=[ridge]"]
    options += ["pretrain.encoders.stream_supervised=null", "evaluate.limit=false", "evaluate.umap=false"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [*command, "run", "tiny", *options],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("report: runs/tiny/report.html") == 1
    assert result.stderr.count("pre-training lensiam: 6/6") == 1
    assert (tmp_path / "runs" / "tiny" / "finished").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_signal_saves_the_step_that_it_names(tmp_path, number):
    arguments = ["pretrain", "tiny", "pretrain.steps=400", "pretrain.checkpoint_every=1000"]
    command = [sys.executable, "-m", "lenstream.run_pipeline", *arguments]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    log = tmp_path / "runs" / "tiny" / "encoders" / "lensiam" / "metrics.jsonl"
    begun = time.monotonic()
    while not (log.exists() and log.stat().st_size) and time.monotonic() - begun < 120:
        time.sleep(0.1)
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number, said
    assert "stopped lensiam at step" in said
    assert "the same command continues from here" in said
    assert "Traceback" not in said
    assert (log.parent / "checkpoint.safetensors").exists()
    from lenstream.ssl import checkpoint

    _, facts = checkpoint.load(log.parent / "checkpoint.safetensors")
    assert f"at step {facts['step']} of 400" in said


def test_predict_hands_over_what_is_said_of_the_lenses(monkeypatch, tmp_path):
    from lenstream import pipeline

    asked = []
    monkeypatch.setattr(pipeline, "predict", lambda *args: asked.append(args))
    options = ["--pixel-scale", "0.05", "--frame", "north_east", "--column", "theta_E=b_SIE", "--angle-unit", "rad"]
    options += ["--catalogue", "c.csv", "--catalogue-frame", "array", "--out", "there", "--samples", "s.npz"]
    options += ["--export", "others", "--refine", "--start", "population"]
    with pytest.raises(SystemExit) as ended:
        main(["predict", "--run", "runs/a", "--images", "lenses", *options])
    ((run, lenses, out, samples, export, start),) = asked
    assert str(export) == "others" and start == "population"
    assert ended.value.code == 0 and (str(run), str(out), lenses.images) == ("runs/a", "there", "lenses")
    assert str(samples) == "s.npz"
    assert (lenses.pixel_scale, lenses.frame, lenses.columns) == (0.05, "north_east", {"theta_E": "b_SIE"})
    assert (lenses.catalogue, lenses.catalogue_frame, lenses.angle_unit) == ("c.csv", "array", "rad")


@pytest.mark.parametrize(("command", "last"), [("run", "report"), ("pretrain", "pretrain"), ("evaluate", "evaluate")])
def test_each_command_goes_through_to_its_stage_and_a_stop_is_said_with_its_code(monkeypatch, capsys, command, last):
    from lenstream import pipeline
    from lenstream.progress import Stopped

    def run(config, runs, overwrite, until, extend):
        assert (config.name, config.seed, str(runs), overwrite, until) == ("tiny", 9, "mine", True, last)
        assert extend is None
        raise Stopped("stopped lensiam at step 3 of 6")

    monkeypatch.setattr(pipeline, "run", run)
    with pytest.raises(SystemExit) as ended:
        main([command, "tiny", "seed=9", "--runs", "mine", "--overwrite"])
    assert ended.value.code == 130
    assert "stopped lensiam at step 3 of 6" in capsys.readouterr().err
