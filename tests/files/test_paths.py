"""Paths that a user gives: what no file can be called is one sentence."""

from pathlib import Path

import pytest

from lenstream.errors import DataError
from lenstream.files.paths import usable


def test_home_is_written_out_and_what_is_absent_stays(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert usable("~/a.fits") == tmp_path / "a.fits"
    assert usable(tmp_path / "none") == tmp_path / "none"
    assert usable("a b [x].fits") == Path("a b [x].fits")


@pytest.mark.parametrize("name", ["x" * 300, "~no-such-user-here/x", "a/" + "y" * 5000])
def test_what_no_file_can_be_called_is_a_sentence(name):
    with pytest.raises(DataError) as caught:
        usable(name)
    assert len(str(caught.value)) < 200 and "\n" not in str(caught.value)


def test_a_loop_of_links_is_only_absent(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "a")
    assert not usable(tmp_path / "a").exists()
