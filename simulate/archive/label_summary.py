"""What the labels of a dataset really are: lowest, middle and highest value of each column of labels.parquet."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...configs.quantities import find
from ...errors import DataError
from .label_file import PARQUET


class Summary(NamedTuple):
    """A label over all systems and views of a dataset."""

    name: str
    unit: str  # as `astropy.units.Unit` reads it; "" for a pure number
    meaning: str
    dtype: str  # numpy's name
    low: float  # NaN, as median and high, where no system has it
    median: float
    high: float
    missing: float  # the share of rows that have none


def summaries(folder: Path) -> list[Summary]:
    """The labels of a dataset, in the order of its table; index and view are none.

    One column at a time is in memory. Raises: DataError if labels.parquet is missing or damaged.
    """
    import pyarrow
    import pyarrow.parquet

    path = folder / PARQUET
    try:
        file = pyarrow.parquet.ParquetFile(path)
        names = [name for name in file.schema_arrow.names if name not in ("index", "view")]
        return [_summary(name, file.read(columns=[name])[name]) for name in names]
    except FileNotFoundError:
        raise DataError(f"{path}: missing; lenstream simulate with the same arguments writes it") from None
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path}: cannot be read as Parquet ({error})") from None


def class_counts(folder: Path, n_classes: int, views: int) -> np.ndarray:
    """How many systems are of each class, int64 (n_classes,); the table has as many rows for each as it has views."""
    import pyarrow.parquet

    numbers = pyarrow.parquet.read_table(folder / PARQUET, columns=["class"])["class"].to_numpy()
    return np.bincount(numbers[::views].astype(np.int64), minlength=n_classes)


def _summary(name, column):
    values = column.to_numpy().astype(float)
    known = find(name)
    finite = values[np.isfinite(values)]
    low, median, high = (finite.min(), np.median(finite), finite.max()) if len(finite) else (np.nan,) * 3
    return Summary(
        name,
        known.unit if known else "",
        known.meaning if known else "",
        str(column.type.to_pandas_dtype().__name__),
        float(low),
        float(median),
        float(high),
        1.0 - len(finite) / max(len(values), 1),
    )
