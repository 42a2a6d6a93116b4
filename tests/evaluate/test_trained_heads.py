"""Heads that encoders were pre-trained with: what is judged is what the training left."""

import numpy as np
import pytest
import torch

from lenstream.configs.load import load
from lenstream.errors import ConfigError
from lenstream.evaluate import judge, kept_heads
from lenstream.evaluate.results import Evaluation, frame
from lenstream.evaluate.tasks.choose import make_task
from lenstream.evaluate.trained_heads import projected, stream_head
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl import checkpoint
from lenstream.ssl.trainer import pretrain
from lenstream.ssl.training_files import LAST

SETTINGS = [
    "simulate.classes={lens: 2, galaxy: 1}",
    "simulate.lens_mass.0.only=[lens]",
    "pretrain={steps: 2, batch_size: 8, backbone: {name: test_resnet}, encoders: {con: {method: simclr, "
    "hidden_dim: 16, projection_dim: 8, ema: 0.5}, sup: {method: supervised, ema: 0.5}, mask: {method: dino, "
    "hidden_dim: 16, bottleneck_dim: 8, "
    "prototypes: 16}}}",
    "evaluate={task: classification, n_labels: [20, 30], n_test: 40, seeds: 1, protocols: [logistic_projection, knn], "
    "supervised: {other: {name: test_resnet}}, finetune: {epochs: 1, min_steps: 2}}",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    config = load("tiny", SETTINGS)
    scene, folder = make_scene(config.simulate, config.seed), tmp_path_factory.mktemp("encoders")
    return config, scene, {name: pretrain(config, name, scene, folder / name) for name in config.pretrain.encoders}


@pytest.fixture(scope="module")
def judged(trained, tmp_path_factory):
    config, scene, encoders = trained
    folder = tmp_path_factory.mktemp("run")
    return folder, judge.evaluate(make_task(config, scene), config, scene, encoders, folder)


def test_a_projection_is_that_of_the_trained_projector(trained):
    config, scene, encoders = trained
    made = projected(config, scene, "con", encoders["con"]).eval()
    tensors, _ = checkpoint.load(encoders["con"].parent / LAST)
    for name, tensor in made.projector.state_dict().items():
        assert torch.equal(tensor, tensors[f"average_head.{name}"])
    assert any(
        not torch.equal(tensor, tensors[f"model.projector.{n}"]) for n, tensor in made.projector.state_dict().items()
    )
    start = projected(config, scene, "con")
    assert not torch.equal(next(start.projector.parameters()), next(made.projector.parameters()))
    assert made(torch.zeros(2, 1, 32, 32)).shape == (2, made.num_features) == (2, 8)
    assert projected(config, scene, "mask", encoders["mask"]) is None and projected(config, scene, "sup") is None


def test_without_its_last_state_a_projection_is_left_out_and_that_is_said(trained, tmp_path, capsys):
    config, scene, encoders = trained
    (tmp_path / "encoder.safetensors").write_bytes(encoders["con"].read_bytes())
    assert projected(config, scene, "con", tmp_path / "encoder.safetensors") is None
    assert "is not there, so the head" in capsys.readouterr().err


def test_the_head_of_the_stream_stands_on_the_encoder_that_was_kept(trained):
    config, scene, encoders = trained
    task = make_task(config, scene)
    head = stream_head(task, config, scene, "sup", encoders["sup"])
    kept, _ = checkpoint.load(encoders["sup"])  # an average of the weights
    assert all(torch.equal(value, kept[name]) for name, value in head.network.state_dict().items())
    state, _ = checkpoint.load(encoders["sup"].parent / LAST)
    assert torch.equal(head.head.weight, state["average_head.weight"])
    assert not torch.equal(head.head.weight, state["model.head.weight"])
    assert stream_head(task, config, scene, "con", encoders["con"]) is None
    task.__dict__["classes"] = ["galaxy", "lens"]  # as those of files may be
    images = task.labelled("test", 20).images
    other = stream_head(task, config, scene, "sup", encoders["sup"])
    np.testing.assert_allclose(
        task.predict(other, images)["class"][:, ::-1], task.predict(head, images)["class"], rtol=1e-5
    )


def test_of_a_version_that_averaged_no_head_the_last_one_is_judged(trained, tmp_path):
    config, scene, encoders = trained
    tensors, facts = checkpoint.load(encoders["sup"].parent / LAST)
    (tmp_path / "encoder.safetensors").write_bytes(encoders["sup"].read_bytes())
    checkpoint.save(tmp_path / LAST, {k: v for k, v in tensors.items() if not k.startswith("average_head.")}, **facts)
    head = stream_head(make_task(config, scene), config, scene, "sup", tmp_path / "encoder.safetensors")
    assert torch.equal(head.head.weight, tensors["model.head.weight"])


def test_all_that_is_asked_for_is_judged(judged):
    _, evaluation = judged
    rows = frame(evaluation.scores)
    found = {(r.encoder, r.protocol, r.n_labels) for r in rows.itertuples()}
    expected = {(e, "logistic_projection", n) for e in ("con", "random") for n in (20, 30)}
    expected |= {(e, "knn", n) for e in ("con", "sup", "mask", "random") for n in (20, 30)}
    expected |= {("other", "finetune", n) for n in (20, 30)} | {("sup", "stream", 0)}
    assert found == expected
    assert set(rows[rows.metric == "auc"].target) == {"macro", "lens", "galaxy"}
    assert ("sup", "stream") in evaluation.predictions and "other" not in evaluation.features


def test_intervals_hold_the_scores_at_most_labels_and_are_kept(judged):
    folder, evaluation = judged
    assert {row["n_labels"] for row in evaluation.intervals} == {0, 30}
    for row in evaluation.intervals:
        low, high = row["low_95"], row["high_95"]
        assert low <= row["low_68"] <= row["high_68"] <= high
        if row["metric"] == "auc":
            assert low - 1e-6 <= row["value"] <= high + 1e-6
    for kept, row in zip(Evaluation.load(folder).intervals, evaluation.intervals, strict=True):
        assert kept == pytest.approx(row, nan_ok=True)


def test_the_kept_head_predicts_what_it_did(trained, judged):
    config, scene, _ = trained
    folder, evaluation = judged
    task = make_task(config, scene)
    (group,) = kept_heads.load_predictor(task, config, scene, folder)
    head, facts = group[0]
    assert facts["classes"] == ["lens", "galaxy"]
    (name,) = [p.name for p in (folder / "predictor").iterdir()]
    kept = evaluation.predictions[tuple(name.rsplit("-", 1))]["class"]
    np.testing.assert_array_equal(task.predict(head, task.labelled("test", 40).images)["class"], kept)


@pytest.mark.parametrize("kind", ["gaussian", "flow"])
def test_a_posterior_of_the_stream_is_judged_as_one(tmp_path, kind):
    pytest.importorskip("zuko")
    encoder = f"{{sup: {{method: supervised, posterior: {kind}, ema: 0.5}}}}"
    pre = f"pretrain={{steps: 2, batch_size: 8, backbone: {{name: test_resnet}}, encoders: {encoder}}}"
    judged_by = "evaluate={n_labels: [20], n_test: 40, seeds: 1, protocols: [ridge], limit: false}"
    config = load("tiny", [pre, judged_by])
    scene = make_scene(config.simulate, config.seed)
    encoders = {"sup": pretrain(config, "sup", scene, tmp_path / "sup")}
    task = make_task(config, scene)
    head = stream_head(task, config, scene, "sup", encoders["sup"])
    state, _ = checkpoint.load(encoders["sup"].parent / LAST)
    learnt = [name for name, _ in head.head.named_parameters()]
    assert all(torch.equal(head.head.state_dict()[name], state[f"average_head.{name}"]) for name in learnt)
    assert any(not torch.equal(state[f"average_head.{name}"], state[f"model.head.{name}"]) for name in learnt)
    evaluation = judge.evaluate(task, config, scene, encoders, tmp_path)
    assert list(evaluation.ranks) == [("sup", "stream")]
    results = frame(evaluation.scores)
    own = results[results.protocol == "stream"]
    assert set(own.metric) == {"r2", "rmse", "nll", "tarp", "coverage_68", "coverage_95"}
    assert set(own.n_labels) == {0} and np.isfinite(own.value).all()


def test_a_posterior_of_classes_is_refused():
    with pytest.raises(ConfigError, match=r"encoders.sup.posterior: a classification has probabilities; expected none"):
        load("tiny", [*SETTINGS, "pretrain.encoders.sup.posterior=gaussian"])
