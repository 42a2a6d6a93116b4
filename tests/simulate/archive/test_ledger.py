"""The ledger: what is written is read, and what is damaged counts as not there."""

import json
from dataclasses import replace

from lenstream.simulate.archive.ledger import Entry, path_of, read_entries, versions, write_entry

ENTRY = Entry(3, (1 << 41) + 24, 8, "c" * 64, {"images/c/3": "a" * 64}, versions())


def test_what_is_written_is_read(tmp_path):
    assert read_entries(tmp_path) == {}
    other = replace(ENTRY, number=12)
    write_entry(tmp_path, ENTRY)
    write_entry(tmp_path, other)
    assert read_entries(tmp_path) == {3: ENTRY, 12: other}
    assert path_of(tmp_path, 12) == tmp_path / "ledger" / "000012.json"
    said = json.loads(path_of(tmp_path, 3).read_text())
    assert said["python"] and said["numpy"] and said["lenstream"] and said["files"] == ENTRY.files


def test_a_damaged_entry_counts_as_absent(tmp_path):
    write_entry(tmp_path, ENTRY)
    path = path_of(tmp_path, 3)
    good = json.loads(path.read_text())
    damages = ({"first": -1}, {"count": "8"}, {"content": None}, {"files": []}, {"files": {"a": 1}}, {"number": 4})
    for damage in damages:
        path.write_text(json.dumps(good | damage))
        assert read_entries(tmp_path) == {}, damage
    path.write_text(json.dumps(good)[:-3])
    assert read_entries(tmp_path) == {}
    path.write_text(json.dumps(good))
    assert read_entries(tmp_path) == {3: ENTRY}
