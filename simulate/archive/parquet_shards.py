"""Parquet as Hugging Face's `datasets` reads it: data/train-00000.parquet and so on, bounded in size.

A row is an image, so a system with several views has as many rows, one after the other, as in `label_table`: whoever
wants single images takes rows, and whoever wants pairs takes those of one index. The column image (image_VIS, ... of
several pixel grids) is laid out as in the Multimodal Universe: lists with an entry for each band of band, flux, ivar,
mask (True where a pixel is good), psf_fwhm and scale [arcsec]. Labels are columns of their own, with their unit and
meaning in the metadata of their fields. Every page has a checksum.
"""

import json
import os
import threading
from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from ...configs.quantities import quantity
from ...files.unreadable import Unreadable, reading
from ...files.whole import whole
from ..systems.draw import by_grid
from .chunks import part_of
from .image_facts import flux_unit, has_noise_model, inverse_variance, mask_of, psf_widths
from .room import room_for

NAME = "parquet"
EXTRA = "archive"
OPENING = "datasets.load_dataset('parquet', data_files='{path}/data/*.parquet')"
SHARD_BYTES = 1 << 27  # of fluxes; with the inverse variance a file has a bit more than twice of that
GROUP_BYTES, GROUP_ROWS = 1 << 18, 64  # of fluxes, at most: a row group is what is read for one row
MASK, LOST = "mask", "mask"  # the part of a column of images; what the names of arrays of lost pixels begin with
MOST_OPEN = 64  # files that are read


def check(description, scene):
    """It holds whatever can be simulated."""


def begin(folder, description, scene):
    """Parquet has no file without a shard."""
    return []


def shard_files(description, scene, shard):
    return [f"data/{description.split or 'train'}-{shard.number:05d}.parquet"]


def write(folder, description, samples, shard):
    """Write the file of a shard, whole or not at all. Raises: OSError that names it."""
    from pyarrow import parquet

    (name,) = shard_files(description, samples.scene, shard)
    table = _table(description, samples)
    leaves = _leaves(table.schema)
    pixels = [leaf for leaf in leaves if leaf.startswith("image") and leaf.split(".")[1] != "band"]
    image_bytes = sum(images[0].nbytes for images in samples.images.values()) // description.views
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    with whole(folder / name) as file:
        parquet.write_table(
            table,
            file,
            row_group_size=min(max(1, GROUP_BYTES // image_bytes), GROUP_ROWS),
            compression={leaf: "zstd" for leaf in leaves if leaf not in pixels or f".{MASK}." in leaf},
            use_dictionary=[leaf for leaf in leaves if leaf.split(".")[1:2] == ["band"]],
            write_statistics=[leaf for leaf in leaves if leaf not in pixels],
            write_page_checksum=True,
        )
    return [name]


def read(folder, description, scene, shard):
    """The `Stored` of a shard. Raises: Unreadable that names the file."""
    stored = room_for(scene, description, shard)
    fill(folder, description, scene, part_of(shard), stored.images | stored.masks | stored.labels)
    return stored


def read_labels(folder, description, scene, shard):
    """As `read`, without images and masks."""
    stored = room_for(scene, description, shard, images=False)
    fill(folder, description, scene, part_of(shard), stored.labels)
    return stored


def fill(folder, description, scene, part, out):
    """Read some arrays of the systems of a `chunks.Picked`: of images and masks the row groups in which they lie.

    out: arrays by the names of images, masks and labels; of images and masks as many views are read as they have.
    Raises: Unreadable that names the file.
    """
    path, views = folder / shard_files(description, scene, part.shard)[0], description.views
    with reading(path, "Parquet"):
        held = _opened(*_key(path))
        indices = np.arange(part.shard.first, part.shard.first + part.shard.count)
        if not np.array_equal(held.index, indices.repeat(views)):
            raise ValueError("it is of other systems")
        labels = [name for name, values in out.items() if values.ndim < 3]
        table = held.file.read(labels, use_threads=False) if labels else None
        for name, values in out.items():
            if name in labels:
                column = table.column(name).to_numpy().reshape(-1, views)[part.rows]
                values[part.places] = column if values.ndim == 2 else column[:, 0]
            else:
                _fill_pixels(values, held, name, part, views)


def _fill_pixels(out, held, name, part, views):
    """Images or masks: a row is an image, and the rows of a system may lie in two groups."""
    lost = name.startswith(LOST)
    column = f"{_column(name.replace(LOST, 'images', 1))}.{MASK}" if lost else f"{_column(name)}.flux"
    for row, place in zip(part.rows.tolist(), part.places.tolist(), strict=True):
        for view in range(out.shape[1]):
            at = row * views + view
            group = bisect_right(held.ends, at) - 1
            pixels = _group(held, group, column, out.shape[2:])[at - held.ends[group]]
            out[place, view] = ~pixels if lost else pixels


class _Open(NamedTuple):
    """An open file."""

    file: Any
    ends: tuple[int, ...]  # of its row groups, in rows, and 0 before
    index: np.ndarray  # of each row
    groups: dict  # the last one read of each column


def _key(path):
    """The path of a file, what a change of it changes, and who may use it when open."""
    said = path.stat()
    return path, (said.st_mtime_ns, said.st_size), (os.getpid(), threading.get_ident())


@lru_cache(maxsize=MOST_OPEN)
def _opened(path, state, user):
    """An open file, which one thread of one process uses."""
    from pyarrow import parquet

    file = parquet.ParquetFile(path, page_checksum_verification=True)
    counts = [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)]
    index = file.read(["index"], use_threads=False).column("index").to_numpy()
    return _Open(file, tuple(accumulate(counts, initial=0)), index, {})


def _group(held, group, column, shape):
    """The images of a row group, (rows, bands, y, x); the last one of each column is kept for the next row."""
    if held.groups.get(column, (None,))[0] != group:
        top, inner = column.split(".")
        lists = held.file.read_row_group(group, [column], use_threads=False).column(top).combine_chunks().field(inner)
        held.groups[column] = group, _pixels(lists, (-1, *shape))
    return held.groups[column][1]


def finish(folder, description, scene):
    """Nothing is made of all shards: readers take them together."""
    return []


def damaged(folder, description, scene, shard):
    """The row groups and columns whose checksums are wrong or that cannot be read."""
    from pyarrow import parquet

    (name,) = shard_files(description, scene, shard)
    try:
        with reading(folder / name, "Parquet"):
            file = parquet.ParquetFile(folder / name, page_checksum_verification=True)
    except Unreadable:
        return [f"{name}: its footer"]
    found, row = [], 0
    with file:
        for group in range(file.num_row_groups):
            last = row + file.metadata.row_group(group).num_rows - 1
            bad = [leaf for leaf in _leaves(file.schema_arrow) if _is_bad(file, group, leaf)]
            bad = dict.fromkeys(".".join(leaf.split(".")[:2]) for leaf in bad)
            found += [f"{name}: row group {group} (rows {row} to {last}), column {column}" for column in bad]
            row = last + 1
    return found


def _is_bad(file, group, leaf):
    try:
        file.read_row_group(group, columns=[leaf])
    except Exception:  # pyarrow raises errors of many types
        return True
    return False


def _table(description, samples):
    """The rows of samples as a pyarrow.Table."""
    import pyarrow as pa

    scene, views = samples.scene, description.views
    index = np.repeat(samples.indices.astype(np.int64), views)
    columns, features, fields = [index], {"index": _value("int64")}, [pa.field("index", pa.int64())]
    if views > 1:
        columns.append(np.tile(np.arange(views), len(samples.indices)))
        fields.append(pa.field("view", pa.int64()))
        features["view"] = _value("int64")
    for name, (column, feature) in _images(samples).items():
        columns.append(column)
        fields.append(pa.field(name, column.type, metadata={"unit": flux_unit(scene)}))
        features[name] = feature
    classes = list(scene.config.classes)
    for label, values in samples.labels.items():
        known = quantity(label)
        said = {"unit": known.unit, "description": known.meaning}
        columns.append(values.ravel() if values.ndim == 2 else np.repeat(values, views))
        fields.append(pa.field(label, pa.from_numpy_dtype(values.dtype), metadata=said))
        is_class = label == "class" and classes
        features[label] = {"names": classes, "_type": "ClassLabel"} if is_class else _value(values.dtype.name)
    said = {"huggingface": json.dumps({"info": {"features": features}}), "seed": str(description.seed)}
    said |= {"name": description.name, "lenstream": description.lenstream}
    return pa.Table.from_arrays(
        [pa.array(c) if isinstance(c, np.ndarray) else c for c in columns], schema=pa.schema(fields, said)
    )


def _images(samples):
    """Of each pixel grid its column, a pyarrow.StructArray, with what `datasets` is to know of it."""
    import pyarrow as pa

    scene, out = samples.scene, {}
    inverse = inverse_variance(samples) if has_noise_model(scene) else {}
    for (array, images), (grid, systems) in zip(samples.images.items(), by_grid(scene, samples.systems), strict=True):
        n, views, bands, size, _ = images.shape
        rows = n * views
        lost = samples.masks.get(mask_of(array))
        parts = {"band": pa.array(list(grid.bands) * rows, pa.string()), "flux": _squares(images)}
        if array in inverse:
            parts["ivar"] = _squares(inverse[array])
        parts[MASK] = _squares(np.ones(images.shape, bool) if lost is None else ~lost)
        parts["psf_fwhm"] = pa.array(psf_widths(grid, systems).ravel().astype(np.float32))
        scales = [instrument.pixel_scale for instrument in grid.bands.values()]
        parts["scale"] = pa.array(np.tile(np.array(scales, np.float32), rows))
        lists = [_lists(part, bands, _extension(part, size)) for part in parts.values()]
        features = {name: _feature(part, size) for name, part in parts.items()}
        out[_column(array)] = pa.StructArray.from_arrays(lists, list(parts)), features
    return out


def _column(array):
    """The name of the column of an array of images: image of images, image_VIS of images_VIS."""
    return array.replace("images", "image", 1)


def _squares(pixels):
    """Images (..., y, x) as a pyarrow.ListArray of rows of pixels, one after the other in memory."""
    import pyarrow as pa

    flat = pa.array(np.ascontiguousarray(pixels).reshape(-1))
    return _lists(_lists(flat, pixels.shape[-1]), pixels.shape[-2])


def _lists(values, length, said=None):
    """An array as lists of one length; said: metadata of the field of what they hold."""
    import pyarrow as pa

    edges = pa.array(np.arange(0, len(values) + 1, length, dtype=np.int32))
    return pa.ListArray.from_arrays(edges, values, type=pa.list_(pa.field("item", values.type, metadata=said)))


def _pixels(lists, shape):
    """The numbers in lists of lists of rows, as an array of a shape."""
    for _ in range(3):
        lists = lists.flatten()
        lists = getattr(lists, "storage", lists)  # of an extension type, once `datasets` is imported
    return lists.to_numpy(zero_copy_only=False).reshape(shape)


def _feature(part, size):
    """What `datasets` calls a list of such parts."""
    kind = _pixel_kind(part)
    if kind is None:
        return {"feature": _value(str(part.type).replace("float", "float32")), "_type": "Sequence"}
    return {"feature": {"shape": [size, size], "dtype": kind, "_type": "Array2D"}, "_type": "Sequence"}


def _extension(part, size):
    """The metadata by which Arrow takes images for `datasets.Array2D`, where that is imported; None of other parts."""
    kind = _pixel_kind(part)
    if kind is None:
        return None
    name = "datasets.features.features.Array2DExtensionType"
    return {"ARROW:extension:name": name, "ARROW:extension:metadata": json.dumps([[size, size], kind])}


def _pixel_kind(part):
    """The type of the pixels of images, as `datasets` calls it; None for what are no images."""
    import pyarrow as pa

    if not pa.types.is_list(part.type):
        return None
    return "bool" if part.type.value_type.value_type == pa.bool_() else "float32"


def _value(dtype):
    return {"dtype": dtype, "_type": "Value"}


def _leaves(schema):
    """The paths of the leaves of a schema, as Parquet names its columns."""
    import pyarrow as pa

    out = []

    def walk(path, kind):
        if pa.types.is_struct(kind):
            for field in kind:
                walk(f"{path}.{field.name}", field.type)
        elif pa.types.is_list(kind):
            walk(f"{path}.list.element", kind.value_type)
        else:
            out.append(path)

    for field in schema:
        walk(field.name, field.type)
    return out
