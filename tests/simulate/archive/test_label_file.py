"""The table of labels beside a dataset: pyarrow, pandas and astropy read it, with units, whole numbers and all rows."""

import numpy as np
import pytest
from astropy import units
from astropy.table import QTable
from pyarrow import parquet

from lenstream.simulate.archive.label_file import write_labels
from lenstream.simulate.archive.shard_making import opened
from lenstream.simulate.label_table import label_table
from lenstream.simulate.selection import draw


@pytest.fixture(scope="module")
def expected(dataset):
    description, scene = opened(dataset)
    return label_table(scene, draw(scene, np.arange(20), description.drawn_views))


def test_parquet_holds_every_row_with_units(dataset, expected):
    table = parquet.read_table(dataset / "labels.parquet")
    assert table.column_names == expected.colnames and len(table) == 40
    for name in expected.colnames:
        wanted = getattr(expected[name], "value", expected[name])
        np.testing.assert_array_equal(table[name].to_numpy(), wanted)
        said = table.schema.field(name).metadata or {}
        unit = getattr(expected[name], "unit", None)
        assert units.Unit(said.get(b"unit", b"").decode()) == (units.one if unit is None else unit)
        assert said[b"description"].decode() == (expected[name].info.description or "")
    assert table["class"].to_numpy().dtype == table["index"].to_numpy().dtype == np.int64


def test_astropy_reads_both_tables_with_units(dataset, expected, tmp_path):
    description, scene = opened(dataset)
    for name in ("labels.parquet", "labels.ecsv"):
        (tmp_path / name).unlink(missing_ok=True)
    assert write_labels(dataset, description, scene) == ["labels.parquet"]
    from lenstream.simulate.archive import label_file

    label_file._write_ecsv(tmp_path / "labels.ecsv", label_file._tables(dataset, description, scene))
    for path in (dataset / "labels.parquet", tmp_path / "labels.ecsv"):
        read = QTable.read(path)
        assert read.colnames == expected.colnames and read["theta_E"].unit == units.arcsec
        assert read["source_magnitude"].unit == units.mag
        for name in expected.colnames:
            ours, theirs = (getattr(t[name], "value", t[name]) for t in (read, expected))
            np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs), err_msg=name)
