"""Folders of NumPy files as DeepLense has them: npy/CLASS/000012.npy for index 12, float32 (bands, rows, columns).

CLASS is the name of the system's class, or lens without `simulate.classes`; views are files of their own,
000012_0.npy, 000012_1.npy. DeepLense's files of its axion class hold an array of Python objects, image and mass: those
are pickles, which nobody should have to open, so the mass is a label here, and all files hold plain numbers. Labels and
lost pixels of a shard are in labels/00000.npz.
"""

import io
import math
import zipfile
from functools import lru_cache

import numpy as np

from ...errors import ConfigError
from ...files import arrays
from ...files.unreadable import Unreadable, reading
from ...files.whole import write_arrays
from ..core.arguments import shown
from ..systems.draw import class_numbers
from ..systems.scene import describe_grids
from .chunks import part_of
from .many_files import write_many
from .room import room_for

NAME = "npy-folders"
EXTRA = None
OPENING = "numpy.load('{path}/npy/...')"
SHARD_BYTES = 1 << 24  # small, as a shard is many files
ONLY = "lens"  # the folder of systems that have no classes


def check(description, scene):
    """Raises: ConfigError for bands that no single array can hold, and for classes that no folder can be called."""
    if len(scene.grids) > 1:
        raise ConfigError(
            f"npy-folders: a file holds all bands on one pixel grid, and the config has several "
            f"({describe_grids(scene)}): expected one, or --format zarr"
        )
    wrong = [name for name in scene.config.classes if not _is_plain(name)]
    if wrong:
        raise ConfigError(
            f"npy-folders: classes are folders here, and {shown(wrong[0])} is no name of one: expected one without "
            "slashes that does not begin with a dot"
        )


def _is_plain(name):
    """Whether a name is that of a folder beside others: no path, and none that is hidden."""
    return (
        name.isprintable() and not name.startswith(".") and not set(name) & set("/\\") and 0 < len(name.encode()) < 256
    )


def begin(folder, description, scene):
    """There is no file without an image."""
    return []


def shard_files(description, scene, shard):
    return [name for names in _names(description, scene, shard) for name in names] + [_labels_of(shard)]


def write(folder, description, samples, shard):
    """Write the files of a shard, each whole or not at all. Raises: OSError that names one."""
    names = [name for own in _names(description, samples.scene, shard) for name in own]
    images = samples.images["images"]
    images = images.reshape(-1, *images.shape[2:])
    write_many(folder, ((name, _npy(image)) for name, image in zip(names, images, strict=True)))
    (folder / _labels_of(shard)).parent.mkdir(exist_ok=True)
    write_arrays(folder / _labels_of(shard), {"index": samples.indices} | samples.masks | samples.labels)
    return [*names, _labels_of(shard)]


def _npy(image):
    """The bytes of an .npy file."""
    out = io.BytesIO()
    np.lib.format.write_array(out, np.ascontiguousarray(image, "<f4"), (1, 0), allow_pickle=False)
    return out.getvalue()


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
    """Read some arrays of the systems of a `chunks.Picked`.

    out: arrays by the names of images, masks and labels; of images and masks as many views are read as they have.
    Raises: Unreadable that names the file.
    """
    for name, values in out.items():
        if name == "images":
            files = _files(description, scene, part.shard.first + part.rows)
            for place, names in zip(part.places.tolist(), files, strict=True):
                for image, file in zip(values[place], names, strict=False):  # as many views as are asked for
                    image[...] = _image(folder / file, image.shape)
            continue
        path = folder / _labels_of(part.shard)
        with reading(path, "npz"):
            held = _of_shard(path, name, _state(path))
            values[part.places] = held[part.rows, : values.shape[1]] if name == "mask" else held[part.rows]


def _image(path, shape):
    """The image in a file: where its header is that which was written, nothing has to be made out of it."""
    header = _header(shape)
    with reading(path, "npy"), open(path, "rb", buffering=0) as file:
        content = file.read()
    if len(content) == len(header) + 4 * math.prod(shape) and content.startswith(header):
        return np.frombuffer(content, "<f4", offset=len(header)).reshape(shape)
    held = arrays.read(path)
    if held.shape != shape:
        raise Unreadable(path, "npy", f"its shape is {held.shape}, expected {shape}")
    return held


@lru_cache(maxsize=8)
def _header(shape):
    return _npy(np.zeros(shape))[: -4 * math.prod(shape)]


def _state(path):
    """What a change of a file changes."""
    said = path.stat()
    return said.st_mtime_ns, said.st_size


@lru_cache(maxsize=4)  # lost pixels of single systems are asked for one by one
def _of_shard(path, name, state):
    """An array of all systems of a shard."""
    return arrays.read(path, name)


def finish(folder, description, scene):
    """Nothing is made of all shards."""
    return []


def damaged(folder, description, scene, shard):
    """Files whose header or length is wrong, and arrays of labels whose checksum is; .npy files have none."""
    found = []
    for name in shard_files(description, scene, shard)[:-1]:
        try:
            arrays.look(folder / name)
        except Unreadable:
            found += [f"{name}: its header or length"] if (folder / name).exists() else []
    path = folder / _labels_of(shard)
    try:
        with reading(path, "npz"), zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Unreadable:
        return found + ([f"{_labels_of(shard)}: its list of arrays"] if path.exists() else [])
    for name in names:
        try:
            arrays.read(path, name.removesuffix(".npy"))
        except Unreadable:
            found.append(f"{_labels_of(shard)}: {name.removesuffix('.npy')}")
    return found


def _names(description, scene, shard):
    """The files of each system of a shard, one a view."""
    return _files(description, scene, np.arange(shard.first, shard.first + shard.count, dtype=np.uint64))


def _files(description, scene, indices):
    """The files of each of some systems, one a view."""
    classes = list(scene.config.classes) or [ONLY]
    endings = [f"_{view}" for view in range(description.views)] if description.views > 1 else [""]
    numbers = class_numbers(scene, indices.astype(np.uint64))
    for index, number in zip(indices.tolist(), numbers.tolist(), strict=True):
        yield [f"npy/{classes[number]}/{index:06d}{ending}.npy" for ending in endings]


def _labels_of(shard):
    return f"labels/{shard.number:05d}.npz"
