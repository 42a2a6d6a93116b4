"""HDF5 files of images: those of the Multimodal Universe (image_array with image_ivar, ...), or any array of images."""

import math
import os
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from .image_files import ARRAY_NAMES, Layout, layout_of
from .image_sets import ImageSet, look_at, names_of, odd_shapes, placed, split_numbers
from .label_tables import labelled
from .lost_pixels import marks_good, without_lost
from .suffixes import HDF5, has_suffix
from .unreadable import Unreadable, check_is_file, reading

FORM = "HDF5"
KIND = "HDF5 images"
UNIVERSE = "image_array"
NAMES = (UNIVERSE, *ARRAY_NAMES)  # of the images, in small letters
COMPANIONS = ("ivar", "mask", "psf_fwhm", "scale", "band")
IDS = ("object_id", "name", "names", "id", "ids", "index")
MOST_VIRTUAL = 100_000_000  # images of an array that is made of others, and may say anything of its length
N_MASKS = 64  # images whose masks say of all which way round they are


class Stack(NamedTuple):
    """The images of a file."""

    path: Path
    name: str  # of the dataset
    layout: Layout
    alone: bool  # one image (height, width, bands), without an axis that counts
    ivar: str | None  # names of datasets of the same shape
    mask: str | None
    bands: tuple[str, ...]
    scale: float | None  # arcsec
    columns: dict[str, np.ndarray]  # other datasets with a number or word for each image
    others: tuple[str, ...]  # names of what is not read


@dataclass(frozen=True)
class ReadStacks:
    """Reads image by image from HDF5 files; goes into other processes."""

    parts: tuple  # `Stack`
    ends: np.ndarray
    views: int
    good: bool  # masks are true where a pixel is good

    def __call__(self, index):
        number, within = placed(self.ends, index)
        stack = self.parts[number]
        with reading(stack.path, FORM):
            held = _kept_open(stack.path, stack.path.stat().st_mtime_ns, os.getpid())
            part = ... if stack.alone else within
            image, ivar, mask = (None if n is None else held[n][part] for n in (stack.name, stack.ivar, stack.mask))
            image = without_lost(np.asarray(image, np.float32), ivar, mask, self.good)
        layout = stack.layout
        if layout.bands_last:
            image = np.moveaxis(image, -1, -3)
        return np.ascontiguousarray(image).reshape(self.views, layout.bands, layout.height, layout.width)


def recognise(place):
    """The `ImageSet` of an HDF5 file or a folder of them, or None for any other `dataset_layouts.Contents`."""
    files = [path for path in place.others if has_suffix(path, HDF5)]
    if not files or place.images:
        return None
    stacks = look_at(files, look)
    views = {stack.layout.stack[1] if len(stack.layout.stack) == 2 else 1 for stack in stacks}
    shapes = Counter(stack.layout[1:4] for stack in stacks)
    if len(views) > 1 or len(shapes) > 1:
        raise DataError(f"{place.path}: its HDF5 files hold images of several shapes: {', '.join(odd_shapes(shapes))}")
    first, views = stacks[0], views.pop()
    counts = [stack.layout.stack[0] for stack in stacks]
    universe = first.name.lower() == UNIVERSE
    of = "of the Multimodal Universe's layout" if universe else f"with an array {first.name}"
    found = ImageSet(
        path=place.path,
        kind=KIND,
        what=f"{len(files)} HDF5 file{'s' * (len(files) > 1)} {of}",
        names=[
            name
            for stack, n in zip(stacks, counts, strict=True)
            for name in names_of(stack.columns, IDS, place.path, stack.path, n)
        ],
        views=views,
        bands=first.bands,
        height=first.layout.height,
        width=first.layout.width,
        read=ReadStacks(tuple(stacks), np.cumsum(counts), views, _marks_good(first)),
        pixel_scale=first.scale,
        notes=tuple(f"not read: {', '.join(first.others)}" for _ in [0] if first.others),
    )
    columns = {name: [stack.columns.get(name) for stack in stacks] for name in first.columns}
    whole = {name: np.concatenate(parts) for name, parts in columns.items() if all(part is not None for part in parts)}
    found = labelled(found, {name: values for name, values in whole.items() if name.lower() not in IDS})
    files_of = [stack.path.relative_to(place.path).as_posix() if place.path.is_dir() else "" for stack in stacks]
    return found if not place.path.is_dir() else _with_splits(found, files_of, counts)


def _marks_good(stack):
    """Whether masks are true where a pixel is good: beside weights as the Multimodal Universe has it, else by some."""
    if stack.mask is None or stack.ivar is not None or stack.name.rsplit("/", 1)[-1].lower() == UNIVERSE:
        return True
    with reading(stack.path, FORM), _opened(stack.path) as held:
        return marks_good(held[stack.mask][:N_MASKS])


def _with_splits(found, files, counts):
    return replace(found, splits=split_numbers(np.repeat(files, counts)))


def look(path):
    """The `Stack` of a file, from its header. Raises: Unreadable (a DataError) if it holds no images, or h5py lacks."""
    check_is_file(path, FORM)
    with reading(path, FORM), _opened(path) as held:
        shapes = {}
        held.visititems(lambda name, item: shapes.update({name: item}) if hasattr(item, "shape") else None)
        images = {n: layout_of(d.shape) for n, d in shapes.items() if d.dtype.kind in "fiu" and len(d.shape) > 2}
        images = {n: layout for n, layout in images.items() if layout is not None}
        named = [n for wanted in NAMES for n in images if n.rsplit("/", 1)[-1].lower() == wanted]
        if not images or (len(images) > 1 and not named):
            listed = ", ".join(list(shapes)[:8]) or "nothing"
            raise Unreadable(path, FORM, f"it holds {'several arrays' if images else 'no array'} of images: {listed}")
        name = (named or list(images))[0]
        _check_is_there(path, shapes[name])
        layout = images[name]
        n, *rest = shapes[name].shape
        if not layout.stack and not layout.bands_last:  # (n, h, w) of few images
            layout = Layout((n,), 1, *rest, False)
        alone = not layout.stack
        return _stack(path, name, layout._replace(stack=layout.stack or (1,)), alone, shapes)


def _check_is_there(path, data):
    """Raise Unreadable for an array that lacks bytes or chunks, in whose place HDF5 would read a constant."""
    if data.is_virtual:
        if len(data) > MOST_VIRTUAL:
            raise Unreadable(path, FORM, f"it says that it is a view of {len(data):,} images, which nobody has")
        return
    if data.chunks is None:
        said = math.prod(data.shape) * data.dtype.itemsize
        there = said if data.external else data.id.get_storage_size()
        if there < said:
            raise Unreadable(path, FORM, f"it was cut short: {said - there:,} of its {said:,} bytes are not there")
        return
    chunks = math.prod(-(-n // c) for n, c in zip(data.shape, data.chunks, strict=True))
    there = data.id.get_num_chunks()
    if there < chunks:
        raise Unreadable(path, FORM, f"it was cut short: {chunks - there:,} of its {chunks:,} chunks are not there")


def _stack(path, name, layout, alone, shapes):
    before = name.removesuffix("array").removesuffix("images").removesuffix("image")
    beside = {word: f"{before}{word}" for word in COMPANIONS}
    beside = {word: other for word, other in beside.items() if other in shapes}
    same = {w: o for w, o in beside.items() if w in ("ivar", "mask") and shapes[o].shape == shapes[name].shape}
    n = layout.stack[0]
    columns = {
        other: data
        for other, data in shapes.items()
        if other not in beside.values() and data.shape == (n,) and data.dtype.kind in "fiubSOU"
    }
    others = tuple(o for o in shapes if o not in (name, *beside.values(), *columns))
    return Stack(
        path,
        name,
        layout,
        alone,
        same.get("ivar"),
        same.get("mask"),
        _band_names(shapes, beside.get("band"), layout.bands),
        _scale(shapes, beside.get("scale")),
        {other.rsplit("/", 1)[-1]: _values(data) for other, data in columns.items()},
        others,
    )


def _values(data):
    values = data[()]
    return np.char.decode(values.astype("S"), "utf-8", "replace") if values.dtype.kind in "SO" else values


def _band_names(shapes, name, bands):
    if name is None or shapes[name].ndim != 2 or shapes[name].shape[1] != bands:
        return ("",) * bands
    return tuple(b.decode("utf-8", "replace") if isinstance(b, bytes) else str(b) for b in shapes[name][0])


def _scale(shapes, name):
    values = None if name is None else np.unique(np.asarray(shapes[name][()], float))
    return float(values[0]) if values is not None and len(values) == 1 and values[0] > 0 else None


def _opened(path):
    try:
        import h5py
    except ImportError:
        raise Unreadable(path, FORM, "h5py is not installed; pip install 'lenstream[archive]' brings it") from None
    return h5py.File(path, "r")


@lru_cache(maxsize=64)
def _kept_open(path, state, process):
    """The open file, for its next image; a file that has changed and a forked process get one of their own."""
    return _opened(path)
