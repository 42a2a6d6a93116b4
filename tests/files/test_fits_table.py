"""FITS tables: missing values, units, byte order, names in any case, vectors."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from lenstream.errors import DataError
from lenstream.files.columns import read_column, read_table
from lenstream.files.fits_table import names


def write(tmp_path, *columns, kind=fits.BinTableHDU):
    kind.from_columns(columns).writeto(tmp_path / "t.fits", overwrite=True)
    return tmp_path / "t.fits"


def test_numbers_that_equal_tnull_are_missing(tmp_path):
    path = write(
        tmp_path,
        fits.Column("n", "J", array=[1, -5, 3], null=-5),
        fits.Column("m", "I", array=np.array([1, 65535, 3], np.uint16), bzero=32768, null=32767),
        fits.Column("kept", "J", array=[1, -5, 3]),
    )
    read = read_table(path)
    np.testing.assert_array_equal(read["n"], [1, np.nan, 3])
    np.testing.assert_array_equal(read["m"], [1, np.nan, 3])
    assert read["kept"].tolist() == [1, -5, 3] and read["kept"].dtype == np.int32
    with pytest.raises(DataError, match=r'"n" of .* has no number in row 2; every row needs one'):
        read_column(path, "n")


def test_a_table_of_text_has_missing_numbers(tmp_path):
    path = write(
        tmp_path,
        fits.Column("x", "F8.3", array=[1.5, 2.5]),
        fits.Column("w", "A4", array=["a", "b"]),
        kind=fits.TableHDU,
    )
    path.write_bytes(path.read_bytes().replace(b"   2.500", b"        "))
    read = read_table(path)
    np.testing.assert_array_equal(read["x"], [1.5, np.nan])
    assert read["w"].tolist() == ["a", "b"]


def test_units_beside_names_are_those_of_lengths(tmp_path):
    path = write(
        tmp_path,
        fits.Column("theta_E", "D", unit="mas", array=[1200.0]),
        fits.Column("R_sersic", "D", unit="deg", array=[1e-4]),
        fits.Column("PA", "D", unit="deg", array=[30.0]),
        fits.Column("RA", "D", unit="deg", array=[150.0]),
    )
    assert read_table(path) == {
        "theta_E": pytest.approx([1.2]),
        "R_sersic": pytest.approx([0.36]),
        "PA_deg": [30.0],
        "RA": [150.0],
    }
    assert read_column(path, "theta_E") == pytest.approx([1.2])
    assert read_column(path, "PA") == [30.0] and read_column(path, "PA_deg") == [30.0]


@pytest.mark.parametrize("name", ["t.ecsv", "t.fits", "t.vot"])
def test_every_format_has_units_and_missing_values(tmp_path, name):
    table = Table({"theta_E": MaskedColumn([1200, -5], mask=[False, True]), "name": ["NA", "007"], "z": [0.5, -99.0]})
    table["theta_E"].unit = "mas"
    table.write(tmp_path / name, format={"t.vot": "votable"}.get(name))
    read = read_table(tmp_path / name, text=("name",))
    np.testing.assert_allclose(read["theta_E"], [1.2, np.nan])
    np.testing.assert_array_equal(read["z"], [0.5, np.nan])
    assert read["name"].tolist() == ["NA", "007"]


def test_a_form_is_known_by_its_first_bytes(tmp_path):
    for form, name in (("ascii.ecsv", "a.txt"), ("votable", "b.xml"), ("fits", "c.dat")):
        Table({"x": [1.5]}).write(tmp_path / name, format=form)
        assert read_table(tmp_path / name)["x"].tolist() == [1.5]


def test_names_differ_in_case_and_order_of_bytes_does_not_matter(tmp_path):
    path = write(tmp_path, fits.Column("z", "D", array=[1.0]), fits.Column("Z", "D", array=[2.0]))
    assert read_table(path) == {"z": [1.0], "Z": [2.0]}
    assert read_table(path)["z"].dtype.isnative


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (fits.Column("x", "2D", array=[[1.0, 2.0]]), "holds 2 values a row; expected one number"),
        (fits.Column("x", "L", array=[True]), "does not hold numbers but true and false"),
        (fits.Column("x", "3A", array=["abc"]), 'does not hold numbers: it has "abc"'),
    ],
)
def test_a_column_that_is_no_numbers_is_one_sentence(tmp_path, column, said):
    with pytest.raises(DataError, match=said):
        read_column(write(tmp_path, column), "x")


def test_a_number_and_a_word_of_a_masked_column_of_words(tmp_path):
    assert read_column(write(tmp_path, fits.Column("x", "5A", array=["1.5", "2"])), "x").tolist() == [1.5, 2.0]


def test_names_of_the_columns_of_the_first_table(tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=[1.0]), fits.Column("B", "E", array=[1.0])])
    packed = fits.CompImageHDU(np.ones((9, 9)))  # which lies in a table
    fits.HDUList([fits.PrimaryHDU(), packed, table]).writeto(tmp_path / "a.fits")
    fits.writeto(tmp_path / "b.fits", np.ones((9, 9)))
    (tmp_path / "c.fits").write_text("no FITS")
    assert names(tmp_path / "a.fits") == ["a", "B"]
    assert names(tmp_path / "b.fits") == names(tmp_path / "c.fits") == []
