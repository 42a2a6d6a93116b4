"""Parquet files with images, as the Multimodal Universe and Hugging Face have them: flux, band, ivar, mask, scale."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import parquet_table
from .image_files import layout_of
from .image_sets import ImageSet, look_at, names_of, placed, split_numbers, split_of
from .label_tables import labelled
from .lost_pixels import without_lost
from .suffixes import PARQUET, has_suffix
from .unreadable import Unreadable, check_is_file, reading

FORM = "Parquet"
KIND = "Parquet images"
COLUMNS = ("image", "images", "img", "flux")
IDS = ("object_id", "name", "id", "index")


class ImageRows(NamedTuple):
    """The images of a file."""

    path: Path
    column: str
    ends: np.ndarray  # rows up to the end of each row group
    columns: dict[str, np.ndarray]  # of numbers and words
    others: tuple[str, ...]


@dataclass(frozen=True)
class ReadTables:
    """Reads row by row from Parquet files, a row group at a time; goes into other processes."""

    parts: tuple  # `ImageRows`
    ends: np.ndarray

    def __call__(self, index):
        number, row = placed(self.ends, index)
        table = self.parts[number]
        group, within = placed(table.ends, row)
        with reading(table.path, FORM):
            held = _group(table.path, table.column, group, table.path.stat().st_mtime_ns)
            return _image(table.path, held, within)


def recognise(place):
    """The `ImageSet` of Parquet files with images, or None for any other `dataset_layouts.Contents`."""
    if place.images:
        return None
    files = [path for path in place.others if has_images(path)]
    if not files:
        return None
    tables = look_at(files, look)
    counts = [int(table.ends[-1]) for table in tables]
    read = ReadTables(tuple(tables), np.cumsum(counts))
    image = read(0)
    facts = _facts(tables[0])
    found = ImageSet(
        path=place.path,
        kind=KIND,
        what=f"{len(files)} Parquet file{'s' * (len(files) > 1)} with images in the column {tables[0].column}, as the "
        "Multimodal Universe and Hugging Face have them",
        names=[
            name
            for table, n in zip(tables, counts, strict=True)
            for name in names_of(table.columns, IDS, place.path, table.path, n)
        ],
        views=1,
        bands=facts[0] if len(facts[0]) == image.shape[1] else ("",) * image.shape[1],
        height=image.shape[2],
        width=image.shape[3],
        read=read,
        pixel_scale=facts[1],
        notes=tuple(f"not read: {', '.join(tables[0].others)}" for _ in [0] if tables[0].others),
    )
    columns = {name: [table.columns.get(name) for table in tables] for name in tables[0].columns}
    whole = {n: np.concatenate(p) for n, p in columns.items() if all(x is not None for x in p) and n.lower() not in IDS}
    words = [_split_word(place.path, table.path) for table in tables]
    splits = split_numbers(np.repeat([f"{word}/" for word in words], counts)) if all(words) else {}
    return replace(labelled(found, whole), splits=splits)


def _split_word(root, path):
    """The split that a file's name begins with, as in train-00000-of-00004.parquet, or a folder's; "" without one."""
    folders = () if path == root else path.relative_to(root).parts[:-1]
    words = (re.split("[-._]", path.name)[0], *reversed(folders))
    return next((word for word in words if split_of(word)), "")


def has_images(path):
    """Whether a file is Parquet with a column of images."""
    return has_suffix(path, PARQUET) and _column(_schema(path)) is not None


def look(path):
    """The `ImageRows` of a file: its row groups, and its columns of numbers and words; images are not read.

    Raises: Unreadable (a DataError) if the file cannot be read, holds no row or no such column.
    """
    schema = _schema(path)
    column = _column(schema)
    if column is None or _file(path, path.stat().st_mtime_ns).metadata.num_rows == 0:
        raise Unreadable(path, FORM, "it holds no images")
    metadata = _file(path, path.stat().st_mtime_ns).metadata
    ends = np.cumsum([metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)])
    plain = [f.name for f in schema if f.name != column and not _nested(f.type)]
    others = tuple(f.name for f in schema if f.name != column and _nested(f.type))
    return ImageRows(
        path, column, ends, {name: v for name, _, v in parquet_table.read(path, lambda name: name in plain)}, others
    )


def _schema(path):
    check_is_file(path, FORM)
    with reading(path, FORM):
        return _file(path, path.stat().st_mtime_ns).schema_arrow


@lru_cache(maxsize=256)
def _file(path, state):
    try:
        from pyarrow import parquet
    except ImportError:
        raise Unreadable(path, FORM, "pyarrow is not installed; pip install 'lenstream[archive]' brings it") from None
    return parquet.ParquetFile(path, memory_map=True)


def _nested(type_):
    from pyarrow import types

    return types.is_nested(_storage(type_))


def _storage(type_):
    return getattr(type_, "storage_type", type_)


def _column(schema):
    """The name of the column of images: a struct with flux, or nested lists of numbers; None without one."""
    for name in COLUMNS:
        if name in schema.names:
            type_ = _storage(schema.field(name).type)
            fields = _fields(type_)
            if "flux" in fields or (not fields and _depth(type_) >= 2):
                return name
    return None


def _fields(type_):
    """Names of the fields of a struct, or of the structs in a list."""
    from pyarrow import types

    if _depth(type_) == 1:
        type_ = _storage(type_.value_type)
    return [field.name for field in type_] if types.is_struct(type_) else []


def _depth(type_):
    """How many lists are within one another."""
    from pyarrow import types

    depth, type_ = 0, _storage(type_)
    while types.is_list(type_) or types.is_large_list(type_) or types.is_fixed_size_list(type_):
        depth, type_ = depth + 1, _storage(type_.value_type)
    return depth


@lru_cache(maxsize=2)
def _group(path, column, group, state):
    """The images of a row group."""
    held = _file(path, state).read_row_group(group, columns=[column]).column(0).combine_chunks()
    return held.storage if hasattr(held, "storage") else held


def _image(path, held, row):
    """One image of a row group, float32 (1, bands, height, width)."""
    one = held.slice(row, 1)
    if one.null_count:
        raise Unreadable(path, FORM, "a row has no image")
    parts = _parts(one)
    flux = _array(parts["flux"])
    ivar, mask = (None if n not in parts or parts[n].null_count else _array(parts[n]) for n in ("ivar", "mask"))
    ivar, mask = (None if plane is None or plane.shape != flux.shape else plane for plane in (ivar, mask))
    layout = layout_of(flux.shape)
    if layout is None or layout.stack:
        raise Unreadable(path, FORM, f"an image has the shape {flux.shape}")
    image = without_lost(flux.astype(np.float32), ivar, mask)
    image = np.moveaxis(image, -1, 0) if layout.bands_last else image
    return np.ascontiguousarray(image).reshape(1, layout.bands, layout.height, layout.width)


def _parts(one):
    """The fields of a struct of one row by name; lists alone are the flux."""
    from pyarrow import types

    if _depth(one.type) == 1 and _fields(one.type):  # a struct for each band
        one = one.flatten()
    if not types.is_struct(one.type):
        return {"flux": one}
    return {field.name: _plain(one.field(k)) for k, field in enumerate(one.type)}


def _plain(array):
    return array.storage if hasattr(array, "storage") else array


def _array(nested):
    """Nested lists of one row as a NumPy array; those of one depth have one length."""
    nested = _plain(nested)
    shape = [len(nested)] if len(nested) != 1 else []  # structs of bands, or one row
    while _depth(nested.type):
        inner = _plain(nested.flatten())
        shape.append(len(inner) // max(len(nested), 1) if len(nested) else 0)
        if len(inner) != len(nested) * shape[-1]:
            raise ValueError("lists of one image differ in length")
        nested = inner
    values = np.asarray(nested.to_numpy(zero_copy_only=False))
    return values.reshape(shape) if shape else values


def _facts(table):
    """Names of the bands and pixel scale [arcsec] or None, by the first row."""
    one = _group(table.path, table.column, 0, table.path.stat().st_mtime_ns).slice(0, 1)
    parts = _parts(one)
    bands, scale = (_words(parts, name) for name in ("band", "scale"))
    scales = {round(float(value), 6) for value in np.asarray(scale, float)}
    return tuple(map(str, bands)), scales.pop() if len(scales) == 1 and min(scales) > 0 else None


def _words(parts, name):
    """A field of a struct with a value for each band, as a list."""
    if name not in parts:
        return []
    values = parts[name].flatten() if _depth(parts[name].type) else parts[name]
    return [value for value in values.to_pylist() if value is not None]
