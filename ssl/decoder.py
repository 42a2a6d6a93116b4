"""A light decoder for super-resolution: what bicubic interpolation lacks, from an encoder's feature maps and the image.

A linear filter, fitted by least squares, comes first; what it leaves is for residual blocks without batch norm at the
resolution of the input (EDSR, Lim+ 2017, arXiv:1707.02921), to which maps of the encoder are added, and for a pixel
shuffle (Shi+ 2016, arXiv:1609.05158).
"""

import numpy as np
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torch.nn import functional as F

from ..errors import ConfigError

MOST_MAPS = 5  # of an encoder that are looked at, evenly spread, the last one included
FAINT = 0.02  # of an image's range: from there on the first layer sees the logarithm of the flux
REST = 0.05  # of an image's range: the scale of what the blocks add
SIDE = 7  # pixels of the linear filter
RIDGE = 1e-6  # of the mean square of its inputs, which keeps its equations solvable
FITTED_AT_ONCE = 8  # images of which the filter's equations are added up at a time


def bicubic(images, factor, flux_scale):
    """Images (n, bands, h, w) on pixels smaller by `factor`, by torch's bicubic interpolation (half-pixel centres).

    flux_scale: of a fine pixel over a coarse one where the sky is even; 1 / factor^2 for counts/s/pixel.
    """
    return F.interpolate(images, scale_factor=factor, mode="bicubic", align_corners=False) * flux_scale


class SuperResolver(nn.Module):
    """A `Network` and a decoder: images as they are to images with pixels smaller by `factor`, in the same unit.

    With a decoder of zeros, as it begins, it is `bicubic`. Lost pixels count as 0.

    Args: network: gives the feature maps. bands: of the images. factor, width, depth: of
        `configs.evaluation.SuperResolutionSettings`. flux_scale: see `bicubic`.
    Raises: ConfigError for a backbone without feature maps.
    """

    def __init__(self, network, bands, factor, width, depth, flux_scale):
        super().__init__()
        self.network, self.factor = network, factor
        self.register_buffer("flux_scale", torch.tensor(float(flux_scale)))
        self.linear = nn.Conv2d(bands, bands * factor**2, SIDE, padding=SIDE // 2, padding_mode="replicate", bias=False)
        self.linear.requires_grad_(False)  # `fit_linear` sets it
        nn.init.zeros_(self.linear.weight)
        self.entry = nn.Conv2d(2 * bands, width, 3, padding=1)
        self.leads = nn.ModuleList(
            nn.Sequential(nn.GroupNorm(1, channels), nn.Conv2d(channels, width, 1))
            for channels in map_channels(network)
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1))
            for _ in range(depth)
        )
        self.exit = nn.Conv2d(width, bands * factor**2, 3, padding=1)
        nn.init.zeros_(self.exit.weight)
        nn.init.zeros_(self.exit.bias)

    def forward(self, images):
        images = torch.where(images.isfinite(), images, 0.0).float()
        base, spread = bicubic(images, self.factor, self.flux_scale), spread_of(images)
        flux = images / spread
        x = self.entry(torch.cat([flux, torch.asinh(flux / FAINT)], dim=1))
        for lead, features in zip(self.leads, feature_maps(self.network, images), strict=True):
            x = x + on_pixels(lead(features), self.network, images.shape[-2:])
        for block in self.blocks:
            x = x + block(x)
        lacking = F.pixel_shuffle(self.linear(flux) + REST * self.exit(x), self.factor)
        return base + lacking * (spread * self.flux_scale)

    @torch.no_grad()
    def fit_linear(self, images, targets):
        """Set the linear filter to that which comes nearest to the targets, by least squares in units of the spread.

        Args: images (n, bands, h, w), targets (n, bands, factor h, factor w): some of those to learn from.
        """
        left = right = 0.0
        for first in range(0, len(images), FITTED_AT_ONCE):
            some = torch.nan_to_num(images[first : first + FITTED_AT_ONCE])
            spread = spread_of(some)
            lacking = targets[first : first + FITTED_AT_ONCE] - bicubic(some, self.factor, self.flux_scale)
            flux = F.pad(some / spread, (SIDE // 2,) * 4, mode="replicate")
            x = F.unfold(flux, SIDE).double().transpose(0, 1).flatten(1)
            y = F.pixel_unshuffle(lacking / (spread * self.flux_scale), self.factor).flatten(2).double()
            y = y.transpose(0, 1).flatten(1)
            left, right = left + x @ x.T, right + x @ y.T
        left = left + RIDGE * left.diagonal().mean() * torch.eye(len(left), dtype=left.dtype, device=left.device)
        self.linear.weight.copy_(torch.linalg.solve(left, right).T.reshape(self.linear.weight.shape))


def spread_of(images):
    """The highest less the lowest pixel of each image, over all its bands: (n, 1, 1, 1), positive."""
    flat = images.flatten(1)
    spread = flat.amax(1) - flat.amin(1)
    return torch.where(spread > 0, spread, 1.0)[:, None, None, None]


def feature_maps(network, images):
    """Maps (n, channels, rows, columns) of several depths of a network for images (n, bands, h, w), shallow ones first.

    Of a vision transformer they are the tokens of its patches, without those in front of them.
    """
    backbone = network.backbone
    return backbone.forward_intermediates(network.normalize(images), indices=_chosen(backbone), intermediates_only=True)


def map_channels(network):
    """The number of channels of each of `feature_maps`. Raises: ConfigError for a backbone that has none."""
    backbone = network.backbone
    if not hasattr(backbone, "forward_intermediates") or not getattr(backbone, "feature_info", None):
        name = (getattr(backbone, "pretrained_cfg", None) or {}).get("architecture", type(backbone).__name__)
        problem = f"timm gives no feature maps of {name}, which super-resolution needs; e.g. resnet18"
        raise ConfigError([f"pretrain.backbone.name: {problem}"])
    return [backbone.feature_info[k]["num_chs"] for k in _chosen(backbone)]


def _chosen(backbone):
    n = len(backbone.feature_info)
    return sorted({round(place) for place in np.linspace(0, n - 1, min(n, MOST_MAPS))})


def on_pixels(features, network, size):
    """Feature maps of `network` on the pixels of its images, `size` (h, w).

    Those of a transformer may reach beyond the image, as its last patches are padded, or end before it.
    """
    backbone, covered = network.backbone, size
    if isinstance(backbone, VisionTransformer):
        patch = [edge * network.normalize.bin for edge in backbone.patch_embed.patch_size]
        covered = tuple(n * edge for n, edge in zip(features.shape[-2:], patch, strict=True))
    features = F.interpolate(features, size=covered, mode="bilinear", align_corners=False)
    features = features[..., : size[0], : size[1]]
    missing = (0, size[1] - features.shape[-1], 0, size[0] - features.shape[-2])
    return F.pad(features, missing, mode="replicate") if any(missing) else features
