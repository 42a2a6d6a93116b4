"""Batch norm over ranks: two halves are normalised as the whole, forward, backward and in the running statistics."""

import copy

import pytest
import timm
import torch
from timm.layers import BatchNormAct2d
from torch import distributed, nn

from lenstream.ssl.sync_norm import synchronise

from .processes import run

OPTIONS = {"momentum": None, "eps": 1e-3, "affine": False}
BUILDERS = {
    "1d": lambda: nn.BatchNorm1d(5),
    "2d, options": lambda: nn.BatchNorm2d(5, **OPTIONS),
    "2d, no running statistics": lambda: nn.BatchNorm2d(5, track_running_stats=False),
    "timm, activation": lambda: BatchNormAct2d(5, act_layer=nn.SiLU, inplace=False),
    "timm, dropout": lambda: BatchNormAct2d(5, apply_act=False, drop_layer=lambda: nn.Threshold(0.1, -1.0)),
}


pytestmark = pytest.mark.usefixtures("one_thread")


def make(name):
    torch.manual_seed(0)
    model = BUILDERS[name]() if name in BUILDERS else timm.create_model(name, in_chans=1, num_classes=0)
    for parameter in model.parameters():
        if parameter.dim() == 1:  # norms that do more than the identity
            nn.init.uniform_(parameter, 0.5, 1.5)
    return model


def batch(name, offset=0.0):
    shape = {"1d": (12, 5), "test_resnet": (12, 1, 32, 32)}.get(name, (12, 5, 6, 6))
    return torch.randn(shape, generator=torch.Generator().manual_seed(1)) + offset


def two_steps(model, case, part=slice(None)):
    """Output, gradients of input and weights, and state of the model after two passes with different numbers."""
    name, offset, dtype, _ = case
    model, x = model.to(dtype), batch(name, offset).to(dtype)[part]
    model(0.5 * x + 1)
    x.requires_grad_()
    y = model(x)
    target = torch.randn(12, *y.shape[1:], generator=torch.Generator().manual_seed(2)).to(dtype)[part]
    (y - target).square().sum().backward()
    assert not any(b.requires_grad for b in model.buffers())  # they would hold on to every batch there ever was
    return y.detach(), x.grad, {k: p.grad for k, p in model.named_parameters()}, model.state_dict()


def half(cases, parts):
    """What one of two ranks gets from its part of the batch; gradients of weights are added up over ranks."""
    distributed.init_process_group("gloo")
    found = {}
    for case in cases:
        found[case] = two_steps(synchronise(make(case[0])), case, parts[distributed.get_rank()])
        for gradient in found[case][2].values():
            distributed.all_reduce(gradient)
    return found


# Name of the model, offset of its input, dtype, largest error over the largest value.
CASES = [(name, 0.0, torch.float32, 1e-6) for name in BUILDERS]
CASES += [("1d", 1000.0, torch.float32, 1e-3)]
CASES += [(name, 0.0, torch.float64, 1e-12) for name in [*BUILDERS, "test_resnet"]]
DEEP = "test_resnet", 0.0, torch.float32, None  # where rounding grows from layer to layer


@pytest.fixture(scope="module", params=[6, 4], ids=["equal", "unequal"])
def halves(request):
    return run(half, [*CASES, DEEP], [slice(0, request.param), slice(request.param, 12)], ranks=2)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]} {c[1]} {c[2]}")
def test_two_halves_are_normalised_as_the_whole(halves, case):
    def close(a, b):
        assert (a - b).abs().max() <= case[3] * b.abs().max()

    y, x_grad, gradients, state = two_steps(make(case[0]), case)
    ranks = [rank[case] for rank in halves]
    close(torch.cat([r[0] for r in ranks]), y)
    close(torch.cat([r[1] for r in ranks]), x_grad)
    for _, _, gradients_here, state_here in ranks:
        assert list(gradients_here) == list(gradients)
        assert list(state_here) == list(state)
        for key in gradients:
            close(gradients_here[key], gradients[key])
        for key in state:
            close(state_here[key], state[key])


def largest_error(found, exact):
    """The largest error of any tensor over its largest value; of what `two_steps` returns."""
    pairs = [(found[k], exact[k]) for k in (0, 1)]
    pairs += [(found[k][name], exact[k][name]) for k in (2, 3) for name in exact[k]]
    return max(float((a.double() - b.double()).abs().max() / b.double().abs().max()) for a, b in pairs)


def test_in_a_deep_network_two_halves_round_no_more_than_the_whole(halves):
    """Against the numbers of float64, as two float32 results differ by the rounding of both."""
    exact = two_steps(make(DEEP[0]), (DEEP[0], 0.0, torch.float64, None))
    rounding = largest_error(two_steps(make(DEEP[0]), DEEP), exact)
    ranks = [rank[DEEP] for rank in halves]
    y, x_grad = (torch.cat([rank[k] for rank in ranks]) for k in (0, 1))
    for _, _, gradients, state in ranks:
        assert largest_error((y, x_grad, gradients, state), exact) < 3 * rounding
    assert 0 < rounding < 1e-4


def in_eval_mode():
    distributed.init_process_group("gloo")
    x = batch("1d")[: 4 + distributed.get_rank()]
    model = make("1d").eval()
    expected = model(x)
    return torch.equal(synchronise(model)(x), expected)


def test_in_eval_mode_ranks_do_not_talk():
    assert run(in_eval_mode, ranks=2) == [True, True]


@pytest.mark.parametrize("name", [*BUILDERS, "test_resnet"])
def test_one_process_has_the_batch_norm_it_had(name):
    plain, synchronised = make(name), synchronise(copy.deepcopy(make(name)))
    case = (name, 0.0, torch.float32, 0)
    for a, b in zip(two_steps(plain, case), two_steps(synchronised, case), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    torch.testing.assert_close(plain.eval()(batch(name)), synchronised.eval()(batch(name)), rtol=0, atol=0)


def half_precision():
    distributed.init_process_group("gloo")
    with torch.autocast("cpu", torch.bfloat16):
        x = batch("2d").bfloat16()
        return synchronise(make("timm, activation"))(x), make("timm, activation")(x)


def test_bfloat16_stays_bfloat16_and_is_normalised_in_float32():
    (ours, plain), _ = run(half_precision, ranks=2)
    assert ours.dtype == torch.bfloat16
    torch.testing.assert_close(ours, plain)
