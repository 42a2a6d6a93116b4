"""Optimisers: rates that warm up and decay, weights that decay and those that do not, averages."""

import copy
import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from lenstream.configs.encoder import PlateauSettings
from lenstream.configs.load import load
from lenstream.configs.methods import SimCLRSettings as Settings
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl.optimise import Plateau, follow, make_optimizer, set_learning_rate, set_weight_decay
from lenstream.ssl.untrained import make_method

from .tiny import scene_of, tiny


@pytest.fixture(scope="module")
def simsiam():
    config = load("tiny")
    scene = make_scene(config.simulate, config.seed)
    return config.pretrain.encoders["lensiam"], make_method(config, "lensiam", scene)


def test_the_learning_rate_warms_up_decays_and_leaves_the_predictor_alone(simsiam):
    settings, model = simsiam
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


def test_the_warm_up_is_linear_and_ends_at_the_peak_in_its_last_step():
    settings = Settings(method="simclr", lr=0.8, warmup=4)
    optimizer = make_optimizer(nn.Linear(2, 2), settings)
    rates = []
    for step in range(20):
        set_learning_rate(optimizer, settings, step, 20)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8])
    assert all(after < before for before, after in pairwise(rates[4:]))
    assert rates[12] == pytest.approx(0.8 * 0.5 * (1 + math.cos(math.pi * 8 / 15)))


@pytest.mark.parametrize("method", ["mae", "ibot"])
def test_tokens_of_methods_and_of_their_networks_carry_no_weight_decay(method):
    config = tiny(method)
    model = make_method(config, "tiny", scene_of(config))
    optimizer = make_optimizer(model, config.pretrain.encoders["tiny"])
    decay = {id(p): g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    trained = {n: decay[id(p)] for n, p in model.named_parameters() if p.requires_grad}  # not the teacher's
    for word in ("pos_embed", "cls_token", "mask_token"):
        assert {d for n, d in trained.items() if n.endswith(word)} == {0.0}, word
    assert all(d > 0 for n, d in trained.items() if n.endswith("qkv.weight"))


def test_the_cosine_ends_at_the_final_rate():
    settings = Settings(method="simclr", lr=0.4, lr_final=0.1, warmup=0)
    optimizer = make_optimizer(nn.Linear(2, 2), settings)
    set_learning_rate(optimizer, settings, 1000, 1000)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1, abs=1e-3)


def rates_of(settings, steps):
    """The learning rate of each step, and of one more."""
    optimizer, rates = make_optimizer(nn.Linear(2, 2), settings), []
    for step in range(steps + 1):
        set_learning_rate(optimizer, settings, step, steps)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def test_the_linear_schedule_falls_by_as_much_in_each_step_to_the_final_rate():
    rates = rates_of(Settings(method="simclr", lr=1.0, lr_final=0.2, schedule="linear", warmup=4), 13)
    assert rates[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert rates[4:13] == pytest.approx([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
    assert rates[13] == pytest.approx(0.2)


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_a_constant_rate_stays_after_its_warm_up(schedule):
    rates = rates_of(Settings(method="simclr", lr=0.5, schedule=schedule, warmup=2), 8)
    assert rates == pytest.approx([0.25, 0.5] + [0.5] * 7)


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_shortest_trainings_have_a_rate(schedule, steps):
    for warmup in (0, 1, 20):
        rates = rates_of(Settings(method="simclr", lr=0.5, schedule=schedule, warmup=warmup), steps)
        assert all(0 <= rate <= 0.5 for rate in rates)


def test_the_decay_of_weights_goes_to_its_end_with_a_cosine_and_that_of_norms_stays_none():
    settings = Settings(method="simclr", weight_decay=0.04, weight_decay_final=0.4)
    optimizer, decays = make_optimizer(nn.Linear(2, 2), settings), []
    for step in range(11):
        set_weight_decay(optimizer, settings, step, 11)
        decays.append(sorted(g["weight_decay"] for g in optimizer.param_groups))
    assert [low for low, _ in decays] == [0.0] * 11
    assert (
        decays[0][1] == pytest.approx(0.04)
        and decays[5][1] == pytest.approx(0.22)
        and decays[10][1] == pytest.approx(0.4)
    )
    to_none = settings.model_copy(update={"weight_decay_final": 0.0})
    optimizer, decays = make_optimizer(nn.Linear(2, 2), to_none), []
    for step in range(11):
        set_weight_decay(optimizer, to_none, step, 11)
        decays.append(max(g["weight_decay"] for g in optimizer.param_groups))
    assert decays[5] == pytest.approx(0.02) and decays[10] == 0


@pytest.mark.parametrize("name", ["adam", "adamw", "lamb"])
def test_betas_reach_the_optimiser(name):
    optimizer = make_optimizer(nn.Linear(2, 2), Settings(method="simclr", optimizer=name, betas=(0.8, 0.95)))
    assert all(tuple(g["betas"]) == (0.8, 0.95) for g in optimizer.param_groups)
    usual = make_optimizer(nn.Linear(2, 2), Settings(method="simclr", optimizer=name))
    assert all(tuple(g["betas"]) == (0.9, 0.999) for g in usual.param_groups)


def test_lamb_moves_each_weight_by_a_share_of_itself():
    """Eq. of You+ 2020 (arXiv:1904.00962): the step has the norm lr * |w|, whatever the gradient."""
    model = nn.Linear(4, 3, bias=False)
    settings = Settings(method="simclr", optimizer="lamb", lr=0.1, weight_decay=1e-4)
    for scale in (1e-3, 1e3):
        nn.init.constant_(model.weight, 2.0)
        before, optimizer = model.weight.detach().clone(), make_optimizer(model, settings)
        model.weight.grad = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)) * scale
        optimizer.step()
        assert (model.weight - before).norm().item() == pytest.approx(0.1 * before.norm().item(), rel=1e-4)


PLATEAU = {"every": 2, "patience": 1, "factor": 0.1}


def plateau(**changes):
    return Plateau(Settings(method="simclr", lr=0.5, schedule="plateau", plateau=PlateauSettings(**PLATEAU | changes)))


def test_the_rate_falls_where_the_mean_loss_does_not():
    judge, factors = plateau(), []
    for loss in (5, 3, 3, 3, 4, 2, 9, 9, 1, 1, 1, 1, 1, 1, 1, 1):  # means 4 3 3 9, 1 1 1 1
        judge.see(float(loss))
        factors.append(judge.factor)
    assert factors == pytest.approx([1.0] * 7 + [0.1] * 5 + [0.1] + [0.01] * 3)


def test_a_plateau_is_the_same_after_a_stop_in_the_middle():
    losses = torch.rand(40, generator=torch.Generator().manual_seed(0)).tolist()
    whole, first, second = plateau(every=3), plateau(every=3), plateau(every=3)
    for k, loss in enumerate(losses):
        whole.see(loss)
        (first if k < 17 else second).see(loss)
        if k == 16:
            second.load_state_dict(first.state_dict())
    assert whole.state_dict() == second.state_dict() and whole.factor < 0.01


def test_a_plateau_lowers_the_rate_no_further_than_its_end():
    settings = Settings(method="simclr", lr=0.5, lr_final=0.2, schedule="plateau", plateau=PlateauSettings(**PLATEAU))
    judge = Plateau(settings)
    for _ in range(20):
        judge.see(1.0)
    optimizer = make_optimizer(nn.Linear(2, 2), settings)
    set_learning_rate(optimizer, settings, 30, 40, judge.factor)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimizer": "lamb", "weight_decay": 0}, "weight_decay: lamb without weight decay is plain adam"),
        ({"weight_decay": 0, "weight_decay_final": 0.1}, "weight_decay_final: goes on from a weight_decay above 0"),
        ({"optimizer": "adam", "betas": [0.9, 1.0]}, r"betas: \[0.9, 1.0\] forget nothing"),
        ({"betas": [0.8, 0.9]}, "betas: sgd has none"),
        ({"schedule": "constant", "lr_final": 0.01}, "lr_final: with schedule: constant the learning rate stays"),
        ({"lr": 0.01, "lr_final": 0.02}, "lr_final 0.02 is above lr 0.01; expected a lower one"),
        ({"plateau": {"every": 5}}, "plateau: is for schedule: plateau, and the schedule is cosine"),
    ],
)
def test_settings_that_cannot_work_together_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        Settings(method="simclr", **changes)


@pytest.mark.parametrize("optimizer_name", ["sgd", "adam", "adamw", "lars"])
def test_norms_biases_tokens_and_positions_carry_no_weight_decay(optimizer_name):
    """Zero gradients: what decays shrinks, the rest stays as it is, bit for bit."""
    config = load("tiny", ["pretrain.backbone={name: test_vit, options: {patch_size: 8}}"])
    scene = make_scene(config.simulate, config.seed)
    model = make_method(config, "stream_supervised", scene)
    settings = Settings(method="simclr", optimizer=optimizer_name, lr=0.1, weight_decay=0.1)
    optimizer = make_optimizer(model, settings)
    decays = {id(p): g["weight_decay"] > 0 for g in optimizer.param_groups for p in g["params"]}
    names = dict(model.named_parameters())
    with torch.no_grad():
        for p in names.values():
            p.add_(0.01)
            p.grad = torch.zeros_like(p)
    before = {n: p.detach().clone() for n, p in names.items()}
    optimizer.step()
    for name, p in names.items():
        weight = p.dim() > 1 and not name.endswith(("pos_embed", "cls_token", "reg_token"))
        assert decays[id(p)] == weight, name
        if optimizer_name != "lars":  # which does nothing at all without a gradient
            assert torch.equal(p, before[name]) == (not weight), name
    assert any(n.endswith("pos_embed") for n in names)


def test_an_average_moves_by_its_momentum_and_takes_whole_numbers_as_they_are():
    a, b = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    nn.init.constant_(b.weight, 3.0)
    b.running_mean.fill_(4.0)
    b.num_batches_tracked.fill_(7)
    follow(a, b, 0.75)
    assert torch.allclose(a.weight, torch.tensor(1.5)) and torch.allclose(a.running_mean, torch.tensor(1.0))
    assert int(a.num_batches_tracked) == 7


@pytest.mark.parametrize("optimizer_name", ["sgd", "adam", "adamw"])
def test_fused_steps_are_torchs_own_also_for_weights_with_channels_last(optimizer_name):
    """A fused kernel goes through memory: weights, gradients and state have to lie in one order."""
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 5, 3)).to(memory_format=torch.channels_last)
    theirs = copy.deepcopy(ours)
    settings = Settings(method="simclr", optimizer=optimizer_name, lr=0.1, weight_decay=0.1)
    optimizer = make_optimizer(ours, settings)
    plain = type(optimizer)(
        [g | {"params": list(theirs.parameters())[k::2]} for k, g in enumerate(_without_params(optimizer))], fused=False
    )
    images = torch.randn(4, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    for _ in range(3):
        for model, steps in ((ours, optimizer), (theirs, plain)):
            steps.zero_grad()
            model(images).square().mean().backward()
            steps.step()
    assert any(g.get("fused") for g in optimizer.param_groups)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def _without_params(optimizer):
    """Weights decay and biases do not: the groups, biases first where they come first."""
    groups = [{k: v for k, v in g.items() if k not in ("params", "fused")} for g in optimizer.param_groups]
    return sorted(groups, key=lambda g: g["weight_decay"] == 0)


def moved(optimizer_name, weight, gradients, weight_decay=0.0):
    """How far one weight goes in steps along given gradients at a learning rate of 0.1."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, weight)
    settings = Settings(method="simclr", optimizer=optimizer_name, lr=0.1, weight_decay=weight_decay)
    optimizer = make_optimizer(model, settings)
    for gradient in gradients:
        model.weight.grad = torch.full((1, 1), gradient)
        optimizer.step()
    return float(model.weight.detach()) - weight


def test_sgd_keeps_nine_tenths_of_its_speed():
    assert moved("sgd", 0.0, [1.0, 0.0, 0.0]) == pytest.approx(-0.1 * (1 + 0.9 + 0.81), rel=1e-5)


def test_adamw_decays_the_weight_and_adam_the_gradient():
    """Without a gradient AdamW takes lr * decay of the weight; for Adam the decay is the gradient, a step of lr."""
    assert moved("adamw", 3.0, [0.0], weight_decay=0.01) == pytest.approx(-0.1 * 0.01 * 3.0, rel=1e-3)
    assert moved("adam", 3.0, [0.0], weight_decay=0.01) == pytest.approx(-0.1, rel=1e-3)
