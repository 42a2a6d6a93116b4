"""benchmarks/faults.py: malformed inputs are accepted or refused in sentences; and the harness sees what is worse."""

import faulthandler
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))
import faults  # noqa: E402
import malformed  # noqa: E402
from malformed import cases  # noqa: E402
from malformed.images import good_fits  # noqa: E402


def run(*arguments, timeout):
    """The benchmark in a process of its own, as it forks from one that has loaded everything."""
    command = [sys.executable, str(BENCHMARKS / "faults.py"), "--jobs", "1", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment, check=False)


def test_a_sample_is_accepted_or_refused():
    result = run("--sample", "30", timeout=540)
    assert result.returncode == 0, result.stdout + result.stderr
    count = [
        int(word) for word in result.stdout.splitlines() if word.strip().startswith("all") for word in word.split()[1:]
    ]
    assert sum(count) >= 30 and sum(count[2:]) == 0


@pytest.mark.slow
def test_every_input_is_accepted_or_refused():
    result = run("--jobs", "2", timeout=3600)
    assert result.returncode == 0, result.stdout + result.stderr


def test_there_are_900_inputs_the_same_for_a_seed_with_names_of_their_own():
    made = malformed.every_case()
    assert len(made) >= 900 and len({(c.kind, c.name) for c in made}) > 0.97 * len(made)
    assert [(c.kind, c.name) for c in malformed.every_case()] == [(c.kind, c.name) for c in made]
    assert sum(c.expected == cases.REFUSE for c in made) > 200


def outcome(monkeypatch, follow, expected=None):
    """What the harness says of a program that does something else."""
    monkeypatch.setattr(faults, "_load_all", lambda cases: None)
    monkeypatch.setattr(faults, "_follow", lambda arguments: follow(*arguments))
    case = cases.Case("a kind", "a name", lambda folder: [folder], expected)
    return faults.try_all([case])[0].result


def says(text, code):
    print(text, file=sys.stderr)
    return code


def takes_time(_):
    while time.process_time() >= 0:
        pass


@pytest.mark.parametrize(
    ("follow", "expected", "result"),
    [
        (lambda _: 0, None, faults.ACCEPTED),
        (lambda _: 0, cases.REFUSE, "WRONGLY ACCEPTED"),
        (lambda _: says("a sentence", 2), None, faults.REFUSED),
        (lambda _: says("a sentence", 2), cases.ACCEPT, "WRONGLY REFUSED"),
        (lambda _: says("x" * 600, 2), None, "LONG"),
        (lambda _: says("", 2), None, "LONG"),
        (lambda _: says("a sentence", 1), None, "EXIT CODE"),
        (lambda _: 1 / 0, None, "TRACEBACK"),
        (lambda _: (faulthandler.disable(), os.abort()), None, "TRACEBACK"),
        (lambda _: bytearray(1 << 33), None, "MEMORY"),
        (lambda folder: (folder / cases.MARKER).touch(), None, "PAYLOAD RAN"),
        (takes_time, None, "SLOW"),
        (lambda _: time.sleep(100), None, "SLOW"),
    ],
)
def test_the_harness_sees(monkeypatch, follow, expected, result):
    monkeypatch.setattr(faults, "CPU", 1)
    monkeypatch.setattr(faults, "WALL", 20 if follow is takes_time else 8)
    assert outcome(monkeypatch, follow, expected) == result


def test_damage_changes_a_file():
    import random

    chance, good = random.Random(1), good_fits()
    changed = [cases.damaged(good, chance) for _ in range(50)]
    assert sum(data != good for data in changed) > 40 and len(set(changed)) > 35
