"""Measurements of the lensed source: flux, magnification, signal to noise, image separation; and the Einstein radius.

Every quantity is defined here once, for labels and for selections; it is NaN where a system has no deflector or no
source. `measured` is `Rendered.arcs` of `render.render_all(..., arcs=True)`.
"""

import numpy as np

from . import lens_equation
from .einstein_radius import einstein_radius
from .render import tracer
from .systems.amplitudes import band_fluxes
from .systems.draw import present


def is_lens(scene, systems):
    """Which systems have a deflector and a source, bool (n,)."""
    return _has(scene, "lens_mass", systems) & _has(scene, "source", systems)


def _has(scene, group, systems):
    """Which systems have any component of a group, bool (n,)."""
    return np.any([present(scene, c, systems.class_number) for c in getattr(scene.config, group)], axis=0)


def flux_before_lensing(scene, systems):
    """Total flux of the source before lensing, over all bands [counts/s], float64 (n, v); 0 without a source."""
    total = np.zeros((len(systems.indices), systems.views.n))
    for component, values in zip(scene.config.source, systems.source, strict=True):
        for flux in band_fluxes(scene, component, values):
            total += np.nan_to_num(flux)
    return total


def magnification(scene, systems, measured):
    """The source's flux in the frame over its flux before lensing, over all bands, float64 (n, v)."""
    flux = flux_before_lensing(scene, systems)
    shines = is_lens(scene, systems)[:, None] & (flux > 0)
    return np.where(shines, measured[..., 0].sum(2) / np.where(shines, flux, 1.0), np.nan)


def arc_snr(scene, systems, measured):
    """Signal to noise of the lensed source, over all pixels and bands, which add in quadrature; float64 (n, v).

    sqrt(sum of source^2 / variance), with the photons of the lens light in the variance.
    """
    return np.where(is_lens(scene, systems)[:, None], np.sqrt(measured[..., 1].sum(2)), np.nan)


def band_arc_snr(scene, systems, measured):
    """Signal to noise of the lensed source in each band by itself, float64 (n, v, b)."""
    return np.where(is_lens(scene, systems)[:, None, None], np.sqrt(measured[..., 1]), np.nan)


def effective_einstein_radius(scene, systems):
    """The Einstein radius of all deflectors together about the main one [arcsec], float64 (n,); NaN without any.

    The radius within which the mean convergence is 1; 0 where there is none.
    """
    n, main = len(systems.indices), systems.lens_mass[0]
    guess = np.nan_to_num(main["theta_E"], nan=1.0) if "theta_E" in main else np.ones(n)
    x, y = (np.nan_to_num(main.get(name, np.zeros(n))) for name in ("center_x", "center_y"))
    radius = einstein_radius(tracer(scene, systems), x, y, guess)
    return np.where(_has(scene, "lens_mass", systems), radius, np.nan)


def image_separation(scene, systems):
    """The largest distance between two images of the first source component's centre [arcsec], float64 (n, v)."""
    out = np.empty((len(systems.indices), systems.views.n))
    half = 0.5 * max(scene.num_pix[name] * instrument.pixel_scale for name, instrument in scene.bands.items())
    trace = tracer(scene, systems)
    for v in range(systems.views.n):
        x, y = (np.nan_to_num(systems.source[0][name][:, v]) for name in ("center_x", "center_y"))
        out[:, v] = lens_equation.image_separation(lens_equation.image_positions(trace, x, y, half))
    return np.where(is_lens(scene, systems)[:, None], out, np.nan)
