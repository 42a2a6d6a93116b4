"""benchmarks/mutants.py: the list keeps up with the code, what is drawn is one change, survivors are named."""

import ast
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from lenstream.simulate.core import code_cache

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))
import mutants  # noqa: E402
from random_mutations import Mutation, mutation_at, places_of  # noqa: E402

LISTED = mutants.listed()


def test_every_listed_mutation_changes_the_code_as_it_is_now():
    assert mutants.mistakes(LISTED) == []
    assert len(LISTED) >= 120
    assert len({(m.file, m.means) for m in LISTED}) == len(LISTED)


def test_every_listed_mutation_has_neighbours():
    assert [file for file in sorted({m.file for m in LISTED}) if not mutants.neighbours(file)] == []


def test_what_no_longer_fits_is_named():
    stale = [
        Mutation("errors.py", "a line that is gone", "no such line", "another"),
        Mutation("gone.py", "a file that is gone", "x", "y"),
        Mutation("errors.py", "a change that Python does not read", "import difflib", "import ("),
        Mutation("errors.py", "a text that is there often", "def ", "async def "),
    ]
    found = mutants.mistakes(stale)
    assert [m.means in said for m, said in zip([stale[0], stale[1], stale[3]], found, strict=True)] == [True] * 3
    (unread,) = mutants.unreadable([stale[2]])
    assert stale[2].means in unread


def test_a_list_is_read_as_it_is_written(tmp_path):
    text = "# about\na.py: two lines: with a colon\n- if x:\n-     y\n+ pass\n\nb.py: nothing is left\n- x = 1\n+ \n"
    (tmp_path / "some.txt").write_text(text)
    assert mutants.listed(tmp_path) == [
        Mutation("a.py", "two lines: with a colon", "if x:\n    y", "pass"),
        Mutation("b.py", "nothing is left", "x = 1", ""),
    ]


SOURCE = '''"""Doc 1."""
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import x


def f(a: "1 + 1", b=2) -> int:
    """Text, 3 < 4."""
    if not a and b < 5:
        raise ValueError(f"{b + 1} is not 7")
    é = [k for k in range(b, 9, step=-k)]
    return g(a, b, key=True) + é[0] ** 2.5
'''


def test_mutations_are_drawn_of_code_and_not_of_words():
    found = [mutation_at("f.py", SOURCE, place) for place in places_of(SOURCE)]
    changed = {(SOURCE[start:end], new) for start, end, new in places_of(SOURCE)}
    assert {
        ("<", ">="),
        ("<", "<="),
        ("and", "or"),
        ("not a", "(a)"),
        ("+", "-"),
        ("**", "*"),
        ("2.5", "3.75"),
    } <= changed
    assert {
        (", key=True", ""),
        ("a, b", "b, a"),
        ("True", "False"),
        ("5", "6"),
        ("0", "1"),
        ("b, 9", "9, b"),
    } <= changed
    assert not any(old in ("1", "3", "7") for old, _ in changed)  # of annotations, texts and messages
    for m in found:
        if m is not None:
            assert SOURCE.count(m.old) == 1
            changed = SOURCE.replace(m.old, m.new)
            assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(SOURCE))
    assert sum(m is not None for m in found) >= 15


def test_what_python_does_not_read_is_no_mutation():
    assert mutation_at("f.py", "x = 1\n", (0, 1, "if")) is None


def test_the_same_seed_draws_the_same():
    files = ["errors.py", "ahead.py"]
    first, again, other = (mutants.drawn(5, seed, files) for seed in (1, 1, 2))
    assert first == again != other
    assert mutants.mistakes(first) == []


def test_the_mirror_comes_first_and_then_who_names_the_file():
    found = mutants.neighbours("evaluate/judge.py")
    assert found[0] == "tests/evaluate/test_judge.py"
    assert mutants.neighbours("configs/demo.yaml")
    assert len(found) <= mutants.MOST_FILES


def test_a_table_counts_by_room():
    outcomes = {
        Mutation("ssl/a.py", "one", "", ""): mutants.Outcome("killed", 1.0),
        Mutation("ssl/b.py", "two", "", ""): mutants.Outcome("survived", 1.0),
        Mutation("runs.py", "three", "", ""): mutants.Outcome("broken", 1.0),
    }
    assert [line.split() for line in mutants.table(outcomes)[1:]] == [
        ["ssl", "1", "1", "0"],
        ["top", "0", "0", "1"],
        ["all", "1", "1", "1"],
    ]


def test_a_copy_begins_with_the_compiled_code_of_the_tree(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "users"))
    kept = code_cache.folder.__wrapped__()
    (kept / "a-kernel").write_bytes(b"code")
    mutants.copy_compiled_code(tmp_path / "own")
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "own"))
    assert (code_cache.folder.__wrapped__() / "a-kernel").read_bytes() == b"code"
    assert [p.name for p in kept.iterdir()] == ["a-kernel"]


@pytest.mark.slow  # compiles some hundred files
def test_every_listed_mutation_can_be_read():
    assert mutants.unreadable(LISTED) == []


@pytest.mark.slow  # copies the tree and runs tests of it four times
def test_the_script_tells_a_test_that_sees_from_one_that_does_not(tmp_path):
    """On a small tree: one change is seen, one is not, one cannot be imported; the tree stays as it is."""
    (tmp_path / "benchmarks" / "mutations").mkdir(parents=True)
    for name in ("mutants.py", "random_mutations.py"):
        (tmp_path / "benchmarks" / name).write_text((ROOT / "benchmarks" / name).read_text())
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "errors.py").write_text("LIMIT = 3\n\n\ndef f(x):\n    return x + LIMIT + 0 * x\n")
    (tmp_path / "tests").mkdir()
    test = (
        "from lenstream.errors import f\ndef test_f():\n    assert f(1) == 4\ndef test_wrong():\n    assert f(1) == 5\n"
    )
    (tmp_path / "tests" / "test_errors.py").write_text(test)
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "--import-mode=importlib"\n')
    entries = [("seen", "x + LIMIT", "x - LIMIT"), ("unseen", "+ 0 * x", "- 0 * x"), ("no import", "LIMIT = 3", "pass")]
    entries[2] = ("no import", "LIMIT = 3", "import no_such_module")
    text = "\n".join(f"errors.py: {means}\n- {old}\n+ {new}\n" for means, old, new in entries)
    (tmp_path / "benchmarks" / "mutations" / "a.txt").write_text(text)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    command = [sys.executable, str(tmp_path / "benchmarks" / "mutants.py"), "--limit", "100"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=500, cwd=tmp_path)
    assert ended.returncode == 1, ended.stderr  # one of two is killed
    words = {line.split("errors.py: ")[1].split("  [")[0]: line.split()[0] for line in ended.stdout.splitlines()[:3]}
    assert words == {"seen": "killed", "unseen": "survived", "no import": "broken"}
    assert "-    return x + LIMIT + 0 * x\n+    return x + LIMIT - 0 * x" in ended.stdout
    assert "test_errors.py::test_f]" in ended.stdout  # and not test_wrong, which fails of itself
    after = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert after == before
