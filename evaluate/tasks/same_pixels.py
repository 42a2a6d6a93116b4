"""Images that are there twice, in one set or in two: by their pixels as networks get them, not by their names."""

import hashlib
from functools import lru_cache

import numpy as np

from .reading import in_pieces


@lru_cache(maxsize=6)  # sets are the same objects as long as their files are the same
def fingerprints(images):
    """A hash of the pixels of each image of a set, a tuple of bytes (n,).

    images: `ssl.set_images.SetImages`, or another with `read`. Raises: DataError for one that cannot be read.
    """
    found = []
    for some in in_pieces(images, np.arange(len(images)), "comparing images"):
        some = np.ascontiguousarray(some, dtype=np.float32) + np.float32(0)  # -0 is 0
        found += [hashlib.blake2b(pixels.tobytes(), digest_size=16).digest() for pixels in some]
    return tuple(found)


def shared(one, other):
    """Pairs (place in one, place in other) of equal fingerprints, a pair for each of `other` that is in `one`."""
    first = {}
    for place, value in enumerate(one):
        first.setdefault(value, place)
    return [(first[value], place) for place, value in enumerate(other) if value in first]
