"""Columns of catalogues that parameters are drawn from: CSV files and FITS tables."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from ..errors import DataError, nearest

FITS_ENDINGS = (".fits", ".fit", ".fits.gz", ".fit.gz")


def read_column(file, column):
    """One column of a catalogue, float64 (rows,), read-only.

    Args:
        file: a CSV file with a header, or a FITS table (the first one in the file); read once, unless it changes.
        column: its name; lower and upper case differ.

    Raises: DataError if the file is absent, is no table or has no rows, or the column is absent or holds anything but
        finite numbers. (Rows are drawn jointly, so a row without a number cannot be left out of one column.)
    """
    path = Path(file)
    try:
        status = path.stat()
    except OSError:
        raise DataError(f"there is no catalogue {file}; expected a CSV file or a FITS table") from None
    return _column(path, column, (status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=256)
def _column(path, column, version):
    """The checked column; `version` makes the cache forget a file that has changed."""
    columns = _read(path, version)
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
def _read(path, version):
    """All columns by name."""
    try:
        columns = _read_fits(path) if path.name.lower().endswith(FITS_ENDINGS) else _read_csv(path)
    except Exception:  # the readers let many kinds of error out of a damaged file
        raise DataError(f"the catalogue {path} cannot be read as CSV with a header, or as a FITS table") from None
    if not columns or len(next(iter(columns.values()))) == 0:
        raise DataError(f"the catalogue {path} has no rows")
    return columns


def _read_csv(path):
    import pandas

    table = pandas.read_csv(path, comment="#", skipinitialspace=True)
    return {str(name).strip(): table[name].to_numpy() for name in table}


def _read_fits(path):
    from astropy.io import fits

    with fits.open(path, memmap=False) as hdus:
        table = next(hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU))
        return {name: np.array(table.data[name]) for name in table.columns.names}
