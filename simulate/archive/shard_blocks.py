"""Single systems of a dataset in a format whose module fills arrays with them (`fill`), whatever its files are."""

import numpy as np

from . import formats
from .samples import make_samples
from .shard_making import opened

ONE_BY_ONE = ("fits", "fits-pairs")  # formats that have the labels of a system in its own file


def known(folder, description, shard):
    """The scene of a dataset, and the shapes of all arrays behind the axis of systems, by name."""
    _, scene = opened(folder)
    like = make_samples(scene, [], description.drawn_views)
    held = like.images | like.masks | like.labels
    return scene, {"index": ()} | {name: values.shape[1:] for name, values in held.items()}


def shapes(facts, description):
    """The shapes that `known` says."""
    return facts[1]


def read(folder, description, facts, part, out):
    """Read images and masks of a part into arrays by name. Raises: Unreadable that names the file."""
    formats.format_of(description.format).fill(folder, description, facts[0], part, out)


def labels(folder, description, facts, part, names):
    """Labels of a part: name -> float64 (n, ...). Raises: Unreadable that names the file."""
    out = {name: np.empty((part.places.max() + 1, *facts[1][name])) for name in names}
    read(folder, description, facts, part, out)
    return {name: values[part.places] for name, values in out.items()}
