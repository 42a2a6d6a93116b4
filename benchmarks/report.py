"""Write benchmarks/simulate.md: every function turns results into lines of Markdown."""

import platform
from importlib.metadata import version
from pathlib import Path

import contest
import numpy as np
import peak
import rays
import running
import workloads
from contest import LENSTREAM
from peers import drive

WANTED = {"W1": 6.0, "W2": 6.0, "W3": 6.0, "W4": 4.0}  # times the fastest other simulator
WITHIN = 1e-3  # of the peak: the error that adaptive rays are asked to keep
NUMBA, WANTED_NUMBA = "lenstronomy EPL_NUMBA", 60.0  # times this one on W1


def speed(name, result):
    """The table of one workload, from its `contest.Result`."""
    lines = [
        f"## {name}: {workloads.MEANING[name]}",
        "",
        "| | images/s | LenStream is faster by | largest difference, of the peak | away from the border |",
        "|---|---|---|---|---|",
    ]
    for contestant in result.rates:
        ratio = "" if contestant == LENSTREAM else f"{result.ratio(contestant):.1f}"
        off = result.differences.get(contestant, (0.0, 0.0))
        lines.append(f"| {contestant} | {result.median(contestant):,.0f} | {ratio} | {off[0]:.1e} | {off[1]:.1e} |")
    return lines + [f"| {contestant} | - | | {why} | |" for contestant, why in result.absent.items()]


def verdicts(results):
    """Whether the ratios that were asked for are reached, from results by workload; the first needs --peers."""
    lines = ["## Against the aims", ""]
    for name, result in results.items():
        peer = result.fastest(drive.PEERS)
        if peer is not None:
            lines.append(_verdict(name, result.ratio(peer), f"{peer}, the fastest other", WANTED[name]))
    if "W1" in results and NUMBA in results["W1"].rates:
        lines.append(_verdict("W1", results["W1"].ratio(NUMBA), NUMBA, WANTED_NUMBA))
    return lines


def _verdict(name, ratio, other, wanted):
    outcome = "pass" if ratio >= wanted else "FALLS SHORT"
    return f"- {name}: {ratio:.1f} times {other}; at least {wanted:g} wanted: {outcome}"


def use_of_the_core(scene, rate):
    """The share of the core's peak that W1 reaches at `rate` images/s."""
    terms = peak.mean_terms(scene)
    count = peak.operations(scene.config.image.num_pix, scene.config.image.rays, terms, contest.psf_radius(scene))
    most = peak.measured_peak()
    return [
        "## Use of the core",
        "",
        f"W1 takes {count / 1e6:.2f} million float32 operations an image ({terms:.1f} terms of the EPL series on",
        f"average; counted in `benchmarks/peak.py`), so {rate:,.0f} images/s are {count * rate / 1e9:.0f} GFLOP/s:",
        f"**{100 * count * rate / most:.0f} %** of the {most / 1e9:.0f} GFLOP/s that a loop of nothing but fused",
        "multiply-adds reaches on this core. The rest: a third of the operations are additions or",
        "multiplications alone, logarithms and powers of two take integer steps and roundings besides, each of",
        "the short loops loads and stores its rays, and the PSF, the mean over a pixel and the drawing of",
        "parameters are memory traffic more than arithmetic.",
    ]


def rays_table(seconds, rounds):
    """Speed and error of W1 by number of rays."""
    heads = [
        f"{head} {side}x{side}"
        for side in rays.TRUTHS
        for head in ("worst, against", "median", f"within {WITHIN:g} of")
    ]
    lines = [
        "## Rays a pixel",
        "",
        f"W1, {rays.SYSTEMS} systems, the PSF on whole pixels. The error is that of an image's worst pixel, behind the",
        f"PSF, over the image's peak, against {rays.TRUTHS[0]}x{rays.TRUTHS[0]} rays a pixel, and, as these have not "
        f"converged everywhere, against {rays.TRUTHS[1]}x{rays.TRUTHS[1]}.",
        "",
        f"| rays | images/s | times the speed of 2x2 | {' | '.join(heads)} |",
        "|---|---|---|" + len(heads) * "---|",
    ]
    for setting, (rate, relative, errors) in rays.table(seconds, rounds).items():
        label = setting if isinstance(setting, str) else f"{setting}x{setting}"
        cells = [f"{rate:,.0f} | {relative:.2f}" if rate else "| "]
        for error in errors:
            within = int((error <= WITHIN).sum())
            cells.append(f"{error.max():.1e} | {np.median(error):.1e} | {within} of {error.size}")
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return lines


def halos(scene):
    """The error of interpolating the many subhalos of W4."""
    error = rays.halo_error(scene)
    return [
        "## Many subhalos",
        "",
        "W4 in float32 with the shortcut, against every subhalo at every ray in float64, worst pixel of 32 systems:",
        f"{error[0]:.1e} of the subhalos' largest effect on the image, {error[1]:.1e} of the image's peak.",
    ]


def threads_and_start(scene, cores, seconds):
    """Rendering W1 on two threads, if there are two cores, and the start of a process."""
    lines = ["## Threads and start", ""]
    if len(cores) >= 2:
        stream, batch = running.thread_gain(scene, 2, seconds, 9)
        lines += [
            f"- A `LensStream` of W1 with all labels is {stream:.2f} times as fast with two threads as with one. Each",
            "  makes whole batches.",
            f"- `render` of {running.RENDERED:,} systems, one call after the other, is {batch:.2f} times as fast:",
            "  between the calls one thread draws parameters and the other core sleeps.",
        ]
    total, imports, image = running.first_image()
    return [
        *lines,
        f"- A process has its first image {total:.1f} s after its start: {imports:.1f} s for imports, {image:.1f} s",
        "  from there. (The renderer has been compiled before, once for all.)",
    ]


def document(sections, options):
    """The text of simulate.md, from sections that are lists of lines."""
    command = "python benchmarks/simulate.py" + (" --peers" if options.peers else "") + " --write"
    first = HEAD.format(
        command=command,
        processor=_processor(),
        python=platform.python_version(),
        rounds=options.rounds,
        seconds=options.seconds,
        compared=contest.COMPARED,
    )
    versions = {"lenstronomy": version("lenstronomy")} | {
        name: number for name, number in (line.split("==") for line in drive.wanted()) if name != "lenstronomy"
    }
    last = [HOW.format(**versions)] if options.peers else []
    return "\n".join([first, *("\n".join(lines) + "\n" for lines in sections), *last])


HEAD = """# Simulation speed

Command: `{command}`, on {processor}, Python {python}.

Images a second on one core, median of {rounds} rounds in which all take turns of {seconds:g} s. Every system is another
one. LenStream's rate includes drawing the parameters; the others get theirs ready-made. All compute in float32, except
lenstronomy and where it says float64. The ratio is the median over rounds of LenStream's rate over the other's in the
same round.

The differences are the largest in {compared} noise-free images from LenStream's in float64, over the image's peak. At
the border caustics sees light from beyond it, while all others repeat the pixels at the edge as lenstronomy does; the
last column leaves out what the PSF can reach from there.
"""
HOW = """## How each is called

- lenstronomy {lenstronomy}: one `ImageModel`, reused; EPL, or EPL_NUMBA for the main lens. float64.
- caustics {caustics}: `LensSource` with EPL at `chunk_size=1`; torch {torch}: vmap of 8 systems; JAX {jax}: jit of a
  vmap or a lax.map of 16 systems, whichever is faster for the workload. Its Gauss points in a pixel are replaced by
  everyone's regular grid, and its image source, which stays along the axes, is given an angle.
- JAXtronomy {jaxtronomy}: `ImageModel`, jit of a lax.map of 64 systems. It has no images as sources.
- Herculens {herculens}: `LensImage`, jit of a lax.map of 64 systems, Sersic radii as product averages. Its image
  source, which stays on a fixed grid, is replaced by one that can be placed; its SIS, NaN in float32, by a sphere.
"""


def _processor():
    """The processor's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()
