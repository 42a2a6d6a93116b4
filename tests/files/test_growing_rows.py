"""Rows that are added one by one, and what is left of them where that was cut short."""

import pytest

from lenstream.files.growing_rows import GrowingRows, rows_so_far


def test_rows_are_there_as_soon_as_they_are_added(tmp_path):
    path = tmp_path / "rows.jsonl"
    assert rows_so_far(path) == []
    with GrowingRows(path, []) as rows:
        rows.add({"a": 1, "b": float("inf")})
        assert rows_so_far(path) == [{"a": 1, "b": float("inf")}]
        rows.add({"a": 2})
    assert [row["a"] for row in rows_so_far(path)] == [1, 2]


@pytest.mark.parametrize("cut", [1, 5, 8])
def test_a_last_line_that_was_cut_short_does_not_count(tmp_path, cut):
    path = tmp_path / "rows.jsonl"
    with GrowingRows(path, [{"a": 1}, {"a": 2}]):
        pass
    path.write_bytes(path.read_bytes()[:-cut])
    assert rows_so_far(path) == [{"a": 1}]
    with GrowingRows(path, rows_so_far(path)) as rows:
        rows.add({"a": 3})
    assert rows_so_far(path) == [{"a": 1}, {"a": 3}]


def test_damaged_lines_do_not_count(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n[2]\n\0\0\n\xff\xfe\n{"a": 4}\n')  # what is no text, too
    assert rows_so_far(path) == [{"a": 1}, {"a": 4}]
