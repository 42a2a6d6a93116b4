"""Making ahead: in order, only so many, errors where they are asked for, a thread that ends."""

import os
import sys
import time

import pytest

from lenstream.simulate.ahead import Ahead


def test_items_come_in_order_and_only_so_many_are_made_ahead():
    made = []
    with Ahead(lambda k: made.append(k) or k * k, waiting=2) as items:
        assert [next(items) for _ in range(5)] == [0, 1, 4, 9, 16]
        time.sleep(0.3)
        assert len(made) <= 5 + 2 + 1  # taken, waiting, and one in the hand of the thread
    with pytest.raises(StopIteration):
        next(items)


def test_an_error_is_raised_for_who_asks_and_ends_the_thread():
    def make(k):
        if k == 2:
            raise ValueError("the third")
        return k

    with Ahead(make, waiting=2) as items:
        assert [next(items), next(items)] == [0, 1]
        with pytest.raises(ValueError, match="the third"):
            next(items)
        assert not items._thread.is_alive()


def test_closing_ends_a_thread_that_waits_for_room():
    items = Ahead(lambda k: k, waiting=1)
    time.sleep(0.2)
    begun = time.monotonic()
    items.close()
    assert not items._thread.is_alive() and time.monotonic() - begun < 2


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere niceness is the whole process's")
def test_the_thread_gives_way_and_its_user_does_not():
    def niceness(_):
        return os.getpriority(os.PRIO_PROCESS, 0)

    before = niceness(None)
    with Ahead(niceness, waiting=1) as items:
        assert next(items) > before or before == 19
    assert niceness(None) == before
