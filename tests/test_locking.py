"""One process at a time in a folder: the second is told who is there, and a dead one blocks nobody."""

import errno
import os
import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest

from lenstream import locking
from lenstream.errors import DataError
from lenstream.locking import LOCK, locked

HOLD = """
import sys, time
from pathlib import Path
from lenstream.locking import locked
with locked(Path(sys.argv[1])):
    (Path(sys.argv[1]) / "mine").touch()
    print("locked", flush=True)
    time.sleep(120)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that has the lock of a folder, and the folder."""
    folder = tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "locked\n"
    yield process, folder
    process.kill()
    process.wait(30)
    process.stdout.close()


def test_a_second_process_is_told_who_is_there_until_that_one_is_dead(holder):
    process, folder = holder
    for _ in range(2):  # asking changes nothing
        with pytest.raises(
            DataError, match=rf"another process \(number {process.pid} on .*, since 20.*name="
        ) as caught:
            locked(folder).__enter__()
        assert str(folder) in str(caught.value)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    assert (folder / LOCK).exists()  # a killed process leaves the file, but not the lock
    with locked(folder):
        assert (folder / LOCK).exists()
    assert os.listdir(folder) == ["mine"]


def test_the_lock_holds_in_this_process_and_ends_with_its_block(tmp_path):
    with locked(tmp_path), pytest.raises(DataError, match=f"number {os.getpid()} on"):
        locked(tmp_path).__enter__()
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        raise ZeroDivisionError
    with locked(tmp_path):
        pass
    assert os.listdir(tmp_path) == []


def test_folders_that_stay_empty_are_removed_again_and_others_stay(tmp_path):
    with locked(tmp_path / "runs" / "demo"):
        assert (tmp_path / "runs" / "demo").is_dir()
    assert os.listdir(tmp_path) == []
    with locked(tmp_path / "runs" / "demo"):
        (tmp_path / "runs" / "demo" / "a").touch()
    assert os.listdir(tmp_path / "runs" / "demo") == ["a"]


def test_a_lock_that_was_deleted_meanwhile_is_taken_at_its_new_place(tmp_path, monkeypatch):
    real, tries = locking.fcntl.flock, []

    def flock(file, how):
        real(file, how)
        if not tries:
            (tmp_path / LOCK).unlink()  # by a process that ended between our opening and locking the file
        tries.append(file)

    monkeypatch.setattr(locking.fcntl, "flock", flock)
    with locked(tmp_path):
        assert len(tries) == 2
        monkeypatch.undo()
        with pytest.raises(DataError, match="another process"):
            locked(tmp_path).__enter__()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL, errno.EBADF])
def test_where_the_system_has_no_locks_the_run_goes_on(tmp_path, monkeypatch, number):
    def refused(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(locking.fcntl, "flock", refused)
    with locked(tmp_path), locked(tmp_path):
        pass


def test_where_no_folder_can_be_made_the_block_runs_and_says_itself_what_is_wrong(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    with ExitStack() as stack:
        for place in (tmp_path / "file" / "run", tmp_path / "dangling", tmp_path / ("a" * 300)):
            stack.enter_context(locked(place))
    assert sorted(os.listdir(tmp_path)) == ["dangling", "file"]


def test_words_that_cannot_be_read_do_not_hide_the_lock(tmp_path):
    with locked(tmp_path):
        (tmp_path / LOCK).write_text("{")
        with pytest.raises(DataError, match="which does not say more"):
            locked(tmp_path).__enter__()
