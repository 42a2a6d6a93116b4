"""Parquet files, by way of pyarrow: their columns."""

import numpy as np

from .unreadable import Unreadable, check_is_file, reading


def read(path, wanted):
    """The wanted columns, a list of (name, "", values (rows,)); NaN, of words empty, where there is no value.

    wanted: function of a name. Raises: Unreadable (a DataError) if the file or pyarrow cannot be read.
    """
    try:
        from pyarrow import parquet
    except ImportError:
        raise Unreadable(
            path, "Parquet", "pyarrow is not installed; pip install 'lenstream[archive]' brings it"
        ) from None
    check_is_file(path, "Parquet")
    with reading(path, "Parquet"):
        names = [name for name in parquet.read_schema(path).names if wanted(name)]
        table = parquet.read_table(path, columns=names)
        return [(name, "", _values(table.column(name).to_numpy())) for name in names]


def _values(values):
    """A column as numbers where they are numbers, else as words: pyarrow gives objects for words and decimals."""
    if values.dtype.kind != "O":
        return values
    held = [value for value in values if value is not None]
    if held and all(isinstance(value, bool) for value in held) and len(held) == len(values):
        return values.astype(bool)
    if held and not any(isinstance(value, str | bytes | bool) for value in held):
        try:
            return np.array([np.nan if value is None else float(value) for value in values])
        except (TypeError, ValueError):
            pass
    return np.array(["" if value is None else str(value) for value in values])
