"""How far what this machine computes is from what is stored: processors of another kind differ in the last bits."""

from dataclasses import replace

import numpy as np

from ..packing import noise_levels
from ..systems.draw import by_grid
from .description import Shard
from .samples import image_names
from .shard_making import samples_of
from .statements import Statements

COMPARED = 64  # systems


def difference(said: Statements, shard: Shard, threads: int = 1) -> str:
    """What an intact shard's first systems differ by from what is computed here, in words; "" if by no bit.

    Images in units of the background's noise (of the brightest pixel where there is none), labels of their size.

    Raises: Unreadable for a shard that is not intact.
    """
    stored = said.format.read(said.folder, said.description, said.scene, shard)
    count = min(shard.count, COMPARED)
    here = samples_of(said.scene, said.description, replace(shard, count=count), threads)
    noisy = said.scene.config.observation.noise
    images = {name: (here.images[name], stored.images[name][:count]) for name in image_names(said.scene)}
    labels = {name: (here.labels[name], stored.labels[name][:count]) for name in here.labels}
    if all(np.array_equal(*pair, equal_nan=True) for pair in (*images.values(), *labels.values())):
        return ""
    grids = by_grid(said.scene, here.systems)
    scales = [
        noise_levels(*grid)[0].reshape(ours.shape[:3]) if noisy else np.abs(ours).max(axis=(3, 4))
        for grid, (ours, _) in zip(grids, images.values(), strict=True)
    ]
    of_images = max(_most(*pair, s[..., None, None]) for pair, s in zip(images.values(), scales, strict=True))
    of_labels = max((_most(*pair, np.nanmax(np.abs(pair[1]), initial=0.0)) for pair in labels.values()), default=0.0)
    return (
        f"on shard {shard.number}, which is intact, images differ by up to {of_images:.2g} "
        f"{'of the noise' if noisy else 'of the brightest pixel'}, labels by up to {of_labels:.2g} of their size"
    )


def _most(ours, theirs, scale):
    """The largest difference over a scale; infinite where only one of them is a number."""
    if not np.array_equal(np.isnan(ours), np.isnan(theirs)):
        return np.inf
    off = np.nan_to_num(np.abs(ours.astype(float) - theirs.astype(float)))
    return float(np.max(off / np.where(scale > 0, scale, np.inf), initial=0.0))
