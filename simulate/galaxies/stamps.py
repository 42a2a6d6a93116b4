"""Galaxy images (stamps) for the INTERPOL profile: their sizes, joining several sets, and which are for tests."""

import hashlib
import logging
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

log = logging.getLogger("lenstream")

TRAIN, VALIDATION, TEST = 0, 1, 2
HELD_BACK = 0.1  # of the objects are for validation, and as many for tests


@dataclass(frozen=True, eq=False)  # known by identity, as what is computed of them is kept with them
class Stamps:
    """Galaxies as square images of one size, in one or several bands.

    images: float32, shape (n, b, size, size); each band sums to 1, is >= 0 and is 0 on its outermost ring of pixels.
        The centroid of the light of all bands is in the middle, at ((size - 1) / 2, (size - 1) / 2). Rows go up,
        columns to the right.
    R_half: shape (n,), radius of the circle about the middle that holds half of the light, in stamp pixels.
    pixel_scale: shape (n,), arcsec per stamp pixel; NaN where unknown, as for made-up galaxies.
    magnitude: shape (n, b), AB; NaN where unknown.
    redshift: shape (n,); NaN where unknown.
    names: the n galaxies' names; the same name is the same object.
    """

    images: np.ndarray
    R_half: np.ndarray
    pixel_scale: np.ndarray
    magnitude: np.ndarray
    redshift: np.ndarray
    names: tuple[str, ...]


def take(stamps, chosen):
    """The stamps with the given numbers (integers or bools, as numpy indexes), as Stamps."""
    chosen = np.arange(len(stamps.names))[chosen]
    arrays = {
        name: getattr(stamps, name)[chosen] for name in ("images", "R_half", "pixel_scale", "magnitude", "redshift")
    }
    return replace(stamps, **arrays, names=tuple(stamps.names[k] for k in chosen))


def join(pools):
    """Several pools as one, in order: padded with zeros to the largest stamp, one-band pools repeated in every band.

    Args: pools: list of Stamps, at least one; sizes all even or all odd, as padding must not move the middle of a stamp
        (every reader makes even sizes); bands 1 or one common number.
    Returns: Stamps; the first pool itself if it is the only one.
    Raises: ValueError for sizes or bands that do not go together.
    """
    if len(pools) == 1:
        return pools[0]
    size, bands = (max(pool.images.shape[axis] for pool in pools) for axis in (-1, 1))
    for pool in pools:
        if (size - pool.images.shape[-1]) % 2:
            raise ValueError(f"stamps of {pool.images.shape[-1]} and {size} pixels have no common middle")
        if pool.images.shape[1] not in (1, bands):
            raise ValueError(
                f"galaxies in {pool.images.shape[1]} bands cannot be joined with galaxies in {bands} bands"
            )

    def padded(images):
        images = np.broadcast_to(images, (len(images), bands, *images.shape[2:]))
        return np.pad(images, [(0, 0), (0, 0)] + 2 * [2 * ((size - images.shape[-1]) // 2,)])

    return Stamps(
        images=np.concatenate([padded(p.images) for p in pools]),
        R_half=np.concatenate([p.R_half for p in pools]),
        pixel_scale=np.concatenate([p.pixel_scale for p in pools]),
        magnitude=np.concatenate([np.broadcast_to(p.magnitude, (len(p.magnitude), bands)) for p in pools]),
        redshift=np.concatenate([p.redshift for p in pools]),
        names=tuple(name for p in pools for name in p.names),
    )


def split(names):
    """Which galaxies are for training, validation and test: 80, 10 and 10 per cent of the objects, by name.

    Objects are ordered by a checksum of their names, so neither the order of the catalogue nor what else is known of a
    galaxy matters, and all stamps of one name stay together. The last tenth is for tests, the tenth before it for
    validation, at least one object each; fewer than three objects are all for training, with a warning.

    Args: names: n strings.
    Returns: int8, shape (n,): 0 for training, 1 for validation, 2 for tests.
    """
    objects = sorted(set(names), key=lambda name: (hashlib.sha256(str(name).encode()).digest(), name))
    held_back = max(1, round(HELD_BACK * len(objects)))
    if len(objects) < 3:
        log.warning("%d galaxies cannot be split: training, validation and tests see the same ones.", len(objects))
        held_back = 0
    part = dict.fromkeys(objects, TRAIN)
    part |= dict.fromkeys(objects[len(objects) - 2 * held_back :], VALIDATION)
    part |= dict.fromkeys(objects[len(objects) - held_back :], TEST)
    return np.array([part[name] for name in names], dtype=np.int8)


@cache
def _rings(size):
    """Share of each pixel's light within radii of 0.5, 1.0, 1.5, ... pixels of the middle, shape (size, size * size).

    The light of a pixel is a bilinear tent over two by two pixels, as INTERPOL draws it.
    """
    fine = (np.arange(8) - 3.5) / 4.0
    tent = 1.0 - np.abs(fine)
    weights = np.outer(tent, tent) / tent.sum() ** 2
    place = np.arange(size) - 0.5 * (size - 1)
    rings = np.zeros((size + 1, size * size), np.float32)
    pixels = np.arange(size * size)
    for i, dy in enumerate(fine):
        for j, dx in enumerate(fine):
            ring = 2.0 * np.hypot((place + dy)[:, None], (place + dx)[None, :]).ravel()
            rings[np.minimum(ring.astype(int), size), pixels] += weights[i, j]  # the last one is all that is beyond
    return np.cumsum(rings[:-1], axis=0, dtype=np.float32)


def half_light_radii(images):
    """Radius of the circle about the middle that holds half of the light of each image, in pixels.

    Args: images: shape (n, size, size); light beyond the circle of radius size / 2 counts in the total only.
    Returns: float64, shape (n,).
    """
    size = images.shape[-1]
    rings, radii = _rings(size), 0.5 * np.arange(size + 1)
    out = np.empty(len(images))
    for k, image in enumerate(images):  # one by one: a product of matrices would round differently for another n
        light = np.concatenate(([0.0], rings @ np.asarray(image, np.float32).ravel()))
        # Within a ring of half a pixel the light goes as the area.
        out[k] = np.sqrt(np.interp(0.5 * float(image.sum(dtype=float)), light, radii**2))
    return out
