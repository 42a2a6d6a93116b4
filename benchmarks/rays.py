"""Rendering error against speed: number of rays a pixel, and the interpolation of many subhalos."""

import statistics

import numpy as np
from contest import lenstream_rate, plain_images
from workloads import with_rays

SETTINGS = ("adaptive", 2, 4, 8)
SYSTEMS = 200
WHOLE_PIXELS = "simulate.observation.psf.supersampling=1"  # so that nothing but the rays differs
TRUTHS = (32, 96)  # rays along a pixel's side that count as the truth


def table(seconds, rounds, n=SYSTEMS):
    """For each setting of rays on W1: (images/s, relative to 2 rays, the errors of n systems against each truth).

    The error of a system is that of its worst pixel, behind the PSF, over the peak of its true image. The first truth
    is held against the second one too; it has no speed.
    """
    scenes = {rays: with_rays("w1", rays, WHOLE_PIXELS) for rays in SETTINGS}
    scenes = {rays: scene for rays, scene in scenes.items() if scene is not None}
    truths = []
    for side in TRUTHS:
        print(f"rays: {n} systems with {side}x{side} rays a pixel", flush=True)
        truths.append(plain_images(with_rays("w1", side), n, np.float32))

    def errors(images):
        return [np.abs(images - truth).max(axis=(1, 2)) / truth.max(axis=(1, 2)) for truth in truths]

    runs = {rays: lenstream_rate(scene, np.float32) for rays, scene in scenes.items()}
    for run in runs.values():
        run(0.05)
    rates = [{rays: run(seconds) for rays, run in runs.items()} for _ in range(rounds)]
    out = {}
    for rays, scene in scenes.items():
        speed = statistics.median(r[rays] for r in rates)
        relative = statistics.median(r[rays] / r[2] for r in rates)
        out[rays] = speed, relative, errors(plain_images(scene, n, np.float32))
    return out | {TRUTHS[0]: (None, None, errors(truths[0]))}


def halo_error(scene, n=32):
    """How far float32 images with the shortcut for many subhalos are off: (of the subhalos' own signal, of the peak).

    The first is the largest difference from float64, where every subhalo is traced at every ray, over the largest
    effect that the subhalos have on the same image; worst of n systems.
    """
    bare = with_rays("w4", 2, "simulate.substructure=[]")
    exact = plain_images(scene, n, np.float64, exact_halos=True)
    off = np.abs(plain_images(scene, n, np.float32) - exact).max(axis=(1, 2))
    signal = np.abs(exact - plain_images(bare, n, np.float64)).max(axis=(1, 2))
    return float((off / signal).max()), float((off / exact.max(axis=(1, 2))).max())
