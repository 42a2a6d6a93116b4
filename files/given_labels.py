"""A table of labels that a config names: its rows are matched to images by name, and both may have some left over."""

from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from ..errors import DataError, short
from .columns import read_table
from .image_sets import ImageSet
from .label_tables import IDS, calls, check_order, labelled
from .suffixes import stem

SHOWN = 3


def with_given_table(images: ImageSet, path):
    """A set with the labels of a table: a CSV, TSV, ECSV, FITS, VOTable or Parquet file.

    An image's row is that with its path, its name or its name without suffix in a column such as name, file or id; if
    no image has one, that with the number at the end of the name. Of several such columns the one counts that finds
    most. A table without one has a row for each image, in order. Images without a row have no labels: NaN, the class
    -1, an empty word. A column class replaces classes that folders give.

    Raises: DataError for a table that cannot be read, has no row for any image, or several that differ for one.
    """
    columns = {name: values for name, values in read_table(path, text=IDS).items() if values.ndim == 1}
    named = [name for wanted in IDS for name in columns if name.lower() == wanted]
    if named:
        column, rows = _by_most(path, named, columns, images)
        said = _said(path, column, rows, len(columns[column]))
    else:
        column, rows = None, _by_order(path, columns, images)
        said = f"labels by {path.name}, in the order of the images"
    taken = {name: _taken(values, rows) for name, values in columns.items() if name != column}
    if any(name.lower() == "class" for name in taken):
        images = replace(images, classes=(), labels={n: v for n, v in images.labels.items() if n != "class"})
    return labelled(images, taken, said)


def _by_most(path, named, columns, images):
    """The column of names with rows for most images, the first of equal ones, and the row of each image or -1."""
    found = {column: _rows(path, column, columns, images) for column in named}
    best = max(named, key=lambda column: int((found[column] >= 0).sum()))
    if (found[best] < 0).all():
        raise DataError(
            f"{path}: has no row for any of {len(images):,} images, e.g. {_some(images.names)}; its column "
            f"{named[0]} begins with {_some(columns[named[0]])}"
        )
    return best, found[best]


def _rows(path, column, columns, images):
    """The row of each image by a column of names, -1 where there is none."""
    names = [str(name).strip() for name in columns[column].tolist()]
    index = {}
    for row, name in enumerate(names):
        for called in _whole(name):
            index.setdefault(called, []).append(row)
    found = [_row(path, columns, names, index, _whole(name)) for name in images.names]
    if all(row < 0 for row in found):
        found = [_row(path, columns, names, index, calls(name)) for name in images.names]
    if len({row for row in found if row >= 0}) < sum(row >= 0 for row in found):
        return np.full(len(images), -1)  # it does not tell the images apart
    return np.array(found, dtype=int)


def _row(path, columns, names, index, called):
    """The row of an image by what it may be called, the surest first. Raises: DataError if several rows differ."""
    rows = next((index[name] for name in called if name in index), [])
    other = next((row for row in rows[1:] if not _alike(columns, rows[0], row)), None)
    if other is not None:
        raise DataError(
            f"{path}: rows {rows[0] + 1} and {other + 1} are both of {short(names[rows[0]])}, with other values; "
            "expected one row for each image"
        )
    return rows[0] if rows else -1


def _alike(columns, a, b):
    """Whether two rows have the same values, but for what images are called."""
    pairs = ((v[a], v[b]) for name, v in columns.items() if name.lower() not in IDS)
    return all(x == y or (x != x and y != y) for x, y in pairs)


def _whole(name):
    """What an image or a row may be called, the surest first: its path, the end of that, its name, without suffix."""
    parts = PurePosixPath(str(name).replace("\\", "/")).parts or (str(name),)
    bare = (*parts[:-1], stem(parts[-1]))
    return dict.fromkeys("/".join(some[-n:]) for n in (len(parts), 2, 1) for some in (parts, bare))


def _by_order(path, columns, images):
    lengths = {len(values) for values in columns.values()}
    if lengths != {len(images)}:
        raise DataError(
            f"{path}: has {max(lengths, default=0):,} rows and no column of names ({', '.join(IDS[:3])}, ...), but "
            f"there are {len(images):,} images, the first {images.names[0]}; expected a column of names"
        )
    check_order(path, images)
    return np.arange(len(images))


def _said(path, column, rows, n_rows):
    without, unused = int((rows < 0).sum()), n_rows - len(np.unique(rows[rows >= 0]))
    said = f"labels by {path.name}, by its column {column}"
    if without:
        said += f"; {without:,} of {len(rows):,} images have no row"
    if unused:
        said += f"; {unused:,} of {n_rows:,} rows have no image"
    return said


def _taken(values, rows):
    """The values of rows, and none where the row is -1."""
    found, lacking = values[rows], rows < 0
    if not lacking.any():
        return found
    if values.dtype.kind in "iub":
        found = found.astype(float)
    elif values.dtype.kind != "f":
        found = found.astype(object).astype(str)
    found[lacking] = np.nan if found.dtype.kind == "f" else ""
    return found


def _some(names):
    return ", ".join(short(str(name)) for name in list(names)[:SHOWN])
