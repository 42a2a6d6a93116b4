"""Tables of labels beside images, or an array's: matched by name or by order, and refused if they do not fit."""

import re
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from ..errors import DataError, short
from .columns import read_table
from .image_sets import ImageSet, numbered
from .suffixes import ECSV, FITS, HDF5, IMAGES, PARQUET, VOTABLE, has_suffix, stem

TABLES = (
    ".csv",
    ".csv.gz",
    ".tsv",
    *ECSV,
    *PARQUET,
    *VOTABLE,
    *FITS,
)  # of FITS files only those are offered that hold a table
CALLED = re.compile(
    r"label|catalog|classification|metadata|param|truth|target|table|log\b|image_catalog|info", re.IGNORECASE
)  # in the name of a table that is about the images
IDS = (  # names of columns with names of images, in small letters
    *("name", "file", "filename", "file_name", "image", "image_name", "image_id", "img", "path", "object_id", "objid"),
    *("id", "lens", "lens_name", "lens_id", "ident", "identifier", "object"),
)
CLASSES = {"class": None, "label": None, "type": None, "is_lens": ("nonlens", "lens"), "target": None}
FILES = IMAGES + HDF5 + PARQUET  # which have names that go by letters
MOST_CLASSES = 50
_UNKNOWN = re.compile(r"nan|null|n/a|-99+(\.0*)?", re.IGNORECASE)  # "none" is a class, of lenses without substructure
SHOWN = 3


def with_table(images: ImageSet, others):
    """A set with the labels of a table beside it, and those of the other files that are none.

    A table with a column such as name, file or ID goes by that: each image needs a row, found by its path, its name,
    its name without suffix, or the number at the end of that. One without goes by order and has a row for each image.
    Of several tables the one is taken whose name says that it is about the images, or none.
    Raises: DataError for a table that cannot be read or does not fit, naming the first images.
    """
    tables = [path for path in others if has_suffix(path, TABLES)]
    path = _chosen(tables, images)
    if path is None:
        return images, others
    columns = read_table(path, text=IDS)
    columns = {name: values for name, values in columns.items() if values.ndim == 1}
    named = [name for wanted in IDS for name in columns if name.lower() == wanted]
    left = [other for other in others if other != path]
    column = None
    if not named:
        rows = _by_order(path, columns, images)
        if rows is None:
            return images, others
        said = f"labels by {path.name}, in the order of the images"
    else:
        column, rows = _by_names(path, named, columns, images)
        unused = len(columns[column]) - len(rows)
        more = f"; {unused:,} of its rows have no image" if unused > 0 else ""
        said = f"labels by {path.name}, by its column {column}{more}"
    return labelled(images, {name: v[rows] for name, v in columns.items() if name != column}, said), left


def _chosen(tables, images):
    """The table that is about the images, or None."""
    if len(tables) > 1:
        root = images.path if images.path.is_dir() else images.path.parent
        near = [path for path in tables if path.parent == root]
        tables = near or tables
    if len(tables) > 1:
        own = [path for path in tables if stem(path) == stem(images.path) or path.stem == stem(images.path)]
        tables = own or [path for path in tables if CALLED.search(path.name)]
    return tables[0] if len(tables) == 1 else None


def _by_order(path, columns, images):
    """Rows in the order of the images; None for a table that is about something else."""
    lengths = {len(values) for values in columns.values()}
    if lengths == {len(images)}:
        check_order(path, images)
        return np.arange(len(images))
    if not columns or not (CALLED.search(path.name) or path.stem == stem(images.path)):
        return None
    raise DataError(
        f"{path}: has {max(lengths):,} rows and no column of names ({', '.join(IDS[:3])}, ...), but there are "
        f"{len(images):,} images, the first {images.names[0]}; expected a row for each image, in order"
    )


def check_order(path, images):
    """Raise DataError if files have two orders: by letters, as they come here, and by numbers, as people count."""
    files = list(dict.fromkeys(re.sub(r"\[\d+\]$", "", str(name)) for name in images.names))
    counted = sorted(files, key=lambda name: [_by_numbers(part) for part in PurePosixPath(name).parts])
    odd = next((pair for pair in zip(files, counted, strict=True) if pair[0] != pair[1]), None)
    if odd is not None and all(has_suffix(name, FILES) for name in files):
        raise DataError(
            f"{path}: has no column of names, and the order of the images is not certain, as {odd[0]} comes before "
            f"{odd[1]} by letters and after it by numbers; expected a column name with the files"
        )


def _by_numbers(text):
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", text)]


def _by_names(path, named, columns, images):
    """The first of some columns of names that has a row for each image, and these rows. Raises: that of the first."""
    faults = []
    for column in named:
        try:
            return column, _by_name(path, column, columns, images)
        except DataError as error:
            faults.append(error)
    raise faults[0]


def _by_name(path, column, columns, images):
    """The row of each image by a column of names."""
    rows, twice = {}, []
    for row, name in enumerate(columns[column].astype(str)):
        if rows.setdefault(name.strip(), row) != row:
            twice.append(name.strip())
    if twice:
        raise DataError(f"{path}: names {len(twice):,} images more than once, e.g. {_some(twice)}")
    found = [next((rows[called] for called in calls(name) if called in rows), None) for name in images.names]
    missing = [str(name) for name, row in zip(images.names, found, strict=True) if row is None]
    if missing:
        raise DataError(
            f"{path}: has no row for {len(missing):,} of {len(images):,} images, e.g. {_some(missing)}; its column "
            f"{column} begins with {_some(rows)}"
        )
    if len(set(found)) < len(found):
        raise DataError(f"{path}: its column {column} does not tell the images apart: several have one row")
    return np.array(found, dtype=int)


def _some(names):
    return ", ".join(short(str(name)) for name in list(names)[:SHOWN])


def calls(name):
    """What an image may be called in a table, the surest first."""
    parts = PurePosixPath(str(name)).parts
    last = parts[-1] if parts else str(name)
    bare = stem(last)
    number = re.search(r"(\d+)\]?$", bare)  # of a file, or within one: a.npy[3]
    more = () if number is None else (number[1], str(int(number[1])))
    return dict.fromkeys((str(name), "/".join(parts[-2:]), last, bare, *more))


def labelled(images, columns, said=None):
    """A set with columns {name: (n,)} as labels: numbers as they are, words and numbers of classes as classes."""
    labels, classes, notes = dict(images.labels), images.classes, [*images.notes, *([said] if said else [])]
    words, kept = [], dict(images.words)
    for name, values in columns.items():
        if name.lower() == "class" and "class" in labels:
            known = ", ".join(classes[:SHOWN]) or "numbers in the files"
            notes.append(f"column {name} is not read, as there are classes by themselves ({known})")
            continue
        if name.lower() in CLASSES and not classes and "class" not in labels:
            made = as_classes(values, CLASSES[name.lower()])
            if made is not None:
                classes, labels["class"] = made
                kept[name] = _in_words(values)
                continue
        if values.dtype.kind in "iub":
            labels[name] = values.astype(np.int64)
        elif values.dtype.kind == "f":
            labels[name] = values.astype(np.float64)
        else:
            words.append(name)
            kept[name] = _in_words(values)
    if words:
        some = f"{', '.join(words[:8])}{', ...' if len(words) > 8 else ''}"
        notes.append(f"columns of words, which only evaluate.data takes, as classes or objects: {some}")
    return replace(images, labels=labels, classes=classes, words=kept, notes=tuple(notes))


def _in_words(values):
    """A column as texts, empty where there is no value."""
    if values.dtype.kind == "f":
        return np.array(["" if np.isnan(value) else f"{value:g}" for value in values.tolist()])
    return np.array(["" if value is None else str(value) for value in values.tolist()])


def as_classes(values, names):
    """Names of classes and numbers of a column, -1 where unknown; None if it holds no few classes.

    Unknown are NaN and -99, -999, ..., and the words for them. names: of the numbers 0 and 1, or None.
    """
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        if not (values[finite] == np.round(values[finite])).all():
            return None
        given = [str(int(value)) if known else None for value, known in zip(values, finite, strict=True)]
    else:
        given = [str(value) or None for value in (values.astype(int) if values.dtype.kind == "b" else values).tolist()]
    given = [None if name is None or _UNKNOWN.fullmatch(name) else name for name in given]
    if not 1 < len(set(given) - {None}) <= MOST_CLASSES:
        return None
    if names is not None and set(given) <= {"0", "1", None}:
        return names, np.array([-1 if number is None else int(number) for number in given], dtype=np.int64)
    if all(number is None or number.lstrip("-").isdigit() for number in given):
        order = sorted({number for number in given if number is not None}, key=int)
        numbers = {name: k for k, name in enumerate(order)} | {None: -1}
        return tuple(order), np.array([numbers[number] for number in given], dtype=np.int64)
    return numbered(given)
