"""Training: its batches, averages, clipping, logs and probes, and better features with time."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lenstream.configs.load import load
from lenstream.errors import ConfigError
from lenstream.progress import Stopped
from lenstream.simulate.labels import labels as simulated_labels
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl import checkpoint, monitors, trainer
from lenstream.ssl.launch import make_fabric
from lenstream.ssl.log import read_log
from lenstream.ssl.trainer import Training, pretrain
from lenstream.ssl.untrained import make_encoder, make_method

from .tiny import stop_after


def test_parts_of_a_batch_and_steps_drop_different_things(tiny, tmp_path, monkeypatch):
    seeds = []
    monkeypatch.setattr(trainer, "reseed", lambda seed, device: seeds.append(seed))
    config = load("tiny", ["pretrain.accumulate=2", "pretrain.steps=3"])
    pretrain(config, "lensiam", tiny[1], tmp_path)
    assert len(set(seeds)) == len(seeds) == 6


def test_the_random_numbers_of_the_caller_stay_as_they_are(tiny, tmp_path):
    config, scene = tiny
    torch.manual_seed(7)
    before, global_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = make_encoder(config, "lensiam", scene).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    make_method(config, "lensiam", scene)
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(Stopped):
        pretrain(config, "lensiam", scene, tmp_path, stop=stop_after(3))
    assert torch.equal(torch.get_rng_state(), before)
    pretrain(config, "lensiam", scene, tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], global_numpy)  # noqa: NPY002
    torch.manual_seed(8)
    again = make_encoder(config, "lensiam", scene).state_dict()
    assert all(torch.equal(first[k], again[k]) for k in first)


def test_the_log_has_what_people_look_at(tiny, tmp_path):
    config, scene = tiny
    pretrain(config, "lensimclr", scene, tmp_path)
    records = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [r["step"] for r in records] == [2, 4, 6]
    assert {"loss", "lr", "feature_std", "effective_rank", "images_per_s", "wait_share"} <= set(records[0])
    assert all(0 <= r["wait_share"] <= 1 for r in records)
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_parts_of_a_batch_add_up_to_the_whole(tmp_path):
    """Without BatchNorm a batch in two parts gives the weights of the batch in one."""
    options = ["pretrain.backbone={name: test_vit, options: {patch_size: 8}}", "pretrain.steps=3"]
    options.append("pretrain.encoders.stream_supervised.optimizer=sgd")  # Adam makes steps of rounding errors
    options.append("pretrain.encoders.stream_supervised.lr=0.1")
    weights = []
    for parts in (1, 2):
        config = load("tiny", [*options, f"pretrain.accumulate={parts}"])
        scene = make_scene(config.simulate, config.seed)
        weights.append(checkpoint.load(pretrain(config, "stream_supervised", scene, tmp_path / str(parts)))[0])
    start = make_encoder(config, "stream_supervised", scene).state_dict()
    moved = max(float((start[k] - w).abs().max()) for k, w in weights[0].items())
    assert moved > 1e-3
    for key, whole in weights[0].items():
        torch.testing.assert_close(weights[1][key], whole, atol=2e-5, rtol=0, msg=key)


def test_a_batch_that_cannot_be_cut_is_refused(tiny, tmp_path):
    config, scene = tiny
    config = config.model_copy(update={"pretrain": config.pretrain.model_copy(update={"accumulate": 3})})
    with pytest.raises(ConfigError, match=r"batch_size: \d+ systems cannot be cut into 3 equal parts .* \(1 ranks"):
        pretrain(config, "lensiam", scene, tmp_path)


def test_an_average_of_the_weights_becomes_the_encoder_and_is_resumed(tiny, tmp_path):
    options = ["pretrain.encoders.lensiam.ema=0.5"]
    config, scene = load("tiny", options), tiny[1]
    kept, _ = checkpoint.load(pretrain(config, "lensiam", scene, tmp_path / "average"))
    last, _ = checkpoint.load(pretrain(tiny[0], "lensiam", scene, tmp_path / "last"))
    start = make_encoder(config, "lensiam", scene).state_dict()
    name = "backbone.layer1.0.conv1.weight"
    assert (kept[name] - last[name]).norm() < (start[name] - last[name]).norm()
    assert not torch.equal(kept[name], last[name])
    with pytest.raises(Stopped):
        pretrain(config, "lensiam", scene, tmp_path / "halves", stop=stop_after(3))
    halves, _ = checkpoint.load(pretrain(config, "lensiam", scene, tmp_path / "halves"))
    assert all(torch.equal(kept[k], halves[k]) for k in kept)


def test_where_the_teacher_is_kept_the_average_is_of_the_teacher(tiny, tmp_path):
    """A teacher that hardly moves, a student that does: the average stays where both began."""
    options = {"method": "dino", "momentum": 0.999999, "ema": 0.5, "lr": 0.1, "warmup": 0}
    options |= {"hidden_dim": 32, "bottleneck_dim": 16, "prototypes": 32}
    config, scene = load("tiny", [f"pretrain.encoders={json.dumps({'dino': options})}"]), tiny[1]
    start = dict(make_encoder(config, "dino", scene).named_parameters())
    with pytest.raises(Stopped):
        pretrain(config, "dino", scene, tmp_path, stop=stop_after(5))
    tensors, _ = checkpoint.load(tmp_path / "checkpoint.safetensors")

    def moved(prefix):
        return max(float((tensors[prefix + k] - w.detach()).abs().max()) for k, w in start.items())

    assert moved("model.network.") > 1e-3
    assert moved("average.") < 0.01 * moved("model.network.")


@pytest.mark.parametrize(("name", "head"), [("stream_supervised", "head"), ("simsiam", "projector")])
def test_a_head_is_averaged_as_the_encoder_is(tiny, tmp_path, name, head):
    config, scene = load("tiny", [f"pretrain.encoders.{name}.ema=0.75"]), tiny[1]
    training = Training(config, name, scene, tmp_path, make_fabric(config.pretrain))
    last = next(training.model.get_submodule(head).parameters())
    expected = last.detach().clone()
    with training.open_data() as data:
        for _ in range(3):
            training.step(data)
            expected = 0.75 * expected + 0.25 * last.detach()
    torch.testing.assert_close(next(training.average_head.parameters()), expected)
    assert (last - expected).abs().max() > 1e-4
    assert Training(config, "lensiam", scene, tmp_path, make_fabric(config.pretrain)).average_head is None


@pytest.mark.parametrize("targets", [["gamma", "theta_E"], ["theta_E", "gamma"]])  # one is in alphabetical order
def test_labels_come_in_the_order_of_the_targets(tiny, tmp_path, targets):
    """Labels and the means and spreads that standardise them are in the order of the config."""
    config, scene = load("tiny", [f"evaluate.targets={targets}"]), tiny[1]
    training = Training(config, "stream_supervised", scene, tmp_path, make_fabric(config.pretrain))
    generator = np.random.default_rng(0)
    labels = {t: torch.from_numpy(generator.normal(k, 0.1, 16)).float() for k, t in enumerate(["theta_E", "gamma"])}
    _, step = training._part(SimpleNamespace(images=torch.zeros(16, 1, 1, 32, 32), labels=labels), 0)
    assert torch.equal(step.labels, torch.stack([labels[t] for t in targets], dim=1))
    drawn = simulated_labels(draw(scene, np.arange(2000), Views()))
    expected = torch.tensor([float(drawn[t].mean()) for t in targets])
    torch.testing.assert_close(training.model.mean, expected, rtol=0.03, atol=0)


def test_clipping_bounds_a_step(tiny, tmp_path):
    """The first of two steps moves the weights by at most lr * clip; at the second the rate is 0."""
    options = ["pretrain.steps=2", "pretrain.encoders.lensiam={method: lensiam, warmup: 0, lr: 1, clip: 1.0e-4, "]
    options[1] += "weight_decay: 0, hidden_dim: 32, projection_dim: 32, prediction_dim: 16}"
    config, scene = load("tiny", options), tiny[1]
    kept, _ = checkpoint.load(pretrain(config, "lensiam", scene, tmp_path))
    start = dict(make_encoder(config, "lensiam", scene).named_parameters())
    moved = sum(float((kept[k] - w).detach().square().sum()) for k, w in start.items()) ** 0.5
    assert 0 < moved <= 1.001e-4


def test_probes_are_logged(tmp_path, tiny):
    config, scene = load("tiny", ["pretrain.probe_every=4"]), tiny[1]
    pretrain(config, "lensiam", scene, tmp_path)
    records = {r["step"]: r for r in read_log(tmp_path / "metrics.jsonl")}
    assert {"ridge/theta_E", "knn/theta_E", "ridge/gamma"} <= set(records[4]) and "ridge/theta_E" in records[6]
    assert "ridge/theta_E" not in records[2]
    assert 0.05 < records[6]["ridge/theta_E"] <= 1


def test_probing_changes_nothing(tmp_path, tiny):
    config, scene = load("tiny", ["pretrain.probe_every=2"]), tiny[1]
    probed, _ = checkpoint.load(pretrain(config, "lensiam", scene, tmp_path / "probed"))
    plain, _ = checkpoint.load(pretrain(tiny[0], "lensiam", scene, tmp_path / "plain"))
    assert all(torch.equal(probed[k], plain[k]) for k in plain)


def test_training_on_a_folder_of_images(tmp_path):
    """Images from files, a NaN among them: statistics, training and the probe of the classes."""
    generator = np.random.default_rng(0)
    for name, level in (("lenses", 1.0), ("nonlenses", 0.2)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for k in range(20):
            image = generator.normal(size=(3, 24, 24)).astype(np.float32)
            image[:, 8:16, 8:16] += 10 * level
            image[0, 0, k] = np.nan
            np.save(tmp_path / "images" / name / f"{k}.npy", image)
    data = f"pretrain.data={{path: {tmp_path / 'images'}, size: 16}}"
    options = [data, "pretrain.probe_every=3", "pretrain.batch_size=8", "pretrain.backbone.normalize=zscore"]
    config = load("tiny", [*options, "pretrain.encoders={simsiam: {method: simsiam, hidden_dim: 32}}"])
    scene = make_scene(config.simulate, config.seed)
    weights, _ = checkpoint.load(pretrain(config, "simsiam", scene, tmp_path / "run"))
    assert weights["backbone.conv1.0.weight"].shape[1] == 3
    assert all(torch.isfinite(w).all() for w in weights.values())
    assert read_log(tmp_path / "run" / "metrics.jsonl")[-1]["ridge/class"] > 0.9


def test_collapse_is_said_once(tiny, tmp_path, capsys, monkeypatch):
    """However many records say so in a row; here they do as no features have a billion directions."""
    monkeypatch.setattr(monitors, "COLLAPSED_RANK", 1e9)
    pretrain(tiny[0], "lensiam", tiny[1], tmp_path)
    said = capsys.readouterr().err
    assert said.count("lensiam is collapsing at step 2 ") == said.count("is collapsing") == 1
    assert "COLLAPSED" in said


ON_LABELS = {
    name: f"pretrain.encoders={{{name}: {{method: supervised, views: physics{kind}}}}}"
    for name, kind in (("labels", ""), ("gaussian", ", posterior: gaussian"), ("flow", ", posterior: flow"))
}


@pytest.mark.parametrize("name", ["lensiam", "lensimclr", *ON_LABELS])
def test_bf16_trains_weights_that_stay_float32(tiny, tmp_path, name):
    encoders = [ON_LABELS[name]] if name in ON_LABELS else []
    config, scene = load("tiny", ["pretrain.precision=bf16-mixed", "pretrain.steps=2", *encoders]), tiny[1]
    weights, _ = checkpoint.load(pretrain(config, name, scene, tmp_path))
    assert all(w.dtype in (torch.float32, torch.int64) and torch.isfinite(w).all() for w in weights.values())


def r2_before_and_after(config, n, folder):
    """R2 of theta_E by ridge regression with n labels, of lensiam's encoder as it begins and as it is trained."""
    from lenstream.evaluate.tasks.regression import Regression
    from lenstream.ssl.backbones import load_weights
    from lenstream.ssl.probe import features_of

    scene = make_scene(config.simulate, config.seed)
    task = Regression(scene, ["theta_E"], config.evaluate.finetune)
    train, test = (task.labelled(split, n) for split in ("labelled", "test"))
    true = {"theta_E": test.true["theta_E"].numpy()}

    def r2(network):
        head = task.train("ridge", network, train, features_of(network, train.images), seed=0)
        return task.score(true, task.predict(head, test.images))["theta_E", "r2"]

    network = make_encoder(config, "lensiam", scene)
    before = r2(network)
    load_weights(network, pretrain(config, "lensiam", scene, folder))
    return before, r2(network)


def test_forty_steps_teach_an_encoder_more_of_the_einstein_radius_than_random_weights_know(tmp_path):
    config = load("tiny", ["pretrain.steps=40", "pretrain.batch_size=32", "pretrain.log_every=40"])
    before, after = r2_before_and_after(config, 300, tmp_path)
    assert after > before + 0.05


@pytest.mark.slow
def test_lensiam_learns_the_einstein_radius(tmp_path):
    """Half a minute of training puts theta_E into features where random weights have less of it."""
    config = load("demo", ["pretrain.steps=120", "simulate.source.0.n_galaxies=64"])
    before, after = r2_before_and_after(config, 500, tmp_path)
    assert after > max(before + 0.05, 0.9)
