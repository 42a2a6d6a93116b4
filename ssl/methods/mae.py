"""Masked autoencoder (He+ 2022, arXiv:2111.06377): masked patches are reconstructed from the visible ones.

With physics views the target is the other view: the same lens, but another source, noise or PSF.
"""

import torch
from lightly.models.modules import MaskedVisionTransformerDecoderTIMM
from lightly.models.utils import get_at_index, normalize_mean_var, patchify, repeat_token, set_at_index
from timm.layers import PatchEmbed
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torch.nn import functional as F

from ...errors import ConfigError
from .base import Method


class MAE(Method):
    """The loss is masked_weight * the mean squared error of masked patches + unmasked_weight * that of visible ones.

    The encoder sees visible patches only. Targets are the pixels as the network sees them (`network.normalize`), with
    norm_pix less their patch's mean and over its standard deviation. The features returned are the mean of the visible
    patches' tokens.

    Raises: ConfigError if the backbone is no ViT of square images.
    """

    def __init__(self, network, settings):
        super().__init__(network)
        vit = _vit(network.backbone, settings)
        self.n_views = 1 if settings.views == "augment" else 2
        self.norm_pix = settings.norm_pix
        self.weights = settings.masked_weight, settings.unmasked_weight
        self.patch = vit.patch_embed.patch_size[0]
        self.side = vit.patch_embed.dynamic_feat_size(vit.patch_embed.img_size)[0]
        self.n_patches = self.side**2
        self.n_masked = min(max(round(settings.mask_ratio * self.n_patches), 1), self.n_patches - 1)
        width = settings.decoder_dim
        self.embed = nn.Linear(vit.embed_dim, width)
        self.decoder = MaskedVisionTransformerDecoderTIMM(
            self.n_patches, width, settings.decoder_depth, settings.decoder_heads, vit.num_prefix_tokens
        )
        self.predict = nn.Linear(width, vit.patch_embed.proj.in_channels * self.patch**2)
        for pooling in (vit.attn_pool, vit.fc_norm):  # what follows the tokens gets no gradient: DDP would object
            if pooling is not None:
                pooling.requires_grad_(False)

    def forward(self, views, step):
        order = step.draws.uniform(self.n_patches).argsort(dim=1).to(views[0].device)
        masked, visible = order[:, : self.n_masked], order[:, self.n_masked :]
        latent = self.encode(views[0], visible)
        error = (self.decode(latent, visible).float() - self.target(views[self.n_views - 1])).square().mean(dim=2)
        masked_weight, visible_weight = self.weights
        loss = masked_weight * error.gather(1, masked).mean() + visible_weight * error.gather(1, visible).mean()
        return loss, latent[:, self.network.backbone.num_prefix_tokens :].mean(dim=1)

    def encode(self, images, visible):
        """Tokens (n, prefix + v, d) of the patches whose numbers are `visible`, int64 (n, v), the class token first."""
        vit = self.network.backbone
        prefix = vit.num_prefix_tokens
        pixels = self.network.normalize(images)
        tokens = vit._pos_embed(vit.patch_embed(pixels))
        if tokens.shape[1] != prefix + self.n_patches:
            size = pixels.shape[-1]
            raise ConfigError(
                [f"method mae needs the size of the images: give pretrain.backbone.options.img_size: {size}"]
            )
        tokens = torch.cat([tokens[:, :prefix], get_at_index(tokens[:, prefix:], visible)], dim=1)
        return vit.norm(vit.blocks(vit.norm_pre(tokens)))

    def decode(self, latent, visible):
        """Predicted patches (n, patches, pixels of a patch) from the tokens of the visible ones."""
        latent, prefix = self.embed(latent), self.decoder.num_prefix_tokens
        # In latent's dtype, which under autocast is not the parameter's: set_at_index takes one dtype only.
        masked = repeat_token(self.decoder.mask_token, (len(latent), self.n_patches)).to(latent.dtype)
        patches = set_at_index(masked, visible, latent[:, prefix:])
        return self.predict(self.decoder(torch.cat([latent[:, :prefix], patches], dim=1)))[:, prefix:]

    def target(self, images):
        """What is to be predicted of each patch: float32 (n, patches, pixels of a patch)."""
        patches = self.patches(images)
        return normalize_mean_var(patches) if self.norm_pix else patches

    def patches(self, images):
        """float32 (n, patches, pixels of a patch), the pixels by row, column and band, as the network sees them."""
        images = self.network.normalize(images).float()
        edge = self.side * self.patch  # what the ViT makes patches of: it drops or pads the rest
        images = F.pad(images, (0, edge - images.shape[-1], 0, edge - images.shape[-2]))
        return patchify(images, self.patch)


def _vit(backbone, settings):
    """The backbone if it is a ViT whose patches can be masked; else ConfigError."""
    name = (getattr(backbone, "pretrained_cfg", None) or {}).get("architecture", type(backbone).__name__)
    where = "backbone.name" if settings.backbone else "pretrain.backbone.name"
    if not isinstance(backbone, VisionTransformer) or not isinstance(backbone.patch_embed, PatchEmbed):
        raise ConfigError([f"method mae needs a ViT backbone, {where} is {name}; e.g. vit_small_patch16_224"])
    patches = backbone.patch_embed
    rows, columns = patches.dynamic_feat_size(patches.img_size)
    if rows != columns or rows < 2 or patches.patch_size[0] != patches.patch_size[1]:
        raise ConfigError([f"method mae needs square images of 2 x 2 patches or more, {name} has {rows} x {columns}"])
    return backbone
