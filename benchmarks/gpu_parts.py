"""The measurements of benchmarks/gpu.py as plain numbers: rendering, peak, agreement with the CPU, other simulators."""

import importlib
import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import contest
import gpu_training
import numpy as np
import peak
import torch
import workloads
from numba import cuda

from lenstream.simulate.gpu.cuda_render import make_renderer
from lenstream.simulate.gpu.kernels import current_stream, wrap
from lenstream.simulate.render import render_all
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views

HERE = Path(__file__).resolve().parent
BATCHES = (256, 1024, 4096, 8192)
ADAPTIVE, ADAPTIVE_BATCH = "W1, adaptive rays", 4096
ROUNDS, SECONDS = 3, 0.3  # turns of a rate, and how long one takes

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
        return f"training {name}", 60, lambda: gpu_training.training(*gpu_training.NETWORKS[name], device)

    def raced(name):
        seconds = 60 if is_there(name) else 0
        return f"peers {name}", seconds, lambda: other(name, all_scenes["W1"], folder, left())

    parts = [
        rendered("W1"),
        ("peak", 20, lambda: use_of_the_peak(all_scenes["W1"], device)),
        *map(trained, gpu_training.NETWORKS),
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
        module.lax = SimpleNamespace(map=lambda function, parameters: jax.vmap(function)(parameters))
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
