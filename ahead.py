"""Making items in background threads before they are asked for: batches for a training, files for a reader."""

import atexit
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from .errors import LenStreamError

NICENESS = 5  # of a thread, where the system has one for each: it takes the gaps that a training leaves to a core
PATIENCE = 10.0  # seconds that the end of the process waits for what a thread is making


@dataclass(eq=False)
class _Line:
    """What an `Ahead` shares with its threads, which do not know it: they must not keep it alive."""

    make: Callable[[int], Any]
    room: int  # for things begun and not yet taken
    begun: int = 0
    taken: int = 0
    ready: dict[int, Any] = field(default_factory=dict)  # by number; an exception stands for what could not be made
    closing: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)
    threads: list[threading.Thread] = field(default_factory=list)
    process: int = field(default_factory=os.getpid)  # which has the threads; a fork of it has none


_lines: "weakref.WeakSet[_Line]" = weakref.WeakSet()


class Ahead:
    """An iterator over make(0), make(1), ... without end, in this order; an error in `make` is raised by `next`.

    Up to `waiting` items are kept ready, and each of `threads` threads is making one more. Use as a context manager, or
    call `close`, to end the threads; they also end with the process and with the last reference to this, unless `make`
    holds one.

    Raises: LenStreamError by `next` in a fork of the process, where the threads are not.
    """

    def __init__(self, make: Callable[[int], Any], waiting: int, threads: int = 1) -> None:
        self._line = _Line(make, waiting + threads)
        weakref.finalize(self, _tell, self._line).atexit = False
        _lines.add(self._line)
        for _ in range(threads):
            thread = threading.Thread(target=_work, args=(self._line,), daemon=True)
            self._line.threads.append(thread)
            thread.start()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        line = self._line
        if os.getpid() != line.process:
            raise LenStreamError("what is made ahead was begun before a fork of the process: begin anew in the fork")
        with line.changed:
            line.changed.wait_for(lambda: line.closing or line.taken in line.ready)
            if line.closing:
                raise StopIteration
            item = line.ready.pop(line.taken)
            line.taken += 1
            line.changed.notify_all()
        if isinstance(item, Exception):
            self.close()
            raise item
        return item

    def close(self) -> None:
        """End the threads; what is ready is dropped."""
        _end(self._line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _work(line: _Line) -> None:
    """What a thread does until it is told to end."""
    if sys.platform == "linux":  # elsewhere this would be the niceness of the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
    while True:
        with line.changed:
            line.changed.wait_for(lambda: line.closing or line.begun < line.taken + line.room)
            if line.closing:
                return
            number = line.begun
            line.begun += 1
        try:
            item = line.make(number)
        except Exception as error:  # raised again in the thread that asks
            item = error
        with line.changed:
            line.ready[number] = item
            line.changed.notify_all()


def _tell(line: _Line) -> None:
    """Tell the threads to end when they are done with what they are making, without waiting for them."""
    if os.getpid() == line.process:
        with line.changed:  # a lock that a thread may take twice: a last reference can go while it is held
            line.closing = True
            line.ready.clear()
            line.changed.notify_all()


def _end(line: _Line, patience: float | None = None) -> None:
    """End the threads and wait for them, for so many seconds at most."""
    if os.getpid() != line.process:
        return
    _tell(line)
    for thread in line.threads:
        if thread is not threading.current_thread():
            thread.join(patience)


@atexit.register
def _end_all() -> None:
    """At the end of the process: a thread that it catches in compiled code could take the process down with it."""
    for line in list(_lines):
        _end(line, PATIENCE)
