"""Look at some of a set's images: their fluxes, lost pixels, and which show nothing or are there twice."""

import hashlib
from dataclasses import dataclass

import numpy as np

from ...progress import bar

MOST = 256  # images that are looked at
KEPT = 24  # of them are kept for a picture
SLOW = 64  # images from which on a progress bar is worth it


@dataclass(frozen=True)
class Survey:
    """What was seen in some images of a set."""

    numbers: np.ndarray  # int (n,), which were looked at
    images: tuple[np.ndarray, ...]  # up to KEPT, float32 (bands, height, width), NaN where a pixel is lost
    shown: tuple[int, ...]  # their numbers
    lost: float  # share of the pixels
    with_lost: int  # images with a lost pixel
    empty: tuple[int, ...]  # numbers of images of one value, or without any
    equal: tuple[tuple[int, int], ...]  # pairs of numbers of images that are the same
    fluxes: tuple[float, float, float]  # 1st, 50th and 99th percentile of a typical image, NaN without any


def survey(images, most=MOST):
    """The `Survey` of up to `most` images of a `files.image_sets.ImageSet`, evenly through it; views are one image.

    Raises: DataError for one that cannot be read.
    """
    n = len(images)
    numbers = np.unique(np.linspace(0, n - 1, min(most, n)).round().astype(int))
    kept_at = set(np.unique(np.linspace(0, len(numbers) - 1, min(KEPT, len(numbers))).round().astype(int)).tolist())
    kept, shown, empty, equal, seen, percentiles = [], [], [], [], {}, []
    lost = pixels = with_lost = 0
    with bar("reading images", len(numbers), show=len(numbers) >= SLOW) as progress:
        for k, number in enumerate(numbers.tolist()):
            image = images.read(number)
            there = np.isfinite(image)
            bad = image.size - int(there.sum())
            lost, pixels, with_lost = lost + bad, pixels + image.size, with_lost + (bad > 0)
            values = image[there]
            if values.size == 0 or values.min() == values.max():
                empty.append(number)
            else:
                percentiles.append(np.percentile(values, [1, 50, 99]))
                digest = hashlib.sha256(np.ascontiguousarray(image).tobytes()).digest()
                first = seen.setdefault(digest, number)
                equal += [(first, number)] if first != number else []
            if k in kept_at:
                kept.append(image[0])
                shown.append(number)
            progress.update(k + 1)
    low, middle, high = np.median(percentiles, axis=0) if percentiles else (np.nan,) * 3
    return Survey(
        numbers=numbers,
        images=tuple(kept),
        shown=tuple(shown),
        lost=lost / max(pixels, 1),
        with_lost=with_lost,
        empty=tuple(empty),
        equal=tuple(equal),
        fluxes=(float(low), float(middle), float(high)),
    )
