"""A set of images with its labels, classes and splits: what `dataset_layouts.identify` finds out about a path."""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from ..errors import DataError, grouped
from . import image_files
from .cutout_layout import find_layout
from .pixel_scale import header_pixel_scale

MANY = 2000  # files from which on looking at them is worth a progress bar
SPLITS = {  # what a split is called -> its name here
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


@dataclass(frozen=True)
class ImageSet:
    """A set of n systems, each with an image or several views of it."""

    path: Path
    kind: str  # the layout, in a few words
    what: str  # what it is, in one sentence without a full stop
    names: Sequence  # (n,) names of the systems: files, or ids
    views: int  # images of a system
    bands: tuple[str, ...]  # names of the bands, "" where unknown
    height: int  # pixels of most images
    width: int
    read: Callable[[int], np.ndarray]  # number -> float32 (views, bands, height, width), NaN where a pixel is bad
    pixel_scale: float | None = None  # arcsec
    labels: dict[str, np.ndarray] = field(default_factory=dict)  # (n,) float64, NaN where unknown, or int64; "class"
    classes: tuple[str, ...] = ()  # names of the numbers in labels["class"], which is -1 where unknown
    words: dict[str, np.ndarray] = field(default_factory=dict)  # (n,) texts of columns of words and classes, "" unknown
    splits: dict[str, np.ndarray] = field(default_factory=dict)  # "train", "validation", "test": int64 numbers
    notes: tuple[str, ...] = ()  # sentences on what is read of the files, and what is not
    finer: "ImageSet | None" = None  # the same systems with smaller pixels, number by number

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class ReadFiles:
    """Reads system by system from files with one or more images each; goes into other processes."""

    sources: tuple  # `image_files.Source`
    ends: np.ndarray  # systems up to the end of each file
    views: int

    def __call__(self, index: int) -> np.ndarray:
        number, within = placed(self.ends, index)
        source = self.sources[number]
        packed = source.form == "npz" and source.layout.count > 1
        unpacked = _unpacked(source.path, source.place, source.path.stat().st_mtime_ns) if packed else None
        numbers = range(within * self.views, (within + 1) * self.views)
        return np.stack([image_files.read(source, k, unpacked) for k in numbers])


def placed(ends, index):
    """In which of several files a system is, and its number there. ends: systems up to the end of each file."""
    if not 0 <= index < ends[-1]:
        raise IndexError(f"there is no image {index}: expected 0 to {ends[-1] - 1}")
    number = int(np.searchsorted(ends, index, side="right"))
    return number, int(index) - (int(ends[number - 1]) if number else 0)


_folders = []  # of unpacked arrays, removed as the process ends


@cache
def _unpacked(path, name, state):
    """An .npy file with an array of an .npz stack, which would have to be unpacked as a whole for each image."""
    if not _folders:
        _folders.append(tempfile.TemporaryDirectory(prefix="lenstream-"))
    target = Path(_folders[0].name) / f"{_unpacked.cache_info().misses}.npy"
    image_files.arrays.unpack(path, name, target)
    return target


def look_at(paths, look=image_files.look):
    """What `look` says of each path, a list; with a progress bar if there are many.

    Raises: DataError that names the files that cannot be read, those of one fault together.
    """
    from ..progress import bar  # brings rich, which those who only name a file need not wait for

    found, faults = [], []
    with bar("looking at images", len(paths), show=len(paths) >= MANY) as progress:
        for k, path in enumerate(paths):
            try:
                found.append(look(path))
            except DataError as error:
                faults.append((path.name, str(error).split(f"{path.name}: ", 1)[-1], error))
            progress.update(k + 1)
    if len(faults) == 1:
        raise faults[0][2]
    if faults:
        said = "; ".join(grouped((name, why) for name, why, _ in faults))
        root = os.path.commonpath([path.parent for path in paths])
        raise DataError(f"{root}: {len(faults)} of {len(paths)} files cannot be read: {said}")
    return found


def of_files(path, kind, what, files, notes=(), **more):
    """The `ImageSet` of image files, in their order; a file with a stack counts as many systems as that is long.

    more: fields of `ImageSet`. Raises: DataError if a file cannot be read, or some have views and others not.
    """
    sources = look_at(files)
    views = {source.layout.stack[1] if len(source.layout.stack) == 2 else 1 for source in sources}
    if len(views) > 1:
        raise DataError(
            f"{path}: its files have {', '.join(map(str, sorted(views)))} views a system; expected one number"
        )
    views = views.pop()
    counts = [source.layout.count // views for source in sources]
    shapes = Counter()
    for source, count in zip(sources, counts, strict=True):
        shapes[source.layout[1:4]] += count
    bands, height, width = shapes.most_common(1)[0][0]
    names = [name for source, n in zip(sources, counts, strict=True) for name in _names(path, source.path, n)]
    first = next(s for s in sources if s.layout[1:4] == (bands, height, width))
    band_names, scale = facts(first) if first.form == "FITS" else (("",) * bands, None)
    used = Counter(source.used for source in sources).most_common(3)
    return ImageSet(
        **{
            "path": path,
            "kind": kind,
            "what": what,
            "names": names,
            "views": views,
            "bands": band_names if len(band_names) == bands else ("",) * bands,
            "height": height,
            "width": width,
            "read": ReadFiles(tuple(sources), np.cumsum(counts), views),
            "pixel_scale": scale,
            "notes": (
                *notes,
                *odd_shapes(shapes),
                *(f"read from {n:,} file{'s' * (n > 1)}: {words}" for words, n in used),
            ),
        }
        | more
    )


def odd_shapes(shapes):
    """A sentence on the images of other shapes than most, if there are any. shapes: {(bands, height, width): n}."""
    if len(shapes) < 2:
        return ()
    said = ", ".join(f"{n:,} of {h} x {w} pixels in {b} band{'s' * (b > 1)}" for (b, h, w), n in shapes.most_common(5))
    return (f"images have {len(shapes)} shapes: {said}; training needs one, which a size that is cut out makes",)


def names_of(columns, ids, root, path, count):
    """The names of the systems in a file, by the first column whose name in small letters is among `ids`, or numbered.

    columns: name -> values (n,) of the file at `path`. root: the set's folder, or that file.
    """
    column = next((values for name, values in columns.items() if name.lower() in ids), None)
    if column is not None:
        return [str(value) for value in column.tolist()]
    return [f"{_file_name(root, path)}[{k}]" for k in range(count)]


def _names(root, path, count):
    """Names of the systems in a file."""
    return [_file_name(root, path)] if count == 1 else names_of({}, (), root, path, count)


def _file_name(root, path):
    return path.name if path == root else path.relative_to(root).as_posix()


def facts(source):
    """Names of the bands ("" where unknown) and pixel scale [arcsec] or None of a FITS file."""
    try:
        found = find_layout(source.path, bands=None).bands
        return tuple(band.image.band for band in found), header_pixel_scale(found[0].image.headers)
    except DataError:
        return (), None


def numbered(classes):
    """Class names of systems as (names in order, int64 numbers); None becomes -1."""
    names = tuple(sorted({name for name in classes if name is not None}))
    number = {name: k for k, name in enumerate(names)} | {None: -1}
    return names, np.array([number[name] for name in classes], dtype=np.int64)


def split_of(name):
    """The split that a word stands for, such as "validation" for "val"; None for any other word."""
    return SPLITS.get(str(name).lower())


def split_numbers(names):
    """The splits that folders give, {"train": int64 numbers}: files below train, val or test. names: paths of files."""
    found = {}
    for number, name in enumerate(names):
        first, slash, _ = str(name).partition("/")
        if slash and split_of(first):
            found.setdefault(split_of(first), []).append(number)
    return {split: np.array(numbers, dtype=np.int64) for split, numbers in found.items()}
