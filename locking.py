"""One process at a time in a folder, or several that share it: a lock of the system's, which ends with its process."""

import errno
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from .errors import DataError

try:
    import fcntl
except ImportError:  # Windows, where nothing keeps two processes apart
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"  # in the folder; empty folders apart, there only while a process is at work, or after it was killed
_BUSY = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)


@contextmanager
def locked(
    folder: Path, otherwise: str = "give this run a name of its own (name=...)", shared: bool = False
) -> Iterator[None]:
    """Have a folder to ourselves within the block; it is made if need be, and removed again if it stays empty.

    Where a folder cannot be made or locked (a read-only place, some network file systems) the block runs without a
    lock: whoever writes there says what is wrong.

    otherwise: what to do, beside waiting, if another process has the lock.
    shared: with others that share it, too, and keep apart by themselves; meanwhile nobody has it alone.

    Raises: DataError, at once, if another process has the lock.
    """
    made = _make(folder)
    file = _lock(folder / LOCK, otherwise, shared)
    try:
        yield
    finally:
        if file is not None:
            with suppress(OSError):
                if not shared:  # the next to have it alone does it: others may share it now
                    (folder / LOCK).unlink()
            os.close(file)
        with suppress(OSError):  # of one that is not empty, first of all
            for path in made:
                path.rmdir()


def _make(folder: Path) -> list[Path]:
    """Make a folder and those above it; those that were not there, the deepest first."""
    try:
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return []
    return made


def _lock(path: Path, otherwise: str, shared: bool) -> int | None:
    """The open, locked file; None where the system has no locks, or the file cannot be written.

    Raises: DataError if another process has it.
    """
    if fcntl is None:
        return None
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError:
            return None
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            if _is_at(file, path):
                break
            os.close(file)  # deleted by a process that has just ended: what is there now has to be locked
        except OSError as error:
            said = _said(file)
            os.close(file)
            if error.errno not in _BUSY:
                return None
            raise DataError(
                f"{path.parent} is being written by another process ({said}); wait until it has ended, stop it, or "
                f"{otherwise}"
            ) from None
    with suppress(OSError):  # a full disk: the lock holds without words
        os.ftruncate(file, 0)
        words = {"pid": os.getpid(), "host": platform.node(), "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}
        os.pwrite(file, json.dumps(words).encode(), 0)
    return file


def _is_at(file: int, path: Path) -> bool:
    """Whether an open file is the one that the path names now."""
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False


def _said(file: int) -> str:
    """What the process that has the lock says of itself."""
    try:
        words = json.loads(os.pread(file, 4096, 0))
        return f"number {words['pid']} on {words['host']}, since {words['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "which does not say more"
