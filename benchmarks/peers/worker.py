"""What every simulator's process does: read a workload, and answer requests, one JSON object a line.

A worker is a process that holds one simulator. It gets one JSON object a line on its standard input and answers each
with one on its standard output:

    {"prepare": workload.npz}     compile for a workload          -> {"seconds": ...}
    {"go": seconds}               render systems in turn          -> {"rate": images a second}
    {"images": out.npy, "n": 32}  the first systems without noise -> {"written": out.npy}

It runs in the simulator's own environment and must import numpy and the simulator, nothing of LenStream.
"""

import json
import os
import sys
import time
import traceback
from dataclasses import dataclass

import numpy as np


class UnsupportedError(Exception):
    """The simulator has nothing for this workload; the message says what it lacks."""


@dataclass(frozen=True)
class Workload:
    """A workload as `write_systems` of benchmarks/workloads.py writes it."""

    meta: dict  # num_pix, pixel_scale, rays, fwhm, truncation, background, exposure_time, noise, lens, source
    lens: dict  # profile -> parameter -> float64 (n systems, components with that profile)
    source: dict  # profile -> parameter -> float64 (n systems, components with that profile)
    images: np.ndarray  # (galaxies, size, size), with a ring of zeros

    @property
    def n(self):
        return len(next(iter(self.lens["EPL"].values())))

    @property
    def sigma(self):
        """Standard deviation of the PSF in pixels."""
        return self.meta["fwhm"] / (8.0 * np.log(2.0)) ** 0.5 / self.meta["pixel_scale"]

    @property
    def pixel_area(self):
        return self.meta["pixel_scale"] ** 2


def read(path):
    """A workload file as a `Workload`."""
    with np.load(path) as file:
        groups = {"lens": {}, "source": {}}
        for name in file.files:
            if "/" in name:
                group, profile, parameter = name.split("/")
                groups[group].setdefault(profile, {})[parameter] = file[name]
        images = np.pad(file["images"], ((0, 0), (1, 1), (1, 1)))
        return Workload(json.loads(str(file["meta"])), groups["lens"], groups["source"], images)


def columns(group, dtype=np.float32):
    """profile -> parameter -> (n,), or (n, components) where a profile occurs several times."""
    return {
        profile: {k: np.ascontiguousarray(v[:, 0] if v.shape[1] == 1 else v, dtype) for k, v in values.items()}
        for profile, values in group.items()
    }


def pick(group, rows):
    """The columns of some systems, by an array of their numbers, or of a single system by its number."""
    return {profile: {k: v[rows] for k, v in values.items()} for profile, values in group.items()}


def keywords(profiles, values):
    """lenstronomy's list of keyword arguments from the parameters of one system, as `pick` gives them."""
    seen, out = {}, []
    for profile in profiles:
        k = seen[profile] = seen.get(profile, -1) + 1
        out.append({name: v[k] if v.ndim else v for name, v in values[profile].items()})
    return out


def psf_kernel(work):
    """The Gaussian PSF as an odd-sided kernel with sum 1."""
    radius = int(work.meta["truncation"] * work.sigma + 0.5)
    row = np.exp(-0.5 * (np.arange(-radius, radius + 1) / work.sigma) ** 2)
    return np.outer(row, row) / row.sum() ** 2


def serve(prepare):
    """Answer the driver until it closes the pipe.

    Args: prepare: a function of a `Workload` that returns (render, batch): `render(rows)` takes an integer array of
        `batch` system numbers and returns their images without noise, (batch, num_pix, num_pix) [counts/s/pixel].
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not come between the answers
    state = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = _answer(request, state, prepare)
        except UnsupportedError as why:
            answer = {"error": str(why)}
        except Exception as error:  # the driver shows it and goes on without this simulator
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        print(json.dumps(answer), file=answers, flush=True)


def _answer(request, state, prepare):
    begun = time.perf_counter()
    if "prepare" in request:
        state.clear()
        work = read(request["prepare"])
        render, batch = prepare(work)
        state.update(work=work, render=render, batch=batch, next=0, rng=np.random.default_rng(0))
        _next_images(state)
        return {"seconds": time.perf_counter() - begun}
    if "go" in request:
        done = 0
        while time.perf_counter() - begun < request["go"]:
            images = _next_images(state)
            if state["work"].meta["noise"]:
                _add_noise(images, state["work"].meta, state["rng"])
            done += state["batch"]
        return {"rate": done / (time.perf_counter() - begun)}
    n, batch = request["n"], state["batch"]
    parts = [np.asarray(state["render"](np.arange(k, k + batch))) for k in range(0, n, batch)]
    np.save(request["images"], np.concatenate(parts)[:n])
    return {"written": request["images"]}


def _next_images(state):
    """The images of the next batch of systems, never the same twice until all have had their turn."""
    rows = (state["next"] + np.arange(state["batch"])) % state["work"].n
    state["next"] += state["batch"]
    return np.asarray(state["render"](rows))


def _add_noise(images, meta, rng):
    """lenstronomy's noise, from numpy: faster than the generators of JAX and torch on a CPU."""
    noise = rng.standard_normal(images.shape, dtype=np.float32)
    noise *= np.sqrt(meta["background"] ** 2 + np.maximum(images, 0) / meta["exposure_time"], dtype=np.float32)
    return images + noise
