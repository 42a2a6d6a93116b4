"""Compiled entry points: kept on disk, and compiled anew after any change in what they import."""

import importlib
import importlib.util
import inspect
import sys
from pathlib import Path

import numba
import pytest
from numba.core import event
from numba.core.errors import TypingError

import lenstream
from lenstream.simulate.core import code_cache, compiled
from lenstream.simulate.cpu import kernel

MODULE = """
from numba import njit
from lenstream.simulate.core.compiled import cached
from ..maths.helper import shift

@njit
def _entry(x):
    return x + shift(x)

entry = cached(_entry)
"""
HELPER = """
from numba import njit
from ..settings import limits

@njit
def shift(x):
    return x * limits.FACTOR
"""


def write_package(folder, constant):
    """A package whose kernel lies in one folder, what it calls in another, and a constant of that in a third."""
    files = {"kernels/module.py": MODULE, "maths/helper.py": HELPER, "settings/limits.py": f"FACTOR = {constant}\n"}
    for name, text in ({"__init__.py": ""} | files).items():
        (folder / "box" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "box" / name).write_text(text)


def load(folder):
    """The module of `write_package`, anew."""
    compiled._imported_files.cache_clear()  # as in a new process
    for name in [name for name in sys.modules if name.startswith("box.")]:
        del sys.modules[name]
    spec = importlib.util.spec_from_file_location(
        "box", folder / "box" / "__init__.py", submodule_search_locations=[str(folder / "box")]
    )
    sys.modules["box"] = importlib.util.module_from_spec(spec)
    return importlib.import_module("box.kernels.module")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Compiled code of these tests lies in a folder of their own, wherever NUMBA_CACHE_DIR points."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "kept"))
    code_cache.folder.cache_clear()
    yield
    code_cache.folder.cache_clear()


def entry_and_compiles(folder):
    """What entry(1) gives in a freshly loaded module, and whether it had to be compiled."""
    module = load(folder)
    with event.install_recorder("numba:compile") as recorder:
        value = module.entry(1)
    return value, any("_entry" in str(e.data["dispatcher"]) for _, e in recorder.buffer)


def test_kept_on_disk_until_an_imported_file_changes(tmp_path):
    write_package(tmp_path, 10)
    assert entry_and_compiles(tmp_path) == (11, True)
    assert entry_and_compiles(tmp_path) == (11, False)
    write_package(tmp_path, 200)  # of another length: Python's own cache of the module looks at seconds and size
    assert entry_and_compiles(tmp_path) == (201, True)
    write_package(tmp_path, 10)
    assert entry_and_compiles(tmp_path) == (11, False)


def test_the_checksum_follows_imports_and_nothing_else(tmp_path):
    def checksum():
        compiled._imported_files.cache_clear()
        return compiled.checksum(tmp_path / "box" / "kernels" / "module.py", tmp_path / "box")

    write_package(tmp_path, 10)
    before = checksum()
    (tmp_path / "box" / "settings" / "other.py").write_text("x = 1\n")
    assert checksum() == before
    for name in ("maths/helper.py", "settings/limits.py"):
        file = tmp_path / "box" / name
        text = file.read_text()
        file.write_text(text + "x = 1\n")
        assert checksum() != before
        file.write_text(text)
    assert checksum() == before


def globals_of(function, seen):
    """The files of all functions and modules that a compiled function can reach by its global names."""
    code = getattr(function, "py_func", function)
    if code in seen:
        return
    seen.add(code)
    names, known = list(code.__code__.co_names), code.__globals__
    for name in names:
        value = known.get(name)
        for held in [value, *(getattr(value, other, None) for other in names)] if inspect.ismodule(value) else [value]:
            if inspect.isfunction(getattr(held, "py_func", held)):
                yield from globals_of(held, seen)
        if inspect.ismodule(value) and value.__name__.startswith("lenstream."):
            yield value.__file__
    yield code.__code__.co_filename


def test_all_that_the_renderer_calls_counts_among_its_sources():
    found, path = set(), Path(kernel.__file__).resolve()
    root = compiled.package_of(kernel.__name__, path)
    assert root == Path(lenstream.__file__).resolve().parent
    compiled._collect(path, root, found)
    called = {f for f in globals_of(kernel._render, set()) if str(root) in f and ".venv" not in f}
    assert {"psf.py", "numerics.py", "epl.py", "sersic.py", "halos.py"} <= {Path(f).name for f in called}
    assert {Path(f).resolve() for f in called} <= found


def test_errors_of_the_caller_pass_through(tmp_path):
    write_package(tmp_path, 10)
    entry = load(tmp_path).entry
    with pytest.raises(TypingError):
        entry(None)
