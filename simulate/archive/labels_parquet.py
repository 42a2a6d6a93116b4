"""The labels of a dataset as one table: labels.parquet, and labels.ecsv if it is asked for, written shard by shard.

Rows and columns are those of `label_table`; the unit and the meaning of a column are in the metadata of its field and,
for ``astropy.table.Table.read``, in that of the file.
"""

import importlib.util
import io

import numpy as np

from ...files.whole import whole
from ..label_table import table_of
from .formats import format_of

PARQUET, ECSV = "labels.parquet", "labels.ecsv"
ROWS = 1 << 16  # in a row group


def write_labels(folder, description, scene, ecsv=False):
    """Write the labels of all shards, which are read one after the other; returns the names of the files.

    ecsv: also as ECSV, which astropy and a text editor read; without pyarrow it is that alone.

    Raises: OSError, Unreadable for a shard that cannot be read.
    """
    written = []
    if importlib.util.find_spec("pyarrow") is not None:
        _write_parquet(folder, description, scene)
        written.append(PARQUET)
    if ecsv or not written:
        _write_ecsv(folder, description, scene)
        written.append(ECSV)
    return written


def _tables(folder, description, scene):
    """The label table of each shard."""
    read_labels = format_of(description.format).read_labels
    for shard in description.shards:
        indices = np.arange(shard.first, shard.first + shard.count, dtype=np.uint64)
        yield table_of(scene, indices, read_labels(folder, description, scene, shard))


def _write_parquet(folder, description, scene):
    import pyarrow as pa
    from pyarrow import parquet

    writer = None
    with whole(folder / PARQUET) as file:
        for table in _tables(folder, description, scene):
            if writer is None:
                schema = _schema(table)
                writer = parquet.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True)
            columns = [pa.array(np.asarray(getattr(table[n], "value", table[n]))) for n in table.colnames]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=ROWS)
        writer.close()


def _schema(table):
    """The pyarrow.Schema of a label table, with its units and meanings, for all readers and for astropy's."""
    import pyarrow as pa
    from astropy.table import meta, serialize

    fields = []
    for name in table.colnames:
        unit = getattr(table[name], "unit", None)
        said = {"unit": "" if unit is None else unit.to_string(), "description": table[name].info.description or ""}
        fields.append(pa.field(name, pa.from_numpy_dtype(table[name].dtype), metadata=said))
    for_astropy = meta.get_yaml_from_table(serialize.represent_mixins_as_columns(table))
    facts = {key: str(value) for key, value in table.meta.items()}
    return pa.schema(fields, facts | {"table_meta_yaml": "\n".join(for_astropy)})


def _write_ecsv(folder, description, scene):
    begun = False
    with whole(folder / ECSV) as file:
        for table in _tables(folder, description, scene):
            text = io.StringIO()
            table.write(text, format="ascii.ecsv")
            lines = text.getvalue().splitlines(keepends=True)
            rows = next(k for k, line in enumerate(lines) if not line.startswith("#")) + 1  # behind the names
            file.write("".join(lines[rows if begun else 0 :]).encode())
            begun = True
