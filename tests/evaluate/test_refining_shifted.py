"""Refined estimates of shifted test lenses: which head they start from, and what is taken as it is there."""

import numpy as np
import pytest

from lenstream.configs.load import load
from lenstream.evaluate import refining_shifted
from lenstream.evaluate.fitting.fitted_systems import Fits
from lenstream.evaluate.fitting.free_parameters import free_parameters
from lenstream.evaluate.fitting.source_shapes import source_shapes
from lenstream.evaluate.limit import Bounds
from lenstream.evaluate.results import Evaluation
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene

from .made_up import evaluation, score


def test_shifted_lenses_are_fitted_as_if_they_were_not(tmp_path, monkeypatch):
    overrides = ["simulate.image={num_pix: 32, pixel_scale: 0.14}", "evaluate.shifts=[more_noise, lens_light]"]
    config = load("demo", [*overrides, "evaluate.refine={lenses: 10, proposals: 2}"])
    scene = make_scene(config.simulate, 1)
    shapes = source_shapes(scene, 20)
    free = free_parameters(scene, shapes)
    fits = Fits(scene, shapes, free, np.ones(len(free.places)))
    monkeypatch.setattr(refining_shifted, "limits", lambda seen, indices, targets, threads: Bounds({}, bounds))
    indices = np.arange(10, dtype=np.uint64) + np.uint64(FIRST_INDEX["test"])
    true = {name: draw(scene, indices, Views()).lens_mass[0][name] for name in ("theta_E", "e1")}
    bounds = {name: np.full(10, 0.05) for name in true}
    scores = [score("a", "ridge", metric, 0.05, target=t) for metric in ("r2", "rmse") for t in true]
    evaluation = Evaluation(scores, indices, true, {("a", "ridge"): true}, {})
    for shift in config.evaluate.shifts:
        np.savez(tmp_path / f"a-ridge-100-0-{shift}.npz", **true)
    found = refining_shifted.refine_shifted(fits, config, scene, evaluation, tmp_path)
    assert {(s.encoder, s.protocol, s.n_labels, s.shift) for s in found} == {
        ("a", "refined", 100, "more_noise"),
        ("a", "refined", 100, "lens_light"),
    }
    right = {s.shift: s.value for s in found if (s.target, s.metric) == ("all", "within_3_limits")}
    assert right["more_noise"] > 0.6  # noise is taken as it is
    assert right["lens_light"] < right["more_noise"]  # light that the model has not


def test_without_heads_no_shifted_lens_is_refined(tmp_path):
    config = load("demo", ["evaluate.shifts=[more_noise]", "evaluate.refine={lenses: 10}"])
    assert refining_shifted.refine_shifted(None, config, None, evaluation([], []), tmp_path) == []


@pytest.mark.parametrize("protocol", ["ridge", "mlp"])
def test_the_best_head_tells_most_of_all_targets(protocol):
    scores = [score("a", p, "r2", 0.9 if p == protocol else 0.5) for p in ("ridge", "mlp")]
    scores += [score("a", p, "r2", 0.99, n_labels=10) for p in ("ridge", "mlp")]
    assert refining_shifted.best_head(evaluation(scores, [("a", "ridge"), ("a", "mlp")])) == ("a", protocol, 100)
