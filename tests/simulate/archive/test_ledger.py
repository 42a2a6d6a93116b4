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
    assert {"python", "numpy", "numba", "lenstream", "processor"} <= set(said["made_with"])
    assert said["files"] == ENTRY.files


def test_an_entry_with_any_other_byte_counts_as_absent(tmp_path):
    write_entry(tmp_path, ENTRY)
    path = path_of(tmp_path, 3)
    good = path.read_bytes()
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1 :])
        assert read_entries(tmp_path) == {}, at
    for damaged in (good[:-3], b"", b"[]", b"{}", good + b" ", json.dumps(json.loads(good)).encode(), b"[" * 10**5):
        path.write_bytes(damaged)
        assert read_entries(tmp_path) == {}, damaged
    path.write_bytes(good)
    assert read_entries(tmp_path) == {3: ENTRY}


def test_an_entry_under_another_number_counts_as_absent(tmp_path):
    write_entry(tmp_path, ENTRY)
    path_of(tmp_path, 3).rename(path_of(tmp_path, 4))
    assert read_entries(tmp_path) == {}
