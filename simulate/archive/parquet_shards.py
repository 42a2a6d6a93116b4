"""Parquet as Hugging Face's `datasets` reads it: data/train-00000.parquet and so on, bounded in size.

A row is an image, so a system with several views has as many rows, one after the other, as in `label_table`: whoever
wants single images takes rows, and whoever wants pairs takes those of one index. The column image (image_VIS, ... of
several pixel grids) is laid out as in the Multimodal Universe: lists with an entry for each band of band, flux, ivar,
mask (True where a pixel is good), psf_fwhm and scale [arcsec]. Labels are columns of their own, with their unit and
meaning in the metadata of their fields. Every page has a checksum.
"""

import json

import numpy as np

from ...configs.quantities import quantity
from ...files.unreadable import Unreadable, reading
from ...files.whole import whole
from ..systems.draw import by_grid
from .image_facts import flux_unit, has_noise_model, inverse_variance, mask_of, psf_widths
from .room import room_for

NAME = "parquet"
EXTRA = "archive"
OPENING = "datasets.load_dataset('parquet', data_files='{path}/data/*.parquet')"
SHARD_BYTES = 1 << 27  # of fluxes; with the inverse variance a file has a bit more than twice of that
GROUP_BYTES, GROUP_ROWS = 1 << 22, 64  # of fluxes, at most: a row group is what is read for one row
MASK = "mask"


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
    from pyarrow import parquet

    path = folder / shard_files(description, scene, shard)[0]
    stored, rows = room_for(scene, description, shard), (shard.count, description.views)
    with reading(path, "Parquet"):
        table = parquet.read_table(path, page_checksum_verification=True)
        for array, images in stored.images.items():
            held = table.column(_column(array)).combine_chunks()
            images[...] = _pixels(held.field("flux"), images.shape)
            if stored.masks:
                stored.masks[mask_of(array)][...] = ~_pixels(held.field(MASK), images.shape)
        if not np.array_equal(table.column("index").to_numpy().reshape(rows)[:, 0].astype(np.uint64), stored.indices):
            raise ValueError("it is of other systems")
        _fill_labels(stored.labels, table, rows)
    return stored


def read_labels(folder, description, scene, shard):
    """As `read`, without images and masks."""
    from pyarrow import parquet

    path = folder / shard_files(description, scene, shard)[0]
    stored = room_for(scene, description, shard, images=False)
    with reading(path, "Parquet"):
        table = parquet.read_table(path, columns=list(stored.labels), page_checksum_verification=True)
        _fill_labels(stored.labels, table, (shard.count, description.views))
    return stored


def _fill_labels(labels, table, rows):
    for name, values in labels.items():
        column = table.column(name).to_numpy().reshape(rows)
        values[...] = column if values.ndim == 2 else column[:, 0]


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
