"""Datasets as sharded Zarr v3: each array has one file a shard, with a CRC32C for every chunk of systems in it.

zarr-python writes the metadata. The shards are put together here, by the specification of the sharding codec (ZEP 2),
as a dataset has some forty arrays and each would else wait for the library's event loop; and they are read here, so
that a damaged chunk has a name.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...configs.load import show
from ...configs.quantities import quantity
from ...files.unreadable import Unreadable
from ...files.whole import whole
from ..systems.scene import Scene
from .description import Description, Shard, config_of
from .image_facts import flux_unit
from .samples import Samples, Stored, image_names, make_samples, mask_names

NAME = "zarr"
EXTRA = None
OPENING = "xarray.open_zarr({path!r})"
SHARD_BYTES = 64 << 20
CHUNK_BYTES = 1 << 16  # a chunk is what is read and checked to see a single system
FORM = "a shard of a Zarr v3 array"
_ABSENT = 2**64 - 1  # offset and length, in the index of a shard, of a chunk that is not there


@dataclass(frozen=True)
class _Array:
    """An array of a dataset over all systems."""

    name: str  # of its folder
    dtype: np.dtype
    inner: tuple[int, ...]  # its shape behind the axis of systems
    chunk: int  # systems in a chunk; a shard has a whole number of them
    dims: tuple[str, ...]
    packed: bool  # whether chunks are compressed: masks vanish, but noise gets only 12 % smaller at best
    attributes: dict[str, Any]

    def path(self, number):
        """The file of a shard, in the folder of the dataset."""
        return "/".join([self.name, "c", str(number), *("0" for _ in self.inner)])

    @property
    def fill(self):
        return np.nan if self.dtype.kind == "f" and len(self.inner) < 2 else self.dtype.type(0).item()


def check(description: Description, scene: Scene) -> None:
    """It holds whatever can be simulated."""


def begin(folder: Path, description: Description, scene: Scene) -> list[str]:
    """Write the metadata of all arrays, and the coordinates band, y and x; that of the group comes with `finish`."""
    held = _metadata(folder, description, scene)
    del held["zarr.json"]
    return _write_all(folder, held)


def finish(folder: Path, description: Description, scene: Scene) -> list[str]:
    """Write the metadata of the group, consolidated: before, nobody takes missing shards for zeros."""
    return _write_all(folder, {"zarr.json": _metadata(folder, description, scene)["zarr.json"]})


def shard_files(description: Description, scene: Scene, shard: Shard) -> list[str]:
    """The files of a shard, whether they are there or not: one of each array."""
    return [array.path(shard.number) for array, _ in _empty(description, scene)]


def write(folder: Path, description: Description, samples: Samples, shard: Shard) -> list[str]:
    """Write the files of a shard, each whole or not at all.

    It does not wait for the disk: with forty files that would take a fifth of the time of all. Raises: OSError.
    """
    written = []
    for array, values in _arrays(description, samples):
        path = folder / array.path(shard.number)
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path, wait=False) as file:
            file.writelines(_encoded(array, values, description.shard_size))
        written.append(array.path(shard.number))
    return written


def read(folder: Path, description: Description, scene: Scene, shard: Shard) -> Stored:
    """What is stored of a shard. Raises: Unreadable that names the file and the chunk that is damaged."""
    found = {array.name: _read(folder, array, shard, description) for array, _ in _empty(description, scene)}
    like = make_samples(scene, [], description.drawn_views)
    return Stored(
        indices=found["index"].astype(np.uint64),
        images={name: found[name] for name in like.images},
        masks={name: found[name] for name in like.masks},
        labels={name: found[_folder_of(name)] for name in like.labels},
    )


def read_labels(folder: Path, description: Description, scene: Scene, shard: Shard) -> Stored:
    """As `read`, without images and masks."""
    like = make_samples(scene, [], description.drawn_views)
    found = {
        array.name: _read(folder, array, shard, description)
        for array, _ in _arrays(description, like)
        if array.name not in (*like.images, *like.masks)
    }
    values = {name: found[_folder_of(name)] for name in like.labels}
    return Stored(found["index"].astype(np.uint64), {}, {}, values)


def damaged(folder: Path, description: Description, scene: Scene, shard: Shard) -> list[str]:
    """The names of damaged chunks, such as "images/c/3/0/0/0/0 chunk (12, 0, 0, 0, 0)"; of a file whose index is, its
    own. Files that are not there are not among them.
    """
    found = []
    for array, _ in _empty(description, scene):
        path = array.path(shard.number)
        try:
            content = memoryview((folder / path).read_bytes())
        except OSError:
            continue
        found += [f"{path}{where}" for where, data in _chunks(content, array, shard, description) if data is None]
    return found


def _empty(description, scene):
    """`_arrays` of no systems."""
    return _arrays(description, make_samples(scene, [], description.drawn_views))


def _arrays(description: Description, samples: Samples) -> Iterator[tuple[_Array, np.ndarray]]:
    """Every array of a dataset, with its values of some systems."""
    size = description.shard_size
    for kind, names, values in (
        ("images", image_names(samples.scene), samples.images),
        ("mask", mask_names(samples.scene), samples.masks),
    ):
        for name, held in values.items():
            chunk = min(size, 64, _power_of_two(CHUNK_BYTES // (4 * int(np.prod(held.shape[1:])))))
            dims = ("system", "view", *(f"{axis}{name.removeprefix(kind)}" for axis in ("band", "y", "x")))
            yield _Array(name, held.dtype, held.shape[1:], chunk, dims, kind == "mask", _words(kind, names[name])), held
    yield (
        _Array("index", np.dtype(np.int64), (), size, ("system",), False, {"long_name": "index of the system"}),
        samples.indices.astype(np.int64),
    )
    for name, held in samples.labels.items():
        inner = held.shape[1:]
        dims = ("system", "view")[: 1 + len(inner)]
        attributes = _words_of_label(name, samples.scene)
        yield _Array(_folder_of(name), held.dtype, inner, size, dims, False, attributes), held


def _power_of_two(number):
    """The largest power of two that is not above a number; 1 at least."""
    return 1 << max(int(number).bit_length() - 1, 0)


def _folder_of(label):
    """The name of the array of a label: names of bands may have characters that no path can have."""
    return re.sub(r"[^\w.+-]", "_", label)


def _words(kind, grid):
    bands = [name for name in grid.bands if name]
    said = {"bands": bands} if bands else {}
    if kind == "mask":
        return {"long_name": "lost pixel", "units": "1"} | said
    units = flux_unit(grid) or "1"
    return {"long_name": "flux in a pixel", "units": units, "pixel_scale_arcsec": _scale(grid)} | said


def _words_of_label(name, scene):
    known = quantity(name)
    said = {"units": known.unit or "1", "long_name": known.meaning, "description": known.meaning}
    if name == "class" and scene.config.classes:
        names = list(scene.config.classes)
        said |= {"flag_values": list(range(len(names))), "flag_meanings": " ".join(n.replace(" ", "_") for n in names)}
    return said


def _scale(grid):
    return float(grid.instrument.pixel_scale)


def _metadata(folder, description, scene) -> dict[str, bytes]:
    """All files of a Zarr group that belong to no shard, by path."""
    import warnings

    import zarr
    from zarr.codecs import Crc32cCodec, ZstdCodec
    from zarr.storage import MemoryStore

    held: dict[str, Any] = {}
    store, arrays = MemoryStore(held), [array for array, _ in _empty(description, scene)]
    group = zarr.create_group(store, attributes=_attributes(folder, description, scene, arrays))
    for array in arrays:
        group.create_array(
            array.name,
            shape=(description.count, *array.inner),
            dtype=array.dtype,
            chunks=(array.chunk, *array.inner),
            shards=(description.shard_size, *array.inner),
            compressors=[*([ZstdCodec(level=1)] if array.packed else []), Crc32cCodec()],
            fill_value=array.fill,
            dimension_names=array.dims,
            attributes=array.attributes,
        )
    for name, (values, attributes) in _axes(scene).items():
        group.create_array(
            name, data=values, compressors=[Crc32cCodec()], dimension_names=(name,), attributes=attributes
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that other libraries may not know consolidated metadata: they need it not
        zarr.consolidate_metadata(store)
    return {path: content.to_bytes() for path, content in held.items()}


def _axes(scene):
    """Coordinates of the axes of images: name -> values, attributes."""
    out = {}
    for name, grid in image_names(scene).items():
        ending, size = name.removeprefix("images"), next(iter(grid.num_pix.values()))
        places = (np.arange(size) - (size - 1) / 2) * _scale(grid)
        for axis, words in (("y", "from the centre of the image, up"), ("x", "from the centre of the image, right")):
            out[f"{axis}{ending}"] = places, {"units": "arcsec", "long_name": words}
        if any(grid.bands):
            out[f"band{ending}"] = np.array(list(grid.bands), dtype=np.dtypes.StringDType()), {"long_name": "band"}
    return out


def _attributes(folder, description, scene, arrays):
    """Of the group."""
    pixels = [*image_names(scene), *mask_names(scene)]
    said = {name: getattr(description, name) for name in ("name", "seed", "start", "views", "split", "lenstream")}
    return {
        "Conventions": "CF-1.11",
        "title": f"Simulated strong lenses: {description.name}",
        "source": f"LenStream {description.lenstream}",
        **said,
        "redraw": list(description.redraw),
        "config": show(config_of(folder)),
        "coordinates": " ".join(array.name for array in arrays if array.name not in pixels),  # xarray reads it
    }


def _write_all(folder, files):
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        with whole(folder / path) as file:
            file.write(content)
    return list(files)


def _encoded(array: _Array, values: np.ndarray, shard_size: int) -> Iterator[bytes]:
    """The bytes of a shard: its chunks with a checksum each, then where they are, with a checksum."""
    places = np.full((shard_size // array.chunk, 2), _ABSENT, "<u8")
    at = 0
    for k, first in enumerate(range(0, len(values), array.chunk)):
        piece = np.ascontiguousarray(values[first : first + array.chunk], array.dtype.newbyteorder("<"))
        if len(piece) < array.chunk:
            lacking = np.full((array.chunk - len(piece), *array.inner), array.fill, piece.dtype)
            piece = np.concatenate([piece, lacking])
        data = piece.reshape(-1).view(np.uint8)
        data = _zstd().encode(data) if array.packed else data.data
        yield data
        yield _checksum(data)
        places[k] = at, len(data) + 4
        at += len(data) + 4
    yield places.tobytes()
    yield _checksum(places.tobytes())


def _read(folder, array, shard, description):
    """The values of an array in a shard. Raises: Unreadable."""
    path = folder / array.path(shard.number)
    try:
        content = memoryview(path.read_bytes())
    except FileNotFoundError:
        raise Unreadable(path, FORM, "there is no such file") from None
    except OSError as error:
        raise Unreadable(path, FORM, error.strerror) from None
    out = np.empty((shard.count, *array.inner), array.dtype)
    for k, (where, data) in enumerate(_chunks(content, array, shard, description)):
        if data is None:
            raise Unreadable(path, FORM, f"it is damaged:{where or ' its index'} does not have its CRC32C")
        values = np.frombuffer(data, array.dtype.newbyteorder("<")).reshape(array.chunk, *array.inner)
        out[k * array.chunk : (k + 1) * array.chunk] = values[: shard.count - k * array.chunk]
    return out


def _chunks(content: memoryview, array: _Array, shard: Shard, description: Description):
    """Of each chunk of a file: " chunk (k, 0)" and its bytes, None if it is damaged; ("", None) for the index."""
    slots = description.shard_size // array.chunk
    size = 16 * slots
    places = content[len(content) - size - 4 : -4] if len(content) >= size + 4 else None
    if places is None or _checksum(places) != bytes(content[-4:]):
        yield "", None
        return
    nbytes = array.chunk * array.dtype.itemsize * int(np.prod(array.inner))
    at = np.frombuffer(places, "<u8").reshape(slots, 2)
    for k in range(-(-shard.count // array.chunk)):
        where = f" chunk ({', '.join(map(str, (k, *(0 for _ in array.inner))))}{'' if array.inner else ','})"
        begin, length = map(int, at[k])
        piece = content[begin : begin + length]
        sound = len(piece) == length >= 4 and _checksum(piece[:-4]) == bytes(piece[-4:])
        data = piece[:-4] if sound else None
        if sound and array.packed:
            data = _zstd().decode(data)
        yield where, data if data is not None and len(data) == nbytes else None


def _checksum(data) -> bytes:
    import google_crc32c

    return google_crc32c.value(np.frombuffer(data, np.uint8)).to_bytes(4, "little")  # it takes no memoryview


def _zstd():
    from numcodecs.zstd import Zstd

    return Zstd(level=1)
