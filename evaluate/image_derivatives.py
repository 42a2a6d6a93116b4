"""How images change with the parameters of their systems, by central differences."""

from dataclasses import replace

import numpy as np

from ..simulate.profiles import registry
from ..simulate.render import render
from ..simulate.systems.amplitudes import with_amplitude

STEP = 1e-3  # of a parameter's standard deviation, for central differences
# In place of adaptive rays, which would come and go between the two images of a difference: so many along a pixel's
# side, and the PSF on so much finer pixels, in place of one that acts on where in a pixel the light lies.
RAYS, FINE = 4, 3


def steady(scene, rays=RAYS):
    """The scene, of one pixel grid, and the rays along a pixel's side with which its images change smoothly.

    Lens light that is subtracted is in it: an image tells most before, and its noise is that of the light.
    """
    fixed = scene
    if (observation := scene.config.observation).subtract_lens_light:
        observation = observation.model_copy(update={"subtract_lens_light": []})
        fixed = replace(scene, config=scene.config.model_copy(update={"observation": observation}))
    adaptive, bands = scene.config.image.rays == "adaptive", scene.bands.values()
    if adaptive and any(t.within_pixels for t in bands) and not any(t.psf_kind == "pixel" for t in bands):
        fixed = replace(fixed, bands={name: t.on_finer_pixels(FINE) for name, t in scene.bands.items()})
    fine = fixed.instrument.supersampling
    return fixed, -(-rays // fine) * fine if adaptive else None


def image_and_derivatives(scene, systems, places, spread, threads):
    """Images of systems without noise, float64 (n, pixels), and their derivatives (n, p, pixels).

    Args:
        scene: with one pixel grid. systems: its systems. places: p parameters (group, number, name).
        spread: (p,), the standard deviation of each: derivatives are per one. threads: for rendering.
    """

    def image(changed):
        return render(fixed, changed, noise=False, dtype=np.float64, threads=threads, rays=rays)[:, 0].reshape(n, -1)

    n, (fixed, rays) = len(systems.indices), steady(scene)
    mean = image(systems)
    derivatives = np.empty((n, len(places), mean.shape[1]))
    for k, (where, std) in enumerate(zip(places, spread, strict=True)):
        up, down = (image(shifted(scene, systems, where, sign * STEP * std)) for sign in (1, -1))
        derivatives[:, k] = (up - down) / (2 * STEP)
    return mean, derivatives


def shifted(scene, systems, where, by):
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
