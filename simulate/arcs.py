"""Measurements of the lensed source: flux, magnification, signal to noise, image separation; and Einstein radii.

Every quantity is defined here once, for labels and for selections; it is NaN where a system has no deflector or no
source. `measured` is `Rendered.arcs` of `render.render_all(..., arcs=True)`.
"""

from dataclasses import replace

import numpy as np

from ..configs.components import DEFLECTION_MAP
from . import einstein_radius, lens_equation, power_laws
from .render import tracer
from .systems.amplitudes import band_fluxes
from .systems.draw import present, rows_of

CENTRE = ("center_x", "center_y")
PERTURBATIONS = ("SHEAR", "CONVERGENCE", "MULTIPOLE")  # deflectors that have no mass around their centre


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


def mean_kappa_radius(scene, systems):
    """The Einstein radius by mean convergence [arcsec], float64 (n,); 0 where there is none, NaN without a deflector.

    Of the circle about the main deflector in which the mean convergence of all mass is 1: all deflectors, mass sheets
    and subhalos enter, shear does not.
    """
    closed_form = power_laws.power_laws(scene, systems) & ~_has_subhalos(systems)
    return _radii(scene, systems, closed_form, power_laws.mean_kappa_radius, _mean_kappa_radius)


def _mean_kappa_radius(scene, systems):
    x, y = centre(scene, systems)
    guess = _of_main(scene, "lens_mass", systems, "theta_E", 1.0)
    return einstein_radius.mean_kappa_radius(
        tracer(scene, systems), x, y, guess, lambda rows: tracer(scene, rows_of(systems, rows))
    )


def critical_area_radius(scene, systems):
    """The Einstein radius by area of the critical curve [arcsec], float64 (n,); 0 or NaN as for `mean_kappa_radius`.

    sqrt(A / pi) of the tangential critical curve around the main deflector, of all of `lens_mass`: shear, mass sheets,
    multipoles and further deflectors enter. Subhalos do not, as each has a small critical curve of its own.
    """
    smooth = replace(systems, halos=())
    closed_form = power_laws.power_laws(scene, systems)
    return _radii(scene, smooth, closed_form, power_laws.critical_curve_radius, _critical_area_radius)


def _critical_area_radius(scene, systems):
    (x, y), guess = centre(scene, systems), mean_kappa_radius(scene, systems)
    guess = np.where(guess > 0, guess, _of_main(scene, "lens_mass", systems, "theta_E", 1.0))
    return einstein_radius.critical_curve_radius(
        tracer(scene, systems), x, y, guess, lambda rows: tracer(scene, rows_of(systems, rows))
    )


def _radii(scene, systems, closed_form, in_closed_form, by_search):
    """Einstein radii, (n,), of the systems `closed_form` in the one way and of others in the other; NaN of no lens."""
    radius, there = np.full(len(systems.indices), np.nan), _has(scene, "lens_mass", systems)
    for rows, radius_of in ((there & closed_form, in_closed_form), (there & ~closed_form, by_search)):
        if rows.any():
            radius[rows] = radius_of(scene, systems if rows.all() else rows_of(systems, np.flatnonzero(rows)))
    return radius


def _has_subhalos(systems):
    """Which systems have any, bool (n,)."""
    return np.any([np.diff(halos.first) > 0 for halos in systems.halos], axis=0)


def image_separation(scene, systems):
    """The largest distance between two images of the main source component's centre [arcsec], float64 (n, v)."""
    out = np.empty((len(systems.indices), systems.views.n))
    half = 0.5 * max(scene.num_pix[name] * instrument.pixel_scale for name, instrument in scene.bands.items())
    trace = tracer(scene, systems)
    x, y = (_of_main(scene, "source", systems, name) for name in ("center_x", "center_y"))
    for v in range(systems.views.n):
        out[:, v] = lens_equation.image_separation(lens_equation.image_positions(trace, x[:, v], y[:, v], half))
    return np.where(is_lens(scene, systems)[:, None], out, np.nan)


def centre(scene, systems):
    """Where the main deflector has its centre: x, y [arcsec], each float64 (n,)."""
    return tuple(_of_main(scene, "lens_mass", systems, name) for name in ("center_x", "center_y"))


def _of_main(scene, group, systems, name, default=0.0):
    """A parameter of the main component of a group; float64 (n,) or (n, v), `default` where it has none.

    Main is the first component that a system's class has; of deflectors the first that is a mass, not a perturbation.
    """
    order = sorted(enumerate(getattr(scene.config, group)), key=lambda c: c[1].profile in PERTURBATIONS)
    there = [present(scene, component, systems.class_number) for _, component in order]
    drawn = [np.transpose(_parameter(scene, group, systems, k, name, default)) for k, _ in order]
    return np.select(there, drawn, default).T


def _parameter(scene, group, systems, k, name, default):
    """A parameter of component `k`; the centre of a deflection map is where it is densest."""
    value = getattr(systems, group)[k].get(name, default)
    if group == "lens_mass" and isinstance(scene.config.lens_mass[k], DEFLECTION_MAP) and name in CENTRE:
        n_before = sum(isinstance(c, DEFLECTION_MAP) for c in scene.config.lens_mass[:k])
        return value + scene.maps[n_before].densest[CENTRE.index(name)]
    return value
