"""Making items in background threads before they are asked for: batches for a training, files for a reader."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Self

NICENESS = 5  # of a thread, where the system has one for each: it takes the gaps that a training leaves to a core


class Ahead:
    """An iterator over make(0), make(1), ... without end, in this order; an error in `make` is raised by `next`.

    Up to `waiting` items are kept ready, and each of `threads` threads is making one more. Use as a context manager, or
    call `close`, to end the threads.
    """

    def __init__(self, make: Callable[[int], Any], waiting: int, threads: int = 1) -> None:
        self._make = make
        self._room = waiting + threads  # for things begun and not yet taken
        self._begun = self._taken = 0
        self._ready: dict[int, Any] = {}  # by number; an exception stands for what could not be made
        self._closing = False
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        if sys.platform == "linux":  # elsewhere this would be the niceness of the whole process
            os.setpriority(
                os.PRIO_PROCESS, threading.get_native_id(), max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0))
            )
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._begun < self._taken + self._room)
                if self._closing:
                    return
                number = self._begun
                self._begun += 1
            try:
                item = self._make(number)
            except Exception as error:  # raised again in the thread that asks
                item = error
            with self._changed:
                self._ready[number] = item
                self._changed.notify_all()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._taken in self._ready)
            if self._closing:
                raise StopIteration
            item = self._ready.pop(self._taken)
            self._taken += 1
            self._changed.notify_all()
        if isinstance(item, Exception):
            self.close()
            raise item
        return item

    def close(self) -> None:
        """End the threads; what is ready is dropped."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
