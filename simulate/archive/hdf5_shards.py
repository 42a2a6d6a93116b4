"""HDF5: a file for every shard, and dataset.h5, in which virtual datasets show them as one.

Arrays and labels are datasets with dimension scales (system, view, band, y, x), units and descriptions, as netCDF 4
has them: h5py, xarray and MATLAB read them. Images, masks and labels are in chunks with Fletcher-32 checksums; a mask
is 0 or 1, which xarray makes boolean.
"""

import json
from contextlib import contextmanager

import numpy as np

from ...configs.quantities import quantity
from ...files.unreadable import Unreadable, reading
from ...files.whole import whole
from .image_facts import flux_unit, pixel_centres
from .samples import Stored, image_names, mask_names

NAME = "hdf5"
EXTRA = "archive"
OPENING = "h5py.File('{path}/dataset.h5')"
SHARD_BYTES = 1 << 27
WHOLE = "dataset.h5"
CHUNK_BYTES = 1 << 17  # so little is read for one system
NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable."
LABELS = "labels"  # the attribute of a file with their names


def check(description, scene):
    """It holds whatever can be simulated."""


def begin(folder, description, scene):
    """HDF5 has no file without a shard before the end."""
    return []


def shard_files(description, scene, shard):
    return [f"data-{shard.number:05d}.h5"]


def write(folder, description, samples, shard):
    """Write the file of a shard, whole or not at all. Raises: OSError that names it."""
    (name,) = shard_files(description, samples.scene, shard)
    with _written(folder / name, description, samples.scene, samples.indices, list(samples.labels)) as file:
        for array, values in samples.images.items():
            _add(file, array, values)
        for array, values in samples.masks.items():
            _add(file, array, values.view(np.int8), compression="gzip", compression_opts=1)
        for label, values in samples.labels.items():
            _add(file, label, values)
    return [name]


def read(folder, description, scene, shard):
    """The `Stored` of a shard. Raises: Unreadable that names the file and the dataset."""
    path = folder / shard_files(description, scene, shard)[0]
    with _opened(path) as file:
        index = _values(path, file, "index").astype(np.uint64)
        images = {array: _values(path, file, array) for array in image_names(scene)}
        masks = {array: _values(path, file, array).astype(bool) for array in mask_names(scene) if array in file}
        labels = _labels(path, file)
    return Stored(index, images, masks, labels)


def read_labels(folder, description, scene, shard):
    """As `read`, without images and masks."""
    path = folder / shard_files(description, scene, shard)[0]
    with _opened(path) as file:
        return Stored(_values(path, file, "index").astype(np.uint64), {}, {}, _labels(path, file))


def finish(folder, description, scene):
    """Write dataset.h5: virtual datasets over all shards, by paths relative to it. Raises: OSError, Unreadable."""
    names = [shard_files(description, scene, shard)[0] for shard in description.shards]
    indices = np.arange(description.start, description.start + description.count, dtype=np.uint64)
    path = folder / names[0]
    with _opened(path) as first:
        labels = _label_names(path, first)
        arrays = [a for a in (*image_names(scene), *mask_names(scene), *labels) if a in first]
        kinds = {array: (first[array].shape[1:], first[array].dtype) for array in arrays}
    with _written(folder / WHOLE, description, scene, indices, labels) as file:
        for array, (shape, dtype) in kinds.items():
            _link(file, array, shape, dtype, [(n, s.count) for n, s in zip(names, description.shards, strict=True)])
    return [WHOLE]


def _link(file, array, shape, dtype, parts):
    """Make a virtual dataset of those in other files, one behind the other; h5py's own would hold the time of day."""
    from h5py import h5d, h5p, h5s, h5t

    how, none = h5p.create(h5p.DATASET_CREATE), (0,) * len(shape)
    how.set_obj_track_times(False)
    whole_of, at = (sum(count for _, count in parts), *shape), 0
    for name, count in parts:
        here = h5s.create_simple(whole_of)
        here.select_hyperslab((at, *none), (count, *shape))
        how.set_virtual(here, name.encode(), array.encode(), h5s.create_simple((count, *shape)))
        at += count
    h5d.create(file.id, array.encode(), h5t.py_create(dtype, logical=True), h5s.create_simple(whole_of), how)


def damaged(folder, description, scene, shard):
    """The datasets, and the systems within them, whose checksums are wrong or that cannot be read."""
    (name,) = shard_files(description, scene, shard)
    try:
        with _opened(folder / name) as file:
            labels = _label_names(folder / name, file)
            masks = [array for array in mask_names(scene) if array in file]
            found = [piece for array in (*image_names(scene), *masks, *labels) for piece in _bad_chunks(file, array)]
    except Unreadable:
        found = ["its header"]
    return [f"{name}: {piece}" for piece in found]


def _bad_chunks(file, array):
    """What of a dataset cannot be read, in words."""
    try:
        data = file[array]
        length, step = len(data), data.chunks[0]
    except Exception:  # h5py raises errors of many types where a header is damaged
        yield array
        return
    for start in range(0, length, step):
        try:
            data[start : start + step]
        except Exception:
            last = min(start + step, length) - 1
            yield array if step >= length else f"{array} of the systems {start} to {last} of the shard"


@contextmanager
def _written(path, description, scene, indices, labels):
    """An h5py.File in memory, to which the block adds datasets; it is then completed and written, whole or not at all.

    Raises: OSError that names the path.
    """
    import h5py

    with h5py.File("memory", "w", driver="core", backing_store=False, libver=("earliest", "v110")) as file:
        file.attrs["title"] = f"Simulated strong lenses: {description.name or 'unnamed'}"
        file.attrs["source"] = f"LenStream {description.lenstream}"
        file.attrs["seed"] = description.seed
        file.attrs[LABELS] = json.dumps(labels)
        file.attrs["coordinates"] = " ".join(["index", *labels])
        yield file
        _add_scales(file, description, scene, indices)
        for array in (*image_names(scene), *mask_names(scene)):
            if array in file:
                _describe_pixels(file, array, scene, _ending(array))
        for label in labels:
            known = quantity(label)
            _describe(file[label], known.meaning, known.unit)
            _attach(file, label, ("system", "view")[: file[label].ndim])
        file.flush()
        content = file.id.get_file_image()
    with whole(path) as out:
        out.write(content)


def _add(file, array, values, **packing):
    """A dataset in chunks of whole systems, of about CHUNK_BYTES."""
    size = max(1, CHUNK_BYTES // max(1, values[:1].nbytes))
    chunks = (min(size, len(values)), *values.shape[1:])
    file.create_dataset(array, data=values, chunks=chunks, fletcher32=True, **packing)


def _add_scales(file, description, scene, indices):
    """Index and the dimension scales: system, view, and of each pixel grid the bands and the places of its pixels."""
    _bare_scale(file, "system", len(indices))
    _bare_scale(file, "view", description.views)
    file.create_dataset("index", data=indices.astype(np.int64))
    _describe(file["index"], "index of the system: with the seed it says which", "")
    _attach(file, "index", ("system",))
    for array, grid in image_names(scene).items():
        ending, ((size, scale), *_) = _ending(array), [(grid.num_pix[b], t.pixel_scale) for b, t in grid.bands.items()]
        _scale(file, f"band{ending}", list(grid.bands), "name of the band")
        for axis, towards in (("y", "rows, upwards"), ("x", "columns, to the right")):
            _scale(file, axis + ending, pixel_centres(size, scale), f"middle of the {towards}", "arcsec")


def _bare_scale(file, name, size):
    """A dimension without coordinates, as netCDF 4 marks it; it takes no room in the file."""
    file.create_dataset(name, shape=(size,), dtype=">f4").make_scale(f"{NO_VARIABLE}{size:10d}")


def _scale(file, name, values, meaning, unit=""):
    import h5py

    words = isinstance(values, list)
    file.create_dataset(name, data=values, dtype=h5py.string_dtype() if words else None)
    file[name].make_scale(name)
    _describe(file[name], meaning, unit)


def _describe_pixels(file, array, scene, ending):
    if array.startswith("images"):
        _describe(file[array], "flux of every pixel; row 0 is the lowest y", flux_unit(scene))
        instruments = image_names(scene)[array].bands.values()
        file[array].attrs["magnitude_zero_point"] = [t.magnitude_zero_point for t in instruments]
    else:
        _describe(file[array], "whether a pixel is lost", "")
        file[array].attrs["dtype"] = "bool"
    _attach(file, array, ("system", "view", *(axis + ending for axis in ("band", "y", "x"))))


def _describe(data, meaning, unit):
    data.attrs["description"] = meaning
    if unit:
        data.attrs["units"] = unit


def _attach(file, array, scales):
    for axis, scale in enumerate(scales):
        file[array].dims[axis].attach_scale(file[scale])


def _ending(array):
    """What the name of an array says of its pixel grid."""
    return array.removeprefix("images").removeprefix("mask")


@contextmanager
def _opened(path):
    """An open HDF5 file. Raises: Unreadable for one that is not there or not HDF5."""
    import h5py

    with reading(path, "HDF5"):
        file = h5py.File(path, "r")
    with file:
        yield file


def _values(path, file, array):
    with reading(path, f"HDF5, in its dataset {array}"):
        return file[array][()]


def _label_names(path, file):
    with reading(path, "HDF5"):
        return list(json.loads(file.attrs[LABELS]))


def _labels(path, file):
    return {label: _values(path, file, label) for label in _label_names(path, file)}
