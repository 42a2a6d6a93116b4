"""Numbers that stand for a missing value in tables, such as -99: which they are, and NaN in their place."""

import logging

import numpy as np

from .column_names import impossible

log = logging.getLogger("lenstream")

ABSURD = 1e20  # -1e30, the largest float32 and the like
MARKS = (-1.0, -9.0, -32768.0, -2147483648.0, 32767.0, 2147483647.0)  # beside 99, -99, 999, 99.9, -9999 and the like


def without_marks(path, columns, factors=None):
    """The columns of a table with NaN where a number marks a missing value; says how many there are, by column.

    Such a number, -99 or 1e30, counts as a mark only where it is impossible for what the column's name says: an angle
    of -99 degrees is one, an Einstein radius is not, and of a name that is not known every number is kept.

    Args:
        path: of the table, for the message. columns: {name: array (rows, ...)}, as the file has them.
        factors: {name: what brings a column to its usual unit}; absent: 1.
    """
    found = {name: _marked(name, values, (factors or {}).get(name, 1.0)) for name, values in columns.items()}
    said = []
    for name, marked in found.items():
        if marked.any():
            values = columns[name]
            which = ", ".join(f"{value:g}" for value in np.unique(values[marked])[:3])
            said.append(f"{marked.sum():,} of {which} in {name}")
            columns = columns | {name: np.where(marked, np.nan, values.astype(float))}
    if said:
        more = f" and {len(said) - 5} more columns" if len(said) > 5 else ""
        log.warning("%s: impossible numbers count as missing values: %s%s", path, "; ".join(said[:5]), more)
    return columns


def _marked(name, values, factor):
    """Where a column holds a mark that, times the factor, is impossible for its name."""
    marked = impossible(name, values if factor == 1.0 else values * factor)
    if marked.any():
        marked[marked] = _looks_missing(values[marked].astype(float))
    return marked


def _looks_missing(values):
    """Where a number (n,) is one that catalogues mark missing values with: all digits 9, absurd, or of MARKS."""
    return nines(values) | np.isin(values, MARKS) | (np.abs(values) >= ABSURD)


def nines(values):
    """Where the digits of a number are all 9, as in -99 or 999.9; bool of the shape of an array."""
    unique, where = np.unique(values, return_inverse=True)
    found = [set(f"{abs(value):.6g}".replace(".", "")) == {"9"} for value in unique]
    return np.array(found, bool)[where].reshape(np.shape(values))
