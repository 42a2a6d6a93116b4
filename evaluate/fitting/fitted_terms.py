"""A fitted lens in lenstronomy's terms: the lens, its light, and the source as an image of a galaxy."""

import math

import numpy as np

from ...simulate.profiles.registry import LIGHT, LIGHT_PARAMETERS, MASS
from ...simulate.systems.amplitudes import with_amplitude
from .free_parameters import SIZE, X, Y
from .image_model import inverse_variance
from .lens_light import not_too_flat
from .refine import ALL


def fitted_terms(model, observed, found, scene, band=0):
    """kwargs_model, kwargs_lens, kwargs_source and kwargs_lens_light of a fit, in band number `band` of the scene.

    Args: model: `image_model.ImageModel`. observed: `image_model.Observed`. found: its `refine.Refined`. scene: theirs.
    """
    free = model.free
    light = [part for parts in _light(free, found.parameters[free.of_light], scene, band) for part in parts]
    return {
        "kwargs_model": {
            "lens_model_list": list(free.profiles),
            "source_light_model_list": ["INTERPOL"],
            "lens_light_model_list": [name for name, _ in light],
        },
        "kwargs_lens": fitted_lens(free, found.parameters),
        "kwargs_source": [fitted_source(model, observed, found, band)],
        "kwargs_lens_light": [values for _, values in light],
    }


def fitted_lens(free, parameters):
    """The kwargs_lens of parameters (p,) of `free_parameters.FreeParameters`."""
    lens = [dict(constants) for constants in free.constants]
    for (k, name), value in zip(free.places, parameters, strict=False):
        lens[k][name] = float(value)
    return [
        {p.name: values[p.name] for p in MASS[profile].parameters if p.name in values}
        for profile, values in zip(free.profiles, lens, strict=True)
    ]


def fitted_source(model, observed, found, band=0):
    """The source of a fit as an INTERPOL profile: its image in a band in counts/s/arcsec^2, with all components."""
    p = found.parameters
    cleaned = observed._replace(image=np.where(observed.good, observed.image, 0.0))
    weights = inverse_variance(cleaned, found.model)
    amounts = model.posterior(cleaned, weights, p, ALL, derivatives=False).coefficients
    stamp = model.shapes.of_band(band)[:, :, : len(amounts) + 1] @ np.append(1.0, amounts)
    return source_of(stamp, model.shapes.R_half, p, math.exp(p[model.of_flux[band]]))


def source_of(stamp, R_half, p, flux):
    """A source as an INTERPOL profile in the unit of a flux, an arcsec^2.

    Args: stamp: (side, side), for a flux of 1. R_half: of the mean galaxy on it [stamp pixels]. p: parameters of the
        fit, (p,). flux: of the source.
    """
    pixel = math.exp(p[SIZE]) / R_half
    values = {"amp": 1.0, "phi_G": 0.0, "scale": float(pixel), "center_x": float(p[X]), "center_y": float(p[Y])}
    return {"image": stamp * (flux / pixel**2)} | values


def _light(free, values, scene, band):
    """The parts of each component of the lens's light, pairs of a name and parameters."""
    for k, constants in enumerate(free.light_constants):
        own = {name: np.full((1, 1), value) for name, value in constants.items()}
        own |= {name: np.full((1, 1), values[p]) for p, (number, name) in enumerate(free.light) if number == k}
        component = scene.config.lens_light[k]
        for name, drawn in LIGHT[component.profile].parts(with_amplitude(scene, component, not_too_flat(own))):
            at = {n: drawn[n][0, 0] for n in LIGHT_PARAMETERS[name]}
            yield [(name, {n: float(v[band] if np.ndim(v) else v) for n, v in at.items()})]
