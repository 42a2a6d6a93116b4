"""Super-resolution as a task: what decoders learn, what stays frozen, scores beside bicubic, and a whole evaluation."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lenstream.configs.load import load
from lenstream.errors import ConfigError
from lenstream.evaluate import judge, kept_heads
from lenstream.evaluate.results import Evaluation, frame
from lenstream.evaluate.tasks.choose import make_task
from lenstream.evaluate.tasks.super_resolution import BICUBIC, SHOWN, learn
from lenstream.evaluate.tasks.task import Labelled
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl.decoder import SuperResolver, bicubic
from lenstream.ssl.trainer import pretrain
from lenstream.ssl.untrained import make_encoder

SMALL = [
    "simulate.image={num_pix: 24, rays: 2, pixel_scale: 0.2}",
    "pretrain.encoders={simsiam: {method: simsiam, warmup: 1, hidden_dim: 16, projection_dim: 16}}",
    "pretrain.steps=2",
    "evaluate={task: super_resolution, n_labels: [12], n_test: 20, seeds: 1}",
    "evaluate.super_resolution={steps: 3, width: 6, depth: 1, batch_size: 4}",
]


@pytest.fixture(scope="module")
def made():
    config = load("tiny", SMALL)
    scene = make_scene(config.simulate, config.seed)
    return config, scene, make_task(config, scene)


def tensors(module):
    return {name: values.detach().clone() for name, values in module.state_dict().items()}


def test_the_config_has_defaults_of_its_own():
    evaluate = load("tiny", SMALL).evaluate
    assert (evaluate.protocols, evaluate.targets) == (["frozen", "finetune"], ["image"])
    with pytest.raises(ConfigError, match=r"ridge is none of a super_resolution, expected frozen, finetune"):
        load("tiny", [*SMALL, "evaluate.protocols=[ridge]"])
    with pytest.raises(ConfigError, match=r"supervised learns evaluate\.targets, but a super-resolution has none"):
        load("tiny", [*SMALL, "pretrain.encoders={s: {method: supervised}}"])


def test_a_frozen_encoder_stays_as_it_is_and_a_finetuned_one_does_not(made):
    config, scene, task = made
    network, train = make_encoder(config, "simsiam", scene), task.labelled("labelled", 12)
    before = tensors(network)
    for protocol, moves in (("frozen", False), ("finetune", True)):
        head = task.train(protocol, network, train, None, seed=0)
        after = tensors(head.network)
        assert any(not torch.equal(after[name], values) for name, values in before.items()) == moves
        assert not head.training and head.exit.weight.abs().sum() > 0
    assert all(torch.equal(values, before[name]) for name, values in tensors(network).items())


def test_training_is_a_function_of_the_seed(made):
    config, scene, task = made
    network, train = make_encoder(config, "simsiam", scene), task.labelled("labelled", 12)
    torch.manual_seed(5)
    one = tensors(task.train("frozen", network, train, None, seed=1))
    torch.manual_seed(6)
    same, other = (tensors(task.train("frozen", network, train, None, seed=seed)) for seed in (1, 2))
    assert all(torch.equal(values, same[name]) for name, values in one.items())
    assert not torch.equal(one["exit.weight"], other["exit.weight"])


@pytest.mark.parametrize("protocol", ["frozen", "finetune"])
def test_the_share_that_is_done_is_told_at_every_step(made, protocol):
    config, scene, task = made
    shares = []
    task.train(protocol, make_encoder(config, "simsiam", scene), task.labelled("labelled", 4), None, 0, shares.append)
    assert shares == [0, 1 / 3, 2 / 3]


@pytest.mark.parametrize(
    "settings",
    ["{steps: 60, width: 12, batch_size: 12}", "{steps: 1, lr: 1.0e-12}"],
    ids=["the whole", "its linear filter alone"],
)
def test_a_decoder_learns_more_than_interpolation(made, settings):
    config, scene, _ = made
    sharp = ["simulate.observation.background_noise=0.001", "simulate.observation.exposure_time=1.0e+6"]
    sharp += [f"evaluate.super_resolution={settings}"]
    quiet = load("tiny", [*SMALL, "simulate.image.rays=adaptive", *sharp])
    task = make_task(quiet, make_scene(quiet.simulate, 3))
    train, test = task.labelled("labelled", 100), task.labelled("test", 30)
    true = {"image": test.true["image"].numpy()}
    head = task.train("frozen", make_encoder(config, "simsiam", scene), train, None, seed=0)
    learnt, plain = (
        task.score(true, predicted)["image", "psnr"]
        for predicted in (task.predict(head, test.images), task.beside(test)[BICUBIC])
    )
    assert learnt > plain + 1.5


def test_bicubic_is_torchs_with_the_flux_shared_out(made):
    _, _, task = made
    test = task.labelled("test", 3)
    expected = torch.nn.functional.interpolate(test.images, scale_factor=2, mode="bicubic", align_corners=False) / 4
    np.testing.assert_array_equal(task.beside(test)[BICUBIC]["image"], expected.numpy())


def test_a_whole_evaluation_keeps_scores_heads_and_few_images(made, tmp_path):
    config, scene, task = made
    encoders = {"simsiam": pretrain(config, "simsiam", scene, tmp_path / "simsiam")}
    evaluation = judge.evaluate(task, config, scene, encoders, tmp_path)
    rows = frame(evaluation.scores)
    assert set(zip(rows.encoder, rows.protocol, strict=True)) == {
        ("simsiam", "frozen"),
        ("random", "frozen"),
        ("simsiam", "finetune"),
        ("supervised", "finetune"),
        (BICUBIC, BICUBIC),
    }
    assert list(dict.fromkeys(rows.metric)) == ["psnr", "ssim", "mse", "mse_min_max"] and set(rows.target) == {"image"}
    loaded = Evaluation.load(tmp_path)
    assert loaded.true["image"].shape == (SHOWN, 1, 48, 48) and len(loaded.indices) == 20
    kept = kept_heads.load_predictor(task, config, scene, tmp_path)
    assert len(kept) == 1
    (head, facts), test = kept[0][0], task.labelled("test", 20)
    score = task.score({"image": test.true["image"].numpy()}, task.predict(head, test.images))["image", "psnr"]
    assert score == pytest.approx(facts["psnr"], rel=1e-6)


def test_a_target_of_one_value_does_not_take_the_scores_of_the_others(made):
    _, _, task = made
    true = np.random.default_rng(0).normal(size=(3, 1, 16, 16)).astype(np.float32)
    predicted = {"image": true + np.float32(0.1)}
    blank = true.copy()
    blank[1] = 0
    found, others = (
        task.score({"image": blank}, predicted),
        task.score({"image": true[[0, 2]]}, {"image": predicted["image"][[0, 2]]}),
    )
    for metric in ("psnr", "ssim", "mse_min_max"):
        assert found["image", metric] == pytest.approx(others["image", metric], rel=1e-6)
    alone = task.score({"image": blank[[1]]}, {"image": predicted["image"][[1]]})
    assert np.isnan(alone["image", "psnr"]) and np.isfinite(alone["image", "mse"])


def test_a_range_of_pixel_values_that_is_given_is_taken(made):
    _, _, task = made
    task = replace(task, settings=task.settings.model_copy(update={"data_range": 3.0}))
    true = np.random.default_rng(0).normal(size=(2, 1, 16, 16)).astype(np.float32)
    found = task.score({"image": true}, {"image": true + np.float32(0.1)})
    assert found["image", "psnr"] == pytest.approx(10 * np.log10(9 / 0.01), rel=1e-4)


def test_faint_images_count_as_bright_ones_do(made):
    """The decoder becomes the same whatever the unit of one of two images."""
    config, scene, _ = made
    config = load("tiny", [*SMALL, "pretrain.backbone.normalize=minmax"])
    g = torch.Generator().manual_seed(0)
    images = torch.rand(2, 1, 24, 24, generator=g)
    targets = bicubic(images, 2, 0.25) + 0.05 * torch.randn(2, 1, 48, 48, generator=g)
    found = []
    for factor in (1.0, 1000.0):
        torch.manual_seed(0)
        resolver = SuperResolver(make_encoder(config, "simsiam", scene), 1, 2, width=6, depth=1, flux_scale=0.25)
        unit = torch.tensor([1.0, factor])[:, None, None, None]
        train = Labelled(images * unit, {"image": targets * unit}, np.arange(2))
        found.append(learn(resolver, train, config.evaluate.super_resolution, True, 0).exit.weight.detach())
    torch.testing.assert_close(*found, rtol=1e-2, atol=1e-5)
