"""Samples as a dataset stores them: systems drawn and rendered as the stream does, bit for bit, without torch."""

import hashlib
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..core.arguments import system_indices
from ..label_table import COUNTS
from ..labels import derived_labels, labels
from ..render import render_all
from ..selection import draw
from ..systems.draw import Systems, Views, draw_systems
from ..systems.scene import Scene

CHECKED = 1 << 16  # bytes that one checksum is of
PIECE = 256  # systems that are made at once: what is between parameters and images stays small


@dataclass(frozen=True)
class Samples:
    """n systems with v views in b bands, ready to be stored."""

    scene: Scene
    systems: Systems
    # float32 (n, v, b, num_pix, num_pix) [counts/s/pixel] by the names of `image_names`, row 0 at the bottom
    images: dict[str, np.ndarray]
    masks: dict[str, np.ndarray]  # bool of the same shapes, True where lost; empty if no instrument loses pixels
    labels: dict[str, np.ndarray]  # float64 (n,) or (n, v), NaN where there is none; those of COUNTS are int64

    @property
    def indices(self) -> np.ndarray:
        """uint64 (n,)."""
        return self.systems.indices


@dataclass(frozen=True)
class Stored:
    """What was read of a shard: `Samples` without their parameters."""

    indices: np.ndarray  # uint64 (n,)
    images: dict[str, np.ndarray]
    masks: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]


def make_samples(
    scene: Scene, indices: ArrayLike, views: Views, threads: int = 1, made: Callable[[int], None] | None = None
) -> Samples:
    """Draw and render the systems `indices`, as `stream.simulate` does; of none, arrays have the length 0.

    The labels are float64; as float32 they are those of the stream, and so are images and masks. threads: each makes
    whole systems with their labels; the result does not depend on it. made: is told, in these threads, how many
    systems more are made.

    Raises: SelectionError and ArgumentError as `selection.draw`.
    """
    indices = system_indices(indices)
    if len(indices) <= PIECE:
        return _make_piece(scene, indices, views, made)
    like = _make_piece(scene, indices[:0], views, None)
    whole = {group: _longer(getattr(like, group), len(indices)) for group in ("images", "masks", "labels")}
    attempts = np.empty((len(indices), views.n), np.int64)

    def make(first):
        rows = slice(first, first + PIECE)
        piece = _make_piece(scene, indices[rows], views, made)
        attempts[rows] = piece.systems.attempt
        for group, arrays in whole.items():
            for name, held in arrays.items():
                held[rows] = getattr(piece, group)[name]

    pool = ThreadPoolExecutor(threads)
    try:
        list(pool.map(make, range(0, len(indices), PIECE)))
    finally:
        pool.shutdown(cancel_futures=True)
    # The parameters are drawn once more, with the attempts that are known now
    return Samples(scene, draw_systems(scene, indices, views, attempts), **whole)


def _longer(arrays, n):
    """Arrays of the same names, types and shapes, but for n systems."""
    return {name: np.empty((n, *array.shape[1:]), array.dtype) for name, array in arrays.items()}


def _make_piece(scene, indices, views, made):
    """`Samples` of systems that are made at once."""
    systems = draw(scene, indices, views)
    rendered = render_all(scene, systems, arcs=True)  # always: the last bit depends on it
    values = labels(systems) | derived_labels(scene, systems, rendered.arcs)
    values = {n: np.rint(v).astype(np.int64) if n in COUNTS else v for n, v in values.items()}
    if made is not None:
        made(len(indices))
    return Samples(
        scene,
        systems,
        images=dict(zip(image_names(scene), _by_grid(rendered.images), strict=True)),
        masks={} if rendered.mask is None else dict(zip(mask_names(scene), _by_grid(rendered.mask), strict=True)),
        labels=values,
    )


def image_names(scene: Scene) -> dict[str, Scene]:
    """The names of the arrays of images, each with its pixel grid: images, or images_VIS, images_Y-J-H of several."""
    return {f"images{ending}": grid for ending, grid in _endings(scene).items()}


def mask_names(scene: Scene) -> dict[str, Scene]:
    """The names of the arrays of lost pixels, each with its pixel grid, whether there are any or not."""
    return {f"mask{ending}": grid for ending, grid in _endings(scene).items()}


def _endings(scene):
    """What the name of an array says of its pixel grid, with the scene of that grid."""
    grids = scene.grids
    if len(grids) == 1:
        return {"": scene}
    return {"_" + re.sub(r"[^\w.+-]", "_", "-".join(grid.bands)): grid for grid in grids}


def _by_grid(arrays):
    return arrays if isinstance(arrays, tuple) else (arrays,)


def content_digest(samples: Samples | Stored) -> str:
    """SHA-256 of the names, shapes and types of indices, images, masks and labels, and of CRC32Cs of their bytes.

    In hexadecimal. It tells equal numbers from others that some arithmetic gave, and is ten times as fast as a SHA-256
    of them all, which would take as long as writing them.
    """
    import google_crc32c

    digest = hashlib.sha256()
    values = {n: np.where(np.isnan(v), np.nan, v) if v.dtype.kind == "f" else v for n, v in samples.labels.items()}
    for group in ({"index": samples.indices}, samples.images, samples.masks, values):  # any NaN is as good as another
        for name, array in sorted(group.items()):
            array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
            digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            data = array.reshape(-1).view(np.uint8)
            for k in range(0, len(data), CHECKED):
                digest.update(google_crc32c.value(data[k : k + CHECKED]).to_bytes(4, "little"))
    return digest.hexdigest()
