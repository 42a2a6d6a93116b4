"""LenStream's own data sets are recognised by their description, whatever their format."""

import json

import pytest

from lenstream.errors import DataError
from lenstream.files.dataset_layouts import identify

SAID = {"format": "fits", "name": "demo", "seed": 1, "start": 1 << 41, "count": 100, "views": 2}


def test_what_it_says(tmp_path):
    (tmp_path / "archive.json").write_text(json.dumps(SAID))
    found = identify(tmp_path)
    assert (found.kind, len(found), found.views) == ("LenStream archive", 100, 2)
    assert found.names[99] == (1 << 41) + 99
    with pytest.raises(DataError, match=r"lenstream\.LensDataset reads it"):
        found.read(0)


@pytest.mark.parametrize("text", ["", "[]", '{"count": -1, "views": 1, "start": 0}', '{"count": "a"}'])
def test_a_damaged_description(tmp_path, text):
    (tmp_path / "archive.json").write_text(text)
    with pytest.raises(DataError, match="is no description of a LenStream archive, or is damaged"):
        identify(tmp_path)
