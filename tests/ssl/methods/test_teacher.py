"""The teacher: it starts as the student, follows it by the momentum, and its batch norms can be evaluated."""

import copy
import math

import pytest
import timm
import torch
from lightly.models.modules.heads import DINOProjectionHead
from torch import nn

from lenstream.ssl.methods.teacher import Teacher, momentum_at


def student():
    """A network with batch norm, dropout and stochastic depth, and a head with batch norm."""
    network = timm.create_model("test_resnet", in_chans=1, num_classes=0, drop_rate=0.5, drop_path_rate=0.5)
    return network, head_for(network)


def head_for(network):
    return nn.Sequential(nn.Linear(network.num_features, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))


@pytest.fixture
def family():
    """Student's network and head, and their teacher; the student has been trained a little before."""
    torch.manual_seed(0)
    network, head = student()
    head(network(images(mean=1.0)))
    return network, head, Teacher(network, head, head_for(network))


def images(mean=0.0):
    return torch.randn(16, 1, 24, 24, generator=torch.Generator().manual_seed(0)) + mean


def clone(module):
    return {k: v.clone() for k, v in module.state_dict().items()}


def norms(module):
    return [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


def test_it_starts_as_the_student_bit_for_bit_and_shares_no_memory(family):
    network, head, teacher = family
    for ours, theirs in ((teacher.network, network), (teacher.head, head)):
        assert list(ours.state_dict()) == list(theirs.state_dict())
        for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
            assert torch.equal(a, b)
            assert a.data_ptr() != b.data_ptr()
    network.eval(), head.eval(), teacher.eval()
    assert torch.equal(teacher(images()), head(network(images())))


def test_a_head_with_weight_norm_that_was_used_is_copied():
    torch.manual_seed(0)
    network, head, twin = nn.Linear(4, 4), *(DINOProjectionHead(4, 4, 4, 6) for _ in range(2))
    x = torch.randn(3, 4)
    expected = head(network(x))
    with pytest.raises(RuntimeError):
        copy.deepcopy(head)
    assert torch.equal(Teacher(network, head, twin)(x), expected)


def test_it_gets_no_gradient_even_if_it_is_asked_for_one(family):
    teacher = family[2]
    assert not any(p.requires_grad for p in teacher.parameters())
    x = images().requires_grad_()
    teacher(x).sum().backward()
    assert all(p.grad is None for p in teacher.parameters())
    with teacher.at_work():
        assert not teacher(x).requires_grad


def test_it_moves_by_exactly_what_is_asked_and_buffers_stay(family):
    network, head, teacher = family
    before = clone(teacher)
    with torch.no_grad():
        for p in [*network.parameters(), *head.parameters()]:
            p.add_(torch.randn_like(p))
    students = nn.ModuleDict({"network": network, "head": head})
    followed = clone(students)
    teacher.follow(network, head, 0.75)
    moved = {name for name, _ in teacher.named_parameters()}
    for name, now in teacher.state_dict().items():
        torch.testing.assert_close(now, 0.75 * before[name] + 0.25 * followed[name] if name in moved else before[name])
    assert all(torch.equal(v, followed[k]) for k, v in students.state_dict().items())


def test_momentum_one_keeps_it(family):
    network, head, teacher = family
    before = clone(teacher)
    nn.init.ones_(head[0].weight)
    teacher.follow(network, head, 1.0)
    assert all(torch.equal(v, before[k]) for k, v in teacher.state_dict().items())


@pytest.mark.parametrize(("done", "expected"), [(0, 0.9), (1 / 3, 0.925), (0.5, 0.95), (2 / 3, 0.975), (1, 1.0)])
def test_the_momentum_goes_to_one_with_a_cosine(done, expected):
    assert math.isclose(momentum_at(0.9, done), expected, rel_tol=1e-12)


def test_the_momentum_may_end_elsewhere():
    assert [momentum_at(0.9, d, 0.94) for d in (0.0, 0.5, 1.0)] == pytest.approx([0.9, 0.92, 0.94])
    assert momentum_at(0.9, 0.3, 0.9) == pytest.approx(0.9, rel=1e-12)


def test_dropout_and_stochastic_depth_are_off_while_it_is_trained(family):
    network, _, teacher = family
    assert not torch.equal(network(images()), network(images()))  # the student's are on
    with teacher.at_work():
        assert torch.equal(teacher(images()), teacher(images()))


def test_batch_norms_use_the_batch_in_training_and_running_statistics_of_their_own_in_evaluation(family):
    network, head, teacher = family
    of_student = clone(network), clone(head)
    for _ in range(60):
        with teacher.at_work():
            in_training = teacher(images(mean=3.0))
    assert in_training.mean(0).abs().max() < 1e-4  # the last norm saw the batch
    teacher.eval()
    # The rest is n / (n - 1) in the running variance, for n = 16 in the last layers.
    assert (teacher(images(mean=3.0)) - in_training).norm() < 0.3 * in_training.norm()
    for module, before in zip((network, head), of_student, strict=True):
        assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    frozen = clone(teacher)
    with teacher.at_work():
        teacher(images(mean=-5.0))
    assert all(torch.equal(v, frozen[k]) for k, v in teacher.state_dict().items())


def test_a_parent_switches_it_back_and_forth(family):
    parent = nn.ModuleList([family[2]])
    for mode in (False, True, True, False, True):
        parent.train(mode)
        assert {m.training for m in norms(parent)} == {mode}
        assert not any(m.training for m in parent.modules() if "Drop" in type(m).__name__)


@pytest.mark.parametrize("after", [True, False])
def test_a_probe_of_its_network_does_not_change_how_it_works(family, after):
    """The probe evaluates the network and then puts back the mode that it found, or plain training mode."""
    teacher = family[2]
    twin = copy.deepcopy(teacher)
    found = teacher.network.training
    teacher.network.eval()
    teacher.network(images())
    teacher.network.train(found or after)
    with teacher.at_work(), twin.at_work():
        assert torch.equal(teacher(images()), twin(images()))
    assert all(torch.equal(v, teacher.state_dict()[k]) for k, v in twin.state_dict().items())


def test_its_state_is_restored(family):
    network, head, teacher = family
    with teacher.at_work():
        teacher(images(mean=2.0))
    nn.init.ones_(head[0].weight)
    teacher.follow(network, head, 0.5)
    other_network, other_head = student()
    other = Teacher(other_network, other_head, head_for(other_network))
    other.load_state_dict(clone(teacher))
    assert torch.equal(other.eval()(images()), teacher.eval()(images()))
    assert not any(p.requires_grad for p in other.parameters())
