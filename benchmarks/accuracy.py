"""How far whole images are from their converged values at each simulator's defaults, and what those defaults cost."""

import statistics

import contest
import numpy as np
import workloads
from contest import lenstream_rate, plain_images
from peers import drive

RAYS, FINE = 90, 9  # of the converged images: rays along a pixel's side, and pixels of the PSF finer by
SYSTEMS = 32  # whose images are compared
WANTED_SPEED = 0.28  # of 2x2 rays with the PSF on whole pixels, for W1 by default
WANTED_MEDIAN, WANTED_WORST = 5e-4, 3e-3
AUTO, PLAIN = "LenStream, its default: adaptive rays, PSF auto", "LenStream, 2x2 rays, PSF on whole pixels"
WHOLE = "LenStream, adaptive rays, PSF on whole pixels"
PSF = "simulate.observation.psf.supersampling"
SETUPS = {  # name: recipe, pixels on a side, pixel scale and FWHM [arcsec]
    "W1": ("w1", 64, 0.08, 0.16),
    "demo": ("demo", 48, 0.1, 0.12),
    "Euclid VIS": ("w1", 64, 0.1, 0.16),
    "LSST r": ("w1", 48, 0.2, 0.7),
    "HST F814W at .05 arcsec": ("w1", 100, 0.05, 0.09),
}


def scene(setup, rays="adaptive", fine="auto"):
    """The scene of a setup with some rays and some finer pixels for the PSF."""
    recipe, num_pix, scale, fwhm = SETUPS[setup]
    image = (f"simulate.image.num_pix={num_pix}", f"simulate.image.pixel_scale={scale}")
    return workloads.scene(recipe, *image, f"simulate.observation.psf.fwhm={fwhm}", f"{PSF}={fine}", rays=rays)


def errors(images, truth):
    """The largest difference of each image from the true one, over its peak: (n,)."""
    return np.abs(images - truth).max(axis=(1, 2)) / truth.max(axis=(1, 2))


def setups():
    """Errors (n,) of each setup by default, with the PSF on whole pixels, and with 2x2 rays as well."""
    out = {}
    for name in SETUPS:
        print(f"accuracy: {name}", flush=True)
        truth = plain_images(scene(name, RAYS, FINE), SYSTEMS, np.float32)
        ways = scene(name), scene(name, "adaptive", 1), scene(name, 2, 1)
        out[name] = [errors(plain_images(way, SYSTEMS, np.float32), truth) for way in ways]
    return out


def defaults(workers, folder, seconds, rounds):
    """W1 at everyone's defaults: contestant -> (images/s, relative to PLAIN in the same rounds, errors (n,))."""
    truth = plain_images(scene("W1", RAYS, FINE), SYSTEMS, np.float32)
    own = {AUTO: scene("W1"), WHOLE: scene("W1", "adaptive", 1), PLAIN: scene("W1", 2, 1)}
    runs = {name: lenstream_rate(s, np.float32) for name, s in own.items()}
    off = {name: errors(plain_images(s, SYSTEMS, np.float32), truth) for name, s in own.items()}
    path = folder / "defaults.npz"
    workloads.write_systems(path, scene("W1", 1, 1), contest.SYSTEMS)  # one ray a pixel is what the others have
    for worker in workers:
        images = None if "error" in drive.ask(worker, prepare=str(path)) else drive.images(worker, SYSTEMS, folder)
        if images is not None:
            off[worker.name] = errors(images, truth)
            runs[worker.name] = lambda s, w=worker: drive.ask(w, go=s).get("rate", float("nan"))
    for run in runs.values():
        run(0.05)
    rates = [{name: run(seconds) for name, run in runs.items()} for _ in range(rounds)]
    return {
        name: (
            statistics.median(r[name] for r in rates),
            statistics.median(r[name] / r[PLAIN] for r in rates),
            off[name],
        )
        for name in runs
    }


def lines(of_setups, of_defaults):
    """Both tables as lines of Markdown."""
    out = [
        "## Whole images against their converged values",
        "",
        f"The error is that of an image's worst pixel over its peak, against {RAYS}x{RAYS} rays a pixel and the PSF on",
        f"pixels finer by {FINE}; median and worst of {SYSTEMS} systems. Wanted by default: {WANTED_MEDIAN:g} and "
        f"{WANTED_WORST:g}.",
        "",
        "| | default: adaptive rays, PSF auto | adaptive rays, PSF on whole pixels | 2x2 rays, PSF on whole pixels | |",
        "|---|---|---|---|---|",
    ]
    for name, ways in of_setups.items():
        good = np.median(ways[0]) <= WANTED_MEDIAN and ways[0].max() <= WANTED_WORST
        cells = " | ".join(f"{np.median(e):.1e}, {e.max():.1e}" for e in ways)
        out.append(f"| {name} | {cells} | {'pass' if good else 'FALLS SHORT'} |")
    relative = of_defaults[AUTO][1]
    outcome = "pass" if relative >= WANTED_SPEED else "FALLS SHORT"
    out += [
        "",
        "W1 at everyone's defaults; those of the others are one ray a pixel and the PSF on whole pixels.",
        "",
        "| | images/s | times LenStream's 2x2 rays | median error | worst |",
        "|---|---|---|---|---|",
    ]
    for name, (rate, times, off) in of_defaults.items():
        out.append(f"| {name} | {rate:,.0f} | {times:.2f} | {np.median(off):.1e} | {off.max():.1e} |")
    return [
        *out,
        "",
        f"LenStream's default has {relative:.2f} of the speed; at least {WANTED_SPEED:g} wanted: {outcome}",
    ]
