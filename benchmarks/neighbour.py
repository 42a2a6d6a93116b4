"""Measure training, evaluation and the information limit with other processes at work on the same cores.

    python benchmarks/neighbour.py [--rounds 3] [--write]

A part of the demo runs in a new process each time, as OpenMP reads how its threads wait when torch is loaded: alone,
beside a process that computes at nice 10, and beside as many as there are cores at nice 0; with LenStream's setting,
with that of GNU's OpenMP, and with OMP_WAIT_POLICY=PASSIVE, in turns.
--write puts the table into benchmarks/training.md.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import sections

from lenstream import openmp

STEPS, N_TEST = 30, 60
PART = [
    f"pretrain.steps={STEPS}",
    "pretrain.log_every=5",
    "pretrain.probe_every=0",
    "pretrain.encoders={lensimclr: {method: simclr, views: physics, optimizer: adamw, lr: 0.002}}",
    "evaluate.n_labels=[200]",
    "evaluate.seeds=1",
    f"evaluate.n_test={N_TEST}",
    "evaluate.limit=false",  # measured alone
]
SETTINGS = {
    "LenStream's": {"GOMP_SPINCOUNT": str(openmp.TURNS)},
    "GNU's own": {"GOMP_SPINCOUNT": "300000"},
    "PASSIVE": {"OMP_WAIT_POLICY": "PASSIVE"},
}
CORES = os.cpu_count() or 1
NEIGHBOURS = {"alone": [], "one, nice 10": [10], f"{CORES}, nice 0": [0] * CORES}
MEASURED = ("training [images/s]", "evaluation [s]", "limit [lenses/s]")


def measure():
    """What is `MEASURED`, of this process: a list of three numbers."""
    from lenstream.configs.load import load
    from lenstream.evaluate.judge import evaluate
    from lenstream.evaluate.limit import cramer_rao
    from lenstream.evaluate.tasks.regression import make_regression
    from lenstream.simulate.systems.scene import FIRST_INDEX, make_scene
    from lenstream.ssl.log import read_log
    from lenstream.ssl.trainer import pretrain

    config = load("demo", PART)
    scene = make_scene(config.simulate, config.seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        weights = pretrain(config, "lensimclr", scene, folder / "encoder")
        speed = [r["images_per_s"] for r in read_log(folder / "encoder" / "metrics.jsonl")[1:]]
        begun = time.perf_counter()
        evaluate(make_regression(config, scene), config, scene, {"lensimclr": weights}, folder)
        evaluated = time.perf_counter() - begun
    begun = time.perf_counter()
    indices = FIRST_INDEX["test"] + np.arange(N_TEST)
    cramer_rao(scene, indices, config.evaluate.targets, threads=CORES)
    return [float(np.median(speed)), evaluated, N_TEST / (time.perf_counter() - begun)]


@contextmanager
def neighbours(nicenesses):
    """Processes beside this one for the time of a with-block, each of which keeps a core busy."""
    with ExitStack() as stack:
        for niceness in nicenesses:
            command = ["nice", "-n", str(niceness), sys.executable, "-c", "while True: pass"]
            process = stack.enter_context(subprocess.Popen(command))
            stack.callback(process.kill)
        yield


def measured_in_a_process(setting, nicenesses):
    """What `measure` gives in a new process with a setting of OpenMP, beside others."""
    given = {name: value for name, value in os.environ.items() if name not in openmp.BY_USERS} | setting
    with neighbours(nicenesses):
        command = [sys.executable, __file__, "--measure"]
        done = subprocess.run(command, env=given, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def table(values):
    """The lines of a table of the medians: a row for each setting and number of neighbours."""
    lines = [f"| threads wait as | neighbours | {' | '.join(MEASURED)} |", "|---" * 5 + "|"]
    for setting in SETTINGS:
        for beside in NEIGHBOURS:
            train, evaluation, limit = np.median(values[setting, beside], axis=0)
            lines.append(f"| {setting} | {beside} | {train:,.0f} | {evaluation:.1f} | {limit:.1f} |")
    return lines


def main():
    """Measure in turns, print, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="turns (default 3)")
    parser.add_argument("--write", action="store_true", help="write into benchmarks/training.md")
    parser.add_argument("--measure", action="store_true", help="only this process, as JSON")
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure()))
        return
    values = {(setting, beside): [] for setting in SETTINGS for beside in NEIGHBOURS}
    for turn in range(options.rounds):
        for setting, beside in values:
            values[setting, beside].append(measured_in_a_process(SETTINGS[setting], NEIGHBOURS[beside]))
            print(f"{turn + 1}: {setting}, {beside}: {values[setting, beside][-1]}", file=sys.stderr)
    import torch

    lines = [
        "# With a busy neighbour",
        "",
        f"`python benchmarks/neighbour.py --rounds {options.rounds} --write`: simulation and network of the "
        f"demo, {STEPS} steps of 128 pairs; evaluation with 200 labels (ridge, fine-tuned) and {N_TEST} test lenses; "
        f"{CORES} cores ({platform.machine()}), torch {torch.__version__.split('+')[0]}. "
        f"Rounds: {options.rounds}; medians.",
        "",
        *table(values),
    ]
    print("\n".join(lines))
    if options.write:
        sections.write(Path(__file__).parent / "training.md", lines)


if __name__ == "__main__":
    main()
