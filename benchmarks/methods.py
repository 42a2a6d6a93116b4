"""Compare all pre-training methods after equal time: python benchmarks/methods.py [--minutes 4] [--write].

Every encoder of the recipe compare_methods, augmented and physics views, is timed, then trained for as many steps as
fit into the time, on this machine's cores, one after the other. Frozen ridge regression at 1,000 labels judges them,
beside random weights, the same network trained with labels without end, and the information limit. Stopped, it goes on
where it was; --write puts the table into benchmarks/methods.md and methods.json.
"""

import argparse
import json
import os
import platform
import tempfile
from pathlib import Path

import numpy as np
import torch

from lenstream.configs.load import check, load
from lenstream.errors import LenStreamError
from lenstream.evaluate.results import limit_names
from lenstream.evaluate.tasks import regression
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl import monitors
from lenstream.ssl.backbones import load_weights
from lenstream.ssl.log import read_log
from lenstream.ssl.probe import features_of
from lenstream.ssl.trainer import pretrain
from lenstream.ssl.untrained import make_encoder

HERE = Path(__file__).parent
TIMED = 12  # steps that say how long one takes; the first half is not counted
TARGETS = ["theta_E", "e1", "e2", "gamma"]
N_LABELS, N_TEST, SEEDS = 1000, 1000, 3


def main():
    """Train, judge, print, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=4, help="of training for each encoder (default 4)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="encoders of the recipe (default all)")
    parser.add_argument("--runs", type=Path, default=Path("runs/methods"), help="folder that keeps the encoders")
    parser.add_argument("--write", action="store_true", help="write benchmarks/methods.md and methods.json")
    options = parser.parse_args()
    config = load("compare_methods")
    scene = make_scene(config.simulate, config.seed)
    names = options.only or list(config.pretrain.encoders)
    options.runs.mkdir(parents=True, exist_ok=True)
    steps = {name: steps_in(options.minutes * 60, config, name, scene, options.runs) for name in names}
    for name in names:
        try:
            pretrain(with_steps(config, name, steps[name]), name, scene, options.runs / name)
        except LenStreamError as error:
            print(f"{name}: {error}", flush=True)
    rows = judge(config, scene, [n for n in names if (options.runs / n / "encoder.safetensors").exists()], options.runs)
    lines = table(rows, config, options.minutes)
    print("\n".join(lines))
    if options.write:
        (HERE / "methods.md").write_text("\n".join(lines) + "\n")
        (HERE / "methods.json").write_text(json.dumps(rows, indent=1) + "\n")


def steps_in(seconds, config, name, scene, runs):
    """How many optimiser steps of an encoder fit into some seconds; measured once and kept beside the encoder."""
    kept = runs / f"{name}.steps"
    if not kept.exists():
        short = config.pretrain.model_copy(update={"log_every": 1, "checkpoint_every": 10**6})
        short = with_steps(config.model_copy(update={"pretrain": short}), name, TIMED)
        with tempfile.TemporaryDirectory() as folder:
            pretrain(short, name, scene, folder)
            taken = [r["seconds_per_step"] for r in read_log(Path(folder) / "metrics.jsonl")][TIMED // 2 :]
        print(f"{name}: {np.median(taken):.3f} s a step", flush=True)
        kept.write_text(str(max(TIMED, round(seconds / np.median(taken)))))
    return int(kept.read_text())


def with_steps(config, name, steps):
    """The config with another number of steps for one encoder."""
    values = config.model_dump()
    values["pretrain"]["encoders"][name]["steps"] = steps
    return check(values, "compare_methods")


def judge(config, scene, names, runs):
    """One row of numbers for each encoder, its baselines and the limit."""
    task = regression.Regression(scene, TARGETS, config.evaluate.finetune)
    test = task.labelled("test", N_TEST)
    true = {t: values.numpy() for t, values in test.true.items()}
    pools = [task.labelled("labelled", N_LABELS, skip=seed * N_LABELS) for seed in range(SEEDS)]
    architectures = {str(config.pretrain.encoders[n].backbone): n for n in reversed(names)}  # a random network of each
    rows = []
    for name, method, random in [(n, config.pretrain.encoders[n], False) for n in names] + [
        (n, config.pretrain.encoders[n], True) for n in architectures.values()
    ]:
        network = make_encoder(config, name, scene)
        if not random:
            load_weights(network, runs / name / "encoder.safetensors")
        features = features_of(network, test.images)
        scores = []
        for pool in pools:
            regressor = regression.ridge(network, pool, features_of(network, pool.images))
            scores.append(task.score(true, task.predict(regressor, test.images)))
        log = [] if random else read_log(runs / name / "metrics.jsonl")
        rows.append(
            {
                "encoder": f"random {type(network.backbone).__name__}" if random else name,
                "method": "-" if random else method.method,
                "views": "-" if random else method.views,
                "network": type(network.backbone).__name__,
                "steps": log[-1]["step"] if log else 0,
                "effective_rank": monitors.effective_rank(torch.from_numpy(features)),
                "feature_std": monitors.feature_std(torch.from_numpy(features)),
                "wait_share": float(np.mean([r["wait_share"] for r in log[1:]])) if len(log) > 1 else None,
            }
            | {t: float(np.mean([s[t, "r2"] for s in scores])) for t in TARGETS}
            | {f"{t}_std": float(np.std([s[t, "r2"] for s in scores])) for t in TARGETS}
        )
        print(row_of(rows[-1]), flush=True)
    bounds = task.limit(test, lambda done: None)
    for how, name in limit_names(bounds).items():
        scores = task.limit_scores(true, bounds[how])
        limit = {t: scores[t, "r2"] for t in TARGETS}
        rows.append({"encoder": f"information {name}", "method": "-", "views": "-", "steps": 0} | limit)
    return rows


def table(rows, config, minutes):
    """The results as lines of Markdown."""
    pre = config.pretrain
    return [
        "# What each method learns of the lens in the same time",
        "",
        f"`python benchmarks/methods.py --minutes {minutes:g} --write`: {minutes:g} minutes of training each on "
        f"{os.cpu_count()} cores of a CPU ({platform.machine()}), batches of {pre.batch_size} systems from the stream, "
        f'{config.simulate.image.num_pix} pixels of {config.simulate.image.pixel_scale}". R2 on {N_TEST} test lenses '
        f"by ridge regression on frozen features with {N_LABELS} labels, mean of {SEEDS} sets of labels. Rank: the "
        "effective rank of the test lenses' features; a collapsed encoder has 1.",
        "",
        "| encoder | method | views | steps | theta_E | e1 | e2 | gamma | rank |",
        "|---|---|---|---|---|---|---|---|---|",
        *(row_of(row) for row in rows),
        "",
        "`rotation` and `noise` are NT-Xent of an image and itself turned, or with noise; ibot and mae have a small",
        "ViT. Augmented views are SimSiam's: crop, flip, brightness, blur.",
    ]


def row_of(row):
    """A row of `judge` as a line of a Markdown table."""
    numbers = " | ".join(f"{row[t]:.4f}" if row[t] > 0.99 else f"{row[t]:.3f}" for t in TARGETS)
    rank = f"{row['effective_rank']:.0f}" if "effective_rank" in row else "-"
    return f"| {row['encoder']} | {row['method']} | {row['views']} | {row['steps'] or '-'} | {numbers} | {rank} |"


if __name__ == "__main__":
    main()
