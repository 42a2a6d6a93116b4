"""All labels of a dataset as one table beside it, shard by shard: Parquet, and ECSV where that is asked for."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

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


def stored_labels(folder: Path, description: Description, scene: Scene, shard: Shard) -> Stored:
    """The indices and labels of a shard, without images where the format can leave them out."""
    form = format_of(description.format)
    return getattr(form, "read_labels", form.read)(folder, description, scene, shard)


def _tables(folder, description, scene) -> Iterator["QTable"]:
    for shard in description.shards:
        yield label_table(scene, stored_labels(folder, description, scene, shard))


def _write_parquet(path, tables):
    from pyarrow import parquet

    with whole(path) as file:
        writer = None
        for table in map(_arrow, tables):
            if writer is None:
                writer = parquet.ParquetWriter(file, table.schema, compression="zstd")
            writer.write_table(table)
        if writer is not None:
            writer.close()


def _arrow(table: "QTable") -> Any:
    """A pyarrow.Table with units."""
    import pyarrow
    from astropy.table import meta

    arrays, fields = [], []
    for name in table.colnames:
        column = table[name]
        values = np.asarray(getattr(column, "value", column))
        unit = getattr(column, "unit", None)
        said = {"description": column.info.description or ""} | ({} if unit is None else {"unit": unit.to_string()})
        arrays.append(pyarrow.array(values))
        fields.append(pyarrow.field(name, arrays[-1].type, metadata=said))
    whole_of = {str(name): str(value) for name, value in table.meta.items()}
    # What astropy's own writer leaves, so that QTable.read has the units
    whole_of["table_meta_yaml"] = "\n".join(meta.get_yaml_from_table(_plain(table)))
    return pyarrow.table(arrays, schema=pyarrow.schema(fields, metadata=whole_of))


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
