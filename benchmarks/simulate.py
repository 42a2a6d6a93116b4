"""Images a second on one core, beside lenstronomy: python benchmarks/simulate.py [--seconds 3] [--write].

W1: EPL + SHEAR, one Sersic source, 64x64 pixels, 2x2 rays, Gaussian PSF, no noise. W2: W1 with background and Poisson
noise. W3: W1 with a galaxy image as the source. Every system is another one; rates are medians over repetitions that
take turns, so that a drifting machine touches all alike. --write puts the table into benchmarks/simulate.md.
"""

import argparse
import os
import platform
import statistics
import time
from pathlib import Path

import numpy as np

from lenstream.configs.load import check, load
from lenstream.simulate.bridge import lenstronomy_image_model, to_lenstronomy
from lenstream.simulate.render import render
from lenstream.simulate.scene import Views, draw, make_scene

BATCH = 256
REPETITIONS = 9


def workloads():
    """Scenes by name."""
    values = load("w1").model_dump(exclude_none=True)
    simulation = values["simulate"]
    noisy = simulation | {"observation": simulation["observation"] | {"noise": True}}
    centre = {"center_x": {"uniform": (-0.15, 0.15)}, "center_y": {"uniform": (-0.15, 0.15)}}
    galaxy = {"profile": "INTERPOL", "n_galaxies": 50, "magnitude": 23, "R_half": {"uniform": (0.1, 0.4)}} | centre
    sections = {"W1": simulation, "W2": noisy, "W3": simulation | {"source": [galaxy]}}
    return {name: make_scene(check(values | {"simulate": s}, name).simulate, 1) for name, s in sections.items()}


def lenstream_rate(scene, dtype):
    """A function that renders fresh systems for some seconds and returns images a second, drawing included."""
    state = {"next": 0}

    def rate(seconds):
        done, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            systems = draw(scene, np.arange(state["next"], state["next"] + BATCH), Views())
            render(scene, systems, dtype=dtype)
            state["next"] += BATCH
            done += BATCH
        return done / (time.perf_counter() - begun)

    return rate


def lenstronomy_rate(scene, epl):
    """The same for lenstronomy with its classes reused; `epl` is EPL or EPL_NUMBA."""
    systems = draw(scene, np.arange(4096), Views())
    model = lenstronomy_image_model(scene, systems, epl=epl)
    tool, state = scene.instrument, {"next": 0}
    rng = np.random.default_rng(0)

    def rate(seconds):
        done, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            terms = to_lenstronomy(scene, systems, state["next"] % 4096)
            for light in model.SourceModel.func_list:
                if hasattr(light, "delete_cache"):
                    light.delete_cache()  # it would draw the first galaxy for good
            image = model.image(terms["kwargs_lens"], terms["kwargs_source"])
            if scene.config.observation.noise:
                variance = tool.background**2 + np.maximum(image, 0) / tool.exposure_time
                image = image + rng.normal(size=image.shape) * np.sqrt(variance)
            state["next"] += 1
            done += 1
        return done / (time.perf_counter() - begun)

    return rate


def main():
    """Measure, print the table, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.5, help="seconds per repetition and contestant")
    parser.add_argument("--write", action="store_true", help="write benchmarks/simulate.md")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    lines = [
        "| workload | LenStream f32 | LenStream f64 | lenstronomy EPL | EPL_NUMBA | ratio to EPL_NUMBA |",
        "|" + "---|" * 6,
    ]
    for name, scene in workloads().items():
        contestants = [lenstream_rate(scene, np.float32), lenstream_rate(scene, np.float64)]
        contestants += [lenstronomy_rate(scene, "EPL"), lenstronomy_rate(scene, "EPL_NUMBA")]
        for rate in contestants:
            rate(0.05)  # compile
        rounds = [[rate(options.seconds) for rate in contestants] for _ in range(REPETITIONS)]
        medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
        ratio = statistics.median(r[0] / r[3] for r in rounds)
        lines.append(f"| {name} | " + " | ".join(f"{m:,.0f}" for m in medians) + f" | {ratio:.0f} |")
        print(lines[-1] if len(lines) > 3 else "\n".join(lines), flush=True)
    if options.write:
        text = (
            "# Simulation speed\n\nImages a second on one core, drawing of parameters included, median of "
            f"{REPETITIONS} rounds in turn.\nCommand: `python benchmarks/simulate.py --write`, on "
            f"{platform.machine()}, Python {platform.python_version()}.\n\n" + "\n".join(lines) + "\n"
        )
        Path(__file__).with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
