"""Give LenStream malformed inputs and see what it makes of them: python benchmarks/faults.py [--only KIND] [--jobs 2].

Each of about 1,000 inputs (benchmarks/malformed/) goes to the command line in a process of its own, with 10 seconds
of a processor and 2 GB beyond what the program itself takes. What may happen: it is accepted, or it is refused with
exit code 2 and sentences of less than 600 characters. Everything else is listed, and the exit code is then 1: a
traceback or crash, more time or memory, another exit code, a payload that ran, something accepted that must be refused
or the other way about.
"""

import argparse
import contextlib
import importlib
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
from malformed import every_case
from malformed.cases import ACCEPT, MARKER, Case

CPU, WALL = 10, 40  # seconds; a busy machine takes long, and a process that waits takes no processor
MEMORY = 2 << 30  # bytes beyond what the program takes without an input
LONGEST = 600  # characters of a sentence
ACCEPTED, REFUSED = "accepted", "refused"
FAULTS = ("TRACEBACK", "SLOW", "MEMORY", "PAYLOAD RAN", "LONG", "EXIT CODE", "WRONGLY ACCEPTED", "WRONGLY REFUSED")
_CRASH = 70  # exit code of a process that ends with an exception


class Outcome(NamedTuple):
    """What became of a case."""

    case: Case
    result: str  # ACCEPTED, REFUSED or one of FAULTS
    said: str  # on stderr
    seconds: float  # of a processor


def main():
    """Try the inputs, print the table and the offenders, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="KIND", help="inputs of a kind, or whose name has this in it")
    parser.add_argument("--sample", type=int, metavar="N", help="only so many of them, evenly through all")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (default 2)")
    parser.add_argument("--seed", type=int, default=0, help="of the damage that is done (default 0)")
    chosen = parser.parse_args()
    cases = [c for c in every_case(chosen.seed) if not chosen.only or chosen.only in (c.kind, *c.name.split(": "))]
    cases = cases[:: max(1, len(cases) // chosen.sample)] if chosen.sample else cases
    begun = time.monotonic()
    outcomes = try_all(cases, chosen.jobs)
    print(table(outcomes))
    print(f"\n{len(outcomes)} inputs in {(time.monotonic() - begun) / 60:.1f} minutes, {chosen.jobs} at a time")
    offenders = [o for o in outcomes if o.result in FAULTS]
    for o in offenders:
        print(f"\n{o.result}: {o.case.kind}: {o.case.name} ({o.seconds:.1f} s)\n{o.said.strip()[-1500:]}")
    return 1 if offenders else 0


def try_all(cases: list[Case], jobs: int = 2) -> list[Outcome]:
    """The outcomes of cases, in their order; `jobs` of them run at a time."""
    _load_all(every_case())
    baseline = _address_space()
    waiting, running, outcomes = list(enumerate(cases)), {}, {}
    with tempfile.TemporaryDirectory(prefix="lenstream-faults-") as place:
        while waiting or running:
            while waiting and len(running) < jobs:
                number, case = waiting.pop(0)
                folder = Path(place) / str(number)
                folder.mkdir()
                running[_start(case, folder, baseline)] = number, case, folder, time.monotonic()
            pid, status, usage = os.wait4(-1, os.WNOHANG) if running else (0, 0, None)
            if pid in running:
                number, case, folder, _ = running.pop(pid)
                outcomes[number] = _outcome(case, folder, status, usage)
                if outcomes[number].result in FAULTS:
                    print(f"{outcomes[number].result}: {case.kind}: {case.name}", file=sys.stderr, flush=True)
                _remove(folder)
                continue
            for child, (_, _, _, begun) in running.items():
                if time.monotonic() - begun > WALL:
                    os.kill(child, signal.SIGKILL)
            time.sleep(0.005)
    return [outcomes[number] for number in range(len(cases))]


def table(outcomes: list[Outcome]) -> str:
    """How many inputs of each kind came to what, as text."""
    counts = Counter((o.case.kind, o.result) for o in outcomes)
    kinds = list(dict.fromkeys(o.case.kind for o in outcomes))
    results = [ACCEPTED, REFUSED, *FAULTS]
    widths = [max(map(len, [*kinds, "kind", "all"])), *(max(len(r), 5) for r in results)]
    rows = [["kind", *results]] + [[kind, *(counts[kind, r] for r in results)] for kind in kinds]
    rows.append(["all", *(sum(counts[kind, r] for kind in kinds) for r in results)])
    return "\n".join("  ".join(str(c).rjust(w) for c, w in zip(row, widths, strict=True)) for row in rows)


def _load_all(cases):
    """Import and compile what good inputs need, so that each forked process has it."""
    import torch

    torch.set_num_threads(1)
    for module in ("astropy.io.votable", "pandas", "pyarrow.parquet", "zarr"):
        importlib.import_module(module)
    good = [c for c in cases if c.expected == ACCEPT and c.kind != "Zarr"]  # which starts a thread
    with tempfile.TemporaryDirectory() as place, open(os.devnull, "w") as nowhere:
        for number, case in enumerate(good):
            folder = Path(place) / str(number)
            folder.mkdir()
            with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
                _follow(case.make(folder))


def _follow(arguments):
    """The exit code of the command line."""
    from lenstream.run_pipeline import main as lenstream

    try:
        lenstream(arguments)
    except SystemExit as stopped:
        return stopped.code
    return 0


def _address_space():
    """Bytes of address space that this process takes."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _start(case, folder, baseline):
    """Fork a process that follows the arguments of a case, and return its number."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = _CRASH
    try:
        os.setsid()
        os.chdir(folder)
        for name, fd, flags in (
            ("/dev/null", 0, os.O_RDONLY),
            (f"{folder}.out", 1, os.O_CREAT | os.O_WRONLY),
            (f"{folder}.err", 2, os.O_CREAT | os.O_WRONLY),
        ):
            os.dup2(os.open(name, flags, 0o600), fd)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", closefd=False, errors="backslashreplace")  # as Python opens it
        arguments = case.make(folder)
        used = resource.getrusage(resource.RUSAGE_SELF)
        spent = int(used.ru_utime + used.ru_stime)
        resource.setrlimit(resource.RLIMIT_CPU, (spent + CPU, spent + CPU + 5))
        resource.setrlimit(resource.RLIMIT_AS, (baseline + MEMORY, baseline + MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        code = _follow(arguments)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code if isinstance(code, int) else _CRASH)


def _outcome(case, folder, status, usage):
    """The `Outcome` of a process that has ended."""
    said = Path(f"{folder}.err").read_text(errors="replace") if Path(f"{folder}.err").exists() else ""
    seconds = usage.ru_utime + usage.ru_stime
    return Outcome(case, _result(case, folder, status, said), said, seconds)


def _result(case, folder, status, said):
    if (folder / MARKER).exists():
        return "PAYLOAD RAN"
    if os.WIFSIGNALED(status):
        return "SLOW" if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL) else "TRACEBACK"
    code = os.WEXITSTATUS(status)
    if "MemoryError" in said or "Cannot allocate memory" in said or "Unable to allocate" in said:
        return "MEMORY"
    if code == _CRASH or "Traceback (most recent" in said:
        return "TRACEBACK"
    if code not in (0, 2):
        return "EXIT CODE"
    if code == 2 and (not said.strip() or any(len(line) >= LONGEST for line in said.splitlines())):
        return "LONG"
    result = ACCEPTED if code == 0 else REFUSED
    if case.expected is not None and (case.expected == ACCEPT) != (result == ACCEPTED):
        return "WRONGLY ACCEPTED" if result == ACCEPTED else "WRONGLY REFUSED"
    return result


def _remove(folder):
    for path in (f"{folder}.out", f"{folder}.err"):
        with contextlib.suppress(OSError):
            os.unlink(path)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
