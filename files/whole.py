"""Write a file whole or not at all: beside its place first, then renamed into it.

Whoever reads a file meanwhile, and whoever finds it after a killed process, a full disk or a failed write, sees the old
file or the new one, or none.
"""

import errno
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

_SCRATCH = re.compile(r"\.[0-9a-f]{16}\.partial|.+\.(json|yaml|csv|safetensors)\.partial")  # or of earlier versions
_DAY = 86_400  # seconds after which a half-written file is no longer being written
BUFFER = 1 << 20  # bytes that are handed to the system at once: twice as fast as in pieces of 64 KiB
_NO_FSYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)  # of file systems that cannot wait for their disk


@contextmanager
def whole(path: str | os.PathLike[str], wait: bool = True) -> Iterator[IO[bytes]]:
    """A file, open for writing bytes, that takes the place of `path` when the with-block ends without an error.

    Its name is its own, so that two processes may write the same path: the later one stays. A link is followed.
    Permissions are those of a file that `open` makes, by the umask.

    wait: for the disk, so that a power failure leaves the old file or the new one. False is for many files whose
    checksums tell afterwards which of them were lost.

    Raises: OSError that names `path` if it cannot be written; nothing new is then left.
    """
    with naming(path):
        place = Path(os.path.realpath(path))
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        scratch = place.with_name(f".{secrets.token_hex(8)}.partial")  # short, as the name of `path` may be the longest
        try:
            with open(scratch, "xb", buffering=BUFFER) as file:
                yield file
                file.flush()
                if wait:
                    _wait_for_disk(file)
            os.replace(scratch, place)
        except BaseException:
            with suppress(OSError):  # what went wrong first is what counts
                scratch.unlink(missing_ok=True)
            raise


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8, whole or not at all. Raises: OSError that names the path."""
    with whole(path) as file:
        file.write(text.encode("utf-8", "surrogateescape"))  # which stands for the bytes of a path that is no UTF-8


def write_arrays(path: str | os.PathLike[str], arrays: dict[str, np.ndarray]) -> None:
    """Write arrays by name as .npz, whole or not at all. Raises: OSError that names the path."""
    with whole(path) as file:
        np.savez(file, **arrays)


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Have an OSError of the block name `path`: a write that fails does not say of what, or names a scratch file."""
    try:
        yield
    except OSError as error:
        of_scratch = str(error.filename or "").endswith(".partial")
        if error.errno is None or not (error.filename is None or of_scratch):
            raise
        raise type(error)(error.errno, error.strerror, str(path)) from None


def is_scratch(name: str) -> bool:
    """Whether a file of this name is one that a write, or a killed one, has half-written."""
    return _SCRATCH.fullmatch(name) is not None


def remove_scratch(folder: Path, older_than: float = 0.0) -> None:
    """Delete what killed processes left half-written in a folder and below; nobody may be writing there now.

    older_than: leave what was written within so many seconds, where others may be writing.
    """
    for left in folder.rglob("*.partial"):
        with suppress(OSError):
            if is_scratch(left.name) and time.time() - left.stat().st_mtime >= older_than:
                left.unlink()


def folder_for(path: str | os.PathLike[str]) -> Path:
    """A folder for results, made if need be and rid of what was left half-written days ago; others may write there.

    To be called before all work, to say so at once if it cannot be made. Raises: OSError.
    """
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    remove_scratch(folder, _DAY)
    return folder


def _wait_for_disk(file: IO[Any]) -> None:
    """Have the system write a file to its disk now: after a power failure a name may else stand for an empty file."""
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in _NO_FSYNC:
            raise
