"""DINO (Caron+ 2021, arXiv:2104.14294): the student's distribution over prototypes matches its teacher's."""

import warnings

import torch
from lightly.models.modules.heads import DINOProjectionHead
from timm.models.vision_transformer import VisionTransformer

from ...errors import ArgumentError, ConfigError
from .base import Method
from .centres import ViewLoss
from .teacher import Teacher, momentum_at


class DINO(Method):
    """The loss is the cross-entropy of the teacher's centred, sharpened outputs for the two global views and the
    student's outputs for every other view, eq. 2 of the paper. The teacher is kept, and so are the features returned.

    Raises: ConfigError for local views that the backbone cannot take.
    """

    def __init__(self, network, settings):
        super().__init__(network)
        _check_local_views(network, settings)
        self.settings = settings
        self.head = self._make_head()
        self.teacher = Teacher(network, self.head, self._make_head())
        self.view_loss = ViewLoss(
            settings.prototypes, student_temp=settings.student_temperature, center_momentum=settings.center_momentum
        )

    def forward(self, views, step):
        with self.teacher.at_work() as teacher:
            known = together(teacher.network, views[:2])
        features = together(self.network, views[:2]) + together(self.network, views[2:])
        return self.compare_views(known, features, step), known[0]

    def compare_views(self, known, features, step):
        """The loss for the teacher's features of two views and the student's of these and more, lists of (n, d)."""
        # Logits divided by temperatures of a few hundredths need float32, from the head on.
        with torch.autocast(features[0].device.type, enabled=False):
            with self.teacher.at_work() as teacher:
                targets = self._outputs(teacher.head, known)
            outputs = self._outputs(self.head, features)
            return self.view_loss(targets, outputs, teacher_temp=self.teacher_temperature(step))

    def _outputs(self, head, features):
        """What a head makes of views, a list of (n, d); its batch norms, if it has any, see all views at once."""
        features = [f.float() for f in features]
        return together(head, features) if self.settings.head_norm else [head(f) for f in features]

    def teacher_temperature(self, step):
        """The teacher's temperature, which rises linearly; without it DINOLoss would silently skip its own warm-up."""
        return self.risen(self.settings.teacher_temperature_start, self.settings.teacher_temperature, step)

    def risen(self, start, end, step):
        """A temperature at a step of the teacher's warm-up, and after it."""
        if step.number >= self.settings.teacher_warmup:
            return end
        return start + (end - start) * step.number / self.settings.teacher_warmup

    def after_backward(self, step):
        """Freeze the prototypes at first; without a gradient they do not decay either."""
        if step.number < self.settings.freeze_last:
            for parameter in self.head.last_layer.parameters():
                parameter.grad = None

    def after_step(self, step):
        """Move the teacher's weights towards the student's; the next batch has another centre."""
        momentum = momentum_at(self.settings.momentum, step.done, self.settings.momentum_final)
        self.teacher.follow(self.network, self.head, momentum)
        self.view_loss.end_step()

    def encoder(self):
        """The teacher's network, which the paper evaluates, or the student's."""
        return self.network if self.settings.kept == "student" else self.teacher.network

    def _make_head(self):
        sizes = self.settings.hidden_dim, self.settings.bottleneck_dim, self.settings.prototypes
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # lightly's weight norm is torch's older one
            return DINOProjectionHead(self.network.num_features, *sizes, batch_norm=self.settings.head_norm)


def together(network, views):
    """Features of views of one size, a list of (n, d); in one pass, as the paper's code: batch norms see all views."""
    return list(network(torch.cat(views)).chunk(len(views))) if views else []


def _check_local_views(network, settings):
    """Raise ConfigError if local views are no whole bins, or if a ViT cannot take images of their size."""
    if not settings.local.views or settings.views == "physics":
        return
    try:
        size = network.normalize(torch.zeros(1, 1, settings.local.size, settings.local.size)).shape[-1]
    except ArgumentError:
        raise ConfigError([f"local.size: {settings.local.size} pixels are not whole blocks of backbone.bin"]) from None
    if not isinstance(network.backbone, VisionTransformer):
        return
    embed = network.backbone.patch_embed
    if embed.strict_img_size:
        raise ConfigError(
            ["local.views: this ViT takes one image size only; give pretrain.backbone.options.dynamic_img_size: true"]
        )
    if size % embed.feat_ratio() and not embed.dynamic_img_pad:
        raise ConfigError(
            [f"local.size: {size} pixels are not whole patches of {embed.feat_ratio()}, which this ViT needs"]
        )
