"""The command line where its streams are closed or full, and where settings are meant for other programs."""

import errno
import os
import subprocess
import sys

import pytest

from lenstream.command_line.surroundings import made_safe

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="of shells")
COMMAND = """
import os, sys
from lenstream import run_pipeline

def work():
    from lenstream.progress import bar, console
    with open("data", "wb") as file:
        assert file.fileno() > 2
        with bar("working", 2) as shown:
            for k in range(3):
                shown.update(k, "note \\u00b1")
                console.print("said: \\u00b1")
        file.write(b"data")
    print("result \\u00b1")

run_pipeline.app.command("work")(work)
run_pipeline.main(["work"])
"""


def run(command, tmp_path, **environment):
    """Run a shell command in which $L is the command line with a stage that says and writes something."""
    (tmp_path / "l.py").write_text(COMMAND)
    environment = os.environ | {"L": f"{sys.executable} {tmp_path / 'l.py'}"} | environment
    return subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("$L <&-", 0),
        ("$L >&-", 0),
        ("$L 2>&-", 0),
        ("$L <&- >&- 2>&-", 0),
        ("$L 2>/dev/full", 0),
        ("$L >/dev/full", 1),
        ("$L >/dev/full 2>/dev/full", 1),
        ("$L | true; exit ${PIPESTATUS[0]}", None),  # 0 or 1, by who is faster
        ("$L 2>&1 | head -c 1; exit ${PIPESTATUS[0]}", None),
    ],
)
def test_streams_that_take_nothing_neither_end_nor_spoil_a_run(tmp_path, command, code):
    result = run(command, tmp_path)
    assert result.returncode == code if code is not None else result.returncode in (0, 1)
    assert (tmp_path / "data").read_bytes() == b"data"
    assert "Traceback" not in result.stderr and "Exception" not in result.stderr
    if "/dev/full" in command and "2>" not in command:
        said = result.stderr.splitlines()[-1]
        assert said == "lenstream: the output cannot be written or read: No space left on device"


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"TERM": "dumb", "COLUMNS": "20", "NO_COLOR": "1"},
        {"PYTHONOPTIMIZE": "2", "PYTHONDONTWRITEBYTECODE": "1"},
        {"MPLBACKEND": "nonsense", "OMP_NUM_THREADS": "nonsense"},
    ],
    ids=str,
)
def test_letters_and_terminals(tmp_path, environment):
    result = run("$L", tmp_path, **environment)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("result ") and "said: " in result.stderr


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "nonsense", "TkAgg", "", None])
def test_figures_need_no_backend_and_the_users_comes_back(monkeypatch, backend):
    if backend is None:
        monkeypatch.delenv("MPLBACKEND", raising=False)
    else:
        monkeypatch.setenv("MPLBACKEND", backend)
    streams = sys.stdout, sys.stderr
    with made_safe():
        assert os.environ["MPLBACKEND"] == "agg"
    assert os.environ.get("MPLBACKEND") == backend and (sys.stdout, sys.stderr) == streams


def test_a_terminal_that_is_gone_is_not_an_error(monkeypatch):
    class Gone:
        encoding = "utf-8"

        def write(self, *_):
            raise OSError(errno.EIO, "Input/output error")

        flush = isatty = fileno = write

    monkeypatch.setattr(sys, "stderr", Gone())
    with made_safe():
        print("a word", file=sys.stderr, flush=True)
        assert sys.stderr.encoding == "utf-8"
