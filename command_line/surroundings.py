"""What the command line makes of its surroundings: closed or full streams, and settings that are for notebooks."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class _Forgiving(io.TextIOBase):
    """A stream to the user whose loss ends nothing: what cannot be written, as the terminal is gone, is dropped."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def isatty(self) -> bool:
        return bool(self._stream.isatty())

    def fileno(self) -> int:
        return int(self._stream.fileno())

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return str(self._stream.encoding)


@contextmanager
def made_safe() -> Iterator[None]:
    """Within the block, a run cannot be ended or spoilt by its streams or by another program's settings.

    A closed stream leads nowhere, so that no file of the run gets its number and what libraries print; an stderr that
    takes nothing is ignored; a terminal without the sign +- still shows the table; figures need no display.
    """
    for number in range(3):
        with suppress(OSError):
            _open_if_closed(number)
    old = sys.stdout, sys.stderr, os.environ.get("MPLBACKEND")
    if sys.stdout is None:
        sys.stdout = _nowhere()
    with suppress(AttributeError):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.stderr = _Forgiving(_nowhere() if sys.stderr is None else sys.stderr)
    os.environ["MPLBACKEND"] = "agg"  # that of a notebook, or of a display that is not there, ends matplotlib's import
    try:
        yield
    finally:
        sys.stdout, sys.stderr, backend = old
        if backend is None:
            del os.environ["MPLBACKEND"]
        else:
            os.environ["MPLBACKEND"] = backend


def _open_if_closed(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _nowhere() -> Any:
    return open(os.devnull, "w")  # as long as the process
