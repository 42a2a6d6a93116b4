"""Checksums tell a changed or missing file from one that is as it was, and are those of sha256sum."""

import hashlib
import shutil
import subprocess

import pytest

from lenstream.errors import DataError
from lenstream.files import checksums
from lenstream.files.checksums import SUMS, add_sums, differing, read_sums, refuse_differing, remove_sums, write_sums


@pytest.fixture
def listed(tmp_path):
    """A folder with a/b.txt and c.txt, both listed."""
    (tmp_path / "a").mkdir()
    for name in ("a/b.txt", "c.txt"):
        (tmp_path / name).write_text(name)
    write_sums(tmp_path, [tmp_path / "c.txt", tmp_path / "a" / "b.txt"])
    return tmp_path


def test_the_list_has_the_form_of_sha256sum(listed):
    lines = [f"{hashlib.sha256(name.encode()).hexdigest()}  {name}" for name in ("a/b.txt", "c.txt")]
    assert (listed / SUMS).read_text().splitlines() == lines
    if program := shutil.which("sha256sum"):
        subprocess.run([program, "-c", SUMS], cwd=listed, check=True, capture_output=True, timeout=30)
    assert list(read_sums(listed)) == ["a/b.txt", "c.txt"] and not differing(listed)


def test_what_differs_is_named(listed):
    (listed / "c.txt").write_text("c.txu")
    (listed / "a" / "b.txt").unlink()
    assert differing(listed) == ["a/b.txt is missing", "c.txt was changed"]
    assert differing(listed, "a") == ["a/b.txt is missing"] and not differing(listed, "c")
    with pytest.raises(DataError, match=r"c\.txt was changed since it was written .*; delete it"):
        refuse_differing(listed, "delete it", "c.txt")
    refuse_differing(listed, "", "none")
    (listed / "c.txt").unlink()
    (listed / "c.txt").mkdir()
    assert differing(listed, "c.txt") == ["c.txt cannot be read (Is a directory)"]


def test_what_is_not_listed_is_not_checked(tmp_path):
    assert not differing(tmp_path) and not differing(tmp_path / "none")
    for damaged in (b"", b"\xff\xfe\n", b"abc  x\n", b"0" * 64 + b" x"):
        (tmp_path / SUMS).write_bytes(damaged)
        assert read_sums(tmp_path) == {}


def test_files_are_added_beside_others_or_in_their_place(listed):
    (listed / "d").write_text("d")
    add_sums(listed, {"d": checksums.sha256(listed / "d")})
    assert sorted(read_sums(listed)) == ["a/b.txt", "c.txt", "d"]
    add_sums(listed, {"a/e": "0" * 64}, "a", "d")
    assert sorted(read_sums(listed)) == ["a/e", "c.txt"]


def test_files_that_are_gone_are_listed_no_more(listed):
    add_sums(listed, {"c.txt.old": "0" * 64})
    remove_sums(listed, "a", "c.txt", "never there")
    assert list(read_sums(listed)) == ["c.txt.old"]
