"""Compare rendering speed with other simulators: python benchmarks/simulate.py [--peers] [--write].

Without --peers: beside lenstronomy. With it, caustics, JAXtronomy and Herculens are installed into
benchmarks/.venv-peers (once) and take part. All simulate the same systems, every one different, on one core, each in
its best calling style, in turns, so that a drifting machine touches all alike; and their images are compared.
Then: how much of the core is used, how far images are from their converged values at everyone's
defaults, what the number of rays costs and gives, threads, and the start of a process.
--write puts all of it into benchmarks/simulate.md.
"""

import argparse
import os
import tempfile
from pathlib import Path

import accuracy
import contest
import report
import workloads
from peers import drive


def main():
    """Measure, print, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", action="store_true", help="install the other simulators and measure them too")
    parser.add_argument("--seconds", type=float, default=0.5, help="a turn takes (default .5)")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each contestant (default 9)")
    parser.add_argument("--only", nargs="+", default=list(workloads.MEANING), metavar="W", help="workloads, e.g. W1 W4")
    parser.add_argument("--write", action="store_true", help="write benchmarks/simulate.md")
    options = parser.parse_args()
    if options.peers:
        drive.install()
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if cores:
        os.sched_setaffinity(0, {max(cores)})  # the workers inherit it
    else:
        print("this system cannot keep a process on one core: threads are limited instead", flush=True)
    sections = []

    def show(lines):
        sections.append(lines)
        print("\n" + "\n".join(lines) + "\n", flush=True)

    scenes = workloads.scenes()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        commands = drive.LENSTRONOMY | (drive.PEERS if options.peers else {})
        with drive.workers(commands, folder) as workers:
            for name in (n for n in scenes if n in options.only):
                results[name] = contest.race(name, scenes[name], workers, Path(folder), options.seconds, options.rounds)
                show(report.speed(name, results[name]))
            if "W1" in results:
                of_defaults = accuracy.defaults(workers, Path(folder), options.seconds, options.rounds)
    show(report.verdicts(results))
    if "W1" in results:
        show(accuracy.lines(accuracy.setups(), of_defaults))
    if "W1" in results:
        show(report.use_of_the_core(scenes["W1"], results["W1"].median(contest.LENSTREAM)))
    show(report.rays_table(options.seconds, options.rounds))
    if "W4" in results:
        show(report.halos(scenes["W4"]))
    if cores:
        os.sched_setaffinity(0, cores)
    show(report.threads_and_start(scenes["W1"], cores, options.seconds))
    if options.write:
        Path(__file__).with_suffix(".md").write_text(report.document(sections, options))


if __name__ == "__main__":
    main()
