"""Simulated systems as files of COOLEST, the standard of lens models."""

from pathlib import Path

import numpy as np

from ...files.coolest_files import write_coolest
from ..bridge import to_lenstronomy
from .coolest_template import Described, coolest_template


def to_coolest(path, scene, systems, i, view=0, band=0):
    """Write system number `i` of a batch as a COOLEST file: its model, image, noise and PSF. The paths of all files.

    Args: path: of the template, NAME.json; images lie beside it as NAME_image.fits, ... The rest is that of
        `bridge.to_lenstronomy`. Units are electrons/s.

    Raises: DataError for profiles that COOLEST has not, such as subhalos; OSError.
    """
    terms = to_lenstronomy(scene, systems, i, view, band)
    name = list(scene.bands)[band]
    described = of_scene(scene, name)._replace(meta={"index": int(systems.indices[i]), "seed": int(scene.seed)})
    return write_coolest(Path(path), *coolest_template(terms, described))


def of_scene(scene, band=None):
    """What is the same for all systems of a scene in one of its bands, by name, as `Described`."""
    name = next(iter(scene.bands)) if band is None else band
    instrument, cosmology = scene.bands[name], scene.config.cosmology
    return Described(
        redshifts=(cosmology.z_lens, cosmology.z_source),
        cosmology=(cosmology.H0, cosmology.Om0),
        gain=instrument.gain,
        zero_point=float(instrument.magnitude_zero_point + 2.5 * np.log10(instrument.gain)),
        exposure_time=float(instrument.exposure_time),
        instrument=scene.config.band_observations()[name].instrument or "",
        band=name,
    )
