"""The decoder: bicubic interpolation when it begins, the least squares of a filter, maps of every backbone."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lenstream.configs.encoder import Backbone
from lenstream.errors import ConfigError
from lenstream.ssl import decoder
from lenstream.ssl.backbones import make_network
from lenstream.ssl.decoder import SuperResolver, bicubic, feature_maps, map_channels, on_pixels
from lenstream.ssl.normalize import Statistics

RESNET = {"name": "resnet18", "options": {"layers": (1, 1, 1, 1), "channels": (4, 8, 8, 8)}}
VIT = {"name": "vit_tiny_patch16_224", "options": {"patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3}}


def network(bands=1, num_pix=20, **backbone):
    torch.manual_seed(0)
    return make_network(Backbone(**backbone), Statistics.of_background(0.1, bands), bands, num_pix)


def images(n=3, bands=1, num_pix=20):
    return torch.rand(n, bands, num_pix, num_pix, generator=torch.Generator().manual_seed(1))


def resolver(net, bands=1, factor=2):
    torch.manual_seed(0)
    return SuperResolver(net, bands, factor, width=6, depth=1, flux_scale=1 / factor**2)


@pytest.mark.parametrize("factor", [2, 4])
def test_a_decoder_of_zeros_is_bicubic_interpolation_that_keeps_the_flux(factor):
    seen = images()
    out = resolver(network(**RESNET), factor=factor)(seen)
    expected = F.interpolate(seen, scale_factor=factor, mode="bicubic", align_corners=False) / factor**2
    torch.testing.assert_close(out, expected)
    flat = torch.ones(1, 1, 8, 8)
    torch.testing.assert_close(bicubic(flat, factor, 1 / factor**2).sum(), flat.sum())


@pytest.mark.parametrize(
    "backbone",
    [
        RESNET,
        RESNET | {"stem": "small"},
        VIT,  # 20 pixels are 2.5 patches: padded
        VIT | {"options": VIT["options"] | {"img_size": 16}},
        VIT | {"options": VIT["options"] | {"patch_size": 5, "class_token": False, "global_pool": "avg"}},
        {"name": "test_convnext"},
    ],
)
@pytest.mark.parametrize("bands", [1, 3])
def test_every_backbone_has_maps_on_the_pixels_of_the_image(backbone, bands):
    num_pix = 64 if "convnext" in backbone["name"] else backbone["options"].get("img_size", 20)
    net = network(bands, num_pix, **backbone).eval()
    maps = feature_maps(net, images(2, bands, num_pix))
    assert [m.shape[1] for m in maps] == map_channels(net)
    assert all(on_pixels(m, net, (num_pix, num_pix)).shape[-2:] == (num_pix, num_pix) for m in maps)
    made = resolver(net, bands)
    torch.nn.init.normal_(made.exit.weight)
    out = made(images(2, bands, num_pix))
    assert out.shape == (2, bands, 2 * num_pix, 2 * num_pix)
    out.sum().backward()
    assert all(lead[1].weight.grad.abs().sum() > 0 for lead in made.leads)


def test_patch_tokens_lie_where_their_patches_are():
    net = network(num_pix=20, **VIT)  # 3 x 3 patches, which reach to 24 pixels
    tokens = torch.zeros(1, 1, 3, 3)
    tokens[0, 0, 2, 0] = 1.0  # the third row of patches: pixels 16 to 23
    found = on_pixels(tokens, net, (20, 20))[0, 0]
    rows = (found[:, 0] * torch.arange(20)).sum() / found[:, 0].sum()
    assert found.argmax() // 20 >= 19 and rows > 15
    binned = network(num_pix=40, **VIT, bin=2)
    torch.testing.assert_close(
        on_pixels(tokens, binned, (40, 40))[0, 0],
        F.interpolate(tokens, size=(48, 48), mode="bilinear")[0, 0, :40, :40],
    )


def test_a_backbone_without_maps_is_refused():
    class Plain(torch.nn.Module):
        backbone = torch.nn.Linear(1, 1)

    with pytest.raises(ConfigError, match="timm gives no feature maps of Linear, which super-resolution needs"):
        map_channels(Plain())


def test_the_linear_filter_is_that_of_least_squares():
    """Targets that a filter of 7 pixels makes are found again, whatever the flux of each image."""
    made = resolver(network(**RESNET))
    seen = images(12) * torch.logspace(-2, 2, 12)[:, None, None, None]
    kernel = torch.randn(4, 1, 7, 7, generator=torch.Generator().manual_seed(2)) / 7
    lacking = F.conv2d(F.pad(seen, (3, 3, 3, 3), mode="replicate"), kernel) / 4
    targets = bicubic(seen, 2, 0.25) + F.pixel_shuffle(lacking, 2)
    made.fit_linear(seen, targets)
    torch.testing.assert_close(made.linear.weight, kernel, atol=2e-3, rtol=0)
    assert (made(seen) - targets).abs().max() < 1e-2 * targets.abs().max()
    assert not made.linear.weight.requires_grad


def test_all_images_count_for_the_linear_filter():
    """Whatever their order, with targets that no filter makes."""
    made, seen = resolver(network(**RESNET)), images(12)
    targets = torch.rand(12, 1, 40, 40, generator=torch.Generator().manual_seed(3))
    made.fit_linear(seen, targets)
    before = made.linear.weight.clone()
    made.fit_linear(seen.flip(0), targets.flip(0))
    torch.testing.assert_close(made.linear.weight, before, rtol=1e-3, atol=1e-4)


def test_lost_pixels_count_as_zero():
    made, seen = resolver(network(**RESNET)), images()
    lost = seen.clone()
    lost[0, 0, 3, 4] = torch.nan
    zero = seen.clone()
    zero[0, 0, 3, 4] = 0.0
    torch.nn.init.normal_(made.exit.weight)
    torch.testing.assert_close(made.eval()(lost), made(zero))


def test_the_output_follows_the_flux():
    """The blocks see an image in units of its range: a lens ten times as bright has a target ten times as bright."""
    net = network(**RESNET, normalize="minmax").eval()
    made = resolver(net).eval()
    torch.nn.init.normal_(made.exit.weight)
    torch.testing.assert_close(made(10 * images()), 10 * made(images()), rtol=1e-3, atol=1e-3)


def test_few_maps_of_deep_networks_are_taken():
    net = network(**VIT | {"options": VIT["options"] | {"depth": 12}})
    assert len(map_channels(net)) == decoder.MOST_MAPS
    deep = net.eval().backbone.forward_intermediates(net.normalize(images()), intermediates_only=True)
    np.testing.assert_allclose(feature_maps(net, images())[-1].detach(), deep[-1].detach())
