"""Tables: every format gives the same columns, and what is no table gets one sentence."""

import os
import sys

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.errors import DataError
from lenstream.files.columns import read_column, read_table


@pytest.mark.parametrize("ending", ["csv", "fits", "ecsv"])
def test_columns_of_catalogues(tmp_path, ending):
    path = tmp_path / f"catalogue.{ending}"
    Table({"sigma": [210.0, 250.5, 190.0], "n": [1, 2, 3], "name": ["a", "b", "c"], "z": [0.1, np.nan, 0.2]}).write(
        path
    )
    np.testing.assert_array_equal(read_column(path, "sigma"), [210.0, 250.5, 190.0])
    assert read_column(path, "n").dtype == np.float64
    for column, message in (
        ("sigm", 'no column "sigm". Did you mean "sigma"?'),
        ("name", "does not hold numbers"),
        ("z", "has no number in row 2"),
    ):
        with pytest.raises(DataError) as caught:
            read_column(path, column)
        assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "it has no header"),
        (
            "t.npy",
            b"\x93NUMPY\x01\x00",
            "it is an array of NumPy: save the table as CSV, FITS, ECSV or Parquet",
        ),
        ("t.csv", b"a,b\n", "has no rows"),
        ("t.csv", b"\x00\xff\xfe,,\n1", ""),
        ("t.fits", b"SIMPLE  = nonsense", "cannot be read"),
    ],
)
def test_broken_catalogues_are_one_sentence(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_column(tmp_path / name, "a")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def write_csv(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode(encoding))
    return path


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.floats(-1e30, 1e30), st.integers(-(2**40), 2**40)), min_size=1, max_size=20))
def test_numbers_survive_every_format(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("tables")
    x, n = (np.array(column) for column in zip(*rows, strict=True))
    for name in ("t.csv", "t.fits", "t.ecsv", "t.fit.gz"):
        Table({"x": x, "n": n}).write(folder / name, format="fits" if ".fit" in name else None)
        read = read_table(folder / name)
        assert list(read) == ["x", "n"]
        np.testing.assert_array_equal(read["x"], x, err_msg=name)
        np.testing.assert_array_equal(read["n"], n, err_msg=name)


def test_csv_with_comments_spaces_and_a_byte_order_mark(tmp_path):
    path = write_csv(tmp_path, "# from a survey\nname, x\nNGC#7, 1\n  # not this one, 2\n0123, 3\n", "utf-8-sig")
    read = read_table(path, text=("name", "absent"))
    assert read["name"].tolist() == ["NGC#7", "0123"]
    assert read["x"].tolist() == [1, 3]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("1.1,2,3", "line 2 has 3 cells where the header has 2"),
        ("1,2\n1.1,2,3", "line 3 has 3 cells"),
        ("# why\n\n1,2\n3,4\n5,6,7,8", "line 6 has 4 cells"),
        ('"1\n2",2\n1,2,3', "line 4 has 3 cells"),
        ("1,2,\n1,2,,3", "line 3 has 4 cells"),
    ],
)
def test_a_row_longer_than_the_header_shifts_nothing(tmp_path, rows, said):
    with pytest.raises(DataError, match=r"t\.csv: cannot be read as CSV \(") as caught:
        read_table(write_csv(tmp_path, f"th,b\n{rows}\n"))
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_comma_at_the_end_of_every_row_adds_nothing(tmp_path):
    assert {k: v.tolist() for k, v in read_table(write_csv(tmp_path, "a,b\n1,2,\n3,4,\n")).items()} == {
        "a": [1, 3],
        "b": [2, 4],
    }


def test_missing_values_of_an_ecsv_are_nan_or_empty(tmp_path):
    mask = [False, True]
    columns = {
        "z": MaskedColumn([0.5, 9.0], mask=mask),
        "n": MaskedColumn([3, 9], mask=mask),
        "w": MaskedColumn(["a", "b"], mask=mask),
    }
    Table(columns).write(tmp_path / "t.ecsv")
    read = read_table(tmp_path / "t.ecsv")
    np.testing.assert_array_equal(read["z"], [0.5, np.nan])
    np.testing.assert_array_equal(read["n"], [3.0, np.nan])
    assert read["w"].tolist() == ["a", ""]


@pytest.mark.parametrize("name", ["t.csv", "t.fits", "t.ecsv"])
def test_only_the_wanted_columns_are_read(tmp_path, name):
    Table({"A": [1.0], "b": [2.0], "c": ["x"]}).write(tmp_path / name)
    assert list(read_table(tmp_path / name, lambda column: column.upper() in ("A", "C"))) == ["A", "c"]


def test_the_first_table_of_a_file_counts(tmp_path):
    tables = [fits.BinTableHDU(Table({"x": [k]}).as_array()) for k in (1, 2)]
    packed = fits.CompImageHDU(np.zeros((16, 16)))  # is stored as a table
    fits.HDUList([fits.PrimaryHDU(), packed, *tables]).writeto(tmp_path / "t.fits")
    assert read_table(tmp_path / "t.fits")["x"].tolist() == [1]
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(tmp_path / "none.fits")
    with pytest.raises(DataError, match=r"none\.fits: cannot be read as a FITS table \(it holds no table\)"):
        read_table(tmp_path / "none.fits")
    whole = (tmp_path / "t.fits").read_bytes()
    (tmp_path / "cut.fits").write_bytes(whole[:-100])
    with pytest.raises(DataError, match="cut short"):
        read_table(tmp_path / "cut.fits")


def test_a_fits_table_is_known_by_its_first_bytes(tmp_path):
    Table({"x": [1.5]}).write(tmp_path / "catalogue", format="fits")
    assert read_table(tmp_path / "catalogue")["x"].tolist() == [1.5]


def test_parquet_gives_the_same_columns(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"x": [1.5, None], "n": [1, 2], "w": ["a", "b"]}), tmp_path / "t.parquet")
    read = read_table(tmp_path / "t.parquet")
    np.testing.assert_array_equal(read["x"], [1.5, np.nan])
    assert read["n"].tolist() == [1, 2] and read["w"].tolist() == ["a", "b"]
    np.testing.assert_array_equal(read_column(tmp_path / "t.parquet", "n"), [1.0, 2.0])
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read as Parquet") as caught:
        read_table(tmp_path / "broken.parquet")
    assert "\n" not in str(caught.value)


def test_parquet_without_its_library_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"t\.parquet: cannot be read as Parquet .*lenstream\[archive\]"):
        read_table(tmp_path / "t.parquet")


def test_a_changed_file_is_read_again(tmp_path):
    assert read_column(write_csv(tmp_path, "a\n1\n"), "a").tolist() == [1]
    assert read_column(write_csv(tmp_path, "a\n1\n22\n"), "a").tolist() == [1, 22]


def test_a_catalogue_that_was_changed_is_read_again(tmp_path):
    path = write_csv(tmp_path, "a\n1\n")
    assert read_column(path, "a").tolist() == [1.0]
    seconds = path.stat().st_mtime
    path.write_text("a\n2\n")  # as long as before
    os.utime(path, (seconds + 1, seconds + 1))
    assert read_column(path, "a").tolist() == [2.0]
