"""A cache on disk for functions that numba compiles, so that a process need not compile them again."""

import ast
import functools
import logging
import types
import zlib
from pathlib import Path

from numba import njit

log = logging.getLogger("lenstream")


def cached(function):
    """`function`, plain or already an njit function, as an entry point from Python: compiled, nogil, kept on disk.

    numba looks only at the file that holds the function, and would serve machine code of before a change in a file that
    it imports. The name under which the code is kept therefore ends in a checksum of all of them, wherever in the
    package they lie. Where nothing can be kept (a read-only installation, a full disk) one warning says so, and every
    process compiles anew.
    """
    python = getattr(function, "py_func", function)
    path = Path(python.__code__.co_filename).resolve()
    name = f"{python.__qualname__}_{checksum(path, package_of(python.__module__, path)):08x}"
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


def package_of(module, path):
    """The folder of the top package of a module, from its dotted name and its file: a.b.c in x/a/b/c.py gives x/a."""
    return path.parents[max(module.count(".") - 1, 0)]


def checksum(path, package):
    """CRC-32 of a source file and of all that it imports from its package (a folder), at any depth."""
    found = set()
    _collect(Path(path).resolve(), package, found)
    return zlib.crc32(b"".join(p.read_bytes() for p in sorted(found)))


def _collect(path, package, found):
    found.add(path)
    for file in _imported_files(path):
        if file not in found and package in file.parents:
            _collect(file, package, found)


@functools.cache  # many entry points share most of their files
def _imported_files(path):
    """The files that a source file imports relatively, at the top or inside a function."""
    files = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if not isinstance(node, ast.ImportFrom) or node.level == 0:
            continue
        base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
        for file in (base.with_suffix(".py"), *(base / f"{alias.name}.py" for alias in node.names)):
            if file.is_file():
                files.append(file)
    return files


@functools.cache  # what holds for one entry point holds for all: the first reason is enough
def _warn():
    log.warning(
        "compiled code cannot be kept on disk (no folder for it can be written, or the disk is full), so every start "
        "compiles anew; set NUMBA_CACHE_DIR to a folder that can be written"
    )
