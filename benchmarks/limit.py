"""Measure the information limit: python benchmarks/limit.py [--n 1000] [--write].

It takes the test lenses of the demo: the time of both limits together, their values, and how the one with any shape
converges with the number of principal components. --write puts it into benchmarks/limit.md.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np

from lenstream.configs.load import load
from lenstream.evaluate.limit import N_COMPONENTS, cramer_rao, limits
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene

TARGETS = {"theta_E": "theta_E [arcsec]", "e1": "e1", "e2": "e2", "gamma": "gamma"}
COMPONENTS, N_CONVERGED = (10, 25, 50, 100, 200, 400), 100  # how many lenses show how it converges


def row(name, bounds):
    """A row of Markdown: the root of the mean square of the bounds of each target, with two to three digits."""
    return f"| {name} | " + " | ".join(f"{np.sqrt(np.mean(bounds[t] ** 2)):.3g}" for t in TARGETS) + " |"


def timed(work):
    """What work() gives, its wall time and its CPU time [s]."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - wall, time.process_time() - cpu


def report(n, threads):
    """The lines of the report on n lenses."""
    config = load("demo")
    scene, targets = make_scene(config.simulate, config.seed), list(TARGETS)
    indices = FIRST_INDEX["test"] + np.arange(n)
    limits(scene, indices[:2], targets, n_components=2)  # compiled
    known, *known_time = timed(lambda: cramer_rao(scene, indices, targets, threads))
    both, *both_time = timed(lambda: limits(scene, indices, targets, threads))
    few = indices[:N_CONVERGED]
    rows = [(k, limits(scene, few, targets, threads, n_components=k)) for k in COMPONENTS]
    head = ["| " + " | ".join(["", *TARGETS.values()]) + " |", "|---" * (1 + len(TARGETS)) + "|"]
    return [
        "# The information limit",
        "",
        f"`python benchmarks/limit.py --n {n} --write` on {threads} cores of a CPU: the test lenses of the demo",
        "(48 x 48 pixels, 13 parameters that are drawn, galaxy images as sources). Other work may have run beside it,",
        "so that the wall time is an upper limit.",
        "",
        "## Time",
        "",
        f"| {n:,} images, {threads} threads | wall time [s] | CPU time [s] |",
        "|---|---|---|",
        f"| shape known | {known_time[0]:.0f} | {known_time[1]:.0f} |",
        f"| both, {N_COMPONENTS} components of the shape | {both_time[0]:.0f} | {both_time[1]:.0f} |",
        "",
        "## Values",
        "",
        f"Root of the mean square over {n:,} lenses.",
        "",
        *head,
        row("shape known", known),
        row("any shape", both.any_shape),
        "",
        f"With more components of the shape (the first {len(few)} lenses):",
        "",
        *head,
        row("0, shape known", rows[0][1].known),
        *(row(k, found.any_shape) for k, found in rows),
        "",
    ]


def main():
    """Measure, print, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1000, help="lenses (default 1000)")
    parser.add_argument("--write", action="store_true", help="write benchmarks/limit.md")
    options = parser.parse_args()
    text = "\n".join(report(options.n, os.cpu_count() or 1))
    print(text)
    if options.write:
        (Path(__file__).parent / "limit.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
