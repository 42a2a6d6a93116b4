"""Compare training speed (SimSiam, ResNet-18, 64 pixels) with lightly's own example loop.

    python benchmarks/training.py [--steps 8] [--rounds 3] [--write]

lightly's loop (its documented SimSiam example, with the backbone for one band) is fed from a tensor in memory; ours
simulates every pair while it trains. Both have batches of 64 pairs, SGD, float32, and take turns in this process, so
that a drifting machine touches both alike. Then ours with bf16. --write puts the table into benchmarks/training.md.
"""

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
import sections
import torch
import torchvision
from lightly.loss import NegativeCosineSimilarity
from lightly.models.modules import SimSiamPredictionHead, SimSiamProjectionHead
from torch import nn

from lenstream.configs.load import load
from lenstream.simulate.stream import LensStream
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl.log import read_log
from lenstream.ssl.trainer import pretrain

BATCH, NUM_PIX = 64, 64
LOGGED = 3  # steps between two lines of our log
OURS = [
    f"simulate.image.num_pix={NUM_PIX}",
    "pretrain.backbone={name: resnet18}",
    f"pretrain.batch_size={BATCH}",
    "pretrain.encoders={lensiam: {method: lensiam, hidden_dim: 512, projection_dim: 128, prediction_dim: 64}}",
]


class LightlySimSiam(nn.Module):
    """SimSiam as in lightly's documented example, for comparison."""

    def __init__(self):
        super().__init__()
        resnet = torchvision.models.resnet18()
        resnet.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
        self.backbone = nn.Sequential(*list(resnet.children())[:-1])
        self.projection_head = SimSiamProjectionHead(512, 512, 128)
        self.prediction_head = SimSiamPredictionHead(128, 64, 128)

    def forward(self, x):
        f = self.backbone(x).flatten(start_dim=1)
        z = self.projection_head(f)
        p = self.prediction_head(z)
        return z.detach(), p


def lightly_seconds(pairs, steps):
    """Median seconds a step of lightly's example on pairs (n, 2, 1, h, w) in memory."""
    model, criterion = LightlySimSiam(), NegativeCosineSimilarity()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.06)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(pairs), BATCH, shuffle=True, drop_last=True)
    taken, batches = [], iter(data)
    for _ in range(steps):
        begun = time.perf_counter()
        (views,) = next(batches)
        x0, x1 = views[:, 0], views[:, 1]
        z0, p0 = model(x0)
        z1, p1 = model(x1)
        loss = 0.5 * (criterion(z0, p1) + criterion(z1, p0))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken[LOGGED:]))


def our_seconds(config, scene, steps):
    """Median seconds a step of ours, and the share of the time spent waiting for data."""
    with tempfile.TemporaryDirectory() as folder:
        pretrain(config, "lensiam", scene, folder)
        records = read_log(Path(folder) / "metrics.jsonl")[1:]
    return tuple(float(np.median([r[name] for r in records])) for name in ("seconds_per_step", "wait_share"))


def main():
    """Measure in turns, print, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=8, help="of each loop in a turn (default 8)")
    parser.add_argument("--rounds", type=int, default=3, help="turns (default 3)")
    parser.add_argument("--write", action="store_true", help="write benchmarks/training.md")
    options = parser.parse_args()
    settings = [*OURS, f"pretrain.steps={options.steps}", f"pretrain.log_every={LOGGED}"]
    configs = {
        "LenStream, simulating every pair": load("demo", settings),
        "LenStream, simulating every pair, bf16": load("demo", [*settings, "pretrain.precision=bf16-mixed"]),
    }
    scene = make_scene(load("demo", settings).simulate, 1)
    with LensStream(scene, BATCH * options.steps, views=Views(2)) as stream:
        pairs = next(stream).images
    taken = {"lightly's example, pairs in memory": []} | {name: [] for name in configs}
    for _ in range(options.rounds):
        taken["lightly's example, pairs in memory"].append((lightly_seconds(pairs, options.steps), 0.0))
        for name, config in configs.items():
            taken[name].append(our_seconds(config, scene, options.steps))
    medians = {name: np.median(values, axis=0) for name, values in taken.items()}
    lightly = next(iter(medians.values()))[0]
    lines = [
        "# Training beside lightly",
        "",
        f"`python benchmarks/training.py --steps {options.steps} --rounds {options.rounds} --write`: SimSiam, "
        f"ResNet-18, {BATCH} pairs of {NUM_PIX} x {NUM_PIX} pixels a step, {os.cpu_count()} cores "
        f"({platform.machine()}), torch {torch.__version__.split('+')[0]}. Median of {options.rounds} turns.",
        "",
        "| loop | steps a second | beside lightly's | waiting for data |",
        "|---|---|---|---|",
        *(
            f"| {name} | {1 / seconds:.2f} | {lightly / seconds:.2f} | {f'{waiting:.1%}' if 'Len' in name else '-'} |"
            for name, (seconds, waiting) in medians.items()
        ),
    ]
    print("\n".join(lines))
    if options.write:
        sections.write(Path(__file__).parent / "training.md", lines)


if __name__ == "__main__":
    main()
