"""The fitted model of the lens light that is subtracted from an image: the light itself, but for the fit's errors.

What a fit gets wrong is drawn like noise: anew for every view with noise of its own, and whatever a selection refused
before. It is the parameters that are wrong, so that residuals are those of real subtractions: strongest where the light
is steep, with two poles of a misplaced centre, four of a wrong shape, and rings of a wrong radius. What no parameter
makes, of dust, shells or a wrong PSF, is a random fraction of the light (`unfitted_light`).
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
_ORDERS = 4  # of the multipoles that no parameter makes
_SPACING, _N_RADII = 0.1, 12  # arcsec: they change from one radius to the next, and end at the last
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
    draws = _draws(scene, systems, systems.indices)

    def normals(name):
        slot = [philox.slot_of(f"{path}.{name}")]
        return np.stack([special.ndtri(philox.uniforms(draw, slot)[:, 0]) for draw in draws], axis=1)

    error = [population.draw_parameter(subtracted.error, f"{path}.error", draw) for draw in draws]
    return np.stack(error, axis=1), normals


def _draws(scene, systems, indices):
    """Of each view, the numbers that decide what a fit gets wrong."""
    streams = [philox.SUBTRACTION + systems.views.stream("noise", v) for v in range(systems.views.n)]
    return [philox.Draw(scene.seed, stream, indices) for stream in streams]


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


def unfitted_light(scene, systems, start, stop):
    """What no parameter of the fit follows, over the fitted light: float64 (stop - start, v, num_pix, num_pix) or None.

    Multipoles of the same rms in every order, each with a random course along the radius, and the wrong middle.
    scene: with one pixel grid.
    """
    unfitted = scene.config.observation.unfitted_light
    if unfitted is None:
        return None
    image = scene.config.image
    axis = (np.arange(image.num_pix) - 0.5 * (image.num_pix - 1)) * image.pixel_scale
    first = systems.lens_light[scene.config.observation.subtract_lens_light[0].component]
    out = np.zeros((stop - start, systems.views.n, image.num_pix, image.num_pix))
    for v, draw in enumerate(_draws(scene, systems, systems.indices[start:stop])):
        fraction, centre = (
            population.draw_parameter(getattr(unfitted, name), f"unfitted_light.{name}", draw)
            for name in ("fraction", "centre")
        )
        courses = _courses(draw) * (fraction / np.sqrt(1 + _ORDERS))[:, None, None]
        for i in range(stop - start):
            x, y = (axis - first[name][start + i, v] for name in ("center_x", "center_y"))
            columns, rows = (np.flatnonzero(np.abs(a) < _SPACING * _N_RADII) for a in (x, y))
            there = np.ix_(rows, columns)
            x, y = x[None, columns], y[rows, None]
            out[i, v][there] = _multipoles(x, y, courses[i], unfitted.radius)
            out[i, v][there] += centre[i] * _wrong_width(0.5 * (x**2 + y**2) / unfitted.radius**2)
    return out


def _wrong_width(square):
    """What a Gaussian gains in the middle and loses around it if it is narrower; of (r / radius)^2 / 2, 1 at 0."""
    return (1.0 - square) * np.exp(-square)


def _courses(draw):
    """Normal numbers (n, 1 + 2 orders, radii): order 0, cosine and sine of each other; 0 from the last radius on."""
    parts = range(1 + 2 * _ORDERS)
    slots = [philox.slot_of(f"unfitted_light.{part}.{radius}") for part in parts for radius in range(_N_RADII)]
    normals = special.ndtri(philox.uniforms(draw, slots)).reshape(-1, len(parts), _N_RADII)
    return np.pad(normals, ((0, 0), (0, 0), (0, 2)))


def _multipoles(x, y, courses, radius):
    """Sum of multipoles at x (1, columns), y (rows, 1) [arcsec]; all but order 0 vanish in the middle, by `radius`."""
    distance = np.hypot(x, y)
    place = np.minimum(distance / _SPACING, _N_RADII)
    low = place.astype(np.int64)
    angle = 0.5 * np.pi * (place - low)
    course = np.cos(angle) * courses[:, low] + np.sin(angle) * courses[:, low + 1]  # of the same variance everywhere
    turn = (x + 1j * y) / np.maximum(distance, 1e-12)
    out, power, inside = course[0], 1.0, np.minimum(1.0, distance / radius)
    for order in range(1, 1 + _ORDERS):
        power = power * turn
        out = out + inside * (course[2 * order - 1] * power.real + course[2 * order] * power.imag)
    return out
