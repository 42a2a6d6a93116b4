"""iBOT (Zhou+ 2021, arXiv:2111.07832): DINO's loss on views and on masked patches. Needs a ViT."""

import torch
from lightly.loss import IBOTPlusPlusPatchLoss
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from ...errors import ConfigError
from .centres import PatchCenter
from .dino import DINO, together

BLOCKS = 10  # rectangles that make up a mask, at most
LONGEST = 1 / 0.3  # largest ratio of their sides


class IBOT(DINO):
    """The loss is DINO's plus the cross-entropy of masked patches, with one head for both, eq. 2 and 3 of the paper.

    The student sees both global views with patches masked, the teacher sees them whole; local views are for DINO alone.

    Raises: ConfigError if the backbone is no ViT.
    """

    def __init__(self, network, settings):
        if not isinstance(network.backbone, VisionTransformer):
            wrong = type(network.backbone).__name__
            raise ConfigError(
                [f"pretrain.backbone.name: method ibot needs a ViT, e.g. vit_small_patch16_224, not a {wrong}"]
            )
        super().__init__(network, settings)
        self.mask_token = nn.Parameter(torch.zeros(network.num_features))
        self.patch_loss = IBOTPlusPlusPatchLoss(settings.prototypes, student_temp=settings.student_temperature)
        self.patch_loss.center = PatchCenter(settings.prototypes, settings.center_momentum)

    def forward(self, views, step):
        vit, images = self.network.backbone, torch.cat(views[:2])
        grid = vit.patch_embed.dynamic_feat_size(self.network.normalize(images[:1]).shape[-2:])  # which may bin
        settings = self.settings
        masks = block_masks(step.draws, grid, settings.mask_ratio, settings.mask_probability, settings.mask_spread)
        masks = masks.transpose(0, 1).flatten(0, 1).to(images.device)  # all first views, then all second, as the images
        with self.teacher.at_work() as teacher:
            seen = tokens(teacher.network, images)
            known = teacher.network.backbone.forward_head(seen).chunk(2)
        guessed = tokens(self.network, images, masks, self.mask_token)
        features = [*vit.forward_head(guessed).chunk(2), *together(self.network, views[2:])]
        first = vit.num_prefix_tokens
        patches = self.compare_patches(seen[:, first:], guessed[:, first:], masks, step)
        return self.compare_views(known, features, step) + patches, known[0]

    def after_step(self, step):
        """As DINO, with the centre of patches, too."""
        super().after_step(step)
        self.patch_loss.center.end_step()

    def compare_patches(self, seen, guessed, masks, step):
        """The loss of masked patches, for tokens (m, patches, d) of teacher and student and bool masks (m, h, w)."""
        with torch.autocast(guessed.device.type, enabled=False):
            with self.teacher.at_work() as teacher:
                targets = self._patch_outputs(teacher.head, seen)
            # All patches go in: the centre is their mean, which exists on every rank, masked or not. Weight 0 for
            # visible ones makes lightly's iBOT++ the loss of the iBOT paper.
            temperature = self.patch_temperature(step)
            outputs = self._patch_outputs(self.head, guessed)
            self.patch_loss.center.rewind()
            return self.patch_loss(targets, outputs, masks, temperature, visible_loss_weight=0.0)

    def patch_temperature(self, step):
        """The teacher's temperature for patches, which rises as that for views does."""
        end = self.settings.patch_temperature
        if end is None:
            return self.teacher_temperature(step)
        return self.risen(self.settings.patch_temperature_start or end, end, step)

    def _patch_outputs(self, head, tokens):
        """What a head makes of tokens (m, patches, d); batch norms take no more than two dimensions."""
        tokens = tokens.float()
        return head(tokens.flatten(0, 1)).unflatten(0, tokens.shape[:2]) if self.settings.head_norm else head(tokens)


def tokens(network, images, masks=None, mask_token=None):
    """A ViT's last tokens (m, prefix + patches, d); where `masks` (m, h, w) is true the patch is not seen."""
    vit = network.backbone
    x = vit.patch_embed(network.normalize(images))
    if masks is not None:
        x = torch.where(masks.reshape(*x.shape[:-1], 1), mask_token, x).contiguous()
    return vit.norm(vit.blocks(vit.norm_pre(vit._pos_embed(x))))  # no patch_drop: masks need every patch


def block_masks(draws, grid, largest, probability, spread=True):
    """Masks of rectangles for two views of each sample, bool (n, 2, *grid); a sample's depend on its draws alone.

    A view is masked with `probability`: then any number of patches from 1 to the share `largest` is equally likely, or
    without `spread` it is always that share, though rectangles that overlap can leave fewer. A sample's first view is
    masked when a uniform number is below the probability, its second when the number half a turn on is: so from 0.5 on
    every sample has a masked view.
    """
    height, width = grid
    turn, amount, shapes = draws.uniform(1), draws.uniform(2), draws.uniform(2, BLOCKS, 4)
    masked = torch.cat([turn, (turn + 0.5) % 1], dim=1) < probability
    most = int(largest * height * width)
    wanted = (amount * most).floor() + 1 if spread else torch.full_like(amount, max(most, 1))
    left = wanted * masked  # patches still to be masked, (n, 2): one at least
    masks = torch.zeros(*left.shape, height, width, dtype=torch.bool, device=left.device)
    for area, aspect, top, side in shapes.permute(2, 3, 0, 1):
        least = left.clamp(max=(min(grid) // 3) ** 2)
        area, aspect = least + (left - least) * area, LONGEST ** (2 * aspect - 1)
        tall = (area * aspect).sqrt().round().clamp(1, height).minimum(left)
        wide = (area / aspect).sqrt().round().clamp(1, width).minimum(left // tall.clamp(min=1))
        rows = _span(top, tall, height)
        block = rows[..., :, None] & _span(side, wide, width)[..., None, :]
        left = left - (block & ~masks).sum(dim=(2, 3))
        masks |= block
    return masks


def _span(position, length, size):
    """Which of `size` places lie in a stretch of `length` at a `position` from 0 to 1, bool (n, 2, size)."""
    first = (position * (size - length + 1)).floor()[..., None]
    place = torch.arange(size, device=length.device)
    return (place >= first) & (place < first + length[..., None])
