"""Training: resumed bit for bit, stopped cleanly, refused when it would go wrong, better with time."""

import json

import pytest
import torch

from lenstream.configs.load import load
from lenstream.errors import DataError, LenStreamError
from lenstream.progress import Stopped
from lenstream.simulate.scene import make_scene
from lenstream.ssl import checkpoint
from lenstream.ssl.trainer import make_method, make_optimizer, pretrain, read_log, set_learning_rate


@pytest.fixture(scope="module")
def tiny():
    config = load("tiny")
    return config, make_scene(config.simulate, config.seed)


def stop_after(steps):
    """A stop function that says yes when asked for the `steps` + 1st time."""
    asked = iter(range(10_000))
    return lambda: next(asked) >= steps


@pytest.mark.parametrize("name", ["lensiam", "simsiam", "lensimclr", "stream_supervised"])
def test_a_run_stopped_at_half_ends_with_the_weights_of_one_never_stopped(tiny, tmp_path, name):
    config, scene = tiny
    whole, _ = checkpoint.load(pretrain(config, name, scene, tmp_path / "whole"))
    with pytest.raises(Stopped, match="step 3 of 6"):
        pretrain(config, name, scene, tmp_path / "halves", stop_after(3))
    assert not (tmp_path / "halves" / "encoder.safetensors").exists()
    halves, _ = checkpoint.load(pretrain(config, name, scene, tmp_path / "halves"))
    start = make_method(config, name, scene).network.state_dict()
    assert any(not torch.equal(start[k], whole[k]) for k in whole)
    for key in whole:
        assert torch.equal(whole[key], halves[key]), key
    losses = [[r["loss"] for r in read_log(tmp_path / f / "metrics.jsonl")][-1] for f in ("whole", "halves")]
    assert losses[0] == losses[1]


def test_a_finished_encoder_is_not_trained_again(tiny, tmp_path):
    config, scene = tiny
    path = pretrain(config, "lensiam", scene, tmp_path)
    written = path.stat().st_mtime_ns
    assert pretrain(config, "lensiam", scene, tmp_path) == path
    assert path.stat().st_mtime_ns == written
    assert not (tmp_path / "checkpoint.safetensors").exists()


def test_a_checkpoint_of_another_config_is_refused(tiny, tmp_path):
    config, scene = tiny
    with pytest.raises(Stopped):
        pretrain(config, "lensiam", scene, tmp_path, stop_after(2))
    other = load("tiny", ["pretrain.encoders.lensiam.lr=0.3"])
    with pytest.raises(DataError, match="written with another config"):
        pretrain(other, "lensiam", scene, tmp_path)


def test_a_loss_that_is_not_finite_stops_and_names_the_samples(tiny, tmp_path):
    config, scene = tiny
    with pytest.raises(Stopped):
        pretrain(config, "lensiam", scene, tmp_path, stop_after(2))
    path = tmp_path / "checkpoint.safetensors"
    tensors, facts = checkpoint.load(path)
    poisoned = {k: v * float("nan") if k.endswith("conv1.0.weight") and "model" in k else v for k, v in tensors.items()}
    assert any(not torch.equal(poisoned[k], tensors[k]) for k in tensors)
    checkpoint.save(path, poisoned, **facts)
    with pytest.raises(LenStreamError, match=r"became nan: look at samples 32 to 47"):
        pretrain(config, "lensiam", scene, tmp_path)
    assert path.exists()


def test_the_log_has_what_people_look_at(tiny, tmp_path):
    config, scene = tiny
    pretrain(config, "lensimclr", scene, tmp_path)
    records = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [r["step"] for r in records] == [2, 4, 6]
    assert {"loss", "lr", "feature_std", "effective_rank", "images_per_s", "wait_share"} <= set(records[0])
    assert all(0 <= r["wait_share"] <= 1 for r in records)
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_the_learning_rate_warms_up_decays_and_leaves_the_predictor_alone(tiny):
    config, scene = tiny
    settings = config.pretrain.encoders["lensiam"]
    model = make_method(config, "lensiam", scene)
    optimizer = make_optimizer(model, settings, model.constant_lr())
    rates = []
    for step in range(20):
        set_learning_rate(optimizer, settings, step, 20)
        rates.append({g["lr"] for g in optimizer.param_groups if not g["constant_lr"]}.pop())
        assert {g["lr"] for g in optimizer.param_groups if g["constant_lr"]} == {settings.lr}
    assert rates[0] < rates[1] <= settings.lr
    assert max(rates) == pytest.approx(settings.lr)
    assert rates[-1] < 0.05 * settings.lr
    in_constant = {id(p) for g in optimizer.param_groups if g["constant_lr"] for p in g["params"]}
    assert in_constant == {id(p) for p in model.predictor.parameters()}
    all_parameters = [id(p) for g in optimizer.param_groups for p in g["params"]]
    assert sorted(all_parameters) == sorted(id(p) for p in model.parameters())


def test_vectors_carry_no_weight_decay(tiny):
    config, scene = tiny
    model = make_method(config, "lensiam", scene)
    for group in make_optimizer(model, config.pretrain.encoders["lensiam"], model.constant_lr()).param_groups:
        assert all((p.dim() > 1) == (group["weight_decay"] > 0) for p in group["params"])


@pytest.mark.parametrize("name", ["lensiam", "lensimclr"])
def test_bf16_trains_weights_that_stay_float32(tiny, tmp_path, name):
    config, scene = load("tiny", ["pretrain.precision=bf16-mixed", "pretrain.steps=2"]), tiny[1]
    weights, _ = checkpoint.load(pretrain(config, name, scene, tmp_path))
    assert all(w.dtype in (torch.float32, torch.int64) and torch.isfinite(w).all() for w in weights.values())


@pytest.mark.slow
def test_lensiam_learns_the_einstein_radius(tmp_path):
    """Half a minute of training puts theta_E into features where random weights have less of it."""
    from lenstream.evaluate import regression

    config = load("demo", ["pretrain.steps=120", "simulate.source.0.n_galaxies=64"])
    scene = make_scene(config.simulate, config.seed)
    train, test = (regression.labelled_lenses(scene, ["theta_E"], split, 500) for split in ("labelled", "test"))

    def r2(network):
        regressor = regression.ridge(network, train, regression.features(network, train.images))
        rows = regression.scores(
            "", "", 500, 0, ["theta_E"], test.targets.numpy(), regression.predict(regressor, test.images)
        )
        return rows[0][-1]

    network = make_method(config, "lensiam", scene).network
    before = r2(network)
    from lenstream.ssl.backbones import load_weights

    load_weights(network, pretrain(config, "lensiam", scene, tmp_path))
    assert r2(network) > max(before + 0.05, 0.9)
