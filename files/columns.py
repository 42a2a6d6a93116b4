"""Tables: the columns of CSV, ECSV, FITS and Parquet files, by name."""

import io
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..errors import DataError, nearest
from . import fits
from .suffixes import ECSV, FITS, PARQUET, has_suffix
from .unreadable import Unreadable, check_is_file, reading

OTHERS = ", ".join(FITS + ECSV + PARQUET)


def read_table(path, wanted=None, text=()):
    """All columns of a table, {name: array (rows,)} in the file's order; words are str, missing numbers NaN.

    Args:
        path: a CSV file with a header, in UTF-8; lines that begin with # are left out. Or, by its suffix, an ECSV file
            (.ecsv), a FITS file (by its first bytes too), whose first table is read, or a Parquet file (.parquet, .pq).
        wanted: a function that says of a name whether to read the column; None reads all.
        text: names of columns that hold words even where they look like numbers.

    Raises: Unreadable (a DataError) if the file is absent or no such table, e.g. for a row longer than the header.
    """
    path = Path(path).expanduser()
    if has_suffix(path, FITS) or _is_fits(path):
        columns = fits.read_table(path, wanted)
    elif has_suffix(path, ECSV):
        columns = _read_ecsv(path)
    elif has_suffix(path, PARQUET):
        columns = _read_parquet(path)
    else:
        columns = _read_csv(path, text)
    return {name: values for name, values in columns.items() if wanted is None or wanted(name)}


def read_column(file, column):
    """One column of a catalogue, float64 (rows,), read-only.

    Args:
        file: a CSV, ECSV, FITS or Parquet file, see `read_table`; read once, unless it changes.
        column: its name; lower and upper case differ.

    Raises: DataError if the file is absent, is no table or has no rows, or the column is absent or holds anything but
        finite numbers. (Rows are drawn jointly, so a row without a number cannot be left out of one column.)
    """
    path = Path(file).expanduser()
    try:
        status = path.stat()
    except OSError:
        raise DataError(f"there is no catalogue {file}; expected a CSV file or a FITS table") from None
    return _column(path, column, (status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=256)
def _column(path, column, version):
    """The checked column; `version` makes the cache forget a file that has changed."""
    columns = _columns(path, version)
    if column not in columns:
        hint = nearest(column, columns) or f" It has {', '.join(columns)}."
        raise DataError(f'the catalogue {path} has no column "{column}".{hint}')
    try:
        values = np.array(columns[column], dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f'the column "{column}" of {path} does not hold numbers') from None
    bad = np.flatnonzero(~np.isfinite(values)) if values.ndim == 1 else [0]
    if len(bad):
        raise DataError(f'the column "{column}" of {path} has no number in row {bad[0] + 1}; every row needs one')
    values.flags.writeable = False
    return values


@lru_cache(maxsize=8)
def _columns(path, version):
    """All columns by name."""
    columns = read_table(path)
    if not columns or len(next(iter(columns.values()))) == 0:
        raise DataError(f"the catalogue {path} has no rows")
    return columns


def _is_fits(path):
    """Whether a file is FITS by its first bytes, whatever it is called."""
    if not path.is_file():
        return False
    with reading(path, "a table"), open(path, "rb") as file:
        return file.read(9) == b"SIMPLE  ="


def _read_csv(path, text):
    import pandas

    check_is_file(path, "CSV")
    strict = warnings.catch_warnings(action="error", category=pandas.errors.ParserWarning)
    with reading(path, "CSV"), open(path, encoding="utf-8-sig") as file, strict:
        try:
            lines = io.StringIO("".join(line for line in file if not line.lstrip().startswith("#")))
            table = pandas.read_csv(lines, dtype=dict.fromkeys(text, str), skipinitialspace=True, index_col=False)
        except pandas.errors.ParserWarning:
            raise Unreadable(path, "CSV", "a row has more cells than the header") from None
        except pandas.errors.EmptyDataError:
            raise Unreadable(path, "CSV", "it has no header") from None
        except UnicodeDecodeError:
            raise Unreadable(path, "CSV", f"it is no text in UTF-8; other tables end in {OTHERS}") from None
    return {str(name).strip(): table[name].to_numpy() for name in table}


def _read_ecsv(path):
    from astropy.table import Table

    check_is_file(path, "ECSV")
    with reading(path, "ECSV"):
        table = Table.read(path, format="ascii.ecsv")
        return {name: _without_mask(table[name]) for name in table.colnames}


def _without_mask(column):
    """A column of an astropy table as an array, NaN (of words: empty) where there is no value."""
    if not np.ma.is_masked(column):
        return np.array(column)
    return column.filled("") if column.dtype.kind in "SU" else np.array(column.astype(float).filled(np.nan))


def _read_parquet(path):
    try:
        from pyarrow import parquet
    except ImportError:
        raise Unreadable(
            path, "Parquet", "pyarrow is not installed; pip install 'lenstream[archive]' brings it"
        ) from None
    check_is_file(path, "Parquet")
    with reading(path, "Parquet"):
        table = parquet.read_table(path)
        return {name: table.column(name).to_numpy() for name in table.column_names}
