"""ECSV and VOTable files, by way of astropy: their columns and units."""

import io
import warnings

import numpy as np

from .unreadable import check_is_file, reading
from .whole import whole


def read(path, form, wanted):
    """The wanted columns, a list of (name, unit, values (rows, ...)); NaN, of words empty, where there is no value.

    Args: form: "ascii.ecsv" or "votable", as astropy calls them. wanted: function of name and unit.
    Raises: Unreadable (a DataError) if the file cannot be read.
    """
    from astropy.table import Column, Table

    words = {"ascii.ecsv": "ECSV", "votable": "VOTable"}[form]
    check_is_file(path, words)
    with reading(path, words), warnings.catch_warnings(action="ignore"):
        table = Table.read(path, format=form)
        plain = [c for c in map(table.field, table.colnames) if isinstance(c, Column)]  # coordinates and times are not
        return [(c.name, str(c.unit or ""), _filled(c)) for c in plain if wanted(c.name, str(c.unit or ""))]


def _filled(column):
    """A column as an array, NaN (of words: empty) where it is masked."""
    if column.dtype.kind == "O":
        return np.array(["" if value is None or value is np.ma.masked else str(value) for value in column])
    if not np.ma.is_masked(column):
        return np.array(column)
    return column.filled("").astype(str) if column.dtype.kind in "SU" else column.astype(float).filled(np.nan).data


def write(path, frame, described, meta):
    """Write a DataFrame as ECSV or VOTable, by the suffix .ecsv or .vot, whole or not at all.

    Args: described: column -> (unit as astropy reads it, description). meta: name -> text, of the whole table.
    """
    from astropy.table import Table

    table = Table.from_pandas(frame)
    for name, (unit, description) in described.items():
        table[name].unit, table[name].description = unit or None, description
    table.meta.update(meta)
    text = io.BytesIO() if path.suffix == ".vot" else io.StringIO()
    with warnings.catch_warnings(action="ignore"):
        table.write(text, format="votable" if path.suffix == ".vot" else "ascii.ecsv")
    held = text.getvalue()
    with whole(path) as file:
        file.write(held if isinstance(held, bytes) else held.encode())
