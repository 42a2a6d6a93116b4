"""A damaged JSON file that is kept for people counts as absent."""

import pytest

from lenstream.files.json_files import dictionary, finite_numbers


@pytest.mark.parametrize("text", [None, b"", b'{"a": ', b"\xff", b"[1]", b"5", b"null", b"[" * 100_000])
def test_a_damaged_file_counts_as_absent(tmp_path, text):
    if text is not None:
        (tmp_path / "a.json").write_bytes(text)
    assert dictionary(tmp_path / "a.json") == {} == finite_numbers(tmp_path / "a.json")


def test_numbers_are_kept_and_all_else_is_not(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1, "b": 2.5, "c": "3", "d": NaN, "e": null, "f": [1], "g": Infinity}')
    assert finite_numbers(tmp_path / "a.json") == {"a": 1.0, "b": 2.5}
    assert set(dictionary(tmp_path / "a.json")) == set("abcdefg")
