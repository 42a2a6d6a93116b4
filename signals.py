"""Ctrl-C, SIGTERM and SIGHUP: what can be saved is saved first, all else ends at once, and so does a second signal.

A scheduler sends SIGTERM some time before it kills (Slurm's --signal=TERM@60), a closed terminal sends SIGHUP.
"""

import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

from .progress import Stopped, console

PATIENCE = 5.0  # seconds that the process has to end by itself: a compiler at work in a thread would take minutes
QUIET = 1.0  # seconds after which it is said that a signal was heard, if native code keeps the main thread
TWICE = 2.0  # seconds in which torchrun may pass on a signal that its ranks had from the terminal

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
NUMBERS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


class Interrupted(BaseException):
    """Raised by a signal wherever the main thread is. Not an Exception, which libraries would take for their own."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


class _Heard:
    """What this process was told since `interrupting` began; None outside of it."""

    def __init__(self) -> None:
        self.number: int | None = None  # of the first signal
        self.raised = False  # as `Interrupted`
        self.since: float | None = None  # when the process began to end, with nothing left to save


_heard: _Heard | None = None


@contextmanager
def interrupting() -> Iterator[None]:
    """Within the block, a signal raises `Interrupted` in the main thread, unless `stopping` is at work.

    A second one ends the process at once, whatever native code is running; so does the first if the block is not left
    within `PATIENCE`. For a process of our own: it is the command line's. Outside the main thread it does nothing.
    A `Stopped` that leaves the block gets its exit code.
    """
    global _heard
    heard = _Heard()

    def handler(number: int, frame: FrameType | None) -> None:
        if heard.number is None:
            heard.number, heard.since, heard.raised = number, time.monotonic(), True
            raise Interrupted(number)

    def lost(unraisable: Any) -> None:  # raised where Python cannot pass it on, as in a callback of C
        if unraisable.exc_type is Interrupted:
            _end_now(unraisable.exc_value.number)
        hook(unraisable)

    previous = _handle(handler)
    if previous is None:
        yield
        return
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    old_fd = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    hook, sys.unraisablehook, _heard = sys.unraisablehook, lost, heard
    watcher = threading.Thread(target=_watch, args=(ours, heard), daemon=True)
    with suppress(RuntimeError):  # no thread can be started: without one a second signal waits for native code
        watcher.start()
    try:
        yield
    except Stopped as stopped:
        if heard.number is not None:
            stopped.exit_code = 128 + heard.number
        raise
    except Exception:
        if heard.raised and heard.number is not None:  # a library made an error of its own of it
            raise Interrupted(heard.number) from None
        raise
    else:
        if heard.raised and heard.number is not None:
            raise Interrupted(heard.number)
    finally:
        signal.set_wakeup_fd(old_fd)
        theirs.send(b"\0")
        if watcher.ident is not None:
            watcher.join()
        ours.close()
        theirs.close()
        sys.unraisablehook, _heard = hook, None
        _restore(previous)


@contextmanager
def stopping() -> Iterator[Callable[[], bool]]:
    """Within the block, the first signal only sets a flag; yields a function that tells whether it is set.

    A second one ends at once. If the block ends with the flag set, so that nobody asked since, `Stopped` is raised.
    Outside the main thread signals cannot be caught and the flag stays unset.
    """
    asked: list[int] = []

    def handler(number: int, frame: FrameType | None) -> None:
        if asked:
            if _heard is None:
                raise KeyboardInterrupt
            return  # the thread of `interrupting` ends the process, or knows that a launcher said it twice
        asked.append(number)
        if _heard is not None:
            _heard.number = number
        console.print("stopping: saving first (once more to stop at once)")

    if _heard is not None and _heard.number is not None:
        raise Interrupted(_heard.number)
    previous = _handle(handler)
    if previous is None:
        yield lambda: False
        return
    try:
        yield lambda: bool(asked)
    finally:
        _restore(previous)
        if asked and _heard is not None:
            _heard.since = time.monotonic()
    if asked:
        raise Stopped("stopped, all that was begun is done and saved")


def _handle(handler: Callable[[int, FrameType | None], None]) -> dict[int, Any] | None:
    """Install a handler; what was there before, or None where signals cannot be caught.

    What the parent had ignored stays so (nohup), but for Ctrl-C: shells ignore it for what a script runs in the
    background, and who sends it to a process by its number means it.
    """
    if threading.current_thread() is not threading.main_thread():
        return None
    kept = [n for n in NUMBERS if n == signal.SIGINT or signal.getsignal(n) is not signal.SIG_IGN]
    return {number: signal.signal(number, handler) for number in kept}


def _restore(previous: dict[int, Any]) -> None:
    for number, handler in previous.items():
        signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: not of Python


def _watch(numbers: socket.socket, heard: _Heard) -> None:
    """End the process on the second signal, or when it has not ended by itself in time. numbers: of signals, as bytes.

    Python's own handlers wait for the main thread to return from native code, such as a compiler; this thread does not.
    """
    first, begun, said = 0, 0.0, False
    launched = "TORCHELASTIC_RUN_ID" in os.environ
    while True:
        ready, _, _ = select.select([numbers], [], [], 0.2 if first else None)
        now = time.monotonic()
        for number in numbers.recv(64) if ready else b"":
            if number == 0:
                return
            if number not in NUMBERS:
                continue
            if not first:
                first, begun = number, now
            elif not (launched and now - begun < TWICE):
                _end_now(number)
        if first and heard.since is not None and now - heard.since > PATIENCE:
            _end_now(first)
        if first and heard.number is None and not said and now - begun > QUIET:
            said = True
            console.print("stopping, when what is being compiled or computed lets go (once more to stop at once)")


def _end_now(number: int) -> NoReturn:
    """End the process without any more of Python: nothing is waited for."""
    with suppress(Exception):
        console.show_cursor(True)
        console.print(f"lenstream: stopped at once by {signal.Signals(number).name}; what was saved before is kept")
    os._exit(128 + number)
