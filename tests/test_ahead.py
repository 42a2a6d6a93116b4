"""Making items in threads before they are asked for: order, limit, errors, and threads that end."""

import gc
import os
import subprocess
import sys
import threading
import time

import pytest

from lenstream.ahead import NICENESS, Ahead
from lenstream.errors import LenStreamError


@pytest.mark.parametrize("threads", [1, 3])
def test_items_come_in_order_and_only_so_many_are_made_ahead(threads):
    begun = []
    with Ahead(lambda k: begun.append(k) or k * k, waiting=2, threads=threads) as items:
        assert [next(items) for _ in range(5)] == [0, 1, 4, 9, 16]
        for _ in range(3000):  # as long as a busy machine needs
            if len(begun) >= 5 + 2 + threads:
                break
            time.sleep(0.01)
        time.sleep(0.1)  # in which more would begin
        assert len(begun) == 5 + 2 + threads  # taken, waiting, and one of each thread
    with pytest.raises(StopIteration):
        next(items)


def test_threads_work_side_by_side_and_a_slow_one_does_not_change_the_order():
    together = threading.Barrier(2)

    def make(k):
        if k < 2:
            together.wait(timeout=60)  # raises if the other one is not under way
        if k == 1:
            time.sleep(0.2)
        return k

    with Ahead(make, waiting=2, threads=2) as items:
        assert [next(items) for _ in range(6)] == list(range(6))


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_is_raised_for_who_asks_and_ends_the_threads(threads):
    def make(k):
        if k == 2:
            raise ValueError("the third")
        return k

    before = threading.active_count()
    with Ahead(make, waiting=2, threads=threads) as items:
        assert [next(items), next(items)] == [0, 1]
        with pytest.raises(ValueError, match="the third"):
            next(items)
        assert threading.active_count() == before


def test_closing_ends_threads_that_wait_for_room():
    before = threading.active_count()
    items = Ahead(lambda k: k, waiting=1, threads=2)
    time.sleep(0.2)
    closing = threading.Thread(target=items.close, daemon=True)
    closing.start()
    closing.join(timeout=60)
    assert not closing.is_alive() and threading.active_count() == before


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere niceness is the whole process's")
def test_the_thread_gives_way_and_its_user_does_not():
    def niceness(_):
        return os.getpriority(os.PRIO_PROCESS, 0)

    before = niceness(None)
    with Ahead(niceness, waiting=1) as items:
        assert next(items) == max(before, NICENESS)
    assert niceness(None) == before


def test_the_threads_end_with_the_last_reference():
    before = threading.active_count()
    items = Ahead(lambda k: k, waiting=1, threads=3)
    next(items)
    del items
    gc.collect()
    deadline = time.monotonic() + 30
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_a_process_ends_though_its_threads_are_at_work():
    script = (
        "import time\nfrom lenstream.ahead import Ahead\n"
        "items = [Ahead(lambda k: time.sleep(0.05) or k, waiting=1, threads=2) for _ in range(3)]\n"
        "print([next(i) for i in items])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[0, 0, 0]\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_is_told_that_the_threads_stay_behind():
    with Ahead(lambda k: k, waiting=1) as items:
        next(items)
        child = os.fork()
        if child == 0:
            try:
                next(items)
                os._exit(1)
            except LenStreamError as error:
                items.close()  # returns at once
                os._exit(0 if "fork" in str(error) else 2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert next(items) == 1
