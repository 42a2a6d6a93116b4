"""Room for what is read of a shard: arrays of the right names, types and shapes, still empty."""

import numpy as np

from .samples import Stored, make_samples


def room_for(scene, description, shard, images=True):
    """A `Stored` with the indices of a shard and with arrays to be filled; without images it has labels alone."""
    nothing = make_samples(scene, np.zeros(0, np.uint64), description.drawn_views)

    def room(arrays):
        return {name: np.empty((shard.count, *array.shape[1:]), array.dtype) for name, array in arrays.items()}

    indices = np.arange(shard.first, shard.first + shard.count, dtype=np.uint64)
    pixels = (room(nothing.images), room(nothing.masks)) if images else ({}, {})
    return Stored(indices, *pixels, room(nothing.labels))
