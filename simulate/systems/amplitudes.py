"""How bright a galaxy is: flux, magnitude and amplitude in every band, from its drawn parameters."""

import numpy as np

from ...configs.components import DOUBLE_SERSIC, INTERPOL
from ..detector.instrument import counts_per_second
from ..profiles import sersic


def with_amplitude(scene, component, values):
    """`values` with what follows from them: amp [counts/s/arcsec^2] of each band, and the scale of a stamp [arcsec].

    amp has one more axis than the rest, for the bands. For a DOUBLE_SERSIC it is the disc's; amp_bulge is the bulge's.
    """
    flux = np.stack(band_fluxes(scene, component, values), axis=-1)
    if isinstance(component, INTERPOL):
        scale = values["R_half"] / scene.stamps.R_half[values["stamp"].astype(np.int64)]
        return values | {"scale": scale, "amp": flux / scale[..., None] ** 2}
    flux_per_amp = sersic.total_flux(values["R_sersic"], values["n_sersic"])[..., None]
    if isinstance(component, DOUBLE_SERSIC):
        share = values["bulge_fraction"][..., None]
        bulge_flux_per_amp = sersic.total_flux(values["R_bulge"], values["n_bulge"])[..., None]
        return values | {"amp": (1.0 - share) * flux / flux_per_amp, "amp_bulge": share * flux / bulge_flux_per_amp}
    return values | {"amp": flux / flux_per_amp}


def band_fluxes(scene, component, values):
    """The total flux [counts/s] of a light component in each band: a list of arrays of the shape of its magnitude."""
    return [
        counts_per_second(band_magnitude(scene, component, values, b), instrument.magnitude_zero_point)
        for b, instrument in zip(scene.band_numbers, scene.bands.values(), strict=True)
    ]


def band_magnitude(scene, component, values, b):
    """The magnitude of a light component in band number `b` of the simulation: that in the first, and the colours."""
    if b == 0:
        return values["magnitude"]
    magnitude = values["magnitude"] + values[f"color_{scene.band_names[b]}"]
    if isinstance(component, INTERPOL) and scene.stamps.magnitude.shape[1] > 1:
        own = scene.stamps.magnitude[np.nan_to_num(values["stamp"]).astype(np.int64)]
        magnitude = magnitude + np.nan_to_num(own[..., b] - own[..., 0])
    return magnitude
