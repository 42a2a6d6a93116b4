"""Networks from timm at any number of bands and image size, with weights from timm or from a file."""

import timm
from timm.models.resnet import ResNet
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn
from torch import nn

from ..errors import ConfigError, DataError, nearest
from ..files.paths import usable
from ..files.unreadable import check_is_file
from .checkpoint import load_safetensors
from .normalize import Normalize

VIT_MODULES = ("vision_transformer", "deit")  # of timm: plain vision transformers
HEADS = ("fc", "head")  # what timm calls the classifiers that features do not need


class Network(nn.Module):
    """A backbone behind the normalisation of its images.

    Forward: float (n, bands, num_pix, num_pix) [unit of the data] to features (n, d).
    """

    def __init__(self, backbone, normalize):
        super().__init__()
        self.backbone, self.normalize = backbone, normalize

    def forward(self, images):
        return self.backbone(self.normalize(images))

    @property
    def num_features(self):
        """Width of the features."""
        return self.backbone.num_features


def make_network(config, statistics, bands=1, num_pix=None):
    """A `Network` from a `configs.encoder.Backbone`.

    Args:
        statistics: `normalize.Statistics` of the images. bands: input channels.
        num_pix: pixels along an edge of the images; a vision transformer without the option img_size is made for it.

    Raises: ConfigError for a name, option or stem that timm does not know, or for images that are no whole bins,
    DataError for a weights file that does not fit.
    """
    if not timm.is_model(config.name):
        hint = nearest(config.name, timm.list_models())
        raise ConfigError([f'pretrain.backbone.name: timm has no model "{config.name}".{hint}'])
    if num_pix is not None and num_pix % config.bin:
        raise ConfigError([f"pretrain.backbone.bin: images of {num_pix} pixels are not whole blocks of {config.bin}"])
    pixels = num_pix and num_pix // config.bin
    network = Network(_from_timm(config, bands, pixels), Normalize(config.normalize, statistics, config.bin))
    if config.stem == "small":
        _make_stem_small(network.backbone, config.name)
    if config.weights not in (None, "pretrained"):
        load_weights(network, config.weights)
    return network


def load_weights(network, path):
    """Fill a network with the weights of a safetensors file: a LenStream encoder, or a timm model of the same name.

    A timm model may have a classifier, which is left out, and other channels: their kernels are added up for one band
    and repeated for several. Transformers of other sizes are interpolated. A small stem keeps its own weights.

    Raises: DataError if the file is absent or damaged, or holds other tensors than the network.
    """
    path = usable(path)
    check_is_file(path, "safetensors")
    weights, _ = load_safetensors(path)
    target = network
    if not any(name.startswith("backbone.") for name in weights):
        target, weights = network.backbone, _adapt(weights, network.backbone, path)
    wanted = target.state_dict()
    wrong = [k for k in wanted if k not in weights or weights[k].shape != wanted[k].shape] + [
        k for k in weights if k not in wanted
    ]
    if wrong:
        raise DataError(
            f"{path}: does not fit the backbone of the config; {len(wrong)} tensors differ, first {wrong[0]}"
        )
    try:
        target.load_state_dict(weights)
    except DataError as error:  # of the normalisation, which does not know the file
        raise DataError(f"{path}: {error}") from None


def write_out_attention(model):
    """Attention of timm's transformers as plain matrix products, in place: in bf16 a CPU is slower with torch's own.

    Forward and backward of a ViT took 2.4 times as long with it at 36 tokens, and 1.2 times at 196; in float32 less.
    """
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False


def timm_arguments(name, options, bands, num_pix):
    """Arguments of ``timm.create_model`` with which a backbone without its classifier is made.

    Args: options: of the config. bands: input channels. num_pix: pixels along an edge of the images, or None: a vision
    transformer without the option img_size is made for it.
    """
    made = {"in_chans": bands, "num_classes": 0, **options}
    return made | (_vit_options(name, options, num_pix) if _needs_size(name, options, num_pix) else {})


def _from_timm(config, bands, num_pix):
    """The backbone; a ViT is made for images of `num_pix`."""
    options, pretrained = dict(config.options), config.weights == "pretrained"
    try:
        arguments = timm_arguments(config.name, options, bands, num_pix)
        backbone = timm.create_model(config.name, pretrained=pretrained, **arguments)
    except Exception as error:  # timm answers wrong options, and a network that is down, with many different errors
        message = " ".join(str(error).split())[:300]
        weights = "with its pretrained weights " if pretrained else ""
        raise ConfigError(
            [f"pretrain.backbone: timm cannot make {config.name} {weights}with {options} ({message})"]
        ) from None
    if _needs_size(config.name, options, num_pix):
        backbone.patch_embed.img_size = (num_pix, num_pix)  # what comes in, before it is padded
    return backbone


def _needs_size(name, options, num_pix):
    """Whether a model is made for images of one size, which the options do not say."""
    is_vit = timm.models.is_model_in_modules(name, VIT_MODULES)
    return is_vit and num_pix is not None and "img_size" not in options


def _vit_options(name, options, num_pix):
    """The options with which all patches have a position, also those that reach beyond the image."""
    smallest = timm.create_model(name, num_classes=0, **options | {"depth": 1})  # knows the patch size of the model
    patch = max(smallest.patch_embed.patch_size)
    padded = -(-num_pix // patch) * patch
    return {"img_size": padded} | ({"dynamic_img_pad": True} if padded != num_pix else {})


def _make_stem_small(backbone, name):
    """A ResNet's first layers with stride 1 and without pooling, in place."""
    if not isinstance(backbone, ResNet):
        raise ConfigError(
            [f"pretrain.backbone.stem: small is for ResNets of timm, and {name} is none; expected as_timm, or resnet18"]
        )
    first = next(layer for layer in backbone.conv1.modules() if isinstance(layer, nn.Conv2d))
    backbone.conv1 = nn.Conv2d(first.in_channels, backbone.bn1.num_features, 3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(backbone.conv1.weight, mode="fan_out", nonlinearity="relu")  # as timm's own
    backbone.maxpool = nn.Identity()


def _adapt(weights, backbone, path):
    """A plain timm state dict as one for `backbone`: without classifier, at its number of bands, size and stem."""
    own, facts = backbone.state_dict(), backbone.pretrained_cfg
    classifier = facts.get("classifier") or ()
    classifier = (classifier,) if isinstance(classifier, str) else classifier
    heads = {*HEADS, *(name.split(".")[0] for name in classifier)}
    weights = {k: v for k, v in weights.items() if k in own or k.split(".")[0] not in heads}
    if isinstance(backbone, VisionTransformer):
        try:
            weights = checkpoint_filter_fn(weights, backbone)
        except Exception as error:  # anything that comes of tensors of unexpected shapes
            raise DataError(f"{path}: cannot be made to fit the transformer of the config ({error})") from None
    if isinstance(backbone, ResNet) and isinstance(backbone.maxpool, nn.Identity):
        weights = {k: v for k, v in weights.items() if k.split(".")[0] not in ("conv1", "maxpool")}
        weights |= {k: v for k, v in own.items() if k.split(".")[0] == "conv1"}
    first = f"{facts.get('first_conv')}.weight"
    if first in weights and first in own:
        weights[first] = _other_channels(weights[first], own[first].shape[1])
    counters = {k: v for k, v in own.items() if k.endswith("num_batches_tracked")}  # older files lack them
    return counters | weights


def _other_channels(kernels, bands):
    """Kernels (out, channels, h, w) for another number of bands, as timm does it, but from any number of channels."""
    channels = kernels.shape[1]
    if channels == bands:
        return kernels
    if bands == 1:
        return kernels.sum(1, keepdim=True)
    repeated = kernels.repeat(1, -(-bands // channels), 1, 1)[:, :bands]
    return repeated * (channels / bands)
