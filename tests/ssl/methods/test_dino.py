"""DINO: the paper's loss with the temperature of the step, a centre that is kept, a teacher fit for evaluation."""

import pytest
import safetensors.torch
import timm
import torch
from torch import nn
from torch.nn import functional as F

from lenstream.configs.encoder import Backbone
from lenstream.configs.methods import DINOSettings as Settings
from lenstream.errors import ConfigError
from lenstream.ssl.backbones import make_network
from lenstream.ssl.methods.base import Draws, Step
from lenstream.ssl.methods.dino import DINO
from lenstream.ssl.normalize import Statistics

SMALL = {"method": "dino", "hidden_dim": 16, "bottleneck_dim": 8, "prototypes": 12, "momentum": 0.9}
LOCAL = {"views": 3, "size": 16}


class Net(nn.Module):
    """A timm model as the package's `Network` holds it."""

    def __init__(self, name="test_resnet", **options):
        super().__init__()
        self.normalize = nn.Identity()
        self.backbone = timm.create_model(name, in_chans=1, num_classes=0, **options)
        self.num_features = self.backbone.num_features

    def forward(self, images):
        return self.backbone(self.normalize(images))


def vit(**options):
    sizes = {"img_size": 24, "patch_size": 8, "embed_dim": 32, "depth": 2, "num_heads": 2}
    return Net("vit_tiny_patch16_224", **sizes, **options)


def make(network=Net, seed=0, **settings):
    torch.manual_seed(seed)
    return DINO(network(), Settings(**SMALL | settings))


def flat(network, **settings):
    return DINO(network, Settings(**SMALL | settings))


def step(number=0, done=0.0):
    return Step(number, done, Draws(number, 12))


def views(seed=0, local=0):
    generator = torch.Generator().manual_seed(seed)
    sizes = [24, 24] + [16] * local
    return [torch.randn(12, 1, size, size, generator=generator) for size in sizes]


def train(method, steps, local=0):
    optimizer = torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], lr=1e-2, weight_decay=0.1)
    for number in steps:
        optimizer.zero_grad()
        loss, _ = method(views(number, local), step(number, number / 6))
        loss.backward()
        method.after_backward(step(number))
        optimizer.step()
        method.after_step(step(number, number / 6))
    return loss.item()


def stir(method):
    """The student and the centre become others than at the start."""
    with torch.no_grad():
        for p in method.parameters():
            if p.requires_grad:
                p.add_(0.3 * torch.randn(p.shape, generator=torch.Generator().manual_seed(1)))
        method.view_loss.center.copy_(torch.linspace(-0.2, 0.2, 12))


def paper_loss(method, global_views, temperature):
    """Eq. 2 of the paper for two views, of the head's outputs, with the centre as it is."""
    with torch.no_grad():
        t = [method.teacher(v) for v in global_views]
    s = [method.head(method.network(v)) for v in global_views]
    loss = 0
    for teacher, student in ((t[0], s[1]), (t[1], s[0])):
        p = F.softmax((teacher - method.view_loss.center[0]) / temperature, dim=1)
        loss = loss - (p * F.log_softmax(student / 0.2, dim=1)).sum(1).mean() / 2
    return loss, torch.cat(t).mean(0)


WARM = {"student_temperature": 0.2, "teacher_temperature_start": 0.02, "teacher_temperature": 0.1, "teacher_warmup": 8}


@pytest.mark.parametrize(("number", "temperature"), [(0, 0.02), (2, 0.04), (4, 0.06), (8, 0.1), (100, 0.1)])
def test_loss_and_gradient_are_those_of_the_paper_at_the_temperature_of_the_step(
    flat_network, flat_views, number, temperature
):
    method = flat(flat_network, **WARM, center_momentum=0.7)
    stir(method)
    trained = [p for p in method.parameters() if p.requires_grad]
    expected, batch_mean = paper_loss(method, flat_views, temperature)
    gradient, center = torch.autograd.grad(expected, trained), method.view_loss.center.clone()
    loss, features = method(flat_views, step(number))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)
    for got, wanted in zip(torch.autograd.grad(loss, trained), gradient, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(method.view_loss.center, 0.7 * center + 0.3 * batch_mean)
    torch.testing.assert_close(features, method.teacher.network(flat_views[0]))


def test_the_warm_up_changes_the_loss_and_without_one_the_temperature_is_the_last(flat_network, flat_views):
    losses = {}
    for number in (0, 8):
        torch.manual_seed(0)
        method = flat(flat_network, **WARM)
        stir(method)
        losses[number] = method(flat_views, step(number))[0].item()
    assert abs(losses[0] - losses[8]) > 1e-2
    assert flat(flat_network, **WARM | {"teacher_warmup": 0}).teacher_temperature(step(0)) == 0.1


@pytest.mark.parametrize("network", [Net, vit])
def test_all_but_the_teacher_and_the_prototypes_norm_learns(network):
    method = make(network)
    loss, features = method(views(), step())
    loss.backward()
    trained = {k: p for k, p in method.named_parameters() if p.requires_grad}
    assert [k for k, p in trained.items() if p.grad is None or not torch.isfinite(p.grad).all()] == []
    assert all(p.grad is None for p in method.teacher.parameters())
    assert {k for k, p in method.named_parameters() if not k.startswith("teacher")} - set(trained) == {
        "head.last_layer.weight_g"
    }
    assert features.shape == (12, method.network.num_features) and not features.requires_grad


def test_the_student_may_be_kept():
    student, teacher = make(kept="student"), make(kept="teacher")
    assert student.encoder() is student.network and teacher.encoder() is teacher.teacher.network


def test_norms_of_the_head_see_all_views_at_once():
    method = make(vit, head_norm=True)
    norms = [m for m in method.head.modules() if isinstance(m, nn.BatchNorm1d)]
    assert len(norms) == 2 and not any(isinstance(m, nn.BatchNorm1d) for m in make(vit).head.modules())
    seen = []
    norms[0].register_forward_hook(lambda module, given, out: seen.append(given[0].shape))
    loss, _ = method(views(), step())
    loss.backward()
    assert seen == [(24, 16)] and all(norm.weight.grad.abs().sum() > 0 for norm in norms)
    assert int(method.teacher.head.layers[1].num_batches_tracked) == 1


def test_the_momentum_ends_where_it_is_asked_to():
    method = make(momentum_final=0.9)  # of SMALL, too: it is held
    before = [p.clone() for p in method.teacher.parameters()]
    with torch.no_grad():
        for p in (*method.network.parameters(), *method.head.parameters()):
            p.add_(1.0)
    method.after_step(step(3, 0.99))
    moved = [(new - old) for new, old in zip(method.teacher.parameters(), before, strict=True)]
    assert all(torch.allclose(m, torch.full_like(m, 0.1), atol=1e-5) for m in moved)


def test_the_teacher_starts_as_the_student_follows_it_and_is_kept():
    method = make(freeze_last=0)
    for teacher, student in ((method.teacher.network, method.network), (method.teacher.head, method.head)):
        assert all(torch.equal(v, student.state_dict()[k]) for k, v in teacher.state_dict().items())
    before = {k: v.clone() for k, v in method.teacher.named_parameters()}
    stir(method)
    student = dict(method.named_parameters())
    method.after_step(step(number=5, done=0.5))
    for name, now in method.teacher.named_parameters():
        torch.testing.assert_close(now, 0.95 * before[name] + 0.05 * student[name])
    assert method.encoder() is method.teacher.network


def test_the_encoder_that_is_kept_has_running_statistics_that_fit_its_weights():
    """In evaluation it gives what it gave in training, for data far from mean 0 and variance 1."""
    method = make(momentum=0.5)
    shifted = [3 * v + 5 for v in views()]
    for number in range(60):
        method(shifted, step(number))
        if number < 10:  # then weights rest, so that statistics can catch up
            with torch.no_grad():
                for p in method.network.parameters():
                    p.add_(0.01 * torch.randn_like(p))
        method.after_step(step(number))
    with method.teacher.at_work() as teacher:
        in_training = teacher.network(torch.cat(shifted))
    in_evaluation = method.eval().encoder()(torch.cat(shifted))
    # The rest is n / (n - 1) in the running variance, for n = 24 in the last layers.
    assert (in_evaluation - in_training).norm() < 0.2 * (in_training - in_training.mean(0)).norm()


def test_local_views_are_for_the_student_alone():
    method, other = make(), make()
    sizes = []
    method.teacher.network.register_forward_pre_hook(lambda _, args: sizes.append(tuple(args[0].shape)))
    few, many = views(), views(local=3)
    different = method(many, step())[0].item() - other(few, step())[0].item()
    assert sizes == [(24, 1, 24, 24)]
    assert abs(different) > 1e-4
    for name, value in method.teacher.state_dict().items():
        assert torch.equal(value, other.teacher.state_dict()[name])
    assert torch.equal(method.view_loss.center, other.view_loss.center)


def test_each_local_view_counts_as_a_global_one_of_the_other(flat_network, flat_views):
    """8 terms for 2 + 3 views: as many from each local view as from pairs of global ones."""
    method = flat(flat_network)
    stir(method)
    known = [method.teacher.network(v) for v in flat_views]
    features = [method.network(v) for v in flat_views]

    def loss(*more):
        center = method.view_loss.center.clone()
        found = method.compare_views(known, [*features, *more], step()).item()
        method.view_loss.center.copy_(center)
        return found

    # A local view that equals both global ones in turn adds the terms "with itself" too.
    pairs, first, both = loss(), loss(features[0]), loss(features[0], features[1])
    assert both == pytest.approx((2 * pairs + 2 * (2 * first - pairs) + 2 * (2 * loss(features[1]) - pairs)) / 6)


def test_local_views_are_whole_bins():
    def network():
        return make_network(Backbone(bin=3), Statistics.of_background(1.0))

    make(network, local=LOCAL | {"size": 18})
    with pytest.raises(ConfigError, match=r"local\.size: 16 pixels are not whole blocks of backbone\.bin"):
        make(network, local=LOCAL)


def test_a_vit_takes_local_views_only_if_it_is_told_to():
    with pytest.raises(ConfigError, match=r"pretrain\.backbone\.options\.dynamic_img_size: true"):
        make(vit, local=LOCAL)
    with pytest.raises(ConfigError, match=r"local\.size: 20 pixels are not whole patches of 8"):
        make(lambda: vit(dynamic_img_size=True), local=LOCAL | {"size": 20})
    make(lambda: vit(dynamic_img_size=True, dynamic_img_pad=True), local=LOCAL | {"size": 20})
    make(vit, local=LOCAL, views="physics")
    assert torch.isfinite(make(lambda: vit(dynamic_img_size=True), local=LOCAL)(views(local=3), step())[0])


def test_the_prototypes_stay_for_the_first_steps_even_with_weight_decay():
    method = make(freeze_last=2)
    before = method.head.last_layer.weight_v.detach().clone()
    first = method.head.layers[0].weight.detach().clone()
    train(method, range(2))
    assert torch.equal(method.head.last_layer.weight_v, before)
    assert not torch.equal(method.head.layers[0].weight, first)
    train(method, range(2, 3))
    assert not torch.equal(method.head.last_layer.weight_v, before)


@pytest.mark.parametrize("network", [Net, vit])
def test_a_resumed_training_goes_on_bit_for_bit(network):
    method, other = make(network), make(network, seed=1)
    train(method, range(3))
    assert method.view_loss.center.abs().sum() > 0
    saved = safetensors.torch.save(method.state_dict())  # refuses tensors that share memory
    other.load_state_dict(safetensors.torch.load(saved))
    assert torch.equal(other.view_loss.center, method.view_loss.center)
    assert train(method, range(3, 6)) == train(other, range(3, 6))
    assert all(torch.equal(v, other.state_dict()[k]) for k, v in method.state_dict().items())


def test_a_lost_centre_would_be_noticed():
    method, other = make(), make()
    other.view_loss.center.fill_(0.0)
    method.view_loss.center.copy_(torch.linspace(-1, 1, 12))
    assert method(views(), step())[0].item() != other(views(), step())[0].item()


def test_under_autocast_heads_and_loss_are_float32(flat_network, flat_views):
    method = flat(flat_network)
    stir(method)
    seen = set()
    method.head.register_forward_hook(lambda _, args, out: seen.update({args[0].dtype, out.dtype}))
    method.teacher.head.register_forward_hook(lambda _, args, out: seen.update({args[0].dtype, out.dtype}))
    known = [method.teacher.network(v) for v in flat_views]
    features = [method.network(v) for v in flat_views]
    center = method.view_loss.center.clone()
    exact = method.compare_views(known, features, step())
    method.view_loss.center.copy_(center)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(method.compare_views(known, features, step()), exact)
        loss, _ = method(flat_views, step())
    assert seen | {loss.dtype, method.view_loss.center.dtype} == {torch.float32}
    loss.backward()


def centre(rows=slice(None)):
    method = make(vit)
    method([v[rows] for v in views()], Step(0, 0.0, Draws(0, 12, rows)))
    return method.view_loss.center


def centre_of_a_half():
    torch.distributed.init_process_group("gloo")
    return centre(slice(0, 6) if torch.distributed.get_rank() == 0 else slice(6, 12))


def test_two_ranks_have_the_centre_of_the_whole_batch():
    from ..processes import run  # not at the top: the ranks import this file under another name

    for center in run(centre_of_a_half, ranks=2):
        torch.testing.assert_close(center, centre())
