"""A run's figures and report, from its evaluation alone."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from lenstream.configs.load import load
from lenstream.evaluate.results import RANDOM, SUPERVISED, Evaluation, Score
from lenstream.evaluate.show import figures, outputs, umap_figure
from lenstream.evaluate.show.report import RealLensResults
from lenstream.evaluate.tasks.choose import make_task
from lenstream.evaluate.tasks.regression import Regression
from lenstream.simulate.render import render
from lenstream.simulate.selection import draw as simulated
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene

TARGETS = ["theta_E", "e1"]
ENCODERS = ("lensiam", "lensimclr")


@pytest.fixture
def run(tmp_path):
    """A config, its scene, an evaluation with numbers of our own, and a run's folder with its logs."""
    drop = ["pretrain.encoders.simsiam=null", "pretrain.encoders.stream_supervised=null"]
    config = load("tiny", [*drop, "evaluate.targets=[theta_E, e1]"])
    rng = np.random.default_rng(0)
    true = {t: rng.normal(size=20) for t in TARGETS}
    who = [(e, "ridge") for e in (*ENCODERS, RANDOM)] + [("lensiam", "finetune"), (SUPERVISED, "finetune")]
    scores = [
        Score("regression", encoder, protocol, n, 0, t, metric, value)
        for encoder, protocol in who
        for n in (20, 40)
        for t in TARGETS
        for metric, value in (("r2", 0.5), ("rmse", 0.1))
    ]
    shifted = [Score("regression", "lensiam", "ridge", 40, 0, t, "r2", 0.123, "other PSF") for t in TARGETS]
    evaluation = Evaluation(
        scores=scores + shifted,
        indices=np.arange(20, dtype=np.uint64) + np.uint64(FIRST_INDEX["test"]),
        true=true,
        predictions={w: {t: v + k for t, v in true.items()} for k, w in enumerate(who)},
        features={e: rng.normal(size=(20, 4)).astype(np.float32) for e in (*ENCODERS, RANDOM)},
    )
    for name in ENCODERS:
        (tmp_path / "encoders" / name).mkdir(parents=True)
        lines = [{"step": s, "loss": -0.1 * s, "wait_share": 0.1} for s in (1, 2)]
        (tmp_path / "encoders" / name / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "timings.json").write_text('{"evaluation": 3.0}')
    return config, make_scene(config.simulate, config.seed), evaluation, tmp_path


@pytest.fixture
def calls(monkeypatch):
    """What the figures were asked to draw, by their names; UMAP is replaced, as its import takes long."""
    seen = {}
    for name in ("predicted_vs_true", "r2_against_labels", "training_curves"):
        draw = getattr(figures, name)
        monkeypatch.setattr(figures, name, lambda *args, n=name, d=draw: (seen.update({n: args}), d(*args)))
    monkeypatch.setattr(umap_figure, "umap_points", lambda features, seed: features[:, :2])
    return seen


def draw(run, **changes):
    config, scene, evaluation, folder = run
    task = Regression(scene, TARGETS, config.evaluate.finetune)
    config = config.model_copy(update={"evaluate": config.evaluate.model_copy(update=changes)})
    return outputs.draw_figures(task, config, evaluation, folder)


def test_frozen_encoders_and_training_from_scratch_are_drawn_with_their_own_predictions(run, calls):
    _, _, evaluation, folder = run
    draw(run, umap=False)
    true, shown, bounds, path = calls["predicted_vs_true"]
    assert path == folder / "figures" / "predicted_vs_true.png" and path.exists()
    assert list(shown) == [*ENCODERS, RANDOM, SUPERVISED] and bounds == {}
    np.testing.assert_array_equal(shown["lensiam"]["e1"], evaluation.predictions["lensiam", "ridge"]["e1"])
    np.testing.assert_array_equal(true["e1"], evaluation.true["e1"])
    assert list(calls["training_curves"][0]) == list(ENCODERS)


def test_shifted_test_data_is_not_mixed_with_the_rest(run, calls):
    draw(run, umap=False)
    assert set(calls["r2_against_labels"][0]["value"]) == {0.5, 0.1}


def test_the_umap_is_of_the_trained_encoders_or_of_none(run, calls):
    _, _, evaluation, folder = run
    assert draw(run, umap=False) is None and not (folder / "figures" / "umap.png").exists()
    points = draw(run, umap=True)
    assert list(points.points) == list(ENCODERS) and points.overlaid == []
    np.testing.assert_array_equal(points.points["lensimclr"], evaluation.features["lensimclr"][:, :2])
    assert (folder / "figures" / "umap.png").exists()


def test_the_report_holds_the_figures_notes_and_numbers(run, calls):
    config, scene, evaluation, folder = run
    points = draw(run, umap=True)
    outputs.write_report(
        make_task(config, scene), config, scene, evaluation, folder, points, RealLensResults(), {"numpy": "7.8.9"}
    )
    page = (folder / "report.html").read_text()
    for words in ("7.8.9", "Uncertainties for real lenses", "Predicted against true", "name: tiny", "3.0 s"):
        assert words in page
    assert "0.123" not in page and page.count("data:image/png") > 20  # thumbnails of the test lenses
    outputs.write_report(make_task(config, scene), config, scene, evaluation, folder)
    plain = (folder / "report.html").read_text()
    assert "Uncertainties for real lenses" not in plain and len(plain) < len(page)


def test_refined_estimates_are_drawn_and_told_and_a_figure_of_earlier_ones_is_not(run, calls):
    config, scene, evaluation, folder = run
    bounds = {"cramer-rao": {t: np.full(20, 0.1) for t in TARGETS}}
    extra = [Score("regression", "lensiam", "refined", 40, 0, "all", "within_3_limits", 0.5)]
    refined = replace(evaluation.with_scores(evaluation.scores + extra), bounds=bounds)
    rows = {"start": "lensiam", "index": evaluation.indices[:10]} | {t: evaluation.true[t][:10] + 0.5 for t in TARGETS}
    pd.DataFrame(rows).to_csv(folder / "refined.csv", index=False)
    draw((config, scene, refined, folder), umap=False)
    assert (folder / "figures" / "refined.png").exists() and (folder / "figures" / "refined_dark.png").exists()
    task = make_task(config, scene)
    outputs.write_report(task, config, scene, refined, folder)
    page = (folder / "report.html").read_text()
    assert "theta_E: 0% (lensiam) of the refined estimates, 100% (lensiam) of the networks" in page
    outputs.write_report(task, config, scene, evaluation, folder)
    assert "refined estimates" not in (folder / "report.html").read_text()


def test_thumbnails_of_several_bands_show_all_of_them_together(run, calls, monkeypatch):
    config, _, evaluation, folder = run
    bands = make_scene(load("tiny", ["simulate.bands={r: {}, i: {}}"]).simulate, config.seed)
    seen = []
    monkeypatch.setattr(outputs.report, "write", lambda what, path: seen.append(what))
    outputs.write_report(make_task(config, bands), config, bands, evaluation, folder, draw(run, umap=True))
    expected = render(bands, simulated(bands, evaluation.indices, Views()))[:, 0].sum(1)
    np.testing.assert_array_equal(seen[0].umap.thumbnails, expected)


def test_a_lost_log_leaves_its_curves_empty(tmp_path):
    path = tmp_path / "metrics.jsonl"
    for text in (None, "", '{"step": 2}\n'):
        if text is not None:
            path.write_text(text)
        histories = {"lost": outputs._history(path)}
        figures.training_curves(histories, tmp_path / "curves.png")
        assert histories["lost"].empty and (tmp_path / "curves.png").stat().st_size > 10_000


def test_classes_of_a_column_of_labels_are_named_by_it():
    task = SimpleNamespace(target="kind", classes=["large", "small"])
    assert outputs.classes_of(task) == {"kind": ["large", "small"]}
    assert outputs.classes_of(SimpleNamespace(targets=["theta_E"])) == {}
