"""All labels of a dataset as one table beside it, shard by shard: Parquet, and ECSV where that is asked for."""

import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...files.unreadable import reading
from ...files.whole import whole
from ..label_table import label_table
from ..systems.scene import Scene
from .description import Description, Shard
from .formats import format_of
from .samples import Stored

if TYPE_CHECKING:
    from astropy.table import QTable

PARQUET, ECSV = "labels.parquet", "labels.ecsv"


def write_labels(folder: Path, description: Description, scene: Scene, ecsv: bool = False) -> list[str]:
    """Write the labels of a finished dataset from its files; returns the names of the tables.

    Columns are those of `label_table`. The Parquet file has unit and description in the metadata of each column, and
    astropy reads the units from those of the whole (pandas, polars and datasets take no notice).

    Raises: OSError; Unreadable for a shard that is damaged.
    """
    _write_parquet(folder / PARQUET, _tables(folder, description, scene))
    if not ecsv:
        return [PARQUET]
    _write_ecsv(folder / ECSV, _tables(folder, description, scene))
    return [PARQUET, ECSV]


def first_labels(folder: Path, most: int) -> dict[str, np.ndarray]:
    """The first rows of the table of a dataset: label -> values, one for every image. Raises: Unreadable."""
    from pyarrow import parquet

    with reading(folder / PARQUET, "Parquet"), parquet.ParquetFile(folder / PARQUET) as file:
        names = [name for name in file.schema_arrow.names if name not in ("index", "view")]
        rows = next(file.iter_batches(batch_size=most, columns=names))
        return {name: rows[name].to_numpy(zero_copy_only=False) for name in names}


def stored_labels(folder: Path, description: Description, scene: Scene, shard: Shard) -> Stored:
    """The indices and labels of a shard, without images where the format can leave them out."""
    form = format_of(description.format)
    return getattr(form, "read_labels", form.read)(folder, description, scene, shard)


def _tables(folder, description, scene) -> Iterator["QTable"]:
    for shard in description.shards:
        yield label_table(scene, stored_labels(folder, description, scene, shard))


def _write_parquet(path, tables):
    import pyarrow
    from pyarrow import parquet

    with whole(path) as file:
        first = next(tables)
        with parquet.ParquetWriter(file, schema := _schema(first), compression="zstd") as writer:
            for table in itertools.chain([first], tables):
                writer.write_table(pyarrow.table([_values(table[name]) for name in table.colnames], schema=schema))


def _schema(table: "QTable") -> Any:
    """The columns of a table as pyarrow.Schema with units and descriptions."""
    import pyarrow
    from astropy.table import meta

    fields = []
    for name in table.colnames:
        unit = getattr(table[name], "unit", None)
        said = {"description": table[name].info.description or ""} | ({} if unit is None else {"unit": str(unit)})
        fields.append(pyarrow.field(name, pyarrow.from_numpy_dtype(_values(table[name]).dtype), metadata=said))
    whole_of = {str(name): str(value) for name, value in table.meta.items()}
    # What astropy's own writer leaves, so that QTable.read has the units
    whole_of["table_meta_yaml"] = "\n".join(meta.get_yaml_from_table(_plain(table)))
    return pyarrow.schema(fields, metadata=whole_of)


def _values(column):
    return np.asarray(getattr(column, "value", column))


def _plain(table):
    """The table with the unit of each column as an attribute, as astropy's writers describe it."""
    from astropy.table import Table, serialize

    return serialize.represent_mixins_as_columns(Table(table[:0]))


def _write_ecsv(path, tables):
    with whole(path) as file:
        for number, table in enumerate(tables):
            text = io.StringIO()
            table.write(text, format="ascii.ecsv")
            lines = text.getvalue().splitlines(keepends=True)
            rows = [line for line in lines if not line.startswith("#")]
            file.write("".join(lines if number == 0 else rows[1:]).encode())
