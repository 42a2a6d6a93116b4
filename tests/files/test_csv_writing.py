"""CSV files that we write: no cell is a formula, and every word comes back."""

import csv
import os

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lenstream.files.columns import read_table
from lenstream.files.csv_writing import harmless, plain, write_csv

WORD = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=5) | st.sampled_from(
    [
        "=1+1",
        "+x",
        "@sum",
        "-cmd|x",
        "'=1",
        "''-a",
        "-1.5",
        "+3",
        "'-1",
        "NA",
        "nan",
        "None",
        "1e5",
        "007",
        "a,b",
        'a"b',
        "#a",
    ]
)


@given(WORD)
def test_every_word_comes_back(word):
    assert plain(harmless(word)) == word


@pytest.mark.parametrize("word", ["=HYPERLINK(1)", "+1+1|x", "-2+3", "@x", "'=x", "\tx"])
def test_no_word_begins_as_a_formula_does(word):
    assert harmless(word) == f"'{word}"
    assert harmless("-1.5") == "-1.5" and harmless("J0946+1006") == "J0946+1006"


@settings(deadline=None, max_examples=40)
@given(st.lists(WORD.filter(bool), min_size=1, max_size=4))
def test_a_table_comes_back(tmp_path_factory, names):
    path = tmp_path_factory.getbasetemp() / "written.csv"
    write_csv(pd.DataFrame({"name": names, "x": [-1.5] * len(names)}), path)
    with open(path, newline="", encoding="utf-8") as file:
        assert not any(row["name"].startswith(("=", "@")) for row in csv.DictReader(file))
    if not any(name.startswith("#") for name in names):
        read = read_table(path, text=("name",))
        assert read["name"].tolist() == names and read["x"].tolist() == [-1.5] * len(names)


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    write_csv(pd.DataFrame({"x": [1]}), tmp_path / "t.csv")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_csv(pd.DataFrame({"x": [2]}), tmp_path / "t.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"] and (tmp_path / "t.csv").read_text() == "x\n1\n"
