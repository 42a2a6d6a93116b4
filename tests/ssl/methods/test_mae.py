"""MAE: exact masks, an encoder that sees visible patches only, targets and their weights."""

import pytest
import timm
import torch
from pydantic import ValidationError
from torch import nn

from lenstream.configs.encoder import Backbone
from lenstream.configs.methods import MAESettings as Settings
from lenstream.errors import ConfigError
from lenstream.ssl.backbones import make_network
from lenstream.ssl.methods.base import Draws, Step
from lenstream.ssl.methods.mae import MAE
from lenstream.ssl.normalize import Statistics

N, BANDS, SIZE, PATCH, PATCHES, WIDTH = 6, 2, 32, 8, 16, 24


class Stretch(nn.Module):
    def forward(self, images):
        return torch.asinh(images / 0.5)


class Stretched(nn.Module):
    """A timm model behind a stretch, as the methods get it."""

    def __init__(self, name="vit_tiny_patch16_224", **options):
        super().__init__()
        self.normalize = Stretch()
        if name.startswith("vit"):
            options = dict(img_size=SIZE, patch_size=PATCH, embed_dim=WIDTH, depth=2, num_heads=2) | options
        self.backbone = timm.create_model(name, in_chans=BANDS, num_classes=0, **options)
        self.num_features = self.backbone.num_features


def make(network=None, **changes):
    torch.manual_seed(0)
    changes = dict(decoder_dim=16, decoder_depth=1, decoder_heads=2) | changes
    return MAE(network or Stretched(), Settings(method="mae", **changes))


def step(rows=None):
    return Step(0, 0.0, Draws(0, N, rows))


def visible_patches(method, views, now=None):
    """The numbers of the visible patches in a forward pass, (n, v)."""
    seen, encode = [], method.encode
    method.encode = lambda images, visible: (seen.append(visible), encode(images, visible))[1]
    method(views, now or step())
    method.encode = encode
    return seen[0]


@pytest.fixture
def views():
    return list(torch.randn(2, N, BANDS, SIZE, SIZE, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize(("ratio", "masked"), [(0.5, 8), (0.75, 12), (0.6, 10), (0.01, 1), (0.99, 15)])
def test_the_mask_ratio_is_that_of_the_settings(ratio, masked, views):
    visible = visible_patches(make(mask_ratio=ratio), views[:1])
    assert visible.shape == (N, PATCHES - masked)
    assert all(len(set(row.tolist())) == PATCHES - masked for row in visible)


def test_masks_belong_to_samples_whatever_part_of_the_batch_they_are_in(views):
    method = make()
    whole = visible_patches(method, views[:1])
    parts = [visible_patches(method, [views[0][rows]], step(rows)) for rows in (slice(0, 2), slice(2, N))]
    assert torch.equal(whole, torch.cat(parts))
    assert len(whole.sort(dim=1).values.unique(dim=0)) > 1


def test_the_encoder_does_not_see_masked_patches(views):
    method = make()
    visible = visible_patches(method, views[:1])
    shown = torch.zeros(N, PATCHES).scatter(1, visible, 1.0).view(N, 1, 4, 4)
    shown = shown.repeat_interleave(PATCH, 2).repeat_interleave(PATCH, 3)
    latent = method.encode(views[0], visible)
    assert torch.equal(method.encode(torch.where(shown > 0, views[0], 100.0), visible), latent)
    assert not torch.allclose(method.encode(torch.where(shown > 0, 100.0, views[0]), visible), latent, atol=0.1)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reg_tokens": 2},
        {"class_token": False, "global_pool": "avg"},
        {"dynamic_img_size": True},
        {"pre_norm": True},
    ],
)
def test_with_all_patches_visible_the_encoder_is_the_backbone(options, views):
    method = make(Stretched(**options))
    vit, prefix = method.network.backbone, method.network.backbone.num_prefix_tokens
    order = torch.rand(N, PATCHES).argsort(dim=1)
    whole = vit.forward_features(method.network.normalize(views[0]))
    patches = torch.stack([tokens[numbers] for tokens, numbers in zip(whole[:, prefix:], order, strict=True)])
    expected = torch.cat([whole[:, :prefix], patches], dim=1)
    torch.testing.assert_close(method.encode(views[0], order), expected, rtol=1e-4, atol=1e-5)


def test_the_decoder_gets_tokens_at_their_places_and_mask_tokens_between():
    method = make(decoder_dim=WIDTH)
    method.embed = method.predict = nn.Identity()
    seen = []
    method.decoder.forward = lambda tokens: (seen.append(tokens), tokens)[1]
    visible = torch.tensor([[5, 0, 11]])
    latent = torch.randn(1, 4, WIDTH)
    patches = method.decode(latent, visible)
    assert torch.equal(seen[0][:, 0], latent[:, 0])
    assert torch.equal(patches[0, [5, 0, 11]], latent[0, 1:])
    others = [k for k in range(PATCHES) if k not in (5, 0, 11)]
    assert torch.equal(patches[0, others], method.decoder.mask_token[0].expand(13, -1))
    assert method.decoder.mask_token.abs().sum() > 0


def test_patches_of_target_and_encoder_have_the_same_order():
    method = make(norm_pix=False)
    image = torch.zeros(1, BANDS, SIZE, SIZE)
    image[:, :, 8:16, 16:24] = 1.0  # row 1, column 2
    embedded = method.network.backbone.patch_embed(image)
    changed = (embedded - method.network.backbone.patch_embed(0 * image)).abs().sum(-1)[0] > 0
    assert changed.nonzero().flatten().tolist() == [6]
    assert (method.target(image).abs().sum(-1)[0] > 0).nonzero().flatten().tolist() == [6]


def test_targets_are_what_the_network_sees_with_each_patch_over_its_standard_deviation(views):
    plain, normed = (make(norm_pix=value).target(views[0]) for value in (False, True))
    pixels = torch.asinh(views[0][3] / 0.5).double()[:, 8:16, 24:32]  # patch 7
    assert torch.equal(plain[3, 7].double().sort().values, pixels.flatten().sort().values)
    spread = ((pixels - pixels.mean()) ** 2).sum() / (pixels.numel() - 1)
    expected = (pixels - pixels.mean()) / (spread + 1e-6).sqrt()
    torch.testing.assert_close(normed[3, 7].sort().values, expected.flatten().sort().values.float())
    assert normed.std(-1).sub(1).abs().max() < 1e-5
    assert make().target(torch.ones(1, BANDS, SIZE, SIZE)).abs().max() == 0  # a flat patch divides by no zero


@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_the_loss_is_that_of_masked_patches_and_the_weighted_one_of_visible_ones(weight, views):
    method = make(unmasked_weight=weight, masked_weight=1.0 - weight, mask_ratio=0.5)
    visible = visible_patches(method, views[:1])
    seen = torch.zeros(N, PATCHES, dtype=torch.bool).scatter(1, visible, True)
    target = method.target(views[0])

    def loss(off_masked, off_visible):
        wrong = torch.where(seen, off_visible, off_masked).unsqueeze(-1)
        method.decode = lambda latent, visible: target + wrong + 0 * latent.mean()
        return method(views[:1], step())[0].item()

    assert loss(0.0, 0.0) == pytest.approx(0, abs=1e-6)
    assert loss(2.0, 0.0) == pytest.approx(4.0 * (1 - weight), rel=1e-5)
    assert loss(2.0, 3.0) == pytest.approx(4.0 * (1 - weight) + 9 * weight, rel=1e-5)


def test_weights_stay_as_they_were_given(views):
    network = Stretched()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    method = make(network)
    assert method.encoder() is network
    assert before.keys() == network.state_dict().keys()
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_the_position_embedding_is_trained(views):
    method = make()
    method(views[:1], step())[0].backward()
    position = method.network.backbone.pos_embed
    assert position.requires_grad
    assert (position.grad[0, :1].abs().sum(-1) > 0).all()
    visible = visible_patches(method, views[:1]).unique()
    assert (position.grad[0, 1 + visible].abs().sum(-1) > 0).all()


@pytest.mark.parametrize(
    ("options", "unused"),
    [
        ({}, set()),
        ({"reg_tokens": 2, "init_values": 0.1, "qk_norm": True}, set()),
        ({"class_token": False, "global_pool": "avg"}, {"fc_norm.weight", "fc_norm.bias"}),
        ({"global_pool": "avg", "fc_norm": False}, set()),
        ({"dynamic_img_size": True}, set()),
        ({"global_pool": "map"}, {"attn_pool"}),
    ],
)
def test_what_can_be_trained_gets_a_gradient_and_only_what_is_unused_is_frozen(options, unused, views):
    method = make(Stretched(**options))
    method(views[:1], step())[0].backward()
    for name, p in method.named_parameters():
        assert (p.grad is not None) == p.requires_grad, name
    frozen = {k.removeprefix("network.backbone.") for k, p in method.named_parameters() if not p.requires_grad}
    frozen = {"attn_pool" if k.startswith("attn_pool.") else k for k in frozen}
    assert frozen == unused | {"decoder.pos_embed"}


@pytest.mark.parametrize("policy", ["physics", "both"])
def test_with_physics_views_the_target_is_the_other_view(policy, views):
    method = make(views=policy, augment={"crop": None, "flip": False})
    assert method.n_views == 2
    visible = visible_patches(method, views)
    prediction = method.decode(method.encode(views[0], visible), visible)
    masked = torch.ones(N, PATCHES, dtype=torch.bool).scatter(1, visible, False)
    error = (prediction - method.target(views[1])).square()[masked]
    loss, features = method(views, step())
    assert loss.item() == pytest.approx(error.mean().item(), rel=1e-5)
    torch.testing.assert_close(features, method.encode(views[0], visible)[:, 1:].mean(1))


def test_with_augmented_views_one_is_enough_and_is_its_own_target(views):
    method = make()
    assert method.n_views == 1
    assert MAE.n_views == 2  # the class is as it was
    assert torch.equal(method(views[:1], step())[0], method(views, step())[0])


def test_autocast_trains_and_its_loss_is_float32(views):
    method = make(unmasked_weight=0.1)
    exact, _ = method(views[:1], step())
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = method(views[:1], step())
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=0.02)
    assert all(torch.isfinite(p.grad).all() for p in method.parameters() if p.requires_grad)


def test_it_learns_to_continue_what_it_sees():
    """Images of one number each: masked patches can be known, without norm_pix, from any visible one."""
    method = make(norm_pix=False)
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], lr=3e-3)
    losses = []
    for number in range(80):
        images = torch.randn(32, 1, 1, 1, generator=generator).expand(-1, BANDS, SIZE, SIZE)
        loss, _ = method([images], Step(number, number / 80, Draws(number, 32)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) / 10 < 0.15 * losses[0]


def network_of(num_pix, **more):
    """The network that a training makes for images of this size."""
    options = {"patch_size": PATCH, "embed_dim": WIDTH, "depth": 2, "num_heads": 2} | more
    config = Backbone(name="vit_tiny_patch16_224", options=options)
    return make_network(config, Statistics.of_background(0.5, BANDS), BANDS, num_pix)


@pytest.mark.parametrize(("num_pix", "options", "side"), [(30, {}, 4), (32, {}, 4), (30, {"img_size": 30}, 3)])
def test_images_that_patches_do_not_divide_are_padded_or_cut_as_the_backbone_does(num_pix, options, side):
    network = network_of(num_pix, **options)
    method = make(network, norm_pix=False)
    images = torch.randn(N, BANDS, num_pix, num_pix)
    loss, _ = method([images], step())
    loss.backward()
    target, first = method.target(images), network.normalize(images)[0, :, :8, :8]
    assert target.shape == (N, side**2, PATCH**2 * BANDS)
    assert torch.equal(target[0, 0].sort().values, first.flatten().sort().values)
    assert (target[0, -1] == 0).sum().item() == (BANDS * (64 - 36) if num_pix < side * PATCH else 0)


def test_a_backbone_without_patches_is_refused():
    with pytest.raises(
        ConfigError, match=r"needs a ViT backbone, pretrain.backbone.name is test_resnet; e.g. vit_small"
    ):
        make(Stretched("test_resnet"))
    own = {"backbone": {"name": "test_resnet"}}
    with pytest.raises(ConfigError, match=r"ViT backbone, backbone.name is test_resnet"):
        make(Stretched("test_resnet"), **own)


@pytest.mark.parametrize(("dim", "heads"), [(18, 2), (16, 3)])
def test_a_decoder_that_cannot_be_is_refused(dim, heads):
    with pytest.raises(ValidationError, match=f"decoder_dim: {dim} should be a multiple of 4 and .* {heads}"):
        make(decoder_dim=dim, decoder_heads=heads)


def test_a_target_that_moves_on_its_own_is_refused():
    with pytest.raises(ValidationError, match="crop, flip of augment would move each on its own"):
        Settings(method="mae", views="both")
    Settings(method="mae", views="both", augment={"crop": None, "flip": False})


def test_images_of_another_size_than_the_decoder_was_made_for_are_refused():
    method = make(Stretched(dynamic_img_size=True))
    with pytest.raises(ConfigError, match="img_size: 40"):
        method([torch.randn(N, BANDS, 40, 40)], step())
    with pytest.raises(ConfigError, match=r"2 x 2 patches or more, .* has 1 x 1"):
        make(Stretched(img_size=8))
