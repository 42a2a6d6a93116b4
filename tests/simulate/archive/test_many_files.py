"""Many small files at once: all of them are there, whole, or the one that failed is named."""

import pytest

from lenstream.simulate.archive.many_files import AT_ONCE, write_many


def test_every_file_has_its_own_content(tmp_path):
    contents = {f"{k % 3}/{k}.bin": str(k).encode() * k for k in range(5 * AT_ONCE)}
    write_many(tmp_path, contents.items())
    there = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert there == contents


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "7.bin").mkdir()
    with pytest.raises(OSError, match=r"7\.bin"):
        write_many(tmp_path, ((f"{k}.bin", b"x") for k in range(5 * AT_ONCE)))
    assert not list(tmp_path.glob("*.partial"))
