"""Measure how fast datasets on disk are read: python benchmarks/reading.py [--count N] [--write].

Single systems in random order, beside the time in which they are simulated, in turns within one process, for each
format; and the share of its time that a shuffled training of a ResNet-18 waits for a DataLoader. Formats with a file an
image have a tenth of the systems, as these take long to write. Systems are those of W2 (64 pixels, one
Sersic source, noise). --write puts the table into benchmarks/datasets.md.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import sections
import torch
import workloads
from torch.utils.data import DataLoader

from lenstream import LensDataset
from lenstream.configs.load import load
from lenstream.simulate.archive.formats import FORMATS
from lenstream.simulate.archive.writing import describe, write_archive
from lenstream.simulate.stream import simulate
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene

PICKED = 256  # systems in random order
BATCH = 64
MANY_FILES = 1 << 25  # bytes of a shard: those of formats with a file an image are smaller


def main():
    """Write datasets into a temporary folder, measure, print, and put the table into datasets.md if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000, help="systems of a dataset (default 20,000)")
    parser.add_argument("--rounds", type=int, default=7, help="turns of reading and simulating (default 7)")
    parser.add_argument("--steps", type=int, default=60, help="of the training, at most an epoch (default 60)")
    parser.add_argument("--formats", nargs="+", default=list(FORMATS), choices=list(FORMATS))
    parser.add_argument("--write", action="store_true", help="write into benchmarks/datasets.md")
    options = parser.parse_args()
    lines = [
        f"# Reading: random systems of W2 ({workloads.MEANING['W2']})",
        "",
        f"On {os.cpu_count()} cores, files in the system's cache; ResNet-18 of timm, float32, batches of {BATCH}.",
        "",
        f"| format | systems | {PICKED} random ones, read | simulated | times faster | waiting, no worker | 1 worker |",
        "|---|---|---|---|---|---|---|",
    ]
    for form in options.formats:
        with tempfile.TemporaryDirectory() as folder:
            lines.append(_row(form, Path(folder) / "dataset", options))
        print(lines[-1], flush=True)
    print("\n".join(lines))
    if options.write:
        sections.write(Path(__file__).with_name("datasets.md"), lines)


def _row(form, folder, options):
    count = options.count // 10 if FORMATS[form].SHARD_BYTES < MANY_FILES else options.count
    views = Views(2) if form == "fits-pairs" else Views()
    config = load("w1", ["simulate.observation.noise=true", "simulate.image.rays=2", f"seed={workloads.SEED}"])
    scene = make_scene(config)
    write_archive(config, folder, describe(config, scene, form, count, views), workers=2)
    read, simulated = _random_access(scene, folder, views, options.rounds)
    waits = [_waiting(folder, workers, options.steps) for workers in (0, 1)]
    cells = [f"{1e3 * read:.0f} ms", f"{1e3 * simulated:.0f} ms", f"{simulated / read:.1f}"]
    return f"| {form} | {count:,} | {' | '.join([*cells, *(f'{wait:.1%}' for wait in waits)])} |"


def _random_access(scene, folder, views, rounds):
    """Median seconds for PICKED random systems: read, and simulated on one core."""
    dataset, random, times = LensDataset(folder), np.random.default_rng(0), []
    for turn in range(rounds + 1):  # the first is to warm up
        places = random.choice(len(dataset), min(PICKED, len(dataset)), replace=False)
        begun = time.perf_counter()
        stored = dataset.batch(places)
        half = time.perf_counter()
        fresh = simulate(scene, places, views)
        if turn:
            times.append((half - begun, time.perf_counter() - half))
        assert torch.equal(stored.images, fresh.images)
    return np.median(times, axis=0)


def _waiting(folder, workers, steps):
    """The share of its time that a training waits for batches of a shuffled epoch, the first two steps left out."""
    import timm

    network = timm.create_model("resnet18", in_chans=1, num_classes=64)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    loader = DataLoader(LensDataset(folder, labels=["theta_E"]), BATCH, shuffle=True, num_workers=workers)
    waited = begun = 0.0
    asked = time.perf_counter()
    for step, batch in enumerate(loader):
        now = time.perf_counter()
        waited, begun = (0.0, now) if step < 2 else (waited + now - asked, begun)
        loss = network(batch["images"][:, 0]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        asked = time.perf_counter()
        if step == steps:
            break
    return waited / (asked - begun)


if __name__ == "__main__":
    main()
