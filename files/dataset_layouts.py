"""What a path holds: the list of all layouts of data sets that are understood, tried one after the other."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ..errors import DataError
from . import (
    band_folders,
    class_folders,
    fits_table,
    hdf5_images,
    image_folders,
    lensiam_pairs,
    own_archives,
    parquet_images,
    resolution_pairs,
)
from .class_names import with_classes_by_name, with_classes_by_pattern
from .file_groups import counted
from .given_labels import with_given_table
from .image_sets import ImageSet
from .label_tables import CALLED, with_table
from .paths import usable
from .split_lists import with_splits
from .states import state_of
from .suffixes import FITS, HDF5, IMAGES, PARQUET, has_suffix, stem

# Each has a function recognise, `Contents` -> `ImageSet` or None; the first that knows a place counts, the last takes
# any images. Another layout is a module of its own and an entry here.
LAYOUTS = (
    own_archives,
    lensiam_pairs,
    resolution_pairs,
    band_folders,
    hdf5_images,
    parquet_images,
    class_folders,
)
EXPECTED = f"expected images ({', '.join(IMAGES + HDF5 + PARQUET)}, a Zarr group), or a folder of them"


class Contents(NamedTuple):
    """What lies at a path, by names alone."""

    path: Path
    images: list  # paths of image files and Zarr groups, sorted
    classes: list  # of each, or None
    others: list  # paths of other files
    notes: list  # sentences on companions of images that are not read


def identify(path, labels=None, class_from=None) -> ImageSet:
    """The `image_sets.ImageSet` that a path holds, from the headers of its files, the lists and the table beside them.

    It is looked at once, and again when files there have changed.

    Args: labels: a table in place of the one beside them (see `given_labels`). class_from: a pattern with one group,
    which is the class in the names of the files.
    Raises: DataError, one sentence, if there is nothing, no data set, or a file of it cannot be read or does not fit.
    """
    path = usable(path)
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder; {EXPECTED}")
    labels = None if labels is None else usable(labels)
    return _identified(path, state_of(path), labels, 0 if labels is None else state_of(labels), class_from)


@lru_cache(maxsize=8)  # a run asks for its images once for each encoder, and for several purposes
def _identified(path, state, labels, state_of_labels, class_from):
    """As `identify`; the states make the cache forget a place that has changed."""
    place = place_of(path)
    if labels is not None:
        place = _without(place, labels)
    found = recognised(place)
    if found is None:
        held = f"; it holds {counted(place.others)}" if path.is_dir() else ""
        raise DataError(f"{path}: no data set that is known{held}; {EXPECTED}")
    if found.kind == own_archives.KIND:
        if labels is not None or class_from is not None:
            raise DataError(f"{path}: is a dataset of LenStream, which has its labels; expected no others")
        return found
    parts = getattr(found.read, "parts", ())  # of files that are no images, but hold some
    others = [other for other in place.others if other not in {part.path for part in parts}]
    found = with_classes_by_name(found) if class_from is None else with_classes_by_pattern(found, class_from)
    found, others = with_splits(found, others)
    found, others = with_table(found, others) if labels is None else (with_given_table(found, labels), others)
    if others:
        found = replace(found, notes=(*found.notes, f"left out, as they are no images: {counted(others)}"))
    return found


def recognised(place: Contents) -> ImageSet | None:
    """The set that the first layout sees which knows a place, without lists and tables beside it; None if none does.

    Raises: DataError if the layout that knows it finds something wrong.
    """
    return next((found for layout in LAYOUTS if (found := layout.recognise(place)) is not None), None)


def place_of(path) -> Contents:
    """What lies at a path, by names alone. Raises: DataError if a folder cannot be read."""
    if path.is_dir() and not (path / own_archives.FILE).is_file():
        found, others = image_folders.search(path)
        tables = [p for p, _ in found.files if has_suffix(p, FITS) and CALLED.search(p.name) and fits_table.names(p)]
        images = [(image, name) for image, name in found.files if image not in tables]
        return Contents(path, [i for i, _ in images], [name for _, name in images], [*others, *tables], found.notes)
    images = [path] if has_suffix(path, IMAGES) else []
    beside = [] if path.is_dir() else _beside(path)
    return Contents(path, images, [None] * len(images), beside if images else [path, *beside], [])


def _without(place, labels):
    """`Contents` without a table, which may look like an image."""
    real = labels.resolve()
    kept = [(image, name) for image, name in zip(place.images, place.classes, strict=True) if image.resolve() != real]
    others = [other for other in place.others if other.resolve() != real]
    return place._replace(images=[i for i, _ in kept], classes=[name for _, name in kept], others=others)


def _beside(path):
    """The files with labels of a single file: those of the same name with another suffix."""
    own = f"{stem(path)}."
    return [p for p in sorted(path.parent.glob("*")) if p != path and p.is_file() and p.name.startswith(own)]
