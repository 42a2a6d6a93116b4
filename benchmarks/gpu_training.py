"""The training measurement of benchmarks/gpu.py: images from memory, stream or files, and how long the GPU idles."""

import contextlib
import itertools
import json
import statistics
import tempfile
from pathlib import Path

import numpy as np
import torch
import workloads

from lenstream.ahead import Ahead
from lenstream.configs.load import load
from lenstream.simulate.stream import LensStream
from lenstream.simulate.systems.draw import Views
from lenstream.simulate.systems.scene import make_scene
from lenstream.ssl import trainer
from lenstream.ssl.log import read_log

# timm's model, its pixels, pairs in a batch.
NETWORKS = {
    "ResNet-18, 64 pixels": ("{name: resnet18}", 64, 512),
    "ResNet-50, 112 pixels": ("{name: resnet50}", 112, 512),
    "ViT-S/8, 64 pixels": ("{name: vit_small_patch16_224, options: {patch_size: 8}}", 64, 256),
}
FRAME = 6.4  # arcsec: the side of the training's images
EVERY = 30  # steps between the times taken. The first is not counted: the device warms up
PROFILED = 20  # steps
FILES, IN_FILE = 4096, 256  # images on disk, and in one file
FROM_STREAM = "lensiam: {method: lensiam}"
UNCHANGED = "augment: {crop: null, flip: false, brightness: 0, blur: null}"
FROM_FILES = f"simsiam: {{method: simsiam, views: augment, {UNCHANGED}}}"


def training(backbone, num_pix, batch, device, every=EVERY, profiled=PROFILED, n_files=FILES):
    """Images a second through a network in SimSiam from memory, from the stream and from files.

    Args: every: steps in a time taken, of which there are three. profiled: steps whose kernels are recorded.

    Returns: {"batch", "memory", "stream", "files": images/s, "waiting": share of the time in which the loop waits for
    the stream, "idle": share of the time without a kernel, None on a CPU}.
    """
    settings = [
        f"simulate.image={{num_pix: {num_pix}, pixel_scale: {FRAME / num_pix}}}",
        f"pretrain.backbone={backbone}",
        f"pretrain.batch_size={batch}",
        f"pretrain.log_every={every}",
        "pretrain.checkpoint_every=1000000",
        "pretrain.precision=bf16-mixed",
        f"pretrain.accelerator={device.type}",
    ]
    simulated = [*settings, f"pretrain.encoders={{{FROM_STREAM}}}"]
    scene = make_scene(load("demo", settings).simulate, workloads.SEED)

    def images_a_second(records):
        return 2 * batch / statistics.median(r["seconds_per_step"] for r in records)

    def say(words, value):
        print(f"  {words}: {value:,.0f} images/s", flush=True)
        return value

    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        watched = [*simulated, f"pretrain.steps={3 * every + profiled + 1}"]
        stop = recorder(trace, 3 * every, 3 * every + profiled) if device.type == "cuda" else (lambda: False)
        streamed = records_of(watched, "lensiam", scene, every, stop)
        idle = idle_share(kernel_intervals(trace)) if trace.exists() else None
    stream = say("from the stream", images_a_second(streamed))
    with from_memory():
        kept = records_of([*simulated, f"pretrain.steps={3 * every}"], "lensiam", scene, every)
    memory = say("from memory", images_a_second(kept))
    with tempfile.TemporaryDirectory() as folder:
        write_files(scene, Path(folder), n_files, device)
        read = [*settings, f"pretrain.steps={3 * every}", f"pretrain.encoders={{{FROM_FILES}}}"]
        read.append(f"pretrain.data={{path: {folder}}}")
        files = say("from files", images_a_second(records_of(read, "simsiam", scene, every)))
    return {
        "batch": batch,
        "memory": memory,
        "stream": stream,
        "files": files,
        "waiting": statistics.median(r["wait_share"] for r in streamed),
        "idle": idle,
    }


def records_of(settings, name, scene, every, stop=lambda: False):
    """What a training of the demo with some settings logs of its steps `every` to 3 * `every`."""
    with tempfile.TemporaryDirectory() as folder:
        trainer.pretrain(load("demo", settings), name, scene, folder, stop=stop)
        records = read_log(Path(folder) / "metrics.jsonl")
    return [r for r in records if every < r["step"] <= 3 * every]


@contextlib.contextmanager
def from_memory():
    """Trainings get the first batch of their stream, on the device, again and again."""
    open_data = trainer.open_data

    def again(*arguments):
        with open_data(*arguments) as data:
            batch = next(data)
        return Ahead(lambda _: batch, 1)

    trainer.open_data = again
    try:
        yield
    finally:
        trainer.open_data = open_data


def write_files(scene, folder, n, device):
    """Write n simulated images into stacks in .npy files."""
    per_file = min(n, IN_FILE)
    with LensStream(scene, per_file, views=Views(1), device=device, derived=False) as stream:
        for number in range(-(-n // per_file)):
            np.save(folder / f"{number}.npy", next(stream).images[:, 0].cpu().numpy())


def recorder(path, first, last):
    """A `stop` for `pretrain`, asked before every step: it records what the GPU does from one step to another.

    The recording is a Chrome trace at `path`.
    """
    profiler = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA])
    steps = itertools.count()

    def stop():
        step = next(steps)
        if step == first:
            profiler.start()
        elif step == last:
            torch.cuda.synchronize()
            profiler.stop()
            profiler.export_chrome_trace(str(path))
        return False

    return stop


def kernel_intervals(path):
    """(start, end) of every kernel of a Chrome trace [microseconds]."""
    events = json.loads(Path(path).read_text())["traceEvents"]
    return [(e["ts"], e["ts"] + e["dur"]) for e in events if e.get("cat") == "kernel"]


def idle_share(intervals, skipped=0.25):
    """Share of the time from the first kernel to the end of the last in which none runs.

    The first part of it is left out: batches that were ready before are used up there. None if there is no kernel.
    """
    if not intervals:
        return None
    first, last = min(a for a, _ in intervals), max(b for _, b in intervals)
    begun = reached = first + skipped * (last - first)
    busy = 0.0
    for a, b in sorted(intervals):
        busy += max(b - max(a, reached), 0.0)
        reached = max(reached, b)
    return 1.0 - busy / (last - begun)
