"""Refine lenses from the population alone: python benchmarks/refined.py RECIPE [KEY=VALUE ...] [--n 40] [--threads 1].

It takes the first test lenses of a recipe with its keys changed, trains nothing, and prints the scores of the
estimates beside the information limit, for rows of benchmarks/refined.md.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from lenstream.configs.load import load
from lenstream.evaluate.fitting.fitted_systems import prepare
from lenstream.evaluate.limit import limits
from lenstream.evaluate.tasks.refined import NOTHING, POPULATION, refine_lenses, scores
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene

TARGETS = ("theta_E", "e1", "e2", "gamma")  # of the first deflector


def main(recipe, changes, n, threads):
    """Print the scores of n test lenses."""
    config = load(recipe, ["evaluate.refine={}", *changes])
    scene, indices = (
        make_scene(config.simulate, config.seed),
        np.uint64(FIRST_INDEX["test"]) + np.arange(n, dtype=np.uint64),
    )
    fits = prepare(scene, threads)
    print("errors are scaled by", dict(zip(fits.free.names(), fits.error_scales.round(2), strict=False)))
    cpu = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        table = refine_lenses(
            fits, indices, {POPULATION: NOTHING}, config.evaluate.refine, Path(folder) / "rows.jsonl", threads
        )
    print(f"{(time.process_time() - cpu) / n:.2f} s of CPU time a lens")
    lens = draw(scene, indices, Views()).lens_mass[0]
    bounds = limits(scene, indices, TARGETS, threads)
    found = scores(table, {t: lens[t] for t in TARGETS}, bounds.any_shape or bounds.known)
    for metric in ("error_over_limit", "within_3_limits", "coverage_68", "coverage_95", "rmse", "limit"):
        print(f"{metric:20}", *(f"{t} {found[t, metric]:.3g}" for t in TARGETS))
    print(" ".join(f"{metric} {value:.3g}" for (target, metric), value in found.items() if target == "all"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("recipe")
    parser.add_argument("changes", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--n", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    main(options.recipe, options.changes, options.n, options.threads)
