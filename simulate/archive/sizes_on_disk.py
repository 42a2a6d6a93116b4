"""How many bytes a dataset takes, and whether its disk has as many."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from math import prod
from pathlib import Path

from ...errors import DataError
from ...files.fits_writing import BLOCK, CARD
from ..systems.draw import Views, by_grid, draw_systems
from ..systems.scene import Scene
from .description import Description, Shard
from .image_facts import has_noise_model, psf_kernels
from .samples import make_samples

PACKED = 1 / 16  # of the bytes of a mask are left when it is compressed, about


def bytes_of_images(scene: Scene, views: Views) -> int:
    """Of a system's images."""
    return _bytes_of_one(make_samples(scene, [], views).images)


def bytes_of_systems(scene: Scene, description: Description) -> int:
    """Of a system on disk, about: what its format stores, and its rows of the table of labels."""
    like = make_samples(scene, [], description.drawn_views)
    stored = _BY_FORMAT.get(description.format, _arrays)(scene, description, like)
    return round(stored + _bytes_of_rows(description, like))


def check_space(
    folder: Path, description: Description, scene: Scene, shards: Sequence[Shard] | None = None, freed: int = 0
) -> None:
    """Raise DataError if the disk has no room for shards, all of them if None. freed: bytes that will be, too."""
    count = description.count if shards is None else sum(shard.count for shard in shards)
    needed, place = count * bytes_of_systems(scene, description), folder.absolute()
    while not place.exists():
        place = place.parent
    with suppress(OSError):  # a place that does not say
        free = shutil.disk_usage(place).free + freed
        if needed > free:
            raise DataError(
                f"{folder}: {count:,} systems need {in_words(needed)}, and its disk has {in_words(free)} free: "
                "give a smaller --count or another --out"
            )


def in_words(size: float) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if size >= 10 or unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _bytes_of_one(arrays):
    return sum(array.dtype.itemsize * prod(array.shape[1:]) for array in arrays.values())


def _bytes_of_rows(description, like):
    """Of labels in a table with a row for each image."""
    return 8 * len(like.labels) * description.views


def _arrays(scene, description, like):
    return _bytes_of_one(like.images) + PACKED * _bytes_of_one(like.masks) + _bytes_of_one(like.labels)


def _zarr(scene, description, like):
    """As arrays, but shards of labels are never less than full: there are always `shard_size` of them."""
    full = len(description.shards) * description.shard_size / description.count
    return _arrays(scene, description, like) + (full - 1) * _bytes_of_one(like.labels)


def _parquet(scene, description, like):
    """Fluxes, their inverse variances, packed masks and labels."""
    fluxes = _bytes_of_one(like.images) * (2 if has_noise_model(scene) else 1)
    return fluxes + PACKED * _bytes_of_one(like.masks) + _bytes_of_rows(description, like)


def _npy(scene, description, like):
    return _bytes_of_one(like.images) + 128 * description.views + _bytes_of_one(like.masks) + _bytes_of_one(like.labels)


def _fits(scene, description, like):
    """A primary header for each image, and four extensions for each of its bands."""
    one = draw_systems(scene, [description.start], description.drawn_views)
    size = description.views * _blocks(CARD * (len(like.labels) + len(scene.config.classes) + 12))
    for images, (grid, systems) in zip(like.images.values(), by_grid(scene, one), strict=True):
        kernels, pixels = psf_kernels(grid), prod(images.shape[-2:])
        for band in range(len(grid.bands)):
            facts = (float(systems.optics[name][0, 0, band]) for name in ("fwhm", "beta", "kernel"))
            parts = [4 * pixels, pixels, 4 * kernels(band, *facts).size]
            parts += [4 * pixels] if has_noise_model(scene) else []
            size += description.views * sum(BLOCK + _blocks(part) for part in parts)
    return size


def _pairs(scene, description, like):
    """A header with all labels and a cube, and a cube of masks."""
    numbers = sum(prod(values.shape[1:]) for values in like.labels.values())
    size = _blocks(CARD * (numbers + 18)) + _blocks(_bytes_of_one(like.images))
    return size + (BLOCK + _blocks(_bytes_of_one(like.masks)) if like.masks else 0)


def _blocks(size):
    """Bytes of FITS, which fill whole blocks."""
    return -(-size // BLOCK) * BLOCK


_BY_FORMAT = {"zarr": _zarr, "fits": _fits, "fits-pairs": _pairs, "parquet": _parquet, "npy-folders": _npy}
