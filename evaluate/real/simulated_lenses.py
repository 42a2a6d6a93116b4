"""Simulated lenses as files of real ones would hold them, and how much larger than Laplace's the errors of fits are."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from ...configs.observation import Subtracted
from ...progress import Stopped, bar
from ...simulate.packing import noise_levels
from ...simulate.render import render_all, subtracted_light
from ...simulate.selection import draw
from ...simulate.systems.draw import Views
from ...simulate.systems.scene import FIRST_INDEX, with_config
from .fit_images import FitImage, noise_beside
from .fit_kernels import kernel_of
from .lens_fits import fit_lens

N_CALIBRATION = 48  # lenses
ONE_SIGMA = 0.6827  # share of a normal distribution within a standard deviation
MASKED = 1.0  # noise levels of a neighbour's light, from where pixels are masked


def simulated_images(scene, indices):
    """Systems of a scene as they are drawn, and their `FitImage`s: lens light subtracted, neighbours masked.

    A noise map has the variance of background and light, as a survey's pipeline would find it.
    """
    scene = scene if scene.config.observation.subtract_lens_light else _with_subtraction(scene)
    systems = draw(scene, indices, Views())
    rendered, light = render_all(scene, systems), subtracted_light(scene, systems)
    background, exposure, gain = (level[:, 0, None, None] for level in noise_levels(scene, systems))
    images, masks = rendered.images[:, 0, 0].astype(float), rendered.mask
    lost = np.zeros(images.shape, bool) if masks is None else masks[:, 0, 0]
    light = None if light is None else light[:, 0, 0].astype(float)
    neighbours = _neighbours(scene, systems)
    total = np.maximum(images + (0.0 if light is None else light), 0.0)
    noise = np.sqrt(background**2 + total / (exposure * gain))
    good, pixel_scale = ~lost & np.isfinite(images) & (neighbours < MASKED * noise), scene.instrument.pixel_scale
    out = []
    for i, index in enumerate(indices):
        optics = {name: values[i, 0, 0] for name, values in systems.optics.items()}
        kernel, fine = kernel_of(scene.instrument, optics, pixel_scale)
        own = None if light is None else light[i]
        image = np.where(good[i], images[i], 0.0)
        broad = noise_beside(image, noise[i], good[i], len(image))[1]
        out.append(
            FitImage(str(index), image, noise[i], good[i], own, kernel, fine, pixel_scale, (0.0, 0.0), 1.0, broad)
        )
    return systems, out


def _with_subtraction(scene):
    """The scene with all light of the lens subtracted without an error, if it has any."""
    light = [k for k, component in enumerate(scene.config.lens_light) if component.profile != "INTERPOL"]
    if not light:
        return scene
    subtracted = [Subtracted(component=k, error=1e-6) for k in light]
    observation = scene.config.observation.model_copy(update={"subtract_lens_light": subtracted})
    return with_config(scene, scene.config.model_copy(update={"observation": observation}), like=scene)


def _neighbours(scene, systems):
    """Images of the light that is not subtracted, (n, num_pix, num_pix) [counts/s]."""
    subtracted = {own.component for own in scene.config.observation.subtract_lens_light}
    if len(subtracted) == len(scene.config.lens_light):
        return np.zeros((len(systems.indices), *2 * [scene.config.image.num_pix]))
    light = tuple(_dark(values) if k in subtracted else values for k, values in enumerate(systems.lens_light))
    alone = replace(systems, lens_light=light, source=tuple(map(_dark, systems.source)))
    plain = {"subtract_lens_light": [], "unfitted_light": None}
    config = scene.config.model_copy(update={"observation": scene.config.observation.model_copy(update=plain)})
    return render_all(with_config(scene, config, like=scene), alone, noise=False).images[:, 0, 0]


def _dark(values):
    """Parameters of a component without its light."""
    return {name: np.zeros_like(value) if name.startswith("amp") else value for name, value in values.items()}


def error_scales(fits, scene, threads=1, stop=lambda: False):
    """By how much Laplace's errors are too small for lenses of a run, for each parameter of the lens: at least 1.

    `N_CALIBRATION` lenses with galaxies for validation are fitted from the truth, with their lens light subtracted as
    imperfectly as in the scene; 68 % of them are then within the scaled errors.

    Args: fits: `lens_fits.LensFits`. scene: of the run.

    Raises: Stopped.
    """
    indices = np.arange(N_CALIBRATION, dtype=np.uint64) + np.uint64(FIRST_INDEX["validation"])
    systems, images = simulated_images(scene, indices)
    true = np.column_stack([systems.lens_mass[k][name] for k, name in fits.free.places])
    pulls, lock = np.full(true.shape, np.nan), threading.Lock()
    with bar("calibrating errors", len(images)) as progress:

        def work(i):
            if stop():
                return
            values = fit_lens(fits, images[i], lambda free: _inside(free, true[i : i + 1])).of_lens()
            with lock:
                pulls[i] = [
                    abs(value - known) / sigma for (value, sigma), known in zip(values.values(), true[i], strict=True)
                ]
                progress.update(progress_of(pulls))

        with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, range(len(images))))
    if stop():
        raise Stopped("stopped the calibration of errors")
    known = np.isfinite(pulls).all(axis=1)
    return np.maximum(np.quantile(pulls[known], ONE_SIGMA, axis=0), 1.0) if known.any() else np.ones(true.shape[1])


def progress_of(pulls):
    """How many rows are known."""
    return int(np.isfinite(pulls[:, 0]).sum())


def _inside(free, lenses):
    """Lenses within the ranges of their parameters."""
    n = lenses.shape[1]
    return np.clip(lenses, free.low[:n], free.high[:n])
