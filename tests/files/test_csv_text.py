"""Text tables as people have them: any separator, comments, quotes, encodings; and one sentence for what is none."""

import gzip
import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.errors import DataError
from lenstream.files.columns import read_column, read_table

EXPECTED = {"name": ["a", "b"], "theta_E": [1.5, 2.25]}


def read(tmp_path, text, encoding="utf-8", name="t.csv", **options):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return {k: v.tolist() for k, v in read_table(tmp_path / name, **({"text": ("name",)} | options)).items()}


@pytest.mark.parametrize(
    "text",
    [
        "name,theta_E\na,1.5\nb,2.25\n",
        "name;theta_E\na;1.5\nb;2.25\n",
        "name;theta_E\na;1,5\nb;2,25\n",
        "name\ttheta_E\na\t1.5\nb\t2.25",
        "name|theta_E\na|1.5\nb|2.25\n",
        "name theta_E\na 1.5\nb 2.25\n",
        "  name     theta_E\n  a        1.5\n  b        2.25  \n",
        "# name theta_E\na 1.5\nb 2.25\n",
        "# from a survey\n#name,theta_E\na,1.5\nb,2.25\n",
        "# from a survey, 2008\nname, theta_E\n# not this\n a , 1.5 \n\n\nb,2.25\n  # nor this, 2\n",
        '"name","theta_E"\n"a","1.5"\n"b",2.25\n',
        "name,theta_E,\na,1.5,\nb,2.25,\n",
        "name,theta_E\na,1.5,,,\nb,2.25\n,,\n",
        ",name,theta_E\n0,a,1.5\n1,b,2.25\n",
        "name,theta_E\r\na,1.5\r\nb,2.25\r\n",
        "name,theta_E\ra,1.5\rb,2.25\r",
        "name,theta_E\na,1.5D0\nb,225d-2\n",
        "name,theta_E,theta_E\na,1.5,1.5\nb,2.25,2.25\n",
        "\n\nname,theta_E\na,+1.5\nb,2.25",
        "sep=;\nname;theta_E\na;1,5\nb;2,25\n",
        "#\n# VizieR\nname\ttheta_E\n\tarcsec\n----\t-------\na\t1.5\nb\t2.25\n",
        "name theta_E\n---- -------\na 1.5\nb 2.25\n",
        "| name | theta_E |\n|:-----|--------:|\n| a | 1.5 |\n| b | 2.25 |\n",
    ],
)
def test_every_way_to_write_a_table_gives_the_same_columns(tmp_path, text):
    assert read(tmp_path, text) == EXPECTED


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings_are_known_by_their_first_bytes(tmp_path, encoding, caplog):
    with caplog.at_level(logging.WARNING, "lenstream"):
        assert read(tmp_path, "name,x\nSørensen,1\n", encoding) == {"name": ["Sørensen"], "x": [1]}
    assert ("was read as Latin-1" in caplog.text) == (encoding == "latin-1")


def test_a_packed_table(tmp_path):
    assert read(tmp_path, gzip.compress(b"name,x\na,1\n"), name="t.csv.gz") == {"name": ["a"], "x": [1]}


def test_quotes_hold_separators_lines_and_comments(tmp_path):
    text = 'name,x\n"a, b",1\n"two\n# lines",2\n"say ""c""",3\n'
    assert read(tmp_path, text) == {"name": ["a, b", "two\n# lines", 'say "c"'], "x": [1, 2, 3]}


def test_blanks_in_quotes(tmp_path):
    assert read(tmp_path, 'name x\n"a b" 1\nc 2\n') == {"name": ["a b", "c"], "x": [1, 2]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it has no header"),
        ("\n \n", "it has no header"),
        ("1.0,2.0\n1.5,3.0\n", "it has no header: line 1 holds numbers where names are expected"),
        ("# lenses\na 1.5\nb 2.5\n", "it has no header: line 2"),
        ("a,b\n1.1,2,3\n", "line 2 has 3 cells where the header has 2"),
        ("a b\n1 2\n\n3 4 5\n", "line 4 has 3 cells where the header has 2"),
        ("a b c\n1 2\n", "line 2 has 2 cells where the header has 3"),
        ("a,b,c\n1,2,3\n1,2", "it was cut short: line 3 has too few cells and no end"),
        ('a,b\n"x,1\ny,2\n', "line 2 opens a quote that is not closed"),
        ('a,b\nx,"1\ny,2\n', "line 2 opens a quote that is not closed"),
        ("a,b,a\n1,2,3\n", 'the columns 1 and 3 are both called "a"'),
        ("<!DOCTYPE html>\n<p>not found", "it is a web page or other XML"),
        ("a,b\n1,2\n".encode("utf-16-le"), "nor in UTF-16 with a byte order mark"),
        (b"a\x01,b\x02\n1,2\n", "it is no text: line 1 holds control characters"),
        (b"PK\x03\x04 xlsx", "it is a spreadsheet or another archive: save it as CSV"),
        (b"\x89HDF\r\n", "it is HDF5"),
        (b"%PDF-1.4", "it is a PDF"),
        (b"BZh9", "it is packed by bzip2"),
        ('{"name": ["a"]}', "it is JSON"),
        ("|name|theta_E|\n a    1.5\n b  2.25\n", "line 2 and 1 more rows have fewer cells"),
        ("name, theta_E\na 1.5\nb 2.25\nc 3\n", "line 2 and 2 more rows have fewer cells than the 2 of the header"),
        (gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-20], "it was cut short"),
    ],
)
def test_what_is_no_table_is_one_sentence(tmp_path, text, said):
    with pytest.raises(DataError) as caught:
        read(tmp_path, text)
    assert said in str(caught.value) and "\n" not in str(caught.value) and "t.csv" in str(caught.value)


def test_a_row_that_is_too_short_is_said(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "lenstream"):
        read_again = read(tmp_path, "a,b,c\n1,2\n1,2,3\n4\n4,5,6\n")
    np.testing.assert_array_equal(read_again["c"], [np.nan, 3, np.nan, 6])
    assert "2 rows are shorter than the header (line 2)" in caplog.text


def test_two_columns_of_one_name_matter_only_where_they_are_wanted(tmp_path):
    assert read(tmp_path, "a,b,a\n1,2,3\n", wanted=lambda name: name == "b") == {"b": [2]}


def test_years_may_be_names(tmp_path):
    assert read(tmp_path, "name,2019,2020\na,1,2\n") == {"name": ["a"], "2019": [1], "2020": [2]}


def test_one_column_and_many(tmp_path):
    assert read(tmp_path, "theta_E\n1.0\n1.5\n") == {"theta_E": [1.0, 1.5]}
    names = [f"c{k}" for k in range(3000)]
    (tmp_path / "wide.csv").write_text("\n".join([",".join(names), ",".join(map(str, range(3000)))]) + "\n")
    assert read_column(tmp_path / "wide.csv", "c2345").tolist() == [2345]
    with pytest.raises(DataError, match="and 2988 more") as caught:
        read_column(tmp_path / "wide.csv", "theta_E")
    assert len(str(caught.value)) < 400


CELL = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=6).map(str.strip)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(CELL, st.integers(0, 9)), min_size=1, max_size=5), st.sampled_from(",;\t|"))
def test_any_words_survive_every_separator(tmp_path_factory, rows, separator):
    import csv

    path = tmp_path_factory.getbasetemp() / "words.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=separator, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerows([("name", "x"), *((f"n{word}", x) for word, x in rows)])
    read_back = read_table(path, text=("name",))
    assert read_back["name"].tolist() == [f"n{word}" for word, _ in rows]
    assert read_back["x"].tolist() == [x for _, x in rows]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("Theta_E", 'Did you mean "theta_E"?'),
        ("THETAE", 'Did you mean "theta_E"?'),
        ("einstein radius", 'Did you mean "Einstein Radius"?'),
        ("theta_F", 'Did you mean "theta_E"?'),
        ("q", "It has theta_E, Einstein Radius, zl."),
    ],
)
def test_the_name_that_may_be_meant_is_offered(tmp_path, asked, said):
    (tmp_path / "t.csv").write_text("theta_E,Einstein Radius,zl\n1,2,3\n")
    with pytest.raises(DataError) as caught:
        read_column(tmp_path / "t.csv", asked)
    assert f'has no column "{asked}"' in str(caught.value) and said in str(caught.value)


@pytest.mark.parametrize("asked", ["theta_E", "theta_E [mas]"])
def test_a_column_is_found_with_and_without_its_unit(tmp_path, asked):
    (tmp_path / "t.csv").write_text("theta_E [mas],x\n1200,1\n900,2\n")
    assert read_column(tmp_path / "t.csv", asked) == pytest.approx([1.2, 0.9])


def test_a_column_without_a_unit_comes_before_one_with(tmp_path):
    (tmp_path / "t.csv").write_text("theta_E [mas],theta_E,theta_E_arcmin\n1200,1.3,2\n")
    assert read(tmp_path, "theta_E [mas],theta_E,theta_E_arcmin\n1200,1.3,2\n") == {
        "theta_E [mas]": [1200],
        "theta_E": [1.3],
        "theta_E_arcmin": [2],
    }
    assert read_column(tmp_path / "t.csv", "theta_E").tolist() == [1.3]


def test_a_row_without_a_number_is_named_with_how_many_there_are(tmp_path):
    (tmp_path / "t.csv").write_text("name,theta_E\na,1.2\nb,-99\nc,\nd,nan\n")
    with pytest.raises(DataError, match="has no number in row 2, nor in 2 more rows; every row needs one"):
        read_column(tmp_path / "t.csv", "theta_E")


def test_a_line_of_dashes_says_that_units_stand_above_it(tmp_path):
    text = "name\tR_e\tPA\tz\n \tmas\tdeg\t\n---\t---\t---\t---\na\t300\t45\t0.2\n"
    assert read(tmp_path, text) == {"name": ["a"], "R_e": [0.3], "PA_deg": [45], "z": [0.2]}


def test_a_row_without_values_is_no_line_below_units(tmp_path):
    rows = read(tmp_path, "x,theta_E\n1,1.5\n--,--\n2,2.25\n")
    assert rows["x"][0] == 1 and rows["theta_E"][-1] == 2.25 and len(rows["x"]) == 3
