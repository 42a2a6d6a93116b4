"""Entry points of compiled code, kept on disk so that they are compiled once, whatever can be written where."""

import ast
import functools
import logging
import types
import zlib
from pathlib import Path

from numba import njit

log = logging.getLogger("lenstream")
HERE = Path(__file__).resolve().parent


def cached(function):
    """`function`, plain or already an njit function, as an entry point from Python: compiled, nogil, kept on disk.

    numba looks only at the file that holds the function, and would serve machine code of before a change in a file that
    it imports. The name under which the code is kept therefore ends in a checksum of all of them. Where nothing can be
    kept (a read-only installation, a full disk) one warning says so, and every process compiles anew.
    """
    python = getattr(function, "py_func", function)
    name = f"{python.__qualname__}_{checksum(python.__code__.co_filename):08x}"
    code = types.FunctionType(python.__code__, python.__globals__, name, python.__defaults__, python.__closure__)
    code.__module__, code.__qualname__ = python.__module__, name
    try:
        entry = njit(nogil=True, cache=True)(code)
    except RuntimeError:
        _warn()
        entry = njit(nogil=True)(code)

    @functools.wraps(python)
    def call(*arguments):
        try:
            return entry(*arguments)
        except OSError:  # only compiling raises it, when all but the writing is done
            _warn()
            return entry(*arguments)

    return call


def checksum(path):
    """CRC-32 of a source file and of all that it imports from its own and this folder and those below, at any depth."""
    path, found = Path(path).resolve(), set()
    _collect(path, {HERE, path.parent}, found)
    return zlib.crc32(b"".join(p.read_bytes() for p in sorted(found)))


def _collect(path, folders, found):
    found.add(path)
    for node in ast.parse(path.read_bytes()).body:
        if not isinstance(node, ast.ImportFrom) or node.level == 0:
            continue
        base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
        for file in (base.with_suffix(".py"), *(base / f"{alias.name}.py" for alias in node.names)):
            if file.is_file() and file not in found and not folders.isdisjoint(file.parents):
                _collect(file, folders, found)


@functools.cache  # what holds for one entry point holds for all: the first reason is enough
def _warn():
    log.warning(
        "compiled code cannot be kept on disk (no folder for it can be written, or the disk is full), so every start "
        "compiles anew; set NUMBA_CACHE_DIR to a folder that can be written"
    )
