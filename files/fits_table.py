"""The first table of a FITS file: its columns, their units, and NaN where a value is missing."""

from typing import NamedTuple

import numpy as np

from .fits import checked_hdus, opened
from .unreadable import Unreadable

FORM = "a FITS table"


class FitsColumn(NamedTuple):
    """A column of a FITS table."""

    name: str  # TTYPE
    unit: str  # TUNIT, or ""
    values: np.ndarray  # (rows, ...), in the machine's byte order


def read(path, wanted):
    """The wanted columns of the first table of a file, a list of `FitsColumn`. Numbers that equal TNULL are NaN.

    wanted: function of name and unit: whether to read the column.
    Raises: Unreadable (a DataError) if the file cannot be read or holds no table.
    """
    with opened(path, FORM) as hdus:
        table = _first_table(checked_hdus(path, hdus, FORM))
        if table is None:
            raise Unreadable(path, FORM, "it holds no table")
        columns = [(k, c) for k, c in enumerate(table.columns) if wanted(c.name.strip(), c.unit or "")]
        return [FitsColumn(c.name.strip(), c.unit or "", _values(table, k, c)) for k, c in columns]


def names(path):
    """The names of the columns of a file's first table; none if it holds no table or cannot be read."""
    try:
        with opened(path, FORM) as hdus:
            table = _first_table(hdus)
            return [] if table is None else list(table.columns.names)
    except Unreadable:
        return []


def _first_table(hdus):
    """The first HDU with a table, or None; a compressed image is none."""
    from astropy.io import fits

    kinds = fits.BinTableHDU | fits.TableHDU
    return next((hdu for hdu in hdus if isinstance(hdu, kinds) and not hdu.is_image), None)


def _values(table, number, column):
    """A column as an array; by number, as astropy finds names in any case."""
    values = np.array(table.data.field(number))
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    raw = table.data.view(np.ndarray)[table.data.dtype.names[number]]
    missing = _missing(raw, column.null)
    if values.dtype.kind in "iuf" and missing is not None and missing.any():
        return np.where(missing, np.nan, values.astype(float))
    return np.char.strip(values) if values.dtype.kind in "SU" else values


def _missing(raw, null):
    """Where the numbers as they lie in the file stand for a missing one; None: nowhere."""
    if raw.dtype.kind == "S":  # a table of text
        held = np.char.strip(raw)
        return (held == b"") | (held == str(null).strip().encode()) if null is not None else held == b""
    return None if null is None or null == "" or raw.dtype.kind not in "iu" else raw == int(null)
