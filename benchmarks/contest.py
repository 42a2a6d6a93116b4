"""Time LenStream and other simulators on one workload, taking turns, and compare their images."""

import statistics
import time
from dataclasses import dataclass

import numpy as np
from peers import drive
from workloads import first_systems, write_systems

from lenstream.simulate.render import render
from lenstream.simulate.selection import draw
from lenstream.simulate.systems.draw import Views

BATCH = 1024  # systems that LenStream draws and renders at once: fewer cost it up to 4 us a system more
SYSTEMS = 1024  # different ones that the others go through
COMPARED = 32  # images that must agree
LENSTREAM = "LenStream"
LENSTREAM64 = "LenStream, float64"


@dataclass(frozen=True)
class Result:
    """The result of a race on one workload, each part by the name of a contestant."""

    rates: dict  # images a second, a list
    differences: dict  # (all pixels, pixels farther from the border than the PSF reaches), of the peak
    absent: dict  # why a contestant could not take part

    def median(self, name):
        """The median rate of a contestant over all rounds, images a second."""
        return statistics.median(self.rates[name])

    def ratio(self, name):
        """How many times faster LenStream is: the median of the ratios of all rounds."""
        return statistics.median(a / b for a, b in zip(self.rates[LENSTREAM], self.rates[name], strict=True))

    def fastest(self, names):
        """The fastest of some contestants, or None if none of them took part."""
        return max((name for name in names if name in self.rates), key=self.median, default=None)


def lenstream_rate(scene, dtype):
    """A function that renders fresh systems for some seconds and returns images a second, drawing included."""
    state = {"next": 0}

    def rate(seconds):
        done, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            render(scene, draw(scene, np.arange(state["next"], state["next"] + BATCH), Views()), dtype=dtype)
            state["next"] += BATCH
            done += BATCH
        return done / (time.perf_counter() - begun)

    return rate


def plain_images(scene, n, dtype, **options):
    """The first n images without noise, (n, num_pix, num_pix); `options` go to `render`."""
    size = scene.config.image.num_pix
    return render(scene, first_systems(scene, n), noise=False, dtype=dtype, **options).reshape(n, size, size)


def difference(images, reference, border):
    """Largest difference over the peak of its image, over all pixels and over those beyond `border` pixels."""
    peak = reference.max(axis=(1, 2))
    off = np.abs(images - reference) / peak[:, None, None]
    off = np.where(np.isfinite(off), off, np.inf)
    return float(off.max()), float(off[:, border:-border, border:-border].max())


def psf_radius(scene):
    """How far the Gaussian PSF reaches, in pixels."""
    psf = scene.config.observation.psf
    return int(psf.truncation * psf.fwhm / (8.0 * np.log(2.0)) ** 0.5 / scene.config.image.pixel_scale + 0.5)


def race(name, scene, workers, folder, seconds, rounds):
    """Let LenStream and the workers take turns at a workload: a `Result`."""
    path = folder / f"{name}.npz"
    write_systems(path, scene, SYSTEMS)
    reference, border = plain_images(scene, COMPARED, np.float64), psf_radius(scene)
    contestants = {LENSTREAM: lenstream_rate(scene, np.float32), LENSTREAM64: lenstream_rate(scene, np.float64)}
    differences = {LENSTREAM: difference(plain_images(scene, COMPARED, np.float32), reference, border)}
    absent = {}
    for worker in workers:
        answer = drive.ask(worker, prepare=str(path))
        images = None if "error" in answer else drive.images(worker, COMPARED, folder)
        if images is None:
            absent[worker.name] = answer.get("error", "no images")
            print(f"{name}: {worker.name}: {absent[worker.name]}", flush=True)
            continue
        differences[worker.name] = difference(images, reference, border)
        contestants[worker.name] = lambda s, w=worker: drive.ask(w, go=s).get("rate", float("nan"))
        print(f"{name}: {worker.name} is ready after {answer['seconds']:.1f} s", flush=True)
    for rate in contestants.values():
        rate(0.05)
    rates = {contestant: [] for contestant in contestants}
    for k in range(rounds):
        for contestant, rate in contestants.items():
            rates[contestant].append(rate(seconds))
        print(f"{name}: round {k + 1} of {rounds} ", end="\r" if k + 1 < rounds else "\n", flush=True)
    return Result(rates, differences, absent)
