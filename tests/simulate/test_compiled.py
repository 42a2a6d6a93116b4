"""Compiled entry points: kept on disk, compiled anew after any change in what they import, usable without a disk."""

import errno
import importlib
import importlib.util
import logging
import sys

import pytest
from numba.core import event
from numba.core.errors import TypingError

from lenstream.simulate import compiled

MODULE = """
from numba import njit
from lenstream.simulate.compiled import cached
from .helper import shift

@njit
def _entry(x):
    return x + shift(x)

entry = cached(_entry)
"""


def write_package(folder, constant):
    (folder / "box").mkdir(exist_ok=True)
    (folder / "box" / "__init__.py").write_text("")
    (folder / "box" / "helper.py").write_text(
        f"from numba import njit\n@njit\ndef shift(x):\n    return x * {constant}\n"
    )
    (folder / "box" / "module.py").write_text(MODULE)


def load(folder):
    """The module of `write_package`, anew."""
    for name in ("box.helper", "box.module"):
        sys.modules.pop(name, None)
    spec = importlib.util.spec_from_file_location(
        "box", folder / "box" / "__init__.py", submodule_search_locations=[str(folder / "box")]
    )
    sys.modules["box"] = importlib.util.module_from_spec(spec)
    return importlib.import_module("box.module")


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


def test_nowhere_to_write_warns_once_and_works(tmp_path, monkeypatch, caplog):
    write_package(tmp_path, 10)
    (tmp_path / "box" / "__pycache__").write_text("a file where the folder should be")
    (tmp_path / "home").write_text("a file")
    for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    compiled._warn.cache_clear()
    with caplog.at_level(logging.WARNING, "lenstream"):
        module = load(tmp_path)
        compiled.cached(module._entry)
        assert module.entry(1) == 11
    assert len(caplog.records) == 1
    assert "NUMBA_CACHE_DIR" in caplog.text


def test_a_full_disk_warns_once_and_works(tmp_path, monkeypatch, caplog):
    from numba.core.caching import IndexDataCacheFile

    def full(self, key, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "save", full)
    write_package(tmp_path, 10)
    compiled._warn.cache_clear()
    with caplog.at_level(logging.WARNING, "lenstream"):
        entry = load(tmp_path).entry
        assert (entry(1), entry(1.0), entry(1)) == (11, 11.0, 11)
    assert len(caplog.records) == 1
    assert "full" in caplog.text


def test_the_checksum_follows_imports_and_nothing_else(tmp_path):
    write_package(tmp_path, 10)
    before = compiled.checksum(tmp_path / "box" / "module.py")
    (tmp_path / "box" / "other.py").write_text("x = 1\n")
    assert compiled.checksum(tmp_path / "box" / "module.py") == before
    (tmp_path / "box" / "helper.py").write_text("def shift(x):\n    return x\n")
    assert compiled.checksum(tmp_path / "box" / "module.py") != before


def test_the_profiles_count_among_the_renderers_sources():
    found = set()
    compiled._collect(compiled.HERE / "kernel.py", {compiled.HERE}, found)
    assert {"kernel.py", "psf.py", "numerics.py", "epl.py", "sersic.py"} <= {p.name for p in found}


def test_errors_of_the_caller_pass_through(tmp_path):
    write_package(tmp_path, 10)
    entry = load(tmp_path).entry
    with pytest.raises(TypingError):
        entry(None)
