"""What benchmarks/gpu.py measures. Results are plain numbers, for its tables and for JSON."""

import contextlib
import importlib
import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import contest
import numpy as np
import peak
import torch
import workloads
from numba import cuda

from lenstream.configs.load import load
from lenstream.simulate.ahead import Ahead
from lenstream.simulate.gpu.kernels import current_stream, wrap
from lenstream.simulate.gpu.render import make_renderer
from lenstream.simulate.render import render_all
from lenstream.simulate.scene import Views, draw, make_scene
from lenstream.simulate.stream import LensStream
from lenstream.ssl import trainer
from lenstream.ssl.log import read_log

HERE = Path(__file__).resolve().parent
BATCHES = (256, 1024, 4096, 8192)
ADAPTIVE, ADAPTIVE_BATCH = "W1, adaptive rays", 4096
ROUNDS, SECONDS = 3, 0.3  # turns of a rate, and how long one takes

# Training: timm's model, its pixels, pairs in a batch.
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

# The other simulators: their worker in peers/, its backend, and the modules that must be there.
PEERS = {
    "caustics, torch": ("caustics_worker", "torch", ("caustics",)),
    "caustics, JAX": ("caustics_worker", "jax", ("caustics", "jax")),
    "JAXtronomy": ("jaxtronomy_worker", "jax", ("jaxtronomy", "jax")),
}
PEERS_BATCHES = (256, 1024)
QUIET_JAX = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # or it would take most of the memory at its start


def scenes():
    """The scenes that are rendered, by name."""
    return workloads.scenes() | {ADAPTIVE: workloads.scene("w1", rays="adaptive")}


def plan(groups, folder, left):
    """Yield the parts of some groups, the most important first: (name, seconds that it may take, function).

    Args: folder: for files. left: gives the seconds that are left. Close the generator at the end: it ends processes.
    """
    device, all_scenes, reference = torch.device("cuda"), scenes(), folder / "cpu.npz"
    on_cpu = start(f"write_reference({str(reference)!r})") if "agreement" in groups else None

    def rendered(name):
        batches = (ADAPTIVE_BATCH,) if name == ADAPTIVE else BATCHES
        return f"rendering {name}", 40, lambda: rendering(all_scenes[name], device, batches)

    def trained(name):
        return f"training {name}", 60, lambda: training(*NETWORKS[name], device)

    def raced(name):
        seconds = 60 if is_there(name) else 0
        return f"peers {name}", seconds, lambda: other(name, all_scenes["W1"], folder, left())

    parts = [
        rendered("W1"),
        ("peak", 20, lambda: use_of_the_peak(all_scenes["W1"], device)),
        *map(trained, NETWORKS),
        *(rendered(name) for name in (ADAPTIVE, "W2", "W3", "W4")),
        ("agreement", 20, lambda: agreement(all_scenes, on_cpu, reference, device, left())),
        *map(raced, PEERS),
    ]
    try:
        yield from (part for part in parts if part[0].split()[0] in groups)
    finally:
        if on_cpu is not None:
            on_cpu.kill()
            on_cpu.wait()


def start(call, **environment):
    """A process of this interpreter that makes a call of a function of this file, e.g. "peer(...)"."""
    code = f"import gpu; gpu.use_checkout(); import gpu_parts; gpu_parts.{call}"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=HERE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


def answer(process, seconds):
    """The last line that a process prints, as JSON. Raises: RuntimeError if it fails or takes longer than `seconds`."""
    try:
        printed, complaints = process.communicate(timeout=max(seconds, 1))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise RuntimeError("it took longer than the time that was left") from None
    if process.returncode:
        last = complaints.strip().splitlines()[-1:]
        raise RuntimeError(f"its process ended: {' '.join(last) or 'it said nothing'}")
    return json.loads(printed.strip().splitlines()[-1])


def wait_for(device):
    """A function that waits until a device has done what it was asked for."""
    return (lambda _=None: torch.cuda.synchronize(device)) if device.type == "cuda" else (lambda _=None: None)


def rate(run, n, finish, seconds=SECONDS, rounds=ROUNDS):
    """n times the number of run() a second, warmed up: the median of some rounds.

    Args: finish: waits for the device, given what run() returned last. seconds: that a round takes.
    """
    for _ in range(2):
        begun = time.perf_counter()
        finish(run())
        once = time.perf_counter() - begun
    times, rates = max(2, min(1000, round(seconds / once))), []
    for _ in range(rounds):
        begun = time.perf_counter()
        for _ in range(times):
            last = run()
        finish(last)
        rates.append(n * times / (time.perf_counter() - begun))
    return statistics.median(rates)


def rendering(scene, device, batches=BATCHES, **options):
    """Images a second of a scene by batch; `options` go to `rate`.

    Returns: {"first_call": seconds, "rows": [{"batch", "rendered": images/s of systems drawn before, "drawn": images/s
    with drawing, "memory": bytes}]}.
    """
    workloads.first_systems(scene, 8)  # compiles for the CPU, once for all
    torch.cuda.empty_cache()
    held = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
    render, wait = make_renderer(scene, device, torch.float32), wait_for(device)
    begun = time.perf_counter()
    render(workloads.first_systems(scene, batches[0]))
    wait()
    first_call, rows = time.perf_counter() - begun, []
    for batch in batches:
        systems, numbers = workloads.first_systems(scene, batch), itertools.count()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

        def drawn(batch=batch, numbers=numbers):
            return render(draw(scene, next(numbers) * batch + np.arange(batch), Views()))

        row = {
            "batch": batch,
            "rendered": rate(lambda systems=systems: render(systems), batch, wait, **options),
            "drawn": rate(drawn, batch, wait, **options),
            "memory": torch.cuda.max_memory_allocated(device) - held if device.type == "cuda" else 0,
        }
        print(f"  {batch} systems: {row['rendered']:,.0f} and {row['drawn']:,.0f} images/s", flush=True)
        rows.append(row)
    return {"first_call": first_call, "rows": rows}


def make_chains():
    """A CUDA kernel of eight independent chains of fused multiply-adds in each thread, 32 of them a repetition."""

    @cuda.jit
    def chains(x, m, c, repetitions):
        i = cuda.grid(1)
        s = x[i]
        t, u, v, w = s + c, s + m, s - c, s - m
        p, q, r = t + c, t + m, t - m
        for _ in range(repetitions):
            s, t, u, v = cuda.fma(s, m, c), cuda.fma(t, m, c), cuda.fma(u, m, c), cuda.fma(v, m, c)
            w, p, q, r = cuda.fma(w, m, c), cuda.fma(p, m, c), cuda.fma(q, m, c), cuda.fma(r, m, c)
            s, t, u, v = cuda.fma(s, m, c), cuda.fma(t, m, c), cuda.fma(u, m, c), cuda.fma(v, m, c)
            w, p, q, r = cuda.fma(w, m, c), cuda.fma(p, m, c), cuda.fma(q, m, c), cuda.fma(r, m, c)
            s, t, u, v = cuda.fma(s, m, c), cuda.fma(t, m, c), cuda.fma(u, m, c), cuda.fma(v, m, c)
            w, p, q, r = cuda.fma(w, m, c), cuda.fma(p, m, c), cuda.fma(q, m, c), cuda.fma(r, m, c)
            s, t, u, v = cuda.fma(s, m, c), cuda.fma(t, m, c), cuda.fma(u, m, c), cuda.fma(v, m, c)
            w, p, q, r = cuda.fma(w, m, c), cuda.fma(p, m, c), cuda.fma(q, m, c), cuda.fma(r, m, c)
        x[i] = s + t + u + v + w + p + q + r  # or the compiler would leave all of it out

    return chains


def measured_peak(device, repetitions=20_000, tries=10):
    """float32 operations a second that a GPU reaches with fused multiply-adds (two operations each): the best try."""
    threads, chains, wait = 256, make_chains(), wait_for(device)
    blocks = 16 * torch.cuda.get_device_properties(device).multi_processor_count
    x = torch.ones(blocks * threads, dtype=torch.float32, device=device)
    launch = chains[blocks, threads, current_stream(device)]
    launch(wrap(x), np.float32(0.999), np.float32(1e-3), 1)
    wait()
    best = 0.0
    for _ in range(tries):
        begun = time.perf_counter()
        launch(wrap(x), np.float32(0.999), np.float32(1e-3), repetitions)
        wait()
        best = max(best, 2.0 * 32 * repetitions * x.numel() / (time.perf_counter() - begun))
    return best


def use_of_the_peak(scene, device):
    """The float32 peak [operations/s], and the operations in an image of W1."""
    terms, image = peak.mean_terms(scene), scene.config.image
    work = peak.operations(image.num_pix, image.rays, terms, contest.psf_radius(scene))
    return {"peak": measured_peak(device), "operations": work, "terms": terms}


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


def has_noise(name):
    """Whether images of a workload are compared with their noise: where noise is all that it adds to W1."""
    return name == "W2"


def write_reference(path):
    """Write the first images of every scene, rendered on the CPU, by name; for a process of its own, as a CPU's
    renderer may have to be compiled, which takes minutes."""
    os.nice(19)
    images = {}
    for name, scene in scenes().items():
        systems = workloads.first_systems(scene, contest.COMPARED)
        images[name] = render_all(scene, systems, noise=has_noise(name), exact_halos=True).images
    np.savez(path, **images)
    print(json.dumps(sorted(images)))


def agreement(all_scenes, process, path, device, seconds):
    """The largest difference from `write_reference`'s images, over the peak, by workload."""
    answer(process, seconds)
    out = {}
    with np.load(path) as reference:
        for name, scene in all_scenes.items():
            systems = workloads.first_systems(scene, contest.COMPARED)
            rendered = make_renderer(scene, device, torch.float32)(systems, noisy=has_noise(name))
            images, expected = (a.reshape(-1, *a.shape[-2:]) for a in (rendered.images.cpu().numpy(), reference[name]))
            out[name] = contest.difference(images, expected, contest.psf_radius(scene))[0]
    return out


def is_there(name):
    """Whether another simulator is installed."""
    return all(importlib.util.find_spec(module) is not None for module in PEERS[name][2])


def other(name, scene, folder, seconds):
    """Another simulator's images a second: {"rate", "batch"}, or {"absent": why there are none}."""
    if not is_there(name):
        return {"absent": "not installed"}
    workload = folder / "w1.npz"
    if not workload.exists():
        workloads.write_systems(workload, scene, max(PEERS_BATCHES))
    torch.cuda.empty_cache()
    script, backend, _ = PEERS[name]
    return answer(start(f"peer({script!r}, {backend!r}, {str(workload)!r})", **QUIET_JAX), seconds)


def peer(script, backend, path, device="cuda", batches=PEERS_BATCHES, **options):
    """Print what `other` returns; in a process of its own. `options` go to `rate`.

    The workers of peers/ are made for one core of a CPU. Here torch puts tensors on the GPU, JAX takes a batch with
    vmap, and images stay on the GPU.
    """
    sys.path.append(str(HERE / "peers"))
    sys.argv[1:] = [backend]
    module = importlib.import_module(script)
    if backend == "torch":
        simulator, finish = module.simulator, wait_for(torch.device(device))
        module.simulator = lambda work: simulator(work).to(device=torch.device(device))
    else:
        import jax

        if device == "cuda" and jax.default_backend() == "cpu":
            print(json.dumps({"absent": "JAX finds no GPU"}))
            return
        finish = jax.block_until_ready
        module.lax = SimpleNamespace(map=lambda one, parameters: jax.vmap(one)(parameters))
        module.faster = lambda run, simulator, example: jax.jit(run)
    work = importlib.import_module("worker").read(path)
    render, _ = module.prepare(work)
    if backend == "torch":
        torch.set_default_device(device)  # from here on: what is made before is moved
    if hasattr(module, "backend"):
        module.backend.to_numpy = lambda images: images  # it would copy them to the CPU
    rates = {}
    for batch in batches:
        numbers = itertools.count()

        def run(batch=batch, numbers=numbers):
            return render((next(numbers) * batch + np.arange(batch)) % work.n)

        rates[batch] = rate(run, batch, finish, **options)
    best = max(rates, key=rates.get)
    print(json.dumps({"rate": rates[best], "batch": best}))
