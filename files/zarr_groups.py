"""Zarr groups: folders that hold arrays in chunks, version 3 of the format."""

import base64
import itertools
import os
from pathlib import Path

import numpy as np

from .unreadable import Unreadable, reading


def is_group(path):
    """Whether a folder is a Zarr group of version 3."""
    return os.path.isfile(Path(path) / "zarr.json")  # False, too, where it may not be looked at


def open_array(path, name):
    """The zarr.Array of a name in a group; only what is indexed is read.

    Raises: Unreadable (a DataError) if the group cannot be read, has no such array or lacks chunks, in whose place zarr
    would read a constant.
    """
    import zarr  # takes half a second, which those without a Zarr group need not wait for

    form = f"Zarr v3 group with an array {name}"
    with reading(path, form):
        # Version 2 could name pickle as a codec.
        array = zarr.open_group(str(path), mode="r", zarr_format=3)[name]
        if not isinstance(array, zarr.Array):
            raise TypeError(f"{name} is no array")
        chunks = array.nchunks
        there = _files_below(Path(path) / name, chunks)  # first, as zarr lists every chunk that a header claims
        there = array.nchunks_initialized if array.shards is not None or there >= chunks else there
        if there < chunks:
            raise Unreadable(path, form, f"it was cut short: {chunks - there} of its {chunks} chunks are not there")
        _coding(array)
        return array


def _files_below(path, most):
    """How many files lie below a folder, besides those of Zarr's own; no more than `most` are counted."""
    found = (p for p in Path(path).rglob("*") if p.is_file() and p.suffix != ".json" and not p.name.startswith("."))
    return sum(1 for _ in itertools.islice(found, min(most, 1 << 60)))


def dtype_of(array):
    """The type of the numbers of `read`: floating-point if they are packed."""
    scale, offset, fill = _coding(array)
    return array.dtype if (scale, offset, fill) == (1.0, 0.0, None) else np.dtype(float)


def read(array, index):
    """A part of an array, unpacked by scale_factor, add_offset and _FillValue as netCDF and xarray do."""
    scale, offset, fill = _coding(array)
    raw = array[index]
    if (scale, offset, fill) == (1.0, 0.0, None):
        return raw
    values = np.asarray(raw, dtype=float) * scale + offset
    return values if fill is None else np.where(raw == fill, np.nan, values)


def _coding(array):
    """scale_factor, add_offset and _FillValue (None without one) of an array."""
    known = array.attrs
    fill = known.get("_FillValue", known.get("missing_value"))
    if isinstance(fill, str):  # xarray writes the eight bytes of a float
        try:
            fill = float(fill)
        except ValueError:
            fill = float(np.frombuffer(base64.b64decode(fill), "<f8")[0])
    return float(known.get("scale_factor", 1.0)), float(known.get("add_offset", 0.0)), fill
