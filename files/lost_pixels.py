"""Bad pixels by planes beside an image whose way round nobody says: an inverse variance, and a mask."""

import numpy as np

from .values import without_absurd

HALF = 0.5  # a mask that is true for more pixels than this marks the good ones


def without_lost(image, ivar=None, mask=None):
    """An image, float32 of any shape, with NaN where a pixel is lost: no weight, masked, or no flux.

    ivar: inverse variance, or None; one without a positive pixel was not filled in, and says nothing. mask: bool or
    0 and 1, or None: true where bad if that is so for less than half of the pixels, else true where good.
    """
    lost = np.zeros(image.shape, bool)
    if ivar is not None and (np.asarray(ivar) > 0).any():
        lost |= ~(np.asarray(ivar) > 0)
    if mask is not None:
        marked = np.asarray(mask) != 0
        if not marked.all():  # all: nothing is told from anything
            lost |= ~marked if marked.mean() > HALF else marked
    return without_absurd(np.where(lost, np.float32(np.nan), image))
