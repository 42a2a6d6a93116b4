"""Which images of a folder or dataset are in which batch: epochs without repeats, a function of seed and position."""

from functools import lru_cache

import numpy as np


def batch_at(seed, first, batch_size, n, ordered=False):
    """The images, int64 (batch_size,), of the batch that begins at position `first` of a stream over a folder of n.

    In a batch that goes over the end of an epoch, images of the old one that would come again are left for later: they
    change places with the next ones of the new epoch. A folder of less than two batches has no room for that: each
    batch is a draw of its own. Only in a batch larger than the folder do images come more than once.

    ordered: the first epoch is in the order of the folder, as far as it fills batches.
    """
    if ordered and first + batch_size <= n:
        return np.arange(first, first + batch_size)
    if n < batch_size:
        return indices_at(seed, np.arange(first, first + batch_size), n, ordered)
    if n < 2 * batch_size:
        return np.random.default_rng([seed, int(first)]).permutation(n)[:batch_size]
    (epoch, place), shift = divmod(int(first), n), int(first) % batch_size
    begun = _without_repeats(seed, epoch, batch_size, n, shift, ordered)[place : place + batch_size]
    rest = _without_repeats(seed, epoch + 1, batch_size, n, shift, ordered)[: batch_size - len(begun)]
    return np.concatenate([begun, rest])


def indices_at(seed, positions, n, ordered=False):
    """The images, int64, at positions of a stream over a folder of n, but for what `batch_at` changes."""
    epochs, places = np.divmod(positions, n)
    return np.array([_order(seed, int(epoch), n, ordered)[place] for epoch, place in zip(epochs, places, strict=True)])


@lru_cache(maxsize=4)  # of the epoch that ends and of the one that begins
def _without_repeats(seed, epoch, batch_size, n, shift, ordered):
    """The order of an epoch in which no image is twice in a batch; n >= 2 batch_size; `shift`: of the first batch."""
    order = _order(seed, epoch, n, ordered)
    old = (epoch * n - shift) % batch_size  # images of the epoch before that are in the first batch
    if old == 0 or epoch == 0:
        return order
    order, new = order.copy(), batch_size - old
    # The last images of an epoch are as they were drawn: with two batches or more, places enough come before them.
    before = _order(seed, epoch - 1, n, ordered)[-old:]
    repeated = np.flatnonzero(np.isin(order[:new], before))
    free = new + np.flatnonzero(~np.isin(order[new:], before))[: len(repeated)]
    order[repeated], order[free] = order[free], order[repeated]
    return order


@lru_cache(maxsize=4)
def _order(seed, epoch, n, ordered):
    if ordered and epoch == 0:
        return np.arange(n)
    return np.random.default_rng([seed, epoch]).permutation(n)
