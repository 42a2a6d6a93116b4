"""Do the tests see a small change of the code? Applies mutations to a copy of the tree and names those that pass.

    make mutants                                                  all mutations of benchmarks/mutations/*.txt
    python benchmarks/mutants.py --path ssl --path evaluate       those of some folders or files
    python benchmarks/mutants.py --random 50 --seed 3 --path ssl  drawn from the syntax tree in place of the list

A mutation is one changed place in one file. The tests beside it run (`neighbours`), in their order and up to the first
that fails; a test that fails counts only if it passes on the code as it is. Tests that do not end within the time limit
have seen the change, too. What cannot be imported or compiled is no mutation and counts nowhere. Nothing happens to the
tree itself.

The copy begins with the compiled kernels of the tree, and keeps those of mutations to itself. A mutation of a file that
kernels import compiles them anew, a minute or two each; machine code of one mutation is never taken for that of
another, as its name has a checksum of all sources.
"""

import argparse
import difflib
import functools
import itertools
import multiprocessing
import os
import random
import re
import runpy
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

sys.path.append(str(Path(__file__).parent))
import numba
from random_mutations import Mutation, mutation_at, places_of

ROOT = Path(__file__).resolve().parents[1]
LISTS = Path(__file__).with_name("mutations")
ROOMS = ("command_line", "configs", "evaluate", "files", "simulate", "ssl")
NOT_DRAWN = ("simulate/gpu/", "bibliography.py", "citations.py", "__init__.py")  # need a GPU, or are tables of papers
LEFT_OUT = (".git", ".venv", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", "runs", "_build")
LEAST_KILLED = 0.9
STOPPING = (signal.SIGINT, signal.SIGTERM)
NOT_COMPILED = re.compile(r"numba\.core\.errors\.\w*Error")
MOST_FILES = 8  # of tests for one mutation
# numba, torch and others are imported once and shared by the processes of all mutations; the package never is.
SHARED = ("numpy", "numba", "scipy.special", "pandas", "astropy.table", "matplotlib.pyplot", "hypothesis", "pytest")
SHARED_BY_NETWORKS = ("torch", "timm", "lightly.loss", "lightning", "sklearn.linear_model", "torch.utils.tensorboard")


class Outcome(NamedTuple):
    """What the tests said of a mutation."""

    word: str  # killed, survived, or broken: it cannot be imported or compiled
    seconds: float
    by: str = ""  # the test that failed, or why there is none


def listed(folder=LISTS):
    """The hand-made mutations of a folder of lists.

    Each is a line "FILE: what it means", lines "- old text" and lines "+ new text", as many as they have; blanks at the
    beginning of a line of text count, after the first. An empty line ends it; # begins a comment.
    """
    found = []
    for path in sorted(folder.glob("*.txt")):
        text = re.sub(r"^#.*\n", "", path.read_text(), flags=re.MULTILINE)
        for block in filter(str.strip, text.split("\n\n")):
            head, *lines = block.strip("\n").split("\n")
            file, means = head.split(": ", 1)
            old, new = ("\n".join(line[2:] for line in lines if line[:1] == sign) for sign in "-+")
            found.append(Mutation(file, means, old, new))
    return found


def mistakes(mutations, root=ROOT):
    """Why mutations do not fit the code of a tree (any more): a list of sentences."""
    found = []
    for m in mutations:
        count = _read(root / m.file).count(m.old) if (root / m.file).is_file() else 0
        if count != 1 or m.old == m.new:
            found.append(f"{m.file}: {m.means}: expected once in the file, there {count} times: {m.old!r}")
    return found


def unreadable(mutations, root=ROOT):
    """Which mutations leave a file that Python cannot read: a list of sentences."""
    found = []
    for m in mutations:
        try:
            compile(_read(root / m.file).replace(m.old, m.new) if m.file.endswith(".py") else "", m.file, "exec")
        except SyntaxError as error:
            found.append(f"{m.file}: {m.means}: {error}")
    return found


@functools.cache
def _read(path):
    return path.read_text()


def neighbours(file, root=ROOT):
    """The test files that are run for a file: its mirror, or those of what imports it; then those that name it.

    What lies nearest comes first; where there is none, all of its room. file: relative to the root. Returns: a list of
    paths relative to the root.
    """
    path = Path(file)
    mirror = _mirror(path)
    dotted = ".".join(("lenstream", *path.with_suffix("").parts))
    package, _, name = dotted.rpartition(".")
    named = re.compile(rf"{re.escape(dotted)}\b|from {re.escape(package)} import (?:[^\n(]|\([^)]*)*\b{name}\b")
    if path.suffix != ".py":  # a recipe
        named = re.compile(rf"\b{name}\b")
    tests = sorted(p.relative_to(root) for p in (root / "tests").rglob("test_*.py"))
    texts = {test: _read(root / test) for test in tests if test != mirror}
    found = [test for test, text in texts.items() if name in text and named.search(text)]
    found.sort(key=lambda t: (-len(os.path.commonpath([t, mirror])), len(t.parts)))
    mirrors = [mirror] if (root / mirror).is_file() else [_mirror(p) for p in _importers(path, root)]
    mirrors = [m for m in mirrors if (root / m).is_file()]
    found = list(dict.fromkeys([*mirrors, *found]))
    return [str(t) for t in found[:MOST_FILES] or [t for t in tests if t.parent == mirror.parent]]


def _mirror(path):
    return Path("tests") / path.parent / f"test_{path.name}"


def _importers(path, root):
    """The files of the package that import a file relatively."""
    name = re.escape(path.stem)
    imports = re.compile(rf"from \.[\w.]*\b{name} import|from \.[\w.]* import [^\n]*\b{name}\b")
    files = [p for room in ROOMS for p in sorted((root / room).rglob("*.py"))] + sorted(root.glob("*.py"))
    found = [p.relative_to(root) for p in files if path.stem in _read(p) and imports.search(_read(p))]
    found = [p for p in found if p != path]
    return sorted(found, key=lambda p: p.parent != path.parent)


class Copy:
    """A copy of the tree in which the package and its tests are found before those of the tree.

    limit: seconds for the tests of a mutation. trust: a test that fails is not run again without the mutation.
    """

    def __init__(self, folder, limit, trust=False):
        self.root, self.limit, self._trust = Path(folder) / "lenstream", limit, trust
        shutil.copytree(ROOT, self.root, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
        self._log, self._passes = Path(folder) / "log", {}
        self._compiled = Path(folder) / "compiled"
        copy_compiled_code(self._compiled)

    def outcome(self, mutation):
        """The `Outcome` of a mutation; the copy is as before when it returns."""
        tests, begun = neighbours(mutation.file, self.root), time.monotonic()
        code, failed = "passed", ""
        for some in filter(None, (tests[:1], tests[1:])):  # mostly the first is enough, and the others take long
            code, failed = self._run_mutated(mutation, some)
            if code != "passed":
                break
        word = {"interrupted": "broken", "passed": "survived", "too long": "killed", "failed": "killed"}[code]
        return Outcome(word, time.monotonic() - begun, failed or code)

    def _run_mutated(self, mutation, tests):
        """As `_run`, with the mutation, and without tests that fail in any case."""
        path = self.root / mutation.file
        text, times = path.read_text(), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
        while True:
            path.write_text(text.replace(mutation.old, mutation.new, 1))
            try:
                code, failed = self._run(tests, [test for test, passes in self._passes.items() if not passes])
            finally:
                path.write_text(text)
                os.utime(path, ns=times)  # what was compiled of it is valid again
            if code != "failed" or self._passes_as_it_is(failed):
                return code, failed

    def _passes_as_it_is(self, test):
        if self._trust:
            return True
        if test not in self._passes:
            self._passes[test] = self._run([test])[0] == "passed"
        return self._passes[test]

    def _run(self, tests, without=()):
        """Run tests in a process of their own: passed, failed, interrupted or too long; and the test that failed."""
        process = multiprocessing.get_context("fork").Process(target=self._pytest, args=(tests, without))
        process.start()
        try:
            process.join(self.limit)
            alive = process.is_alive()
        finally:
            end(process)
        said = self._log.read_text(errors="replace")
        failed = re.search(r"^(?:FAILED|ERROR) (\S+\.py::.*?)(?: - .*)?$", said, re.MULTILINE)
        if alive:
            return "too long", ""
        if process.exitcode == 0 or process.exitcode == 5:  # 5: none was left to run
            return "passed", ""
        if process.exitcode != 1 or failed is None or NOT_COMPILED.search(said):
            return "interrupted", ""
        return "failed", failed[1]

    def _pytest(self, tests, without):
        os.setsid()
        for number in STOPPING:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        os.chdir(self.root)
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ |= {"PYTHONPATH": str(self.root.parent), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "1000"}
        os.environ["NUMBA_CACHE_DIR"] = str(self._compiled)
        numba.config.reload_config()
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(self.root.parent))
        import pytest

        deselected = [word for test in without for word in ("--deselect", test)]
        os._exit(pytest.main(["-x", "--tb=short", "-p", "no:cacheprovider", *deselected, *tests]))


def copy_compiled_code(folder):
    """Copy what the tree keeps of compiled code to where it is looked for if NUMBA_CACHE_DIR is `folder`."""
    source = ROOT / "simulate" / "core" / "code_cache.py"
    kept = runpy.run_path(str(source))["folder"]() if source.is_file() else None
    if kept is not None:
        with suppress(shutil.Error):  # a file that another process has deleted meanwhile
            shutil.copytree(kept, folder / "lenstream" / kept.name)


def end(process):
    """End a process with all that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
    process.join()


def drawn(n, seed, files):
    """`n` mutations of files, every place in their syntax trees as likely."""
    texts = {file: (ROOT / file).read_text() for file in files}
    places = [(file, place) for file, text in texts.items() for place in places_of(text)]
    random.Random(seed).shuffle(places)
    found = (mutation_at(file, texts[file], place) for file, place in places)
    return list(itertools.islice((m for m in found if m), n))


def source_files():
    """The package's files that mutations are drawn from, relative to the root."""
    found = [p for room in ROOMS for p in (ROOT / room).rglob("*.py")] + list(ROOT.glob("*.py"))
    return [f for f in sorted(p.relative_to(ROOT).as_posix() for p in found) if not f.startswith(NOT_DRAWN)]


def table(outcomes):
    """Lines with the numbers of killed and survived mutations by room, from {mutation: outcome}."""
    rooms = defaultdict(lambda: [0, 0, 0])
    for mutation, outcome in outcomes.items():
        room = mutation.file.split("/")[0] if "/" in mutation.file else "top"
        for name in (room, "all"):
            rooms[name][("killed", "survived", "broken").index(outcome.word)] += 1
    lines = [f"{'room':10} {'killed':>7} {'survived':>9} {'broken':>7}"]
    for room in sorted(rooms, key=lambda name: (name == "all", name)):
        lines.append(f"{room:10} {rooms[room][0]:7} {rooms[room][1]:9} {rooms[room][2]:7}")
    return lines


def difference(mutation):
    """A mutation as a unified diff."""
    text = (ROOT / mutation.file).read_text()
    old, new = (t.splitlines() for t in (text, text.replace(mutation.old, mutation.new, 1)))
    return "\n".join(difflib.unified_diff(old, new, mutation.file, mutation.file, "", "", n=1, lineterm=""))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--path", action="append", default=[], help="only files below this; may be given several times")
    parser.add_argument("--only", default="", help="only listed ones whose meaning has this in it")
    parser.add_argument("--random", type=int, metavar="N", help="draw N mutations in place of those of the lists")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn")
    parser.add_argument("--trust", action="store_true", help="all tests pass on the code as it is: half the time")
    parser.add_argument("--limit", type=float, default=600, help="seconds for the tests of one mutation")
    arguments = parser.parse_args()
    paths = tuple(arguments.path) or ("",)
    if arguments.random is None:
        mutations = [m for m in listed() if m.file.startswith(paths) and re.search(arguments.only, m.means)]
    else:
        mutations = drawn(arguments.random, arguments.seed, [f for f in source_files() if f.startswith(paths)])
    if problems := mistakes(mutations) or unreadable(mutations):
        sys.exit("\n".join(problems))
    if not mutations:
        sys.exit(f"--path {', '.join(paths)}: no mutation of such a file")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    share_imports(mutations)
    for number in STOPPING:
        signal.signal(number, lambda *_: sys.exit("stopped"))
    outcomes = {}
    with tempfile.TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True) as folder:
        copy = Copy(folder, arguments.limit, arguments.trust)
        for mutation in mutations:
            outcome = outcomes[mutation] = copy.outcome(mutation)
            print(
                f"{outcome.word:8} {outcome.seconds:4.0f} s  {mutation.file}: {mutation.means}  [{outcome.by}]",
                flush=True,
            )
    for mutation, outcome in outcomes.items():
        if outcome.word == "survived":
            print(f"\nsurvived: {mutation.means}\n{difference(mutation)}")
    print("", *table(outcomes), sep="\n")
    counted = [outcome.word == "killed" for outcome in outcomes.values() if outcome.word != "broken"]
    share = sum(counted) / max(len(counted), 1)
    print(f"killed {share:.1%} of {len(counted)}, expected {LEAST_KILLED:.0%}")
    sys.exit(share < LEAST_KILLED)


def share_imports(mutations):
    """Import what tests need of other packages, once for all processes."""
    networks = any(m.file.split("/")[0] in ("ssl", "evaluate") or "/" not in m.file for m in mutations)
    for name in (*SHARED, *(SHARED_BY_NETWORKS if networks else ())):
        __import__(name)


if __name__ == "__main__":
    main()
