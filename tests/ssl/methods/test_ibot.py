"""iBOT: masks that belong to the sample, patches that are truly hidden, the paper's loss on them alone."""

import pytest
import safetensors.torch
import timm
import torch
from lightly.loss import IBOTPatchLoss
from timm.optim import param_groups_weight_decay
from torch import nn
from torch.nn import functional as F

from lenstream.configs.methods import DINOSettings as SettingsOfDINO
from lenstream.configs.methods import IBOTSettings as Settings
from lenstream.errors import ConfigError
from lenstream.ssl.methods import ibot
from lenstream.ssl.methods.base import Draws, Step
from lenstream.ssl.methods.dino import DINO
from lenstream.ssl.methods.ibot import IBOT, block_masks, tokens

SMALL = {"hidden_dim": 16, "bottleneck_dim": 8, "prototypes": 12, "momentum": 0.9}
NEVER = 1e-12  # a mask probability


class Net(nn.Module):
    """A timm model as the package's `Network` holds it."""

    def __init__(self, name="vit_tiny_patch16_224", **options):
        super().__init__()
        self.normalize = nn.Tanh()
        self.backbone = timm.create_model(name, in_chans=1, num_classes=0, **options)
        self.num_features = self.backbone.num_features

    def forward(self, images):
        return self.backbone(self.normalize(images))


def vit(**options):
    sizes = {"img_size": 24, "patch_size": 8, "embed_dim": 32, "depth": 2, "num_heads": 2}
    return Net(**sizes | options)


def make(seed=0, network=None, **settings):
    torch.manual_seed(seed)
    return IBOT(vit(**network or {}), Settings(**{"method": "ibot"} | SMALL | settings))


def step(number=0, done=0.0, rows=None):
    return Step(number, done, Draws(number, 12, rows))


def views(seed=0, local=0):
    generator = torch.Generator().manual_seed(seed)
    sizes = [24, 24] + [16] * local
    return [torch.randn(12, 1, size, size, generator=generator) for size in sizes]


def stir(method):
    """The student, its mask token and the centres become others than at the start."""
    with torch.no_grad():
        for p in method.parameters():
            if p.requires_grad:
                p.add_(0.3 * torch.randn(p.shape, generator=torch.Generator().manual_seed(1)))
        method.view_loss.center.copy_(torch.linspace(-0.2, 0.2, 12))
        method.patch_loss.center.center.copy_(torch.linspace(0.3, -0.3, 12))


def train(method, steps):
    optimizer = torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], lr=1e-2)
    for number in steps:
        optimizer.zero_grad()
        loss, _ = method(views(number), step(number, number / 6))
        loss.backward()
        method.after_backward(step(number))
        optimizer.step()
        method.after_step(step(number, number / 6))
    return loss.item()


# Masks.


def test_a_samples_masks_depend_on_its_draws_alone():
    whole = block_masks(Draws(7, 12), (4, 4), 0.5, 0.5)
    state = torch.get_rng_state()
    for rows in (slice(0, 1), slice(3, 8), slice(8, 12)):
        torch.manual_seed(rows.start)
        assert torch.equal(block_masks(Draws(7, 12, rows), (4, 4), 0.5, 0.5), whole[rows])
    torch.set_rng_state(state)
    block_masks(Draws(7, 12), (4, 4), 0.5, 0.5)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(block_masks(Draws(8, 12), (4, 4), 0.5, 0.5), whole)


@pytest.mark.parametrize("probability", [0.2, 0.5, 0.8, 1.0])
def test_the_share_of_masked_views_is_the_probability(probability):
    masked = block_masks(Draws(0, 4000), (4, 4), 0.3, probability).any(dim=(2, 3))
    assert masked.float().mean(0).tolist() == pytest.approx([probability] * 2, abs=0.03)
    assert not masked.all() or probability == 1


@pytest.mark.parametrize("total", [1, 2, 12])
@pytest.mark.parametrize("probability", [0.5, 0.7])
def test_from_a_half_on_every_sample_has_a_masked_view_however_few_there_are(total, probability):
    for seed in range(50):
        assert block_masks(Draws(seed, total), (2, 2), 0.3, probability).any(dim=(2, 3)).any(dim=1).all()


@pytest.mark.parametrize(("grid", "ratio", "most"), [((8, 8), 0.3, 19), ((4, 4), 0.3, 4), ((6, 3), 0.75, 13)])
def test_masks_have_from_one_to_the_largest_share_of_patches_equally_often(grid, ratio, most):
    masks = block_masks(Draws(0, 4000), grid, ratio, 1.0)
    count = masks.sum(dim=(2, 3)).flatten()
    assert (count.min(), count.max()) == (1, most)
    assert torch.bincount(count)[1:] / 8000 == pytest.approx(1 / most, rel=0.3)
    covered = masks.float().mean(dim=(0, 1))
    assert covered.min() > 0.25 * covered.mean()  # everywhere, if less so in the corners


@pytest.mark.parametrize(("grid", "ratio", "count"), [((4, 4), 0.3, 4), ((2, 2), 0.1, 1)])
def test_without_spread_every_mask_has_the_largest_share_of_patches(grid, ratio, count):
    masks = block_masks(Draws(0, 1000), grid, ratio, 1.0, spread=False)
    assert masks.sum(dim=(2, 3)).unique().tolist() == [count]
    assert len({tuple(mask.flatten().tolist()) for mask in masks[:, 0]}) > 1
    half = block_masks(Draws(0, 4000), grid, ratio, 0.5, spread=False).sum(dim=(2, 3))
    assert half.unique().tolist() == [0, count] and (half > 0).float().mean().item() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("grid", [(1, 1), (1, 2), (2, 2), (3, 3)])
def test_the_smallest_images_have_one_masked_patch(grid):
    assert (block_masks(Draws(0, 100), grid, 0.3, 1.0).sum(dim=(2, 3)).clamp(max=2) >= 1).all()
    assert block_masks(Draws(0, 100), grid, 0.1, 1.0).sum(dim=(2, 3)).max() == 1


def test_masks_are_blocks():
    """Masked patches have more masked neighbours than if they were strewn."""
    masks = block_masks(Draws(0, 1000), (8, 8), 0.3, 1.0)
    masks = masks[masks.sum(dim=(2, 3)) == 12].float()
    together = (masks[:, 1:] * masks[:, :-1]).sum() / masks[:, 1:].sum()
    assert together > 2.5 * 12 / 64


# What the student sees.


@pytest.mark.parametrize("options", [{}, {"dynamic_img_size": True}, {"reg_tokens": 2}, {"pre_norm": True}])
def test_without_masks_tokens_are_those_of_the_backbone(options):
    torch.manual_seed(0)
    network = vit(**options)
    x, nothing = views()[0], torch.zeros(12, 3, 3, dtype=torch.bool)
    expected = network.backbone.forward_features(torch.tanh(x))
    assert torch.equal(tokens(network, x), expected)
    assert torch.equal(tokens(network, x, nothing, torch.ones(32)), expected)
    assert torch.equal(network.backbone.forward_head(expected), network(x))


@pytest.mark.parametrize("options", [{}, {"dynamic_img_size": True}])
def test_masked_patches_are_hidden_and_replaced_by_the_token(options):
    torch.manual_seed(0)
    network = vit(**options)
    x, mask, token = views()[0], torch.zeros(12, 3, 3, dtype=torch.bool), torch.randn(32)
    mask[:, 0, 2] = True
    seen = tokens(network, x, mask, token)
    hidden, visible = x.clone(), x.clone()
    hidden[:, :, 0:8, 16:24] += 5
    visible[:, :, 16:24, 0:8] += 5
    assert torch.equal(tokens(network, hidden, mask, token), seen)
    assert not torch.allclose(tokens(network, visible, mask, token), seen)
    assert not torch.allclose(tokens(network, x, mask, token + 1), seen)


def test_masked_patches_keep_their_position():
    torch.manual_seed(0)
    everything = torch.ones(12, 3, 3, dtype=torch.bool)
    patches = tokens(vit(), views()[0], everything, torch.zeros(32))[0, 1:]
    assert torch.pdist(patches.detach()).min() > 1e-3


def test_the_student_sees_each_view_with_its_mask_and_the_teacher_sees_it_whole(monkeypatch):
    method, calls = make(), []
    monkeypatch.setattr(ibot, "tokens", lambda *args: calls.append(args) or tokens(*args))
    method(views(), step(3))
    (teacher, whole, *none), (student, images, masks, token) = calls
    expected = block_masks(Draws(3, 12), (3, 3), 0.3, 0.5)
    assert (teacher is method.teacher.network, student is method.network, token is method.mask_token) == (True,) * 3
    assert none == [] and torch.equal(whole, torch.cat(views())) and torch.equal(images, whole)
    assert torch.equal(masks[:12], expected[:, 0]) and torch.equal(masks[12:], expected[:, 1])


# The loss.


def patch_logits(seed):
    """Tokens of teacher and student, and masks with 2, 0 and 4 patches."""
    generator = torch.Generator().manual_seed(seed)
    seen, guessed = torch.randn(2, 3, 9, 32, generator=generator)
    masks = torch.zeros(3, 3, 3, dtype=torch.bool)
    masks[0, 0, :2] = masks[2, 1:, 1:] = True
    return seen, guessed, masks


def test_the_patch_loss_is_that_of_the_paper_at_the_temperature_of_the_step():
    warm = {"teacher_temperature_start": 0.02, "teacher_temperature": 0.1, "teacher_warmup": 8}
    method = make(student_temperature=0.2, center_momentum=0.7, **warm)
    stir(method)
    seen, guessed, masks = patch_logits(0)
    center = method.patch_loss.center.value.clone()
    p = F.softmax((method.teacher.head(seen) - center) / 0.06, dim=2)
    each = -(p * F.log_softmax(method.head(guessed) / 0.2, dim=2)).sum(2)
    expected = (each[0, :2].mean() + each[2, [4, 5, 7, 8]].mean()) / 3  # the mean over images, 0 without a mask
    lightly = IBOTPatchLoss(12, student_temp=0.2)
    lightly.center.center.copy_(center)
    flat = masks.flatten(1)
    other = lightly(method.teacher.head(seen)[flat], method.head(guessed)[flat], masks, teacher_temp=0.06)
    loss = method.compare_patches(seen, guessed, masks, step(4)).item()
    assert loss == pytest.approx(expected.item(), rel=1e-5) and loss == pytest.approx(other.item(), rel=1e-5)
    mean = method.teacher.head(seen).mean(dim=(0, 1))
    torch.testing.assert_close(method.patch_loss.center.value, 0.7 * center + 0.3 * mean)


@pytest.mark.parametrize(("number", "of_patches", "of_views"), [(0, 0.05, 0.02), (4, 0.07, 0.03), (8, 0.09, 0.04)])
def test_patches_have_a_temperature_of_their_own(monkeypatch, number, of_patches, of_views):
    warm = {"teacher_temperature_start": 0.02, "teacher_temperature": 0.04, "teacher_warmup": 8}
    method = make(**warm, patch_temperature_start=0.05, patch_temperature=0.09)
    used, loss = [], method.patch_loss.forward
    monkeypatch.setattr(method.patch_loss, "forward", lambda *a, **k: used.append(a[3]) or loss(*a, **k))
    method(views(), step(number))
    assert used == [pytest.approx(of_patches)] and method.teacher_temperature(step(number)) == pytest.approx(of_views)
    assert make(**warm).patch_temperature(step(number)) == pytest.approx(of_views)
    assert make(**warm, patch_temperature=0.09).patch_temperature(step(number)) == 0.09


def test_a_head_with_norms_takes_patches():
    """As (m patches, d): a batch norm would take the patches of (m, patches, d) for channels."""
    method = make(network={"dynamic_img_size": True}, head_norm=True, mask_probability=1.0)
    seen = []
    norm = next(m for m in method.head.modules() if isinstance(m, nn.BatchNorm1d))
    norm.register_forward_hook(lambda module, given, out: seen.append(tuple(given[0].shape)))
    loss, _ = method(views(local=2), step())
    loss.backward()
    assert sorted(seen) == [(48, 16), (216, 16)]  # 4 views of 12, whose class tokens go together; 24 x 9 patches
    assert torch.isfinite(loss) and norm.weight.grad.abs().sum() > 0


def test_only_masked_patches_of_student_and_teacher_move_the_patch_loss():
    method = make()
    stir(method)
    seen, guessed, masks = (t.requires_grad_() if t.is_floating_point() else t for t in patch_logits(0))
    loss = method.compare_patches(seen, guessed, masks, step())
    (gradient,) = torch.autograd.grad(loss, guessed)
    assert torch.equal(gradient.abs().sum(2) > 0, masks.flatten(1))
    for masked, changes in ((True, True), (False, False)):
        now = make()
        stir(now)
        moved = seen.detach() + 3 * torch.randn(32) * (masks.flatten(1) == masked)[..., None]
        different = now.compare_patches(moved, guessed, masks, step()).item() != loss.item()
        assert different == changes


def test_the_loss_is_that_of_dino_plus_that_of_patches(monkeypatch):
    whole = make()(views(), step())[0].item()
    parts = []
    for name in ("compare_views", "compare_patches"):
        method = make()
        monkeypatch.setattr(method, name, lambda *args: torch.tensor(0.0))
        parts.append(method(views(), step())[0].item())
    assert min(parts) > 0.1 and whole == pytest.approx(sum(parts), rel=1e-6)


def test_with_no_view_masked_it_is_dino_and_nothing_is_nan():
    """A rank may have no masked view: the mask token still gets a gradient, of zeros, which DDP needs."""
    method = make(mask_probability=NEVER)
    torch.manual_seed(0)
    dino = DINO(vit(), SettingsOfDINO(method="dino", **SMALL))
    loss, features = method(views(), step())
    expected, known = dino(views(), step())
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    torch.testing.assert_close(features, known)
    loss.backward()
    assert torch.equal(method.mask_token.grad, torch.zeros(32))
    assert all(torch.isfinite(v).all() for v in method.state_dict().values())
    assert method.patch_loss.center.value.abs().sum() > 0
    assert all(torch.isfinite(p.grad).all() for p in method.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    "options", [{}, {"dynamic_img_size": True}, {"reg_tokens": 2}, {"class_token": False, "global_pool": "avg"}]
)
def test_all_but_the_teacher_and_the_prototypes_norm_learns(options):
    method = make(network=options)
    loss, features = method(views(), step())
    loss.backward()
    trained = {k: p for k, p in method.named_parameters() if p.requires_grad}
    assert [k for k, p in trained.items() if p.grad is None or not torch.isfinite(p.grad).all()] == []
    assert method.mask_token.grad.abs().sum() > 0
    assert all(p.grad is None for p in method.teacher.parameters())
    assert features.shape == (12, 32)


def test_the_teachers_features_are_made_with_its_own_weights_alone():
    method = make(network={"global_pool": "avg"})  # whose last norm stands behind the tokens
    expected = method.teacher.network(views()[0])
    stir(method)
    torch.testing.assert_close(method(views(), step())[1], expected)
    assert method.encoder() is method.teacher.network


def test_local_views_are_compared_as_views_alone():
    method, other = (make(network={"dynamic_img_size": True}, local={"views": 3, "size": 16}) for _ in range(2))
    shapes, compare = [], method.compare_patches
    method.compare_patches = lambda *args: shapes.append([tuple(a.shape) for a in args[:3]]) or compare(*args)
    different = method(views(local=3), step())[0].item() - other(views(), step())[0].item()
    assert shapes == [[(24, 9, 32), (24, 9, 32), (24, 3, 3)]]
    assert abs(different) > 1e-5
    assert torch.equal(method.patch_loss.center.value, other.patch_loss.center.value)


def test_it_needs_a_vit():
    with pytest.raises(ConfigError, match=r"ibot needs a ViT, e\.g\. vit_small_patch16_224, not a ByobNet"):
        IBOT(Net("test_byobnet"), Settings(method="ibot"))
    with pytest.raises(ConfigError, match="dynamic_img_size"):
        make(local={"views": 3, "size": 16})


def test_the_mask_token_does_not_decay():
    method = make()
    decayed = {id(p) for g in param_groups_weight_decay(method, 0.1) if g["weight_decay"] for p in g["params"]}
    assert id(method.mask_token) not in decayed and id(method.head.layers[0].weight) in decayed


def test_a_resumed_training_goes_on_bit_for_bit():
    method, other = make(), make(seed=1)
    train(method, range(3))
    assert method.patch_loss.center.value.abs().sum() > 0 and method.mask_token.abs().sum() > 0
    other.load_state_dict(safetensors.torch.load(safetensors.torch.save(method.state_dict())))
    assert torch.equal(other.patch_loss.center.value, method.patch_loss.center.value)
    assert train(method, range(3, 6)) == train(other, range(3, 6))
    assert all(torch.equal(v, other.state_dict()[k]) for k, v in method.state_dict().items())


def test_under_autocast_heads_and_losses_are_float32():
    method = make()
    seen = set()
    for head in (method.head, method.teacher.head):
        head.register_forward_hook(lambda _, args, out: seen.update({args[0].dtype, out.dtype}))
    for part in (method.view_loss, method.patch_loss):
        part.register_forward_hook(lambda _, args, out: seen.add(out.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = method(views(), step())
    loss.backward()
    assert seen | {loss.dtype, method.patch_loss.center.value.dtype} == {torch.float32}
    assert all(torch.isfinite(p.grad).all() for p in method.parameters() if p.requires_grad)


def gradients(rows, draws):
    """Gradients and centre of the patches after a step with these rows of the batch."""
    method = make(mask_probability=0.4)
    method([v[rows] for v in views()], Step(0, 0.0, draws))[0].backward()
    return [p.grad for p in method.parameters() if p.requires_grad], method.patch_loss.center.value


def half_of_the_batch():
    """What a rank finds with its half; no view of the second one's is masked."""
    torch.distributed.init_process_group("gloo")
    rows = slice(0, 6) if torch.distributed.get_rank() == 0 else slice(6, 12)
    return gradients(rows, MaskedFirst(0, 12, rows))


class MaskedFirst(Draws):
    """The first half of the batch is masked, the second is not."""

    def uniform(self, *shape):
        drawn = super().uniform(*shape)
        if shape == (1,):  # the number that decides whether a sample's views are masked
            return torch.where(torch.arange(12)[self.rows, None] < 6, 0.1, 0.45)
        return drawn


def test_two_ranks_find_the_gradients_of_the_whole_batch_though_one_has_no_mask():
    from ..processes import run  # not at the top: the ranks import this file under another name

    whole, center = gradients(slice(None), MaskedFirst(0, 12))
    (first, center_1), (second, center_2) = run(half_of_the_batch, ranks=2)
    assert whole[0].shape == (32,) and second[0].abs().sum() == 0 < first[0].abs().sum()  # of the mask token
    for a, b, expected in zip(first, second, whole, strict=True):
        torch.testing.assert_close((a + b) / 2, expected, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(center_1, center)
    torch.testing.assert_close(center_2, center)
