"""BYOL: known losses, a teacher that follows and is not trained."""

import pytest
import timm
import torch
from torch import nn
from torch.nn import functional as F

from lenstream.configs.methods import BYOLSettings as Settings
from lenstream.ssl.methods.base import Draws, Step
from lenstream.ssl.methods.byol import BYOL

SETTINGS = Settings(method="byol", hidden_dim=16, projection_dim=8, momentum=0.9)


class Opposite(nn.Module):
    def forward(self, x):
        return -3 * x


@pytest.fixture
def method(flat_network):
    return BYOL(flat_network, SETTINGS)


@pytest.fixture
def through(through_network):
    """A function: the loss of BYOL whose projections are the pixels, with the given predictor."""

    def loss_of(predictor, views, step):
        method = BYOL(through_network, SETTINGS)
        method.projector = method.teacher.head = nn.Identity()
        method.predictor = predictor
        return method(views, step)[0].item()

    return loss_of


def test_predictions_that_equal_the_teacher_lose_0_and_opposite_ones_4(through, flat_views, flat_step):
    same = [flat_views[0], 5 * flat_views[0]]  # norms do not count
    assert through(nn.Identity(), same, flat_step) == pytest.approx(0.0, abs=1e-6)
    assert through(Opposite(), same, flat_step) == pytest.approx(4.0, abs=1e-6)


def test_a_view_is_compared_with_the_other_one(through, flat_views, flat_step):
    a, b = (F.normalize(v.flatten(1), dim=1) for v in flat_views)
    expected = (a - b).square().sum(1).mean().item()
    assert expected > 0.1
    assert through(nn.Identity(), flat_views, flat_step) == pytest.approx(expected, rel=1e-5)
    asymmetric = nn.Linear(16, 16)
    p, q = (F.normalize(asymmetric(v.flatten(1)), dim=1) for v in flat_views)
    expected = ((p - b).square().sum(1) + (q - a).square().sum(1)).mean().item() / 2
    assert through(asymmetric, flat_views, flat_step) == pytest.approx(expected, rel=1e-5)


def test_the_teacher_starts_as_the_student(method):
    assert isinstance(method.projector.layers[0], nn.Linear)
    for teacher, student in ((method.teacher.network, method.network), (method.teacher.head, method.projector)):
        assert all(torch.equal(v, student.state_dict()[k]) for k, v in teacher.state_dict().items())


def test_the_gradient_is_that_of_the_paper_and_everything_but_the_teacher_learns(method, flat_views, flat_step):
    with torch.no_grad():  # the student has moved on from its teacher
        for p in [*method.network.parameters(), *method.projector.parameters()]:
            p.add_(0.3 * torch.randn_like(p))
    loss, features = method(flat_views, flat_step)
    loss.backward()
    assert features.shape == (12, 8)
    torch.testing.assert_close(features, method.network(flat_views[0]))
    p = [method.predictor(method.projector(method.network(v))) for v in flat_views]
    with torch.no_grad():
        t = [method.teacher(v) for v in flat_views]
    expected = 2 - F.cosine_similarity(p[0], t[1]).mean() - F.cosine_similarity(p[1], t[0]).mean()
    trained = [q for q in method.parameters() if q.requires_grad]
    for q, gradient in zip(trained, torch.autograd.grad(expected, trained), strict=True):
        torch.testing.assert_close(q.grad, gradient, rtol=1e-4, atol=1e-6)
        assert q.dim() == 1 or q.grad.abs().sum() > 0
    assert not {id(q) for q in trained} & {id(q) for q in method.teacher.parameters()}
    assert all(q.grad is None for q in method.teacher.parameters())


@pytest.mark.parametrize(("done", "momentum"), [(0.0, 0.9), (0.5, 0.95)])
def test_after_a_step_the_teacher_follows_with_the_momentum_of_that_step(method, done, momentum):
    before = {k: v.clone() for k, v in method.teacher.named_parameters()}
    with torch.no_grad():
        for p in (method.network.backbone.weight, method.projector.layers[0].weight, method.predictor.layers[0].weight):
            p.add_(1.0)
    method.after_step(Step(3, done, Draws(0, 12)))
    for name, now in method.teacher.named_parameters():
        moved = name in ("network.backbone.weight", "head.layers.0.weight")
        torch.testing.assert_close(now, before[name] + (1 - momentum) * moved)


@pytest.mark.parametrize("done", [0.0, 0.5, 0.9])
def test_the_momentum_can_be_held(flat_network, done):
    method = BYOL(flat_network, SETTINGS.model_copy(update={"momentum_final": 0.9}))
    before = method.teacher.network.backbone.weight.clone()
    nn.init.constant_(method.network.backbone.weight, 3.0)
    method.after_step(Step(0, done, Draws(0, 12)))
    torch.testing.assert_close(method.teacher.network.backbone.weight, 0.9 * before + 0.1 * 3.0)


def test_the_online_network_is_kept(method):
    assert method.encoder() is method.network


def train(method, steps):
    optimizer = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], lr=0.05)
    for number in steps:
        views = torch.randn(2, 12, 1, 24, 24, generator=torch.Generator().manual_seed(number))
        step = Step(number, number / 6, Draws(number, 12))
        optimizer.zero_grad()
        loss, _ = method(list(views), step)
        loss.backward()
        method.after_backward(step)
        optimizer.step()
        method.after_step(step)
    return loss.item()


def resnet_method(seed):
    torch.manual_seed(seed)
    network = timm.create_model("test_resnet", in_chans=1, num_classes=0)
    return BYOL(network, SETTINGS)


def test_a_resumed_training_goes_on_bit_for_bit():
    method = resnet_method(0)
    train(method, range(3))
    state = {k: v.clone() for k, v in method.state_dict().items()}
    other = resnet_method(1)
    other.load_state_dict(state)
    assert train(method, range(3, 6)) == train(other, range(3, 6))
    assert all(torch.equal(v, other.state_dict()[k]) for k, v in method.state_dict().items())


def test_under_autocast_the_loss_is_float32(method, flat_views, flat_step):
    seen = []
    method.distance.register_forward_pre_hook(lambda _, args: seen.extend(a.dtype for a in args))
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = method(flat_views, flat_step)
    loss.backward()
    assert {loss.dtype, *seen} == {torch.float32}
    assert all(torch.isfinite(p.grad).all() for p in method.parameters() if p.requires_grad)
