"""Files are written whole or not at all, whatever goes wrong, and a failure names the path that was meant."""

import os
import signal
import stat
import subprocess
import sys
import time

import numpy as np
import pytest

from lenstream.files import whole

KILLED_HALFWAY = """
import os, signal, sys
from lenstream.files.whole import whole
with whole(sys.argv[1]) as file:
    file.write(b"new")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_new_file_takes_the_place_of_the_old_one_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "a.txt"
    for text in ("old", "new, with \N{GREEK SMALL LETTER THETA}"):
        whole.write_text(path, text)
        assert path.read_text(encoding="utf-8") == text
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("x"), KeyboardInterrupt()])
@pytest.mark.parametrize("before", ["old", None])
def test_what_fails_leaves_the_old_file_or_none(tmp_path, error, before):
    path = tmp_path / "a.txt"
    if before:
        path.write_text(before)
    with pytest.raises(type(error)), whole.whole(path) as file:
        file.write(b"half")
        raise error
    assert os.listdir(tmp_path) == (["a.txt"] if before else [])
    assert not before or path.read_text() == before


def test_a_failure_says_which_file_it_was(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        whole.write_arrays(tmp_path / "a.npz", {"x": np.zeros(3)})
    assert caught.value.filename == str(tmp_path / "a.npz") and not os.listdir(tmp_path)
    (tmp_path / "file").touch()
    for path, kind in (("file/a", NotADirectoryError), ("none/a", FileNotFoundError), (".", IsADirectoryError)):
        with pytest.raises(kind) as caught:
            whole.write_text(tmp_path / path, "x")
        assert caught.value.filename == str(tmp_path / path)


def test_a_file_system_that_cannot_wait_for_its_disk_is_written_all_the_same(tmp_path, monkeypatch):
    def not_supported(_):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "fsync", not_supported)
    whole.write_text(tmp_path / "a", "x")
    assert (tmp_path / "a").read_text() == "x"


def test_the_limit_of_a_files_size_is_said_of_the_file(tmp_path):
    code = (
        "import resource, signal, sys; from lenstream.files.whole import write_text\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try: write_text(sys.argv[1], 'x' * 1000)\n"
        "except OSError as error: print(error.filename)"
    )
    path = str(tmp_path / "a.txt")
    ended = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.strip() == path and not os.listdir(tmp_path)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_permissions_follow_the_umask(tmp_path, mask):
    old = os.umask(mask)
    try:
        whole.write_text(tmp_path / "a", "x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("name", ["a" * 255, "a [x] b", "line\nbreak", b"\xff\xfe".decode("utf-8", "surrogateescape")])
def test_odd_names_are_names(tmp_path, name):
    whole.write_text(tmp_path / name, "x")
    assert os.listdir(tmp_path) == [name] and (tmp_path / name).read_text() == "x"


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "there" / "a")  # dangling at first
    for text in ("old", "new"):
        whole.write_text(link, text)
        assert link.is_symlink() and (tmp_path / "there" / "a").read_text() == text
    assert os.listdir(tmp_path / "there") == ["a"]


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    (tmp_path / "deep").mkdir()
    path = tmp_path / "deep" / "a"
    path.write_text("old")
    ended = subprocess.run([sys.executable, "-c", KILLED_HALFWAY, str(path)], timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL and path.read_text() == "old"
    (left,) = (tmp_path / "deep").glob(".*")
    assert left.read_text() == "new"
    for name in ("checkpoint.safetensors.partial", "mine.partial"):
        (tmp_path / name).touch()
    whole.remove_scratch(tmp_path, older_than=3600)
    assert left.exists()
    whole.remove_scratch(tmp_path)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a", "deep", "mine.partial"]


def test_a_folder_for_results_is_made_and_keeps_what_others_are_writing(tmp_path):
    folder = whole.folder_for(tmp_path / "a" / "b")
    old, new = folder / f".{'0' * 16}.partial", folder / f".{'1' * 16}.partial"
    for path in (old, new):
        path.write_text("half")
    os.utime(old, (time.time() - 2 * 86_400,) * 2)
    assert whole.folder_for(str(folder)) == folder
    assert list(folder.iterdir()) == [new]
    new.rename(tmp_path / "file")
    with pytest.raises(FileExistsError):
        whole.folder_for(tmp_path / "file")
