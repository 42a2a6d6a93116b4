"""The information limit (Cramer-Rao bound): the smallest error that any method can reach on the test images.

The Cramer-Rao bound of the pixels' likelihood, from the simulator's own derivatives at the true parameters, with all
other drawn parameters (the source's and the lens light's too) marginalised and the population's variance as a Gaussian
prior. The shape of a galaxy image itself is taken as known, so for image sources the bound is optimistic.
"""

from dataclasses import replace

import numpy as np

from ..configs.names import plain_names
from ..simulate.packing import noise_levels
from ..simulate.profiles import registry
from ..simulate.render import render
from ..simulate.selection import draw
from ..simulate.systems.amplitudes import with_amplitude
from ..simulate.systems.draw import Views, by_grid

CHUNK = 125  # systems at a time: bounds the memory of their derivatives
STEP = 1e-3  # of a parameter's population standard deviation, for central differences
# In place of adaptive rays, which would come and go between the two images of a difference: so many along a pixel's
# side, and the PSF on so much finer pixels, in place of one that acts on where in a pixel the light lies.
RAYS, FINE = 4, 3


def cramer_rao(scene, indices, targets, threads=1, progress=lambda done: None):
    """The smallest standard deviation that an estimate of each target can have.

    Args:
        scene: from `simulate.systems.scene`. indices: of the test systems, shape (n,).
        targets: names of lens parameters. threads: for rendering. progress: called with the number of systems done.

    Returns: dict of target to float64 (n,), in the target's unit.
    """
    prior = {where: values.std() for where, values in _drawn(draw(scene, np.arange(4096), Views())).items()}
    free = [where for where, spread in prior.items() if spread > 1e-12]
    places = plain_names(draw(scene, [0], Views()).lens_mass)
    columns = [free.index(w) if (w := ("lens_mass", *places[t])) in free else None for t in targets]
    spread = np.array([prior[where] for where in free])
    bounds = []
    for first in range(0, len(indices), CHUNK):
        systems = draw(scene, indices[first : first + CHUNK], Views())
        bounds.append(_bounds(scene, systems, free, spread, threads))
        progress(min(first + CHUNK, len(indices)))
    table = np.concatenate(bounds)
    return {t: np.zeros(len(table)) if c is None else table[:, c] for t, c in zip(targets, columns, strict=True)}


def fisher(mean, derivatives, background, exposure_time):
    """Fisher matrices of images with Gaussian noise of variance background^2 + max(mean, 0) / exposure_time.

    Args: mean (n, pixels) [counts/s]; derivatives (n, p, pixels), per unit of each parameter; background [counts/s] and
        exposure_time [s]: numbers, or arrays that go with mean.
    Returns: float64 (n, p, p): sum D_i D_j / V + sum dV_i dV_j / (2 V^2), the second from the Poisson variance.
    """
    variance = background**2 + np.maximum(mean, 0) / exposure_time
    of_mean = derivatives / np.sqrt(variance)[:, None]
    of_variance = np.where(mean > 0, 1.0 / np.asarray(exposure_time), 0.0) / variance * np.sqrt(0.5)
    of_variance = derivatives * of_variance[:, None]
    return of_mean @ of_mean.transpose(0, 2, 1) + of_variance @ of_variance.transpose(0, 2, 1)


def _bounds(scene, systems, free, spread, threads):
    """Bounds (n, p) on the standard deviations of the free parameters of some systems, from all their images."""
    grids = by_grid(scene, systems)
    information = sum(_information(grid, own, free, spread, threads) for grid, own in grids)
    covariance = np.linalg.inv(information + np.eye(len(free)))
    return np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)) * spread


def _information(scene, systems, free, spread, threads):
    """Fisher matrices (n, p, p) of the images on one pixel grid, of the free parameters in units of their spread."""

    def image(changed):
        return render(fixed, changed, noise=False, dtype=np.float64, threads=threads, rays=rays)[:, 0].reshape(n, -1)

    n, adaptive, fixed = len(systems.indices), scene.config.image.rays == "adaptive", scene
    bands = scene.bands.values()
    if adaptive and any(t.within_pixels for t in bands) and not any(t.psf_kind == "pixel" for t in bands):
        fixed = replace(scene, bands={name: t.on_finer_pixels(FINE) for name, t in scene.bands.items()})
    fine = fixed.instrument.supersampling
    rays = -(-RAYS // fine) * fine if adaptive else None
    background, exposure, gain = (
        np.repeat(a, scene.config.image.num_pix**2, axis=1) for a in noise_levels(scene, systems)
    )
    derivatives = []
    for where, std in zip(free, spread, strict=True):
        up, down = (image(_shifted(scene, systems, where, sign * STEP * std)) for sign in (1, -1))
        derivatives.append((up - down) / (2 * STEP))  # per standard deviation: the matrices are then well-conditioned
    return fisher(image(systems), np.stack(derivatives, axis=1), background, exposure * gain)


def _drawn(systems):
    """All parameters by place (group, number, name), but for those that follow from others."""
    derived = ("amp", "amp_bulge", "scale", "stamp", "parity")
    return {
        (group, k, name): values
        for group in ("lens_mass", "source", "lens_light")
        for k, component in enumerate(getattr(systems, group))
        for name, values in component.items()
        if name not in derived
    }


def _shifted(scene, systems, where, by):
    """The systems with one parameter changed by `by`, and what follows from it.

    Within a step from the end of its range a difference is taken a step from there, so that both images exist.
    """
    group, number, name = where
    components = list(getattr(systems, group))
    profiles = registry.MASS if group == "lens_mass" else registry.LIGHT
    declared = {p.name: p for p in profiles[getattr(scene.config, group)[number].profile].parameters}
    low, high = (declared[name].low, declared[name].high) if name in declared else (-np.inf, np.inf)
    at = np.clip(components[number][name], low + abs(by), high - abs(by))
    values = components[number] | {name: at + by}
    if group != "lens_mass":
        values = with_amplitude(scene, getattr(scene.config, group)[number], values)
    components[number] = values
    return replace(systems, **{group: tuple(components)})
