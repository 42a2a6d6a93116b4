"""Processes: every call is answered once, dead ones are replaced, and their errors come as sentences."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lenstream.errors import DataError
from lenstream.files.unreadable import Unreadable
from lenstream.simulate.archive.process_pool import results


def doubled(number):
    return 2 * number


def killed_once(number, folder):
    """Dies the first time that it is called for 3."""
    mark = Path(folder) / "died"
    if number == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def killed(number):
    os.kill(os.getpid(), signal.SIGKILL)


def unreadable(number):
    raise Unreadable("some/file", "FITS", "it was cut short")


def full(number):
    raise OSError(28, "No space left on device", "some/file")


def slow(number):
    time.sleep(60 if number else 0)
    return number


def test_every_call_is_answered_once():
    assert sorted(results(doubled, [(k,) for k in range(7)], 2)) == [0, 2, 4, 6, 8, 10, 12]
    assert list(results(doubled, [], 2)) == []


def test_a_process_that_dies_is_replaced(tmp_path):
    assert sorted(results(killed_once, [(k, str(tmp_path)) for k in range(6)], 2)) == [0, 2, 4, 6, 8, 10]


def test_processes_that_die_again_and_again_are_said():
    with pytest.raises(DataError, match="died 3 times"):
        list(results(killed, [(1,)], 1))


def test_errors_come_as_sentences():
    with pytest.raises(DataError, match=r"^some/file: cannot be read as FITS \(it was cut short\)$"):
        list(results(unreadable, [(1,)], 1))
    with pytest.raises(OSError, match="No space left") as caught:
        list(results(full, [(1,)], 1))
    assert caught.value.filename == "some/file" and caught.value.errno == 28


def test_who_stops_asking_waits_for_nobody():
    begun = time.monotonic()
    answers = results(slow, [(0,), (1,)], 2)
    assert next(answers) == 0
    answers.close()
    assert time.monotonic() - begun < 30


def killed_once_each(number, folder):
    mark = Path(folder) / f"{number}"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_processes_that_die_now_and_then_are_no_reason_to_stop(tmp_path):
    """Three in a row are: here each call is done the second time."""
    assert list(results(killed_once_each, [(k, str(tmp_path)) for k in range(3)], 1)) == [0, 1, 2]


SCRIPT = """
import time
from lenstream.simulate.archive.process_pool import results

def begun(number):
    print("begun", flush=True)
    time.sleep(120)

if __name__ == "__main__":
    list(results(begun, [(0,)], 1))
"""


def test_processes_end_with_a_parent_that_is_killed(tmp_path):
    """They hold the same stdout, which is closed when the last of them is gone."""
    (tmp_path / "script.py").write_text(SCRIPT)
    with subprocess.Popen([sys.executable, str(tmp_path / "script.py")], stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"begun\n"
        parent.kill()
        assert select.select([parent.stdout], [], [], 60)[0] and parent.stdout.read() == b""
