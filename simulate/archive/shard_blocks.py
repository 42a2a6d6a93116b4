"""Pieces of a dataset in a format that is read by `formats.Format`: systems one by one where each has its own files."""

from . import formats
from .description import Shard
from .samples import make_samples
from .shard_making import opened

ONE_BY_ONE = ("fits", "fits-pairs")


def arrays(folder, description, shard):
    """The arrays of a dataset: name -> shape behind the axis of systems."""
    _, scene = opened(folder)
    like = make_samples(scene, [], description.drawn_views)
    held = like.images | like.masks | like.labels
    return {"index": ()} | {name: values.shape[1:] for name, values in held.items()}


def length(folder, description, name):
    """Systems that are read at once."""
    return 1 if description.format in ONE_BY_ONE else description.shard_size


def read(folder, description, shard, block, name):
    """All arrays of one system, or of a shard: name -> values. Raises: Unreadable that names the file."""
    _, scene = opened(folder)
    if description.format in ONE_BY_ONE:
        shard = Shard(shard.number, shard.first + block, 1)
    stored = formats.format_of(description.format).read(folder, description, scene, shard)
    return stored.images | stored.masks | stored.labels
