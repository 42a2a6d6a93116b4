"""Backbones from timm, and how an image in counts/s is put to them."""

import timm
import torch
from safetensors.torch import load_file
from torch import nn

from ..errors import ConfigError, DataError, nearest


class Network(nn.Module):
    """A backbone behind the stretch asinh(image / background): noise-scaled, so that flux is kept and NaN-free.

    Forward: float (n, bands, num_pix, num_pix) [counts/s/pixel] to features (n, d).
    """

    def __init__(self, backbone, background):
        super().__init__()
        self.backbone = backbone
        self.register_buffer("background", torch.as_tensor(float(background)))

    def forward(self, images):
        return self.backbone(torch.asinh(images / self.background))

    @property
    def num_features(self):
        """Width of the features."""
        return self.backbone.num_features


def make_network(config, background, bands=1):
    """A `Network` from a `configs.schema.Backbone`.

    Args:
        background: rms per pixel that scales the stretch [counts/s]. bands: input channels.

    Raises: ConfigError for a name or option that timm does not know, DataError for a weights file that does not fit.
    """
    options = dict(config.options)
    if not timm.is_model(config.name):
        hint = nearest(config.name, timm.list_models())
        raise ConfigError([f'pretrain.backbone.name: timm has no model "{config.name}".{hint}'])
    try:
        pretrained = config.weights == "pretrained"
        backbone = timm.create_model(config.name, pretrained=pretrained, in_chans=bands, num_classes=0, **options)
    except (TypeError, RuntimeError, OSError) as error:
        message = " ".join(str(error).split())[:300]
        raise ConfigError([f"pretrain.backbone: timm cannot make {config.name} with {options} ({message})"]) from None
    network = Network(backbone, background)
    if config.weights not in (None, "pretrained"):
        load_weights(network, config.weights)
    return network


def load_weights(network, path):
    """Fill a network with the weights of a safetensors file (a LenStream encoder).

    Raises: DataError if the file is absent or damaged, or holds other tensors than the network.
    """
    try:
        weights = load_file(path)
    except Exception as error:  # safetensors raises its own class and the OSErrors
        raise DataError(f"{path}: cannot be read as safetensors ({error})") from None
    wanted = network.state_dict()
    wrong = [k for k in wanted if k not in weights or weights[k].shape != wanted[k].shape] + [
        k for k in weights if k not in wanted
    ]
    if wrong:
        raise DataError(
            f"{path}: does not fit the backbone of the config; {len(wrong)} tensors differ, first {wrong[0]}"
        )
    network.load_state_dict(weights)
