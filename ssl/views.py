"""Make the views of each system that a method compares: simulated again, augmented, or both."""

import torch

from ..configs.methods import ContrastSettings, DINOSettings
from ..simulate.systems.draw import Views
from .augment import FIRST, LOCAL, SECOND, augment, destroyed


def physics(settings, n_views):
    """The images that the stream has to render of each system: `simulate.systems.draw.Views`.

    Args: settings: of an encoder (`configs.methods`). n_views: global views that its method needs.
    """
    return Views(1) if settings.views == "augment" else Views(n_views, frozenset(settings.redraw))


def make_views(images, settings, n_views, draws):
    """The views of a batch: the global ones, then the local ones if there are any.

    The views of `physics` are the stream's images, those of `both` these images augmented, those of `augment` the
    first image augmented again and again. A pretext (`configs.methods.ContrastSettings`) leaves the first view as it
    is, unless it is on both.

    Args:
        images: float32 (n, v, bands, h, w) [counts/s/pixel], v as `physics` asked for.
        draws: `methods.base.Draws` of these n systems.

    Returns: list of float32 (n, bands, h, w), and (n, bands, size, size) for local views.
    """
    images = images.unbind(1)
    if settings.views == "physics":
        return list(images)
    images = tuple(_whole(image) for image in images)
    seen = images if settings.views == "both" else images[:1] * n_views
    untouched = 1 if isinstance(settings, ContrastSettings) and not settings.both_views else 0
    views = [
        image if k < untouched else augment(image, settings.augment, draws, view=SECOND if k else FIRST)
        for k, image in enumerate(seen)
    ]
    if _has_local(settings):
        local = settings.augment.model_copy(update={"crop": settings.local.area})
        for k in range(settings.local.views):
            views.append(augment(images[k % len(images)], local, draws, settings.local.size, LOCAL))
    return views


def warnings(name, settings, targets):
    """What the encoder called `name` cannot learn of the evaluation's targets: a list of sentences.

    Views that differ in a parameter teach that it does not matter. The simulator keeps the lens mass as it is.
    """
    notes = []
    augmented = settings.augment
    if _has_local(settings):
        augmented = augmented.model_copy(update={"crop": settings.local.area})
    # A masked autoencoder with one view reconstructs that view, whatever lens it shows: nothing has to be ignored.
    changed = {} if _shows_one_view(settings) else destroyed(targets, augmented)
    if changed and settings.views != "physics":
        lost = ", ".join(f"{target} ({_list(by)})" for target, by in changed.items())
        notes.append(f"{name} cannot keep what its augmentations change: {lost}.")
    redrawn = [t for t in targets if any(t.startswith(f"{part}_") for part in settings.redraw)]
    if redrawn and settings.views != "augment":
        notes.append(f"{name} cannot keep what its physics views redraw: {_list(redrawn)}.")
    return notes


def _whole(images):
    """Images whose lost pixels have the mean of their image and band: blur and zoom would spread a NaN."""
    there = images.isfinite()
    mean = torch.where(there, images, 0.0).sum((-2, -1), keepdim=True) / there.sum((-2, -1), keepdim=True).clamp(min=1)
    return torch.where(there, images, mean)


def _has_local(settings):
    return isinstance(settings, DINOSettings) and settings.local.views > 0


def _shows_one_view(settings):
    return settings.method == "mae" and settings.views == "augment"


def _list(words):
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
