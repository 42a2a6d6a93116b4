"""A training goes on where it stopped, bit for bit, and not with what belongs to another config or other images."""

import json

import pytest
import torch

from lenstream.configs.instruments import given
from lenstream.configs.load import load
from lenstream.errors import DataError
from lenstream.progress import Stopped
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl import checkpoint, same_config
from lenstream.ssl.launch import make_fabric
from lenstream.ssl.log import read_log
from lenstream.ssl.trainer import Training, pretrain
from lenstream.ssl.untrained import make_encoder

from .tiny import folder_config, stop_after


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


@pytest.mark.parametrize("optimizer", ["adamw", "lamb"])
def test_schedules_are_resumed_bit_for_bit(tiny, tmp_path, optimizer):
    """A plateau in the middle of its mean, the decay of weights, and Lamb's count of steps."""
    settings = {
        "method": "simclr",
        "optimizer": optimizer,
        "lr": 1e-3,
        "warmup": 1,
        "schedule": "plateau",
        "plateau": {"every": 2, "patience": 0, "factor": 0.5},
        "weight_decay": 0.1,
        "weight_decay_final": 0.5,
    }
    options = [f"pretrain.encoders={json.dumps({'x': settings})}", "pretrain.steps=8", "pretrain.batch_size=8"]
    config, scene = load("tiny", options), tiny[1]
    pretrain(config, "x", scene, tmp_path / "whole")
    for steps in (3, 2):
        with pytest.raises(Stopped):
            pretrain(config, "x", scene, tmp_path / "stopped", stop=stop_after(steps))
    pretrain(config, "x", scene, tmp_path / "stopped")
    whole, stopped = (checkpoint.load(tmp_path / f / "last_state.safetensors")[0] for f in ("whole", "stopped"))
    assert [k for k in whole if not torch.equal(whole[k], stopped[k])] == [] and whole.keys() == stopped.keys()
    assert whole["plateau.factor"] < 1


def averaged(tiny):
    """A config whose supervised encoder is an average, and so is its head; and its scene."""
    return load("tiny", ["pretrain.encoders.stream_supervised.ema=0.5"]), tiny[1]


def test_the_average_of_a_head_is_resumed_bit_for_bit(tiny, tmp_path):
    config, scene = averaged(tiny)
    pretrain(config, "stream_supervised", scene, tmp_path / "whole")
    with pytest.raises(Stopped):
        pretrain(config, "stream_supervised", scene, tmp_path / "stopped", stop=stop_after(3))
    pretrain(config, "stream_supervised", scene, tmp_path / "stopped")
    whole, stopped = (checkpoint.load(tmp_path / f / "last_state.safetensors")[0] for f in ("whole", "stopped"))
    assert [k for k in whole if not torch.equal(whole[k], stopped[k])] == [] and whole.keys() == stopped.keys()
    assert not torch.equal(whole["average_head.weight"], whole["model.head.weight"])


def test_a_checkpoint_of_a_version_that_averaged_no_head_goes_on_from_the_last_one(tiny, tmp_path):
    config, scene = averaged(tiny)
    with pytest.raises(Stopped):
        pretrain(config, "stream_supervised", scene, tmp_path, stop=stop_after(3))
    tensors, facts = checkpoint.load(tmp_path / "checkpoint.safetensors")
    before = {k: v for k, v in tensors.items() if not k.startswith("average_head.")}
    assert len(before) == len(tensors) - 2
    checkpoint.save(tmp_path / "checkpoint.safetensors", before, **facts)
    training = Training(config, "stream_supervised", scene, tmp_path, make_fabric(config.pretrain))
    training.resume()
    for name, average in training.average_head.state_dict().items():
        assert torch.equal(average, tensors[f"model.head.{name}"])


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


def test_a_checkpoint_of_other_bands_is_refused(tmp_path):
    bands = "simulate.bands={r: {}, i: {}}"
    config = load("tiny", [bands, "pretrain.bands=[r]"])
    scene = make_scene(config.simulate, config.seed)
    with pytest.raises(Stopped):
        pretrain(config, "lensiam", scene, tmp_path, stop=stop_after(2))
    for other in ([bands], [bands, "pretrain.bands=[i]"]):
        with pytest.raises(DataError, match="written with another config"):
            pretrain(load("tiny", other), "lensiam", scene, tmp_path)


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
