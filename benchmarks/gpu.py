"""Benchmark of LenStream on one NVIDIA GPU: python benchmarks/gpu.py [--write] [--minutes 8] [--only training].

Needs an NVIDIA GPU, torch, numba-cuda and the packages that it names if they are not there; LenStream itself need not
be installed. It measures rendering of the workloads W1 to W4, which share of the float32 peak that is, training from
memory, from the stream and from files, agreement with the CPU, and the other simulators where they are installed.
The most important comes first; what no longer fits into the minutes is left out and said. --write puts all of it into
benchmarks/gpu.md and gpu.json. Exit code: 0; 1 if a part failed; 2 if nothing could be measured here.
"""

import argparse
import importlib.util
import json
import platform
import re
import shlex
import subprocess
import sys
import tempfile
import time
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).resolve().parent
UNUSED = {"bokeh", "jinja2", "markupsafe", "matplotlib", "pandas", "pillow", "typer", "umap-learn", "zarr"}
MODULES = {"pyyaml": "yaml", "scikit-learn": "sklearn"}  # where they differ from the package's name
GROUPS = ("rendering", "peak", "training", "agreement", "peers")
VERSIONS = ("torch", "numba", "numba-cuda", "timm", "caustics", "jax", "jaxtronomy")


def main(arguments=None):
    """Check, measure, print, and write if asked: the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8, help="that it may take (default 8)")
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=GROUPS, help="groups of parts (default all)")
    parser.add_argument("--write", action="store_true", help="write benchmarks/gpu.md and gpu.json")
    options = parser.parse_args(arguments)
    end = time.monotonic() + 60 * options.minutes
    missing = lacking()
    if missing:
        print(words_for(missing))
        return 2
    use_checkout()
    reason = no_gpu()
    if reason is not None:
        print(f"nothing was measured: {reason}")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        report = {"machine": machine(), "minutes": options.minutes} | measure(options.only, Path(folder), end)
    lines = document(report)
    print("\n" + "\n".join(lines))
    if options.write:
        (HERE / "gpu.md").write_text("\n".join(lines) + "\n")
        (HERE / "gpu.json").write_text(json.dumps(report, indent=1) + "\n")
    return 1 if report["failed"] else 0


def lacking():
    """Requirements of pyproject.toml that the parts need and that are not installed."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["train"], *(r for r in extras["cuda"] if name_of(r) != "lenstream")]
    return [r for r in wanted if name_of(r) not in UNUSED and importlib.util.find_spec(module_of(r)) is None]


def name_of(requirement):
    """The package of a requirement such as "numba-cuda[cu13]>=0.20"."""
    return re.match(r"[A-Za-z0-9-]+", requirement)[0]


def module_of(requirement):
    """The module that is imported of a requirement."""
    name = name_of(requirement)
    return MODULES.get(name, name.replace("-", "_"))


def words_for(missing):
    """One line that says which requirements are missing and how to install them."""
    names = ", ".join(map(name_of, missing))
    hint = " (cu12 instead of cu13 if torch is built for CUDA 12)" if "numba-cuda" in names else ""
    return f"not installed: {names}; run: pip install {shlex.join(missing)}{hint}"


def use_checkout():
    """Make `lenstream` importable from this checkout where it is not installed."""
    if "lenstream" in sys.modules or importlib.util.find_spec("lenstream") is not None:
        return
    root = HERE.parent
    spec = importlib.util.spec_from_file_location(
        "lenstream", root / "__init__.py", submodule_search_locations=[str(root)]
    )
    sys.modules["lenstream"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["lenstream"])


def no_gpu():
    """Why the GPU cannot be measured, in words; None if it can."""
    import torch
    import workloads

    from lenstream.errors import LenStreamError
    from lenstream.simulate.gpu.cuda_stream import obstacle

    try:
        return obstacle(workloads.scene("w1"), torch.device("cuda"))
    except LenStreamError as error:
        return str(error)


def machine():
    """The GPU, its driver, and the versions of Python and packages: dict of name to value."""
    import torch

    card = torch.cuda.get_device_properties(0)
    out = {"device": card.name, "memory_GB": card.total_memory / 1e9, "CUDA of torch": torch.version.cuda}
    out |= {"driver": driver(), "python": platform.python_version()}
    for package in VERSIONS:
        try:
            out[package] = version(package)
        except PackageNotFoundError:
            continue
    return out


def driver():
    """Version of the driver, as far as nvidia-smi tells."""
    try:
        command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.split("\n")[0]
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def measure(groups, folder, end):
    """Carry out the parts of some groups until the time `end` of the monotonic clock.

    Returns: {"results": by part, "skipped": names of parts, "failed": words by part}.
    """
    import gpu_parts

    def left():
        return end - time.monotonic()

    out = {"results": {}, "skipped": [], "failed": {}}
    parts = gpu_parts.plan(groups, folder, left)
    try:
        for name, seconds, run in parts:
            if left() < seconds:
                out["skipped"].append(name)
                print(f"{name}: skipped, it may take {seconds} s and {max(left(), 0):.0f} s are left", flush=True)
                continue
            begun = time.monotonic()
            try:
                out["results"][name] = run()
                print(f"{name}: done in {time.monotonic() - begun:.0f} s", flush=True)
            except Exception as error:  # one part must not take the others with it
                out["failed"][name] = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
                print(f"{name}: failed: {out['failed'][name]}", flush=True)
    finally:
        parts.close()
    return out


def document(report):
    """The report as lines of Markdown."""
    machine, results = report["machine"], report["results"]
    versions = ", ".join(f"{name} {machine[name]}" for name in VERSIONS if name in machine)
    lines = [
        "# On a GPU",
        "",
        f"`python benchmarks/gpu.py --minutes {report['minutes']:g} --write` on one {machine['device']} "
        f"({machine['memory_GB']:.0f} GB), driver {machine['driver']}, CUDA {machine['CUDA of torch']}, {versions}.",
        *rendering_table(chosen(results, "rendering")),
        *peak_lines(results),
        *training_table(chosen(results, "training")),
        *agreement_lines(results.get("agreement")),
        *peers_table(chosen(results, "peers"), results),
    ]
    if report["skipped"]:
        lines += ["", f"Not measured, for want of time: {', '.join(report['skipped'])}."]
    return lines + [line for name, words in report["failed"].items() for line in ("", f"FAILED, {name}: {words}")]


def chosen(results, group):
    """The results whose names begin with `group`, by the rest of their names."""
    return {name.removeprefix(f"{group} "): r for name, r in results.items() if name.startswith(f"{group} ")}


def rendering_table(results):
    """Images a second by workload and batch, from what `gpu_parts.rendering` returned for each workload."""
    if not results:
        return []
    return [
        "",
        "## Rendering",
        "",
        "Images a second in float32, left on the GPU. Copying the parameters to the GPU is included in both columns.",
        "Memory is the largest that torch held, above what it held before. The first call compiles what it needs.",
        "",
        "| workload | batch | images/s, parameters drawn before | images/s, drawing included | memory | first call |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {row['batch']:,} | {row['rendered']:,.0f} | {row['drawn']:,.0f} | "
            f"{row['memory'] / 1e9:.2f} GB | {'' if k else format(result['first_call'], '.1f') + ' s'} |"
            for name, result in results.items()
            for k, row in enumerate(result["rows"])
        ),
    ]


def best(result):
    """The highest rate of a workload, images/s."""
    return max(row["rendered"] for row in result["rows"])


def peak_lines(results):
    """The share of the float32 peak that W1 reaches, if rate and peak were measured."""
    if "peak" not in results:
        return []
    work, most = results["peak"]["operations"], results["peak"]["peak"]
    lines = [
        "",
        "## Use of the GPU",
        "",
        f"W1 takes {work / 1e6:.2f} million float32 operations an image ({results['peak']['terms']:.1f} terms of the",
        f"EPL series on average; counted in `benchmarks/peak.py`). {most / 1e12:.1f} TFLOP/s are what a kernel of",
        "nothing but fused multiply-adds reaches on this GPU.",
    ]
    if "rendering W1" not in results:
        return lines
    rate = best(results["rendering W1"])
    return [
        *lines,
        f"{rate:,.0f} images/s of W1 are {work * rate / 1e12:.2f} TFLOP/s: **{100 * work * rate / most:.1f} %** of it.",
    ]


def training_table(results):
    """Images a second of a training by where they come from, from what `gpu_training.training` returned."""
    if not results:
        return []

    def row(name, r):
        idle = "-" if r["idle"] is None else f"{r['idle']:.1%}"
        return (
            f"| {name} | {r['batch']} | {r['memory']:,.0f} | {r['stream']:,.0f} | {r['stream'] / r['memory']:.2f} | "
            f"{idle} | {r['waiting']:.1%} | {r['files']:,.0f} |"
        )

    return [
        "",
        "## Training",
        "",
        "SimSiam with physics views in bf16: images a second through the network, two for each pair of a batch. From",
        "memory: one batch on the GPU again and again. From the stream: every pair simulated on the same GPU, adaptive",
        "rays, galaxy images as sources, noise. From files: single images of stacks in .npy files, read in one thread,",
        "both views the same image unchanged (no augmentation). Idle: share of some steps from the stream in which no",
        "kernel runs, by the profiler. Waiting: share of steps from the stream in which the loop waits for a batch.",
        "",
        "| network | pairs a batch | from memory | from the stream | of memory's | GPU idle | waiting | from files |",
        "|---|---|---|---|---|---|---|---|",
        *(row(name, r) for name, r in results.items()),
    ]


def agreement_lines(results):
    """The largest differences from the CPU's images, by workload."""
    if not results:
        return []
    return [
        "",
        "## Agreement",
        "",
        "Largest difference of a pixel from the CPU's image in float32, every subhalo traced at every ray, over the",
        "image's peak; 32 images each, W2 with its noise, the others without:",
        "",
        *(f"- {name}: {off:.1e}" for name, off in results.items()),
    ]


def peers_table(results, every):
    """The other simulators on W1, from what `gpu_parts.other` returned, beside LenStream's rate."""
    if not results:
        return []
    own = best(every["rendering W1"]) if "rendering W1" in every else None

    def row(name, r):
        if "rate" not in r:
            return f"| {name} | | {r['absent']} | |"
        ratio = "" if own is None else f"{own / r['rate']:.1f}"
        return f"| {name} | {r['batch']:,} | {r['rate']:,.0f} | {ratio} |"

    return [
        "",
        "## Beside other simulators",
        "",
        "W1 in float32 on the same GPU, parameters drawn before, images left on the GPU, each at its best batch; vmap",
        "over the systems, jit with JAX.",
        "",
        "| | batch | images/s | LenStream is faster by |",
        "|---|---|---|---|",
        *([] if own is None else [f"| LenStream | | {own:,.0f} | |"]),
        *(row(name, r) for name, r in results.items()),
    ]


if __name__ == "__main__":
    sys.exit(main())
