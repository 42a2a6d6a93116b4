"""Where compiled code is kept between processes: a folder of the user, a file for each function and types.

numba's own files share an index, which two processes that compile at once can leave pointing at each other's code, and
which ends every start in an error once it is damaged. Here a file stands for itself: what does not hold exactly what
was written counts as absent.
"""

import functools
import hashlib
import logging
import os
import pickle
import stat
import sys
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path

import llvmlite
import numba
from numba.core import caching, compiler

log = logging.getLogger("lenstream")

MOST_BYTES = 1_000_000_000  # of all files; beyond, those go that were not used for longest
_DIGEST = 32  # bytes of a SHA-256 at the start of a file


class CodeCache(caching._Cache):
    """What numba asks for the code of one function, and hands it code to keep.

    `name` stands for the function, its sources included. Nothing here raises for the sake of a file: without one, numba
    compiles, and where nothing can be written one warning says so.
    """

    def __init__(self, name):
        self._name, self._enabled = name, True

    @property
    def cache_path(self):
        return str(folder())

    def load_overload(self, sig, target_context):
        """The compiled function for a signature, or None."""
        target_context.refresh()
        key = self._key(sig, target_context.codegen())
        path = self._path(key)
        if not self._enabled or path is None:
            return None
        try:
            payload = _read(path, key)
            if payload is None:
                return None
            code = compiler.CompileResult._rebuild(target_context, *payload)
        except Exception as error:  # whatever a damaged file, or one of another numba, leads to
            log.debug("%s is compiled anew: %s in %s", self._name, error, path)
            return None
        with suppress(OSError):
            os.utime(path)  # used today
        return code

    def save_overload(self, sig, data):
        """Keep a compiled function."""
        if not self._enabled or data.lifted or data.library.has_dynamic_globals:  # which hold addresses of this process
            return
        key = self._key(sig, data.codegen)
        path = self._path(key)
        try:
            if path is None:
                raise OSError("there is no folder for it")
            _write(path, key, data._reduce())
            _keep_recent(path.parents[1])
        except OSError as error:
            _warn(error.strerror or str(error))

    def enable(self):
        self._enabled = True

    def disable(self):
        self._enabled = False

    def flush(self):
        """numba's word for dropping all entries; nothing here relies on it."""

    def _key(self, sig, codegen):
        """What code depends on beside its sources and versions: types, and the processor."""
        return self._name, repr(sig), codegen.magic_tuple()

    def _path(self, key):
        place = folder()
        return None if place is None else place / f"{self._name}-{hashlib.sha256(repr(key).encode()).hexdigest()[:20]}"


@functools.cache
def folder():
    """The folder of this process's compiled code, made if need be; None if no place for it can be written.

    It is $NUMBA_CACHE_DIR, or in the user's cache folder, or a private one among temporary files, in this order;
    below it one for each version of Python and numba.
    """
    versions = f"numba-{numba.__version__}-llvmlite-{llvmlite.__version__}-{sys.implementation.cache_tag}"
    first, problem = True, None
    for place in _places():
        try:
            (place / versions).mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=place / versions).close()
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
            problem, first = problem or f"{place}: {getattr(error, 'strerror', None) or error}", False
            continue
        if not first:
            log.warning("compiled code is kept in %s, as its own folder cannot be written (%s)", place, problem)
        return place / versions
    return None


def _places():
    """Folders that compiled code may be kept in, the best first."""
    if numba.config.CACHE_DIR:
        yield Path(numba.config.CACHE_DIR).absolute() / "lenstream"
    else:
        users = _users_folder()
        if users is not None:
            yield users / "lenstream"
    with suppress(OSError):  # where nothing temporary can be written
        yield from _temporary()


def _users_folder():
    """The folder of caches that the system gives its user; None if the user has no home."""
    home = os.path.expanduser("~")
    home = Path(home) if os.path.isabs(home) else None
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else home
    if sys.platform == "darwin":
        return None if home is None else home / "Library" / "Caches"
    given = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(given):  # others are to be ignored, says the specification
        return Path(given)
    return None if home is None else home / ".cache"


def _temporary():
    """A folder among temporary files, unless someone else could have put code there."""
    if not hasattr(os, "getuid"):
        yield Path(tempfile.gettempdir()) / "lenstream"
        return
    place = Path(tempfile.gettempdir()) / f"lenstream-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    found = place.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022:
        yield place


def _read(path, key):
    """What `_write` wrote for a key; None if there is no such file, or it is not whole. Raises: any error of pickle."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
        log.debug("%s is damaged: compiled anew", path)
        return None
    written_for, payload = pickle.loads(content[_DIGEST:])
    return payload if written_for == key else None


def _write(path, key, payload):
    """Write a file whole or not at all. Raises: OSError."""
    content = caching.dumps((key, payload))
    partial = path.with_name(f"partial-{uuid.uuid4().hex}")
    try:
        partial.write_bytes(hashlib.sha256(content).digest() + content)
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


def _keep_recent(place):
    """Delete what was not used for longest of the files below a folder, of all versions, until they are few enough."""
    found = []
    for path in place.glob("*/*"):
        with suppress(OSError):  # another process was faster
            facts = path.stat()
            found.append((facts.st_mtime, facts.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= MOST_BYTES:
            return
        with suppress(OSError):
            path.unlink()
        total -= size


@functools.cache  # what holds for one function holds for all: the first reason is enough
def _warn(reason):
    log.warning(
        "compiled code cannot be kept on disk (%s), so every start compiles anew; set NUMBA_CACHE_DIR to a folder that "
        "can be written",
        reason,
    )
