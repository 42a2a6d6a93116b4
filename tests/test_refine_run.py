"""The command refine: what it adds to a run that is evaluated, and one sentence for what it cannot refine."""

import functools
import shutil

import pandas as pd
import pytest

from lenstream import refine_run
from lenstream.configs.load import load
from lenstream.evaluate.fitting import fitted_systems
from lenstream.evaluate.fitting.source_shapes import source_shapes
from lenstream.evaluate.results import REFINED, Evaluation, frame, read_scores, refuse_changed
from lenstream.progress import Stopped
from lenstream.run_pipeline import main
from lenstream.runs import RunFolder
from lenstream.simulate.exchange.coolest_terms import from_coolest
from lenstream.simulate.systems.scene import make_scene

from .small_run import FEW, evaluated


@pytest.fixture(scope="module", autouse=True)
def few_components():
    """Fits with few components, made once."""
    shapes = functools.cache(lambda: source_shapes(make_scene(load("tiny", FEW).simulate, 3), 20))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitted_systems, "source_shapes", lambda scene: shapes())
        patch.setattr(fitted_systems, "N_CALIBRATION", 4)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return evaluated(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def refined(run, tmp_path_factory):
    """A copy of the run that is refined."""
    folder = RunFolder(shutil.copytree(run.path, tmp_path_factory.mktemp("refined") / run.path.name))
    refine_run.refine(folder.path, lenses=10, proposals=2)
    return folder


def called(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    return ended.value.code, *capsys.readouterr()


def test_scores_of_every_start_are_added(run, refined):
    before, after = read_scores(run.path), read_scores(refined.path)
    assert [score for score in after if score.protocol != REFINED] == before
    table = frame(after, refined=True)
    assert list(dict.fromkeys(table.encoder)) == ["lensiam", "lensimclr", "random", "population"]
    assert {"rmse", "nmad", "coverage_68", "trusted", "seconds"} <= set(table.metric)
    assert frame(after).equals(frame(before))  # tables of heads do not see them
    refuse_changed(refined.path)
    assert Evaluation.load(refined.path).predictions.keys() == Evaluation.load(run.path).predictions.keys()
    assert not refined.scratch.exists()


def test_each_estimate_has_a_row(refined):
    rows = pd.read_csv(refined.refined)
    assert list(rows.groupby("start", sort=False).size()) == [10] * 4
    assert {"theta_E", "theta_E_sigma", "e1", "gamma", "gamma1", "chi2", "converged"} <= set(rows)


def test_refining_again_replaces_the_scores(refined, capsys):
    before = read_scores(refined.path)
    code, out, err = called(capsys, "refine", "--run", refined.path, "--lenses", 10, "--proposals", 2)
    assert code == 0 and "Refined by the simulator, the first 10" in out and str(refined.refined) in out, err
    again = read_scores(refined.path)
    assert [s for s in again if s.metric != "seconds"] == [s for s in before if s.metric != "seconds"]


def test_refined_lenses_are_exported(refined, tmp_path, capsys):
    folder = tmp_path / "for_others"
    arguments = ("refine", "--run", refined.path, "--lenses", 10, "--proposals", 2, "--export", folder)
    code, out, err = called(capsys, *arguments)
    assert code == 0 and out.splitlines()[-1] == f"exported to {folder}", err
    rows = pd.read_csv(refined.refined)
    written = {int(path.stem.split("_")[1]) for path in folder.glob("*.json")}
    left = {int(line.split()[1]) for line in err.splitlines() if "is not exported: " in line}
    assert written | left == set(rows["index"]) and len(written) > 5
    some = max(written)
    ends = (".py", ".reg", "_caustics.reg", "_image.fits", "_noise.fits", "_psf.fits", "_source_0.fits")
    assert all((folder / f"lens_{some}{end}").exists() for end in ends)
    of_lens = rows[rows["index"] == some]
    best = of_lens.loc[of_lens.log_posterior.idxmax()]
    lens = from_coolest(folder / f"lens_{some}.json")["kwargs_lens"][0]
    assert abs(lens["theta_E"] - best.theta_E) < 3 * best.theta_E_sigma


def test_what_cannot_be_exported_is_said_before_any_fit(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(fitted_systems, "error_scales", None)  # the first fits
    halo = "simulate.lens_mass.1={profile: NFW, Rs: 1, alpha_Rs: 0.1}"
    code, out, err = called(
        capsys, "refine", "--run", evaluated(tmp_path, halo).path, "--lenses", 10, "--export", tmp_path / "out"
    )
    assert code == 2 and not out and not (tmp_path / "out").exists()
    assert "--export: simulate.lens_mass.1: the mass profile NFW has no counterpart in COOLEST; expected EPL" in err
    assert len(err.splitlines()) == 1
    (tmp_path / "taken").write_text("")
    run = evaluated(tmp_path, name="other").path
    code, out, err = called(capsys, "refine", "--run", run, "--lenses", 10, "--export", tmp_path / "taken")
    assert code == 1 and not out and "taken" in err and len(err.splitlines()) == 1


def test_stopped_work_leaves_the_run_as_it_was_and_goes_on(run, tmp_path, monkeypatch):
    folder = RunFolder(shutil.copytree(run.path, tmp_path / "run"))
    before, asked = folder.results.read_bytes(), []

    class Stopping:
        def __enter__(self):
            return lambda: asked.append(1) or len(asked) > 7  # 4 to calibrate errors

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(refine_run, "stopping", Stopping)
    with pytest.raises(Stopped, match="of 40"):
        refine_run.refine(folder.path, lenses=10, proposals=2)
    assert folder.results.read_bytes() == before and not folder.refined.exists()
    (kept,) = folder.scratch.glob("refined*.jsonl")
    assert len(kept.read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--run", "nowhere"), "no such run"),
        (("--lenses", "3"), "10"),
        (("--proposals", "0"), "1"),
    ],
)
def test_wrong_arguments_get_a_sentence(run, capsys, arguments, words):
    given = arguments if "--run" in arguments else ("--run", run.path, *arguments)
    code, out, err = called(capsys, "refine", *given)
    assert code == 2 and words in err and "Traceback" not in err and not out
