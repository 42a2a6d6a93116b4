"""Files of images to train on: what each holds, and one image read from them."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from . import arrays, fits_images, object_arrays, zarr_groups
from .suffixes import FITS, NPY, NPZ, has_suffix
from .unreadable import Unreadable, reading
from .values import is_padding, without_absurd

FORMATS = {"npy": NPY, "npz": NPZ, "FITS": FITS}
ZARR = "Zarr v3 group with an array images"
MAX_BANDS = 13  # of Sentinel-2, which nobody exceeds: an axis that is longer counts images, or pixels
SMALLEST = 8  # pixels along an edge
# What the images in an .npz are called; without such a name, the only array that may be images is taken.
ARRAY_NAMES = ("images", "image", "data", "imgs", "img", "x", "x_train", "sci")


class Layout(NamedTuple):
    """What the axes of an array of images are."""

    stack: tuple  # lengths of the leading axes, which count images: (), (n,) or (n, views)
    bands: int
    height: int
    width: int
    bands_last: bool

    @property
    def count(self):
        """Images in the array; each view is one."""
        return int(np.prod(self.stack, dtype=int))


@dataclass(frozen=True)
class Source:
    """Where images are read from."""

    path: Path
    form: str  # of FORMATS, or ZARR
    place: (
        object  # the array in an .npz, a `fits_images.Place`, `object_arrays.Mass`, or the open array of a Zarr group
    )
    layout: Layout
    used: str  # what is read of the file, and what is not


def look(path):
    """The `Source` of a file, from its header alone. Raises: DataError if it holds no image, or Python objects."""
    form, header = (ZARR, path / "images" / "zarr.json") if path.is_dir() else (_form(path), path)
    if form == ZARR and not header.exists():
        held = ", ".join(sorted(inner.parent.name for inner in path.glob("*/zarr.json"))) or "nothing"
        raise Unreadable(path, form, f"it holds {held}")
    with reading(path, form):
        state = header.stat()
    return _look(path, form, (state.st_mtime_ns, state.st_size))


def _form(path):
    return next((form for form, suffixes in FORMATS.items() if has_suffix(path, suffixes)), "FITS")


@lru_cache(maxsize=1_000_000)  # a training opens its folder several times, and a header may take a millisecond
def _look(path, form, state):
    """The `Source`; `state` makes the cache forget a file that has changed."""
    place, shape, dtype, used = _LOOKS[form](path)
    if dtype.kind not in "fiub":
        raise DataError(f"{path}: holds {dtype}, expected real numbers")
    layout = layout_of(shape)
    if layout is None:
        raise DataError(
            f"{path}: an array of shape {tuple(shape)} is no image; expected (height, width), (bands, height, width), "
            f"(height, width, bands) or a stack of these, of {SMALLEST} pixels or more and at most {MAX_BANDS} bands"
        )
    if layout.bands > 1 and len(shape) == 3 and not (form == "FITS" and place.stacked):
        n, stack = layout.bands, (layout.bands, 1, layout.height, layout.width)
        used += f" of shape {tuple(shape)}, one image of {n} bands ({n} images of one band have the shape {stack})"
    return Source(path, form, place, layout, used)


def _look_npy(path):
    try:
        return "", *arrays.look(path), "the array"
    except Unreadable as error:
        if error.reason != arrays.PICKLE:
            raise
    image, mass = object_arrays.read(path)
    return object_arrays.Mass(mass), image.shape, image.dtype, "the image of DeepLense's [image, mass]"


def _look_npz(path):
    headers = {name: arrays.look(path, name) for name in arrays.names(path)}
    if not headers:
        raise Unreadable(path, "npz", "it holds no array")
    images = [n for n, (shape, dtype) in headers.items() if dtype.kind in "fiub" and layout_of(shape) is not None]
    named = [n for wanted in ARRAY_NAMES for n in headers if n.lower() == wanted]
    if not named and len(images) > 1:
        raise DataError(
            f"{path}: holds {len(images)} arrays that may be images, {', '.join(images)}; expected one called images"
        )
    name = next((n for n in named if n in images), None) or (named or images or list(headers))[0]
    others = [n for n in headers if n != name]
    return name, *headers[name], f"array {name}" + (f"; not used: {', '.join(others)}" if others else "")


def _look_fits(path):
    place, shape, used = fits_images.look(path)
    return place, shape, np.dtype(float), used


def _look_zarr(path):
    images = zarr_groups.open_array(path, "images")
    return images, images.shape, zarr_groups.dtype_of(images), "array images"


_LOOKS = {"npy": _look_npy, "npz": _look_npz, "FITS": _look_fits, ZARR: _look_zarr}


def layout_of(shape):
    """`Layout` of an array: (h, w), (bands, h, w), (h, w, bands), (n, h, w), (n, bands, h, w), (n, h, w, bands) or
    (n, views, bands, h, w); None if it is none of them. Of several readings the first counts, e.g. 3 planes are bands.
    """
    stack, rest = (), tuple(shape)
    if len(rest) > 3 or (len(rest) == 3 and min(rest[0], rest[2]) > MAX_BANDS):
        axes = max(1, len(rest) - 3)
        stack, rest = rest[:axes], rest[axes:]
    if len(rest) == 2:
        rest = (1, *rest)
    if len(rest) != 3 or len(stack) > 2:
        return None
    bands_last = rest[0] > MAX_BANDS
    bands, height, width = (rest[2], *rest[:2]) if bands_last else rest
    if not 1 <= bands <= MAX_BANDS or min(height, width) < SMALLEST or not all(stack):
        return None
    return Layout(stack, bands, height, width, bands_last)


def read(source, number, unpacked=None):
    """Image `number` of a source: float32 (bands, height, width), native; NaN where a pixel is bad or missing.

    unpacked: path of `unpack`, to be read instead of an .npz archive. Raises: DataError for a damaged file.
    """
    layout = source.layout
    index = (*(int(i) for i in np.unravel_index(number, layout.stack)), ...) if layout.stack else (...,)
    with reading(source.path, source.form), np.errstate(over="ignore"):
        image = np.array(_part(source, index, unpacked), dtype=np.float32)
    if image.ndim == 2:
        image = image[None]
    elif layout.bands_last:
        image = np.ascontiguousarray(np.moveaxis(image, -1, 0))
    image = without_absurd(image)
    for band in image:
        band[is_padding(band)] = np.nan
    return image


def _part(source, index, unpacked):
    """A part of the source's array, without reading more than that where the format allows it."""
    if source.form == "FITS":
        return fits_images.read(source.path, source.place, index)
    if source.form == ZARR:
        return zarr_groups.read(source.place, index)
    if isinstance(source.place, object_arrays.Mass):
        return object_arrays.read(source.path).image[index]
    if source.form == "npz" and unpacked is None:
        return arrays.read(source.path, source.place)[index]
    return arrays.mapped(unpacked or source.path)[index]


def unpack(source, path):
    """Copy the array of an .npz to an .npy file, of which single images can be read."""
    arrays.unpack(source.path, source.place, path)
