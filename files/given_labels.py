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
    for called in (_whole, calls):
        found = {column: _rows(columns[column], images, called) for column in named}
        best = max(named, key=lambda column: sum(bool(rows) for rows in found[column]))
        if any(found[best]):
            for rows in found[best]:
                _check_alike(path, best, columns, rows)
            return best, np.array([rows[0] if rows else -1 for rows in found[best]])
    raise DataError(
        f"{path}: has no row for any of {len(images):,} images, e.g. {_some(images.names)}; its column "
        f"{named[0]} begins with {_some(columns[named[0]])}"
    )


def _rows(names, images, called):
    """The rows of each image by a column of names, empty where there is none; of none if two images share a row.

    called: function of an image's name: what it may be called, the surest first.
    """
    index = {}
    for row, name in enumerate(names.tolist()):
        for word in _whole(str(name).strip()):
            index.setdefault(word, []).append(row)
    found = [next((index[word] for word in called(name) if word in index), []) for name in images.names]
    taken = [rows[0] for rows in found if rows]
    return found if len(set(taken)) == len(taken) else [[]] * len(images)


def _check_alike(path, column, columns, rows):
    """Refuse several rows of one image if they differ in more than its name."""
    for row in rows[1:]:
        pairs = ((values[rows[0]], values[row]) for other, values in columns.items() if other != column)
        if not all(x == y or (x != x and y != y) for x, y in pairs):
            name = short(str(columns[column][rows[0]]))
            raise DataError(
                f"{path}: rows {rows[0] + 1} and {row + 1} are both of {name}, with other values; expected one row for "
                "each image"
            )


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
