"""Bad pixels by planes beside an image: an inverse variance, and a mask, whose way round nobody says."""

import numpy as np

from .values import without_absurd

HALF = 0.5  # a mask that is true for more pixels than this marks the good ones


def marks_good(masks):
    """Whether a set's masks are true where a pixel is good, by some of them: true for more than half of the pixels.

    The sense is that of the whole set: an image may well be bad for the most part. The Multimodal Universe's is known,
    true where good.
    """
    return bool((np.asarray(masks) != 0).mean() > HALF)


def without_lost(image, ivar=None, mask=None, good=True):
    """An image, float32 of any shape, with NaN where a pixel is lost: no weight, masked, or no flux.

    ivar: inverse variance, or None; one without a positive pixel was not filled in, and says nothing. mask: bool or
    0 and 1, or None; one that is the same throughout says nothing. good: whether a mask is true where a pixel is good.
    """
    lost = np.zeros(image.shape, bool)
    if ivar is not None and (np.asarray(ivar) > 0).any():
        lost |= ~(np.asarray(ivar) > 0)
    if mask is not None:
        marked = np.asarray(mask) != 0
        if marked.any() and not marked.all():
            lost |= marked != good
    return without_absurd(np.where(lost, np.float32(np.nan), image))
