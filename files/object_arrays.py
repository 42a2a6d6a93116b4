"""DeepLense's files of axion halos: .npy files with Python objects, [image, mass], read without unpickling."""

from typing import NamedTuple

import numpy as np

from . import arrays, pickled
from .unreadable import Unreadable

EXPECTED = f"{arrays.PICKLE}; only DeepLense's [image, mass] is read"


class ImageAndMass(NamedTuple):
    """What a file holds."""

    image: np.ndarray  # of numbers, in the file's own type; read from the file when it is used
    mass: float  # of the axion, in the file's unit; NaN without one


class Mass(NamedTuple):
    """The place of such an image in its file, with the label that stands beside it."""

    value: float


def read(path):
    """The `ImageAndMass` of a file. Raises: Unreadable (a DataError) for any other pickle, of which nothing is run."""
    try:
        held = pickled.unboxed(pickled.read(path, "npy", arrays.start_of_objects(path)))
    except Unreadable as error:
        raise Unreadable(path, "npy", f"{EXPECTED}, and {error.reason}") from None
    items = [pickled.unboxed(item) for item in held] if isinstance(held, list) else []
    image = items[0] if items else None
    if not isinstance(image, np.ndarray) or image.dtype.kind not in "fiub" or not 1 <= len(items) <= 2:
        raise Unreadable(path, "npy", EXPECTED)
    mass = items[1] if len(items) == 2 else np.nan
    mass = mass.item() if isinstance(mass, np.ndarray) and mass.size == 1 else mass
    if not isinstance(mass, int | float | np.number):
        raise Unreadable(path, "npy", f"{EXPECTED}, and what lies beside the image is no number")
    return ImageAndMass(image, float(mass))
