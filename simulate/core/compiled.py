"""Functions that numba compiles once for all processes, until a source that they are made from changes."""

import ast
import functools
import zlib
from pathlib import Path

from numba import njit

from .code_cache import CodeCache


def cached(function):
    """`function`, plain or already an njit function, as an entry point from Python: compiled, nogil, kept on disk.

    Kept under a name that ends in a checksum of the file that holds the function and of all that it imports, wherever
    in the package they lie: machine code of before a change is never served. Where nothing can be kept (no folder that
    can be written, a full disk) one warning says so, and every process compiles anew.
    """
    python = getattr(function, "py_func", function)
    entry = njit(nogil=True)(python)
    if entry is not python:  # else numba is told to leave functions as they are (NUMBA_DISABLE_JIT)
        path = Path(python.__code__.co_filename).resolve()
        sources = checksum(path, package_of(python.__module__, path))
        name = f"{python.__module__}.{python.__qualname__}".replace("<", "").replace(">", "")  # not in names of files
        entry._cache = CodeCache(f"{name}-{sources:08x}")

    @functools.wraps(python)
    def call(*arguments):
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
