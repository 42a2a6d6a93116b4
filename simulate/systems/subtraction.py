"""The fitted model of the lens light that is subtracted from an image: the light itself, but for the fit's errors.

What a fit gets wrong is drawn like noise: anew for every view with noise of its own, and whatever a selection refused
before. It is the parameters that are wrong, so that residuals are those of real subtractions: strongest where the light
is steep, with two poles of a misplaced centre, four of a wrong shape, and rings of a wrong radius.
"""

from dataclasses import replace

import numpy as np
from scipy import special

from ..core import philox
from ..profiles.declaration import MAX_ELLIPTICITY
from ..profiles.registry import LIGHT
from . import population
from .amplitudes import with_amplitude
from .draw import Systems
from .scene import Scene

_MAG = 2.5 / np.log(10.0)  # magnitudes in a factor of e
_SIZES = ("R_sersic", "R_bulge", "n_sersic", "n_bulge")  # wrong by a factor


def fitted(scene: Scene, systems: Systems) -> Systems:
    """Systems whose lens light is as a fit has found it; components that are not subtracted stay as they are."""
    light = list(systems.lens_light)
    for subtracted in scene.config.observation.subtract_lens_light:
        k = subtracted.component
        component, truth = scene.config.lens_light[k], light[k]
        error, normals = _errors(scene, systems, subtracted)
        values = {name: value for name, value in truth.items() if name not in ("amp", "amp_bulge")}
        light[k] = with_amplitude(scene, component, values | _wrong(component.profile, values, error, normals))
    return replace(systems, lens_light=tuple(light))


def _errors(scene, systems, subtracted):
    """The standard deviation of each fit, (n, v), and a function from a parameter's name to normal numbers, (n, v)."""
    path = f"subtract_lens_light.{subtracted.component}"
    draws = [
        philox.Draw(scene.seed, philox.SUBTRACTION + systems.views.stream("noise", v), systems.indices)
        for v in range(systems.views.n)
    ]

    def normals(name):
        slot = [philox.slot_of(f"{path}.{name}")]
        return np.stack([special.ndtri(philox.uniforms(draw, slot)[:, 0]) for draw in draws], axis=1)

    error = [population.draw_parameter(subtracted.error, f"{path}.error", draw) for draw in draws]
    return np.stack(error, axis=1), normals


def _wrong(profile, values, error, normals):
    """The parameters of a component that a fit gets wrong, within their ranges."""
    ranges = {p.name: (p.low, p.high) for p in LIGHT[profile].parameters}
    out = {"magnitude": values["magnitude"] + _MAG * error * normals("magnitude")}
    for name in _SIZES:
        if name in values:
            out[name] = np.clip(values[name] * np.exp(error * normals(name)), *ranges[name])
    radius = np.minimum(values["R_sersic"], values.get("R_bulge", np.inf))
    for name in ("center_x", "center_y"):
        out[name] = values[name] + error * radius * normals(name)
    if "e1" in values:
        e1, e2 = (values[name] + error * normals(name) for name in ("e1", "e2"))
        smaller = np.minimum(1.0, MAX_ELLIPTICITY / np.maximum(np.hypot(e1, e2), 1e-12))
        out |= {"e1": e1 * smaller, "e2": e2 * smaller}
    return out
