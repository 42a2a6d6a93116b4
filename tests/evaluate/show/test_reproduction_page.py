"""The files of a reproduction: table.csv, table.md and the page, from hand-made results."""

import json
import re

import pandas as pd

from lenstream.configs.reproduction import Reproduction
from lenstream.evaluate.show import reproduction_page

from .test_reproduction_table import REPRODUCTION, run


def heads_of(page):
    """The columns of each table of numbers on a page."""
    tables = re.findall(r"<table>.*?</table>", page, re.DOTALL)
    found = [re.findall(r'<th colspan="2" scope="colgroup">(.*?)</th>', one) for one in tables]
    return [columns for columns in found if columns]


def test_three_files_with_the_same_numbers(tmp_path):
    folder = run(tmp_path / "one")
    (folder / "timings.json").write_text(json.dumps({"pre-training": 600, "evaluation": 90}))
    table = reproduction_page.write("mine", REPRODUCTION, {"one": folder}, ["Smaller <images>."], tmp_path)
    frame = pd.read_csv(tmp_path / "table.csv")
    assert list(frame["published"].dropna()) == [0.912, 0.95, 1.0, 0.9922] and len(frame) == 5
    text = (tmp_path / "table.md").read_text()
    assert "| ViT-S: DINO | 300 / 100 | 0.912 / 0.60 ± 0.14 |" in text
    assert "- Smaller <images>.\n" in text and "one: 12 min in all." in text
    page = (tmp_path / "index.html").read_text()
    cells = page.replace("\n", "")
    assert '<th scope="row">DINO</th><td class="published">300</td><td>100</td>' in cells
    assert '<td class="published">0.912</td><td>0.60 ± 0.14</td>' in cells
    assert "<li>Smaller &lt;images&gt;.</li>" in cells and "needs ImageNet weights" in cells
    assert "<td>10 min</td><td>2 min</td><td>12 min</td>" in cells
    assert cells.count("ViT-S") == 1  # the heading of both rows
    assert heads_of(page) == [["labels", "accuracy", "AUC"]]
    assert "http" not in page.replace("http-equiv", "")  # nothing comes from elsewhere
    assert table.index[0] == "ViT-S: DINO"


def test_groups_with_other_columns_have_a_table_of_their_own(tmp_path):
    plain = REPRODUCTION.model_dump()
    only = {"ViT-S": "accuracy", "ViT-B": "AUC", "further": None}
    published = {group: {} if column is None else {column: 0.9} for group, column in only.items()}
    rows = [{"group": group, "label": group, "published": of, "note": "not done"} for group, of in published.items()]
    plain["rows"] = rows
    reproduction_page.write("mine", Reproduction.model_validate(plain), {}, [], tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert heads_of(page) == [["labels", "accuracy"], ["labels", "AUC"]]
    tables = page.split("<table>")[1:3]
    assert [[group in one for group in only] for one in tables] == [[True, False, False], [False, True, True]]
    plain["rows"][1]["published"]["accuracy"] = 0.8
    reproduction_page.write("mine", Reproduction.model_validate(plain), {}, [], tmp_path)
    assert heads_of((tmp_path / "index.html").read_text()) == [["labels", "accuracy", "AUC"]]
