"""Training: resumed bit for bit, stopped cleanly, refused when it would go wrong, better with time."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lenstream.configs.instruments import given
from lenstream.configs.load import load
from lenstream.errors import ConfigError, DataError, LenStreamError
from lenstream.progress import Stopped
from lenstream.simulate.labels import labels as simulated_labels
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl import checkpoint, monitors, same_config, trainer
from lenstream.ssl.launch import make_fabric
from lenstream.ssl.log import read_log
from lenstream.ssl.methods.simsiam import SimSiam
from lenstream.ssl.trainer import Training, pretrain
from lenstream.ssl.untrained import make_encoder, make_method


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
        pretrain(config, name, scene, tmp_path / "halves", stop=stop_after(3))
    assert not (tmp_path / "halves" / "encoder.safetensors").exists()
    halves, _ = checkpoint.load(pretrain(config, name, scene, tmp_path / "halves"))
    start = make_encoder(config, name, scene).state_dict()
    assert any(not torch.equal(start[k], whole[k]) for k in whole)
    for key in whole:
        assert torch.equal(whole[key], halves[key]), key
    losses = [[r["loss"] for r in read_log(tmp_path / f / "metrics.jsonl")][-1] for f in ("whole", "halves")]
    assert losses[0] == losses[1]


VIT = {"name": "vit_tiny_patch16_224", "options": {"patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 3}}
SMALL = {"hidden_dim": 32, "bottleneck_dim": 16, "prototypes": 32}
DROPPING = {  # every way in which timm's networks can be random
    "lensiam": {"name": "resnet18", "options": {"layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16]}},
    "mae": VIT,
    "ibot": VIT,
    "byol": VIT,
    "dino": VIT,
}
DROPS = {"drop_rate": 0.2, "drop_path_rate": 0.3}
VIT_DROPS = DROPS | {"attn_drop_rate": 0.1, "proj_drop_rate": 0.1, "pos_drop_rate": 0.1}


@pytest.mark.parametrize("method", DROPPING)
def test_dropout_and_stochastic_depth_are_resumed_bit_for_bit(tiny, tmp_path, method):
    """The whole state, after a stop between two parts of nothing and with what else draws random numbers in between."""

    def settings(drops):
        backbone = DROPPING[method] | {"options": DROPPING[method]["options"] | drops}
        sizes = SMALL if method in ("dino", "ibot") else {}
        return {"method": method, "backbone": backbone, "optimizer": "adamw", "lr": 1e-3, "warmup": 1} | sizes

    def trained(folder, drops, stops):
        options = [f"pretrain.encoders={json.dumps({'x': settings(drops)})}", "pretrain.accumulate=2"]
        config, scene = load("tiny", [*options, "pretrain.steps=4", "pretrain.batch_size=8"]), tiny[1]
        for steps in stops:
            torch.rand(17)  # the generator of the caller goes on in between
            with pytest.raises(Stopped):
                pretrain(config, "x", scene, folder, stop=stop_after(steps))
        pretrain(config, "x", scene, folder)
        return checkpoint.load(folder / "last_state.safetensors")[0]

    drops = VIT_DROPS if DROPPING[method] is VIT else DROPS
    whole, stopped = trained(tmp_path / "whole", drops, []), trained(tmp_path / "stopped", drops, [1, 2])
    assert [k for k in whole if not torch.equal(whole[k], stopped[k])] == []
    without = trained(tmp_path / "without", {}, [])
    assert any(not torch.equal(whole[k], without[k]) for k in whole)


def test_parts_of_a_batch_and_steps_drop_different_things(tiny, tmp_path, monkeypatch):
    seeds = []
    monkeypatch.setattr(trainer, "reseed", lambda seed, device: seeds.append(seed))
    config = load("tiny", ["pretrain.accumulate=2", "pretrain.steps=3"])
    pretrain(config, "lensiam", tiny[1], tmp_path)
    assert len(set(seeds)) == len(seeds) == 6


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
        pretrain(config, "lensiam", scene, tmp_path, stop=stop_after(2))
    other = load("tiny", ["pretrain.encoders.lensiam.lr=0.3"])
    with pytest.raises(DataError, match="written with another config"):
        pretrain(other, "lensiam", scene, tmp_path)


def test_a_checkpoint_of_another_seed_is_refused(tiny, tmp_path):
    config, scene = tiny
    with pytest.raises(Stopped):
        pretrain(config, "lensiam", scene, tmp_path, stop=stop_after(2))
    with pytest.raises(DataError, match="written with another config"):
        pretrain(load("tiny", ["seed=4"]), "lensiam", scene, tmp_path)


def test_a_checkpoint_depends_on_an_instruments_numbers_and_not_on_whose_they_are(tmp_path, another_lenstronomy):
    euclid = ["simulate.observation={instrument: Euclid/VIS}", "simulate.image.pixel_scale=0.15"]
    config = load("tiny", euclid)
    scene = make_scene(config.simulate, config.seed)
    with pytest.raises(Stopped):
        pretrain(config, "lensiam", scene, tmp_path, stop=stop_after(2))
    assert load("tiny", [*euclid, "simulate.observation.read_noise=4.2"]) != config
    same = load("tiny", [*euclid, "simulate.observation.read_noise=4.2"])
    with pytest.raises(Stopped):
        pretrain(same, "lensiam", scene, tmp_path, stop=stop_after(1))
    another_lenstronomy("Euclid", ("25.72", "24.0"))
    with pytest.raises(DataError, match="written with another config"):
        pretrain(load("tiny", euclid), "lensiam", scene, tmp_path)


def test_a_checkpoint_of_a_version_that_left_an_instruments_numbers_out_goes_on(tmp_path):
    config = load("tiny", ["simulate.observation={instrument: Euclid/VIS}"])
    scene = make_scene(config.simulate, config.seed)
    with pytest.raises(Stopped):
        pretrain(config, "lensiam", scene, tmp_path, stop=stop_after(2))
    tensors, facts = checkpoint.load(tmp_path / "checkpoint.safetensors")
    before = config.model_copy(update={"simulate": given(config.simulate)})
    left_out = same_config.fingerprint(before, "lensiam")
    assert left_out != facts["fingerprint"]
    checkpoint.save(tmp_path / "checkpoint.safetensors", tensors, **facts | {"fingerprint": left_out})
    assert pretrain(config, "lensiam", scene, tmp_path).is_file()


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


def test_an_encoder_starts_with_the_weights_that_its_method_starts_with(tiny):
    config, scene = tiny
    encoder = make_encoder(config, "lensiam", scene).state_dict()
    inside = make_method(config, "lensiam", scene).network.state_dict()
    assert all(torch.equal(encoder[k], inside[k]) for k in encoder)
    other = make_encoder(config, "simsiam", scene).state_dict()
    assert any(not torch.equal(encoder[k], other[k]) for k in encoder)


def test_a_loss_that_is_not_finite_stops_and_names_the_samples(tiny, tmp_path):
    config, scene = tiny
    with pytest.raises(Stopped):
        pretrain(config, "lensiam", scene, tmp_path, stop=stop_after(2))
    path = tmp_path / "checkpoint.safetensors"
    tensors, facts = checkpoint.load(path)
    poisoned = {k: v * float("nan") if k.endswith("conv1.0.weight") and "model" in k else v for k, v in tensors.items()}
    assert any(not torch.equal(poisoned[k], tensors[k]) for k in tensors)
    checkpoint.save(path, poisoned, **facts)
    said = r"became nan: look at samples 32 to 47, of step 3; the last checkpoint, with weights that are not finite eit"
    for _ in range(2):  # the same command ends in the same way, and says so
        with pytest.raises(LenStreamError, match=said + r".*would end here again: start anew with a lower lr"):
            pretrain(config, "lensiam", scene, tmp_path)
        assert path.exists()


def test_the_last_good_checkpoint_is_named_with_its_step(tiny, tmp_path, monkeypatch):
    """The fourth step breaks down; that of step 2 was the last to be written."""
    forward = SimSiam.forward

    def breaks_down(self, views, step):
        loss, features = forward(self, views, step)
        return loss * (torch.nan if step.number == 3 else 1), features

    monkeypatch.setattr(SimSiam, "forward", breaks_down)
    said = r"samples 48 to 63, of step 4; the last good checkpoint, of step 2, is .*checkpoint\.safetensors\. The same"
    for _ in range(2):  # the same command ends in the same way, and says so
        with pytest.raises(LenStreamError, match=said):
            pretrain(tiny[0], "lensiam", tiny[1], tmp_path)
        assert checkpoint.load_facts(tmp_path / "checkpoint.safetensors")["step"] == 2


def test_a_loss_that_is_not_finite_at_once_is_not_blamed_on_the_learning_rate(tiny, tmp_path):
    start = make_encoder(tiny[0], "lensiam", tiny[1]).state_dict()
    start["backbone.conv1.0.weight"] *= torch.nan
    checkpoint.save(tmp_path / "start.safetensors", start)
    config, scene = load("tiny", [f"pretrain.backbone.weights={tmp_path / 'start.safetensors'}"]), tiny[1]
    with pytest.raises(LenStreamError, match=r"of step 1; no weight has moved yet, so it is these images, or the wei"):
        pretrain(config, "lensiam", scene, tmp_path / "run")
    assert not list((tmp_path / "run").glob("*.safetensors"))


def test_weights_that_are_not_finite_are_never_written(tiny, tmp_path):
    """The loss of the last step is one of the weights before it."""
    config = load("tiny", ["pretrain.steps=1", "pretrain.encoders.lensiam={method: lensiam, warmup: 0, lr: 1.0e+39}"])
    with pytest.raises(
        LenStreamError, match=r"weights of lensiam are not finite after step 1, first .*there is no che"
    ):
        pretrain(config, "lensiam", tiny[1], tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))


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


def folder_config(folder, n=12, steps=4):
    """A training on n images of 16 pixels, of which two batches of 8 share some."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for k in range(n):
        np.save(folder / f"{k:02}.npy", rng.normal(size=(16, 16)))
    options = [f"pretrain.data.path={folder}", "pretrain.batch_size=8", f"pretrain.steps={steps}", "evaluate=null"]
    return load("tiny", [*options, "pretrain.encoders={simsiam: {method: simsiam, hidden_dim: 32}}"])


def test_a_changed_folder_is_refused_when_a_training_goes_on(tiny, tmp_path):
    config = folder_config(tmp_path / "images")
    with pytest.raises(Stopped):
        pretrain(config, "simsiam", tiny[1], tmp_path / "run", stop=stop_after(2))
    kept = (tmp_path / "images" / "03.npy").rename(tmp_path / "03.npy")
    with pytest.raises(
        DataError, match=r"images is not as it was when the training began: 11 files, were 12; put it b"
    ):
        pretrain(config, "simsiam", tiny[1], tmp_path / "run")
    kept.rename(tmp_path / "images" / "03.npy")
    assert pretrain(config, "simsiam", tiny[1], tmp_path / "run").exists()


def test_the_images_of_a_bad_loss_are_named(tiny, tmp_path, monkeypatch):
    config = folder_config(tmp_path / "images")
    seen = []
    monkeypatch.setattr(trainer, "make_views", lambda images, *_: seen.append(images) or [images[:, 0] * torch.nan] * 2)
    monkeypatch.setattr("lenstream.ssl.normalize.Normalize.forward", lambda self, images: images)
    with pytest.raises(LenStreamError, match="of step 1; no weight has moved") as caught:
        pretrain(config, "simsiam", tiny[1], tmp_path / "run")
    named = [k for k in range(12) if f"{k:02}.npy" in str(caught.value)]
    files = {k: np.load(tmp_path / "images" / f"{k:02}.npy").astype(np.float32) for k in range(12)}
    first = [k for k, image in files.items() if any(np.array_equal(image, x[0, 0]) for x in seen[0].numpy())]
    assert len(named) == 3 and set(named) <= set(first) and "and 5 more in" in str(caught.value)


def test_collapse_is_said_once(tiny, tmp_path, capsys, monkeypatch):
    """However many records say so in a row; here they do as no features have a billion directions."""
    monkeypatch.setattr(monitors, "COLLAPSED_RANK", 1e9)
    pretrain(tiny[0], "lensiam", tiny[1], tmp_path)
    said = capsys.readouterr().err
    assert said.count("lensiam is collapsing at step 2 ") == said.count("is collapsing") == 1
    assert "COLLAPSED" in said


@pytest.mark.parametrize("name", ["lensiam", "lensimclr"])
def test_bf16_trains_weights_that_stay_float32(tiny, tmp_path, name):
    config, scene = load("tiny", ["pretrain.precision=bf16-mixed", "pretrain.steps=2"]), tiny[1]
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


def test_a_checkpoint_of_other_bands_is_refused(tmp_path):
    bands = "simulate.bands={r: {}, i: {}}"
    config = load("tiny", [bands, "pretrain.bands=[r]"])
    scene = make_scene(config.simulate, config.seed)
    with pytest.raises(Stopped):
        pretrain(config, "lensiam", scene, tmp_path, stop=stop_after(2))
    for other in ([bands], [bands, "pretrain.bands=[i]"]):
        with pytest.raises(DataError, match="written with another config"):
            pretrain(load("tiny", other), "lensiam", scene, tmp_path)
