"""Backbones: timm's, at any number of bands and any size, with weights from a file."""

import os

import pytest
import timm
import torch
from safetensors.torch import save_file

from lenstream.configs.encoder import Backbone
from lenstream.errors import ConfigError, DataError
from lenstream.ssl import checkpoint
from lenstream.ssl.backbones import load_weights, make_network, write_out_attention
from lenstream.ssl.normalize import Statistics

NARROW = {"channels": (16, 16, 16, 16)}
TINY_VIT = {"embed_dim": 48, "depth": 2, "num_heads": 2}


pytestmark = pytest.mark.usefixtures("one_thread")


def make(bands=1, num_pix=None, background=0.02, **keys):
    return make_network(Backbone(**keys), Statistics.of_background(background, bands), bands, num_pix)


def saved(path, name, **options):
    """A plain timm model with a classifier, and its weights in a file."""
    torch.manual_seed(1)
    model = timm.create_model(name, num_classes=10, **options)
    save_file(model.state_dict(), path)
    return model


@pytest.mark.parametrize("bands", [1, 2, 5])
@pytest.mark.parametrize(
    ("name", "options"), [("test_resnet", {}), ("resnet18", NARROW), ("vit_tiny_patch16_224", TINY_VIT)]
)
def test_features_have_the_promised_width(name, options, bands):
    network = make(bands, 32, name=name, options=options).eval()
    images = torch.randn(2, bands, 32, 32)
    features = network(images)
    assert features.shape == (2, network.num_features)
    torch.testing.assert_close(features, network.backbone(torch.asinh(images / 0.02)))


@pytest.mark.parametrize("name", ["resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d"])
def test_resnets_of_every_depth(name):
    network = make(3, name=name, stem="small", options=NARROW).eval()
    assert network(torch.randn(2, 3, 16, 16)).shape == (2, network.num_features)


@pytest.mark.parametrize(
    ("num_pix", "patch", "tokens"), [(32, 8, 16), (64, 8, 64), (50, 8, 49), (224, 16, 196), (40, 16, 9), (8, 16, 1)]
)
def test_a_vit_is_made_for_the_images(num_pix, patch, tokens):
    network = make(1, num_pix, name="vit_tiny_patch16_224", options={"patch_size": patch, **TINY_VIT}).eval()
    assert network.backbone.pos_embed.shape[1] == tokens + 1
    assert network.backbone.patch_embed.num_patches == tokens
    assert network(torch.randn(2, 1, num_pix, num_pix)).shape == (2, 48)
    assert network.backbone.patch_embed.dynamic_img_pad == (num_pix % patch != 0)
    with pytest.raises(AssertionError, match="doesn't match model"):  # not silently another size
        network(torch.randn(2, 1, num_pix + 1, num_pix + 1))


def test_the_patch_size_is_that_of_the_model_and_img_size_can_be_given():
    assert make(1, 48, name="vit_tiny_patch16_224", options=TINY_VIT).backbone.patch_embed.grid_size == (3, 3)
    given = make(1, 48, name="vit_tiny_patch16_224", options={"img_size": 64, **TINY_VIT})
    assert given.backbone.patch_embed.grid_size == (4, 4)


@pytest.mark.parametrize("name", ["resnet18", "test_resnet", "resnet18d", "resnetaa34d"])
def test_a_small_stem_keeps_the_pixels(name):
    network = make(2, name=name, stem="small", options=NARROW).eval()
    body = network.backbone
    assert body.conv1.kernel_size == (3, 3) and body.conv1.stride == (1, 1) and body.conv1.in_channels == 2
    x = torch.randn(2, 2, 32, 32)
    assert body.layer1(body.maxpool(body.act1(body.bn1(body.conv1(x))))).shape[-2:] == (32, 32)
    assert network(x).shape == (2, network.num_features)
    spread = body.conv1.weight.std().item() * (body.conv1.out_channels * 9 / 2) ** 0.5
    assert spread == pytest.approx(1, abs=0.1)


def test_a_small_stem_is_for_resnets():
    with pytest.raises(ConfigError, match=r"pretrain.backbone.stem: .* vit_tiny_patch16_224 is none"):
        make(1, 32, name="vit_tiny_patch16_224", stem="small", options=TINY_VIT)


def test_the_normalisation_is_that_of_the_config():
    x = torch.randn(2, 1, 32, 32)
    numbers = Statistics.of_background(0.5)
    for scaling, expected in (("asinh", torch.asinh(x / 0.5)), ("zscore", x / 0.5)):
        network = make_network(Backbone(normalize=scaling), numbers)
        torch.testing.assert_close(network.normalize(x), expected)


@pytest.mark.parametrize(("name", "options"), [("test_resnet", {}), ("vit_tiny_patch16_224", TINY_VIT)])
def test_a_network_of_binned_images_is_that_of_fewer_pixels(name, options):
    options = options | ({"patch_size": 8} if options else {})
    torch.manual_seed(0)
    fine = make(2, 64, name=name, options=options, bin=2).eval()
    torch.manual_seed(0)
    coarse = make(2, 32, name=name, options=options).eval()
    images = torch.randn(2, 2, 64, 64)
    torch.testing.assert_close(fine(images), coarse(torch.nn.functional.avg_pool2d(images, 2)))
    if name.startswith("vit"):
        assert fine.backbone.pos_embed.shape == coarse.backbone.pos_embed.shape


def test_images_that_are_no_whole_bins_are_a_config_error():
    with pytest.raises(ConfigError, match=r"pretrain.backbone.bin: images of 33 pixels are not whole blocks of 2"):
        make(1, 33, bin=2)


def test_unknown_names_and_options_are_config_errors():
    with pytest.raises(ConfigError, match=r'"resnet81".*Did you mean'):
        make(name="resnet81")
    with pytest.raises(ConfigError, match=r"timm cannot make test_resnet .*no_such_option"):
        make(options={"no_such_option": 1})


def test_pretrained_weights_that_cannot_be_had_are_a_config_error(monkeypatch):
    create = timm.create_model

    def offline(name, pretrained=False, **options):
        if pretrained:
            raise OSError("no route to the hub")
        return create(name, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(ConfigError, match=r"test_resnet with its pretrained weights .*no route to the hub"):
        make(weights="pretrained")


def test_weights_from_an_encoder(tmp_path):
    network = make(background=0.02)
    path = tmp_path / "weights.safetensors"
    checkpoint.save(path, network.state_dict())
    again = make(background=0.5, weights=str(path))
    for a, b in zip(network.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(DataError, match=r"weights.safetensors: does not fit"):
        make(name="resnet18", weights=str(path))
    with pytest.raises(DataError, match=r"weights.safetensors: .* by asinh, but the config says minmax"):
        make(normalize="minmax", weights=str(path))
    with pytest.raises(DataError, match="cannot be read"):
        make(weights=str(tmp_path / "none.safetensors"))


@pytest.mark.parametrize("bands", [1, 2, 3, 5])
def test_weights_of_a_plain_timm_resnet(tmp_path, bands):
    """A grey image shown in all three channels, and in however many bands, gives the same features."""
    model = saved(tmp_path / "plain.safetensors", "resnet18", **NARROW).eval()
    network = make(bands, name="resnet18", options=NARROW, weights=str(tmp_path / "plain.safetensors")).eval()
    grey = torch.randn(2, 1, 32, 32)
    expected = model.forward_head(model.forward_features(grey.expand(-1, 3, -1, -1)), pre_logits=True)
    if bands in (1, 3):
        torch.testing.assert_close(network.backbone(grey.expand(-1, bands, -1, -1)), expected)
    elif bands == 2:
        wanted = model.conv1.weight[:, :2] * 1.5
        torch.testing.assert_close(network.backbone.conv1.weight, wanted)
    else:
        kernels = network.backbone.conv1.weight
        torch.testing.assert_close(kernels[:, 3:], kernels[:, :2])
        torch.testing.assert_close(kernels[:, :3], model.conv1.weight * 3 / 5)
    assert torch.equal(network.backbone.layer4[1].bn2.weight, model.layer4[1].bn2.weight)


def test_plain_weights_of_one_channel_for_three_bands(tmp_path):
    model = saved(tmp_path / "plain.safetensors", "test_resnet", in_chans=1).eval()
    network = make(3, weights=str(tmp_path / "plain.safetensors")).eval()
    grey = torch.randn(2, 1, 32, 32)
    expected = model.forward_head(model.forward_features(grey), pre_logits=True)
    torch.testing.assert_close(network.backbone(grey.expand(-1, 3, -1, -1)), expected)


@pytest.mark.parametrize("name", ["resnet18", "test_resnet"])
def test_a_small_stem_keeps_its_own_weights(tmp_path, name):
    model = saved(tmp_path / "plain.safetensors", name)
    network = make(1, name=name, stem="small", weights=str(tmp_path / "plain.safetensors"))
    assert network.backbone.conv1.weight.shape[1:] == (1, 3, 3)
    assert torch.equal(network.backbone.layer4[0].conv1.weight, model.layer4[0].conv1.weight)
    own = network.backbone.conv1.weight.clone()
    load_weights(network, tmp_path / "plain.safetensors")
    assert torch.equal(own, network.backbone.conv1.weight)


def test_weights_of_a_plain_vit_of_another_size(tmp_path):
    model = saved(tmp_path / "plain.safetensors", "vit_tiny_patch16_224", img_size=96, **TINY_VIT)
    options = {"patch_size": 8, **TINY_VIT}
    network = make(1, 32, name="vit_tiny_patch16_224", options=options, weights=str(tmp_path / "plain.safetensors"))
    assert network.backbone.pos_embed.shape[1] == 17
    assert torch.equal(network.backbone.blocks[1].mlp.fc1.weight, model.blocks[1].mlp.fc1.weight)
    own = make(1, 32, name="vit_tiny_patch16_224", options=options).backbone.patch_embed.proj.weight
    assert not torch.equal(network.backbone.patch_embed.proj.weight, own)
    with pytest.raises(DataError, match="does not fit"):
        deeper = {**options, "depth": 3}
        make(1, 32, name="vit_tiny_patch16_224", options=deeper, weights=str(tmp_path / "plain.safetensors"))


def test_plain_weights_of_another_model_are_refused(tmp_path):
    saved(tmp_path / "plain.safetensors", "test_resnet")
    with pytest.raises(DataError, match=r"plain.safetensors: does not fit the backbone"):
        make(name="resnet18", weights=str(tmp_path / "plain.safetensors"))
    with pytest.raises(DataError, match=r"plain.safetensors: does not fit the backbone"):
        make(1, 32, name="vit_tiny_patch16_224", options=TINY_VIT, weights=str(tmp_path / "plain.safetensors"))


@pytest.mark.parametrize("name", ["pipe", "folder", "x" * 300, "absent"])
def test_weights_that_are_no_file_are_refused_at_once(tmp_path, name):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError) as caught:
        make(name="test_resnet", weights=str(tmp_path / name))
    assert len(str(caught.value)) < 500


def test_attention_written_out_is_the_same_attention():
    network = make(num_pix=32, name="vit_tiny_patch16_224", options=TINY_VIT | {"patch_size": 8})
    images = 0.05 * torch.randn(3, 1, 32, 32)
    fused = network(images)
    write_out_attention(network)
    assert not any(block.attn.fused_attn for block in network.backbone.blocks)
    torch.testing.assert_close(network(images), fused, rtol=1e-5, atol=1e-5)
