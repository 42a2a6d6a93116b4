"""Tables: the columns of CSV and other text, FITS, ECSV, VOTable and Parquet files, by name."""

import re
from functools import lru_cache

import numpy as np

from ..errors import DataError, nearest
from . import astropy_tables, csv_text, fits_table, parquet_table
from .cells import numbers_or_words, words, words_as_numbers
from .column_names import standard
from .missing_values import without_marks
from .paths import usable
from .suffixes import ECSV, FITS, PARQUET, VOTABLE, has_suffix
from .unreadable import Unreadable, check_is_file, reading

FIRST_BYTES = {  # how a file begins, whatever it is called
    b"SIMPLE  =": FITS,
    b"PAR1": PARQUET,
    b"# %ECSV": ECSV,
    b"<?xml": VOTABLE,
    b"<VOTABLE": VOTABLE,
}
NO_TABLE = {
    b"PK\x03\x04": "it is a spreadsheet or another archive: save it as CSV",
    b"\xd0\xcf\x11\xe0": "it is a spreadsheet: save it as CSV",
    b"\x89HDF": "it is HDF5: save the table as CSV, FITS, ECSV or Parquet",
    b"\x93NUMPY": "it is an array of NumPy: save the table as CSV, FITS, ECSV or Parquet",
    b"%PDF": "it is a PDF",
    b"BZh": "it is packed by bzip2: unpack it",
    b"\xfd7zXZ": "it is packed by xz: unpack it",
}
LISTED = 12  # names of columns in a message


def read_table(path, wanted=None, text=()):
    """All columns of a table, {name: array (rows, ...)} in the file's order; words are str, missing numbers NaN.

    A unit in a name or beside it is taken off; lengths on the sky become arcsec (see `column_names.standard`). Numbers
    such as -99 that are impossible for what a column measures count as missing, which is said once a table.

    Args:
        path: text with a header (CSV, TSV, semicolons, blanks; see `csv_text.read`), FITS, of which the first table is
            read, ECSV, VOTable or Parquet, each by its suffix or its first bytes.
        wanted: a function that says of a name whether to read the column; None reads all.
        text: names of columns that hold words even where they look like numbers ("007") or like nothing ("NA").

    Raises: Unreadable (a DataError) if the file is absent or no such table, e.g. for a row longer than the header.
    """
    path = usable(path)
    held = _columns(path, text, wanted or (lambda name: True))
    names, columns, factors = {name for name, _, _ in held}, {}, {}
    for name, unit, values in held:
        short, factor = standard(name, unit)
        if short != name and (short in names or short in columns):
            short, factor = name, 1.0  # there is one with this unit and one with another or without
        columns[short], factors[short] = values, factor if values.dtype.kind in "fiu" else 1.0
    columns = without_marks(path, columns, factors)
    return {name: values if factors[name] == 1.0 else values * factors[name] for name, values in columns.items()}


def read_column(file, column):
    """One column of a catalogue, float64 (rows,), read-only.

    Args:
        file: a table, see `read_table`; read once, unless it changes.
        column: its name, with or without the unit that the file has in it; lower and upper case differ.

    Raises: DataError if the file is absent, is no table or has no rows, or the column is absent or holds anything but
        finite numbers. (Rows are drawn jointly, so a row without a number cannot be left out of one column.)
    """
    path = usable(file)
    try:
        status = path.stat()
    except OSError:
        raise DataError(f"there is no catalogue {file}; expected a CSV file or a FITS table") from None
    return _column(path, column, (status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=256)
def _column(path, column, version):
    """The checked column; `version` makes the cache forget a file that has changed."""
    names = {}  # in order, each once

    def wanted(name):
        names[name] = True
        return name == column

    columns = read_table(path, wanted)
    if not columns:
        raise DataError(f'the catalogue {path} has no column "{column}".{_hint(column, list(names))}')
    values = columns.get(column, next(iter(columns.values())))
    if len(values) == 0:
        raise DataError(f"the catalogue {path} has no rows")
    values = _numbers(path, column, values)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        others = f"{len(bad) - 1:,} more rows" if len(bad) > 2 else "one more"
        more = f", nor in {others}" if len(bad) > 1 else ""
        raise DataError(
            f'the column "{column}" of {path} has no number in row {bad[0] + 1}{more}; every row needs one, so leave '
            "such rows out"
        )
    values.flags.writeable = False
    return values


def _hint(column, names):
    """Which column may be meant, whatever its case and blanks, or which there are."""

    def letters(name):
        return re.sub("[^a-z0-9]", "", name.lower())

    same = [f' Did you mean "{name}"?' for name in names if letters(name) == letters(column)]
    listed = ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
    return next(iter(same), "") or nearest(column, names) or f" It has {listed}."


def _numbers(path, column, values):
    """A column as float64 (rows,). Raises: DataError if it holds anything else."""
    if values.ndim != 1:
        raise DataError(f'the column "{column}" of {path} holds {values[0].size} values a row; expected one number')
    if values.dtype.kind not in "fiuU":
        what = {"b": "true and false", "M": "dates"}.get(values.dtype.kind, f"{values.dtype}")
        raise DataError(f'the column "{column}" of {path} does not hold numbers but {what}')
    if values.dtype.kind == "U":
        try:
            return words_as_numbers(values)
        except ValueError as error:
            raise DataError(f'the column "{column}" of {path} does not hold numbers: it has "{error}"') from None
    return np.array(values, dtype=np.float64)


def _columns(path, text, wanted):
    """Triples (name, unit, values) of the columns that are wanted by their names, with their units or without."""

    def named(name, unit=""):
        return any([wanted(short) for short in dict.fromkeys((standard(name, unit)[0], name))])

    form = _form(path)
    if form is FITS:
        return fits_table.read(path, named)
    if form is ECSV or form is VOTABLE:
        return astropy_tables.read(path, "ascii.ecsv" if form is ECSV else "votable", named)
    if form is PARQUET:
        return parquet_table.read(path, named)
    return [
        (name, unit, words(cells) if standard(name)[0] in text else numbers_or_words(cells))
        for name, unit, cells in csv_text.read(path, named)
    ]


def _form(path):
    """The suffixes of a table's format, by its name or its first bytes; None: text. Raises: Unreadable."""
    for form in (FITS, ECSV, PARQUET, VOTABLE):
        if has_suffix(path, form):
            return form
    check_is_file(path, "a table")
    with reading(path, "a table"):
        start = _start(path)
        for first, reason in NO_TABLE.items():
            if start.startswith(first):
                raise Unreadable(path, "a table", reason)
    return next((form for first, form in FIRST_BYTES.items() if start.startswith(first)), None)


def _start(path):
    """The first bytes of a file, unpacked."""
    with csv_text.unpacked(path) as file:
        return file.read(16).removeprefix(b"\xef\xbb\xbf")
