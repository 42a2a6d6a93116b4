"""OpenMP's threads wait briefly, as the environment of the process that loads torch says, unless the user said how."""

import os
import subprocess
import sys

import pytest

from lenstream.openmp import BY_USERS, TURNS, wait_briefly

SHOWN = "import lenstream, os; print([os.environ.get(n) for n in ('OMP_WAIT_POLICY', 'GOMP_SPINCOUNT')])"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [None, str(TURNS)]),
        ({"OMP_WAIT_POLICY": "PASSIVE"}, ["PASSIVE", None]),
        ({"GOMP_SPINCOUNT": "7"}, [None, "7"]),
        ({"OMP_NUM_THREADS": "1"}, [None, str(TURNS)]),
    ],
)
def test_the_package_sets_how_threads_wait_unless_the_user_has(given, expected):
    environment = {n: v for n, v in os.environ.items() if n not in BY_USERS} | given
    printed = subprocess.run([sys.executable, "-c", SHOWN], env=environment, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == str(expected)


def test_it_is_set_for_processes_begun_later_too(monkeypatch):
    for name in BY_USERS:
        monkeypatch.delenv(name, raising=False)
    wait_briefly()
    child = subprocess.run(
        [sys.executable, "-c", "import os; print(os.environ['GOMP_SPINCOUNT'])"], capture_output=True, text=True
    )
    assert int(child.stdout) == TURNS


@pytest.mark.skipif(sys.platform != "linux", reason="torch has GNU's OpenMP on Linux only")
def test_the_openmp_that_torch_loads_has_read_it():
    environment = {n: v for n, v in os.environ.items() if n not in BY_USERS} | {"OMP_DISPLAY_ENV": "verbose"}
    script = "import lenstream, torch; torch.ones(2**20).add(1)"
    shown = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    if "GOMP_SPINCOUNT" not in shown.stderr:
        pytest.skip("this torch has another OpenMP")
    assert f"GOMP_SPINCOUNT = '{TURNS}'" in shown.stderr
