"""Systems of a scene fitted in threads, and how much larger than Laplace's their errors are."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from ...progress import bar
from ...simulate.packing import noise_levels
from ...simulate.render import render_all
from ...simulate.selection import draw
from ...simulate.systems.draw import Views
from ...simulate.systems.scene import FIRST_INDEX, Scene
from .free_parameters import FreeParameters, free_parameters, true_values
from .image_model import Observed, image_model, joined
from .refine import refine
from .source_shapes import SourceShapes, source_shapes

N_CALIBRATION = 80  # lenses
ONE_SIGMA = 0.6827  # share of a normal distribution within a standard deviation


class Fits(NamedTuple):
    """What the fits of a scene's systems have in common."""

    scene: Scene
    shapes: SourceShapes
    free: FreeParameters
    error_scales: np.ndarray  # of each parameter of the lens: quoted errors over Laplace's


def prepare(scene, threads=1, stop=lambda: False):
    """The `Fits` of a scene. Raises: ConfigError for a scene that a fit has no model of."""
    shapes = source_shapes(scene)
    fits = Fits(scene, shapes, free := free_parameters(scene, shapes), np.ones(len(free.places)))
    return fits._replace(error_scales=error_scales(fits, threads, stop))


def error_scales(fits, threads, stop=lambda: False):
    """By how much Laplace's errors are too small, for each parameter of the lens: at least 1.

    Real shapes of galaxies are not normally distributed, so a fit is surer than it should be. Lenses with galaxies for
    validation, which no component and no test has seen, are fitted from the truth: 68 % of them are then within the
    scaled errors.
    """
    indices = np.arange(N_CALIBRATION, dtype=np.uint64) + np.uint64(FIRST_INDEX["validation"])
    true = true_values(fits.free, draw(fits.scene, indices, Views()), fits.shapes)
    n_lens = len(fits.free.places)
    pulls = np.full((N_CALIBRATION, n_lens), np.nan)

    with bar("calibrating errors", N_CALIBRATION) as progress:

        def keep(i, found, n_pixels):
            off = np.abs(found.parameters - true[i])[:n_lens]
            pulls[i] = off / np.sqrt(np.diag(found.covariance)[:n_lens])
            progress.update(np.isfinite(pulls[:, 0]).sum())

        jobs = [(i, i, true[i : i + 1, :n_lens]) for i in range(N_CALIBRATION)]
        fit_systems(fits, indices, jobs, keep, threads, stop)
    known = np.isfinite(pulls).all(axis=1)
    return np.maximum(np.quantile(pulls[known], ONE_SIGMA, axis=0), 1.0) if known.any() else np.ones(n_lens)


def fit_systems(fits, indices, jobs, keep, threads=1, stop=lambda: False, seen=None):
    """Fit images of systems, shared between threads.

    Args:
        fits: `Fits`. indices: uint64 (n,), of the systems.
        jobs: (key, number of the system among the n, proposals as `refine.refine` takes them) of each fit. Those of one
            system are made in their order, and share the climbs that they need.
        keep: called as keep(key, `refine.Refined`, number of good pixels), one call at a time.
        stop: asked before every fit; when true, no more are made.
        seen: another scene, whose images of the systems are fitted as if they were of `fits.scene`; the noise is taken
            as it is there. None: that scene.
    """
    scene = fits.scene
    seen = scene if seen is None else seen
    optics, shown = draw(scene, indices, Views()).optics, draw(seen, indices, Views())
    rendered, levels = render_all(seen, shown), noise_levels(seen, shown)
    images, masks = (_by_band(seen, values) for values in (rendered.images, rendered.mask))
    own, lock, by_system = threading.local(), threading.Lock(), {}
    for key, i, proposals in jobs:
        by_system.setdefault(i, []).append((key, proposals))

    def fit(i, of_system):
        of_image = {name: tuple(values[i, 0].tolist()) for name, values in optics.items()}
        if getattr(own, "optics", None) != of_image:
            own.model, own.optics = image_model(scene, fits.free, fits.shapes, of_image), of_image
        image = joined([values[i].astype(float) for values in images])
        good = np.isfinite(image) if masks is None else ~joined([values[i] for values in masks])
        background, exposure, gain = (_of_pixels(level[i], images) for level in levels)
        climbs = []
        for key, proposals in of_system:
            if stop():
                return
            found = refine(own.model, Observed(image, background, exposure * gain, good), proposals, climbs)
            with lock:
                keep(key, found, int(good.sum()))

    # a lens a thread; threads within one would wait for each other
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(fit, i, of_system) for i, of_system in by_system.items()]:
            future.result()


def _by_band(scene, values):
    """Images of systems with one view for each band: of one band (n, side, side), of several (n, pixels) each."""
    if values is None:
        return None
    of_grids = values if isinstance(values, tuple) else (values,)
    found = {
        name: own[:, 0, b] for grid, own in zip(scene.grids, of_grids, strict=True) for b, name in enumerate(grid.bands)
    }
    out = [found[name] for name in scene.bands]
    return out if len(out) == 1 else [own.reshape(len(own), -1) for own in out]


def _of_pixels(level, images):
    """A number of each band (b,) for every pixel; of one band the number."""
    return float(level[0]) if len(level) == 1 else np.repeat(level, [own.shape[1] for own in images])
