"""Compiled code on disk: found again, compiled anew where it is damaged or of others, and never needed."""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import numba
import pytest
from numba.core import event

from lenstream.simulate.core import code_cache
from lenstream.simulate.core.compiled import cached

VARIABLES = ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "USERPROFILE")


def plus_one(x):
    return x + 1


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """The folder that compiled code is kept in: the user's, of a home that is empty."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    for name in VARIABLES:
        monkeypatch.setenv(name, str(tmp_path / "home"))
    forget()
    yield tmp_path / "home"
    forget()


def forget():
    """As in a new process."""
    code_cache.folder.cache_clear()
    code_cache._warn.cache_clear()


def compiles(value=1, name="plus_one"):
    """Whether plus_one(value), as by a new process, has to be compiled."""
    forget()
    with event.install_recorder("numba:compile") as recorder:
        assert cached(plus_one)(value) == value + 1
    return any(name in str(e.data["dispatcher"]) for _, e in recorder.buffer)


def only_file(place):
    (path,) = [p for p in place.rglob("*plus_one*") if p.is_file()]
    return path


def test_what_one_process_compiled_the_next_one_finds(place):
    assert compiles() and not compiles()
    assert compiles(1.5) and not compiles(1.5) and not compiles()  # another type does not displace the first
    assert len([p for p in place.rglob("*") if p.is_file()]) == 2  # and nothing else is left


def damages():
    yield "empty", lambda content: b""
    yield "cut", lambda content: content[: len(content) // 2]
    yield "short", lambda content: content[:7]
    yield "garbage", lambda content: os.urandom(5000)
    yield "text", lambda content: b"no such thing\n"
    for k in range(0, 100, 9):
        yield (
            f"byte {k}%",
            lambda c, k=k: c[: k * len(c) // 100] + bytes([c[k * len(c) // 100] ^ 255]) + c[k * len(c) // 100 + 1 :],
        )


@pytest.mark.parametrize("damage", [d for _, d in damages()], ids=[name for name, _ in damages()])
def test_a_damaged_file_is_compiled_anew_and_mended(place, caplog, damage):
    compiles()
    path = only_file(place)
    path.write_bytes(damage(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert compiles() and not compiles()
    assert not caplog.records


def test_a_file_that_is_whole_but_of_other_code_is_compiled_anew(place):
    compiles()
    path = only_file(place)
    whole = path.read_bytes()
    compiles(1.5)
    other = next(p for p in path.parent.iterdir() if p != path)
    path.write_bytes(other.read_bytes())  # as a file copied over another, or two hashes that collide
    assert compiles()
    assert path.read_bytes()[:32] != other.read_bytes()[:32] and len(path.read_bytes()) == pytest.approx(
        len(whole), 0.1
    )
    code_cache._write(
        path, code_cache.CodeCache("x")._key("sig", numba.core.registry.cpu_target.target_context.codegen()), 1
    )
    assert compiles()
    path.unlink()
    path.mkdir()  # cannot be read nor replaced
    assert compiles()


def test_each_processor_and_each_version_of_numba_has_its_own(place, monkeypatch):
    compiles()
    codegen = type(numba.core.registry.cpu_target.target_context.codegen())
    with monkeypatch.context() as patched:
        patched.setattr(codegen, "magic_tuple", lambda self: ("another", "processor", "+avx"))
        assert compiles() and not compiles()
    assert not compiles()
    with monkeypatch.context() as patched:
        patched.setattr(numba, "__version__", "0.99.0")
        assert compiles() and not compiles()
    assert not compiles()


def test_places_in_their_order(place, monkeypatch, tmp_path):
    if sys.platform == "linux":
        assert compiles() and (place / "lenstream").is_dir()  # XDG_CACHE_HOME
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        assert compiles() and (place / ".cache" / "lenstream").is_dir()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "chosen"))
    assert compiles() and (tmp_path / "chosen" / "lenstream").is_dir()


@pytest.mark.parametrize("what", ["a file", "no home", "below a file"])
def test_where_the_users_folder_cannot_be_written_a_private_temporary_one_takes_its_place(
    place, monkeypatch, tmp_path, caplog, what
):
    if what == "no home":
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # of a user that the system does not know
    else:
        (tmp_path / "home").write_text("a file")
        if what == "below a file":
            monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "deep"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with caplog.at_level(logging.WARNING):
        assert compiles()
        assert len(caplog.records) == (what != "no home") and "Traceback" not in caplog.text
        assert not compiles()
    (made,) = (tmp_path / "temporary").iterdir()
    if hasattr(os, "getuid"):
        assert made.stat().st_mode & 0o077 == 0
        made.chmod(0o777)  # anyone could have put code there
        assert compiles()


def test_nowhere_at_all_warns_once_and_works(place, monkeypatch, tmp_path, caplog):
    place.write_text("a file")
    monkeypatch.setattr("tempfile.tempdir", str(place))
    with caplog.at_level(logging.WARNING):
        entry = cached(plus_one)
        assert (entry(1), entry(1.5), cached(plus_one)(1)) == (2, 2.5, 2)
    assert len(caplog.records) == 1 and "NUMBA_CACHE_DIR" in caplog.text


def test_a_full_disk_warns_once_and_works(place, monkeypatch, caplog):
    def full(self, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with caplog.at_level(logging.WARNING):
        entry = cached(plus_one)
        assert (entry(1), entry(1.5), entry(1)) == (2, 2.5, 2)
    assert len(caplog.records) == 1 and "No space left on device" in caplog.text
    assert not [p for p in place.rglob("*") if p.is_file()]


def test_files_not_used_for_longest_go_when_there_are_too_many(place, monkeypatch):
    compiles()
    kept, size = only_file(place), only_file(place).stat().st_size
    compiles(1.5)
    unused = next(p for p in kept.parent.iterdir() if p != kept)
    old = kept.parents[1] / "numba-0.1"
    old.mkdir()
    (old / "f").write_bytes(bytes(size))
    for path, age in ((old / "f", 30), (kept, 20), (unused, 10)):
        os.utime(path, (time.time() - age * 86400,) * 2)
    assert not compiles()  # so it was used today
    monkeypatch.setattr(code_cache, "MOST_BYTES", int(2.5 * size))
    assert compiles(1 + 1j)
    assert kept.exists() and not unused.exists() and not (old / "f").exists()


def test_processes_that_compile_at_once_all_get_their_code(place, tmp_path):
    (tmp_path / "one.py").write_text("def half(x):\n    return x / 2\n")
    code = "from lenstream.simulate.core.compiled import cached; from one import half; print(cached(half)(3))"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = [subprocess.Popen([sys.executable, "-c", code], env=environment, **pipes) for _ in range(3)]
    assert [process.communicate(timeout=240) for process in started] == [("1.5\n", "")] * 3
    assert len([p for p in place.rglob("*") if p.is_file() and "half" in p.name]) == 1


def test_numbas_own_functions_are_kept_where_they_were(tmp_path):
    assert not isinstance(numba.njit(cache=True)(plus_one)._cache, code_cache.CodeCache)
