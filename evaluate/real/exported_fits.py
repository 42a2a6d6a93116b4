"""Fits of real lenses handed on to other programs: COOLEST files, regions of DS9, scripts for lenstronomy, tables."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...files.astropy_tables import write as write_table
from ...files.lens_names import file_names
from ...files.whole import folder_for
from ...simulate.exchange.coolest_bridge import of_scene
from ...simulate.exchange.region_file import ImagePixels, Outlines, outlines, write_regions
from ..fitting.fit_files import write_fit
from ..fitting.fitted_terms import fitted_lens, source_of
from ..fitting.free_parameters import FLUX
from ..show.lens_pages import OF_FITS
from .exported import columns_in_words, on_sky, pixels_of_file
from .lens_fits import UNMODELLED, kernel_used, scale_of

TOLD = ("chi2", "agreeing", "flags", "found")  # of the row, in the file's meta
COLUMNS = {
    "chi2": ("", "chi2 of a pixel"),
    "magnification": ("", "of the source by the lens, within the image"),
    "images": ("", "how many images of the source's middle lie within the image"),
    "light_left": ("", "how much of the lens's light is left, over what models of galaxies usually leave"),
    "agreeing": ("", "share of the ascents that came to the same maximum"),
    "seconds": ("s", "that the fit took"),
    "found": ("", "what was measured of each flag"),
    "error": ("", "why the lens could not be refined"),
}


class Exporting(NamedTuple):
    """Where fits are written to, and what is known of the files that they are of."""

    folder: Path
    facts: dict  # name of a lens -> `file_facts.FileFacts`, or None
    names: dict  # name of a lens -> NAME of its files

    def has(self, name):
        """Whether all files of a lens are there: the script is the last."""
        return all((self.folder / f"{self.names[name]}{suffix}").is_file() for suffix in (".json", ".py"))


def exporting(folder, cutouts):
    """The `Exporting` of the lenses of some `cutouts.Cutout` to FOLDER/refined, which is made."""
    names = [cutout.name for cutout in cutouts]
    facts = {cutout.name: cutout.facts for cutout in cutouts}
    return Exporting(folder_for(Path(folder) / OF_FITS), facts, dict(zip(names, file_names(names), strict=True)))


def export_fit(to, fits, image, fit, row):
    """Write NAME.json with its images (COOLEST), NAME.reg and NAME_caustics.reg (DS9), and NAME.py (lenstronomy).

    The image is the one that was fitted, without the light of the lens, and noise is what the fit took for it, in the
    unit of the file. The model is in the frame of that image; regions are in pixels of the file, and on the sky where
    its place is known.

    Args: to: `Exporting`. fits: `lens_fits.LensFits`. image: `fit_images.FitImage`. fit: its `lens_fits.LensFit`.
        row: of the table, as of `refined_lenses.refine_lenses`.

    Raises: DataError for a lens that COOLEST has not, such as one with a slope of 3.4; OSError.
    """
    name, free, found = to.names[image.name], fit.free, fit.found
    n, terms = len(free.places), fitted_terms_of(fits, image, fit)
    own = ImagePixels(image.image.shape, image.pixel_scale)
    of_file = pixels_of_file(to.facts[image.name]) or own
    if of_file.centre is not None and of_file.orientation is not None:
        own = own._replace(centre=_moved(of_file, image.middle), orientation=of_file.orientation)
    place, cards = on_sky(own)
    meta = {"name": image.name, "units": "those of the image's file"} | {key: row[key] for key in TOLD}
    meta |= {"converged": bool(found.converged)}
    meta |= {"noise": f"with {UNMODELLED:.0%} of the arcs' light, which no model of a galaxy is right to"}
    meta |= {"middle of the pixels from that of the file's [arcsec]": [float(at) for at in image.middle]}
    told = {"gain": 1.0, "zero_point": None, "exposure_time": None, "mode": "MAP", "meta": meta}
    described = of_scene(fits.scene)._replace(**told, **place)
    scales = fits.error_scales * fit.broad
    covariance = found.covariance[:n, :n] * np.outer(scales, scales)
    fitted = [*zip(free.places, found.parameters[:n], strict=True)]
    write_regions(to.folder, name, _outlines(terms, image.middle), of_file)
    write_fit(to.folder, name, terms, described, fitted, covariance, cards)


def fitted_terms_of(fits, image, fit):
    """A fit in lenstronomy's terms, as `bridge.to_lenstronomy` has them: in the unit of the file.

    Rays are those of the fit. Arguments are those of `export_fit`.
    """
    free, found, observed, scale = fit.free, fit.found, fit.observed, scale_of(fits, image)
    kernel, fine = kernel_used(fits, image)
    first = 0.5 * (1 - len(image.image)) * image.pixel_scale
    data = {
        "image_data": np.where(observed.good, observed.image - found.light, 0.0) / scale,
        "noise_map": observed.background / scale,
        "ra_at_xy_0": first,
        "dec_at_xy_0": first,
        "transform_pix2angle": image.pixel_scale * np.eye(2),
    }
    model = {"source_light_model_list": ["INTERPOL"], "lens_light_model_list": []}
    finer = {"point_source_supersampling_factor": fine} if fine > 1 else {}
    flux = np.exp(found.parameters[FLUX]) / scale
    return {
        "kwargs_model": {"lens_model_list": list(free.profiles)} | model,
        "kwargs_lens": fitted_lens(free, found.parameters),
        "kwargs_source": [source_of(fit.stamp, fit.R_half, found.parameters, flux)],
        "kwargs_lens_light": [],
        "kwargs_data": data,
        "likelihood_mask": observed.good,
        "kwargs_psf": {"psf_type": "PIXEL", "kernel_point_source": kernel} | finer,
        "kwargs_numerics": {
            "supersampling_factor": max(fine, 2),
            "supersampling_convolution": fine > 1,
            "supersampling_kernel_size": None,
        },
    }


def write_tables(folder, table, parameters):
    """Write refined.ecsv and refined.vot: the table with units and descriptions. parameters: names of the lens's."""
    words = columns_in_words(table, parameters) | {name: said for name, said in COLUMNS.items() if name in table}
    for name in parameters:
        unit, meaning = words[name]
        alone = {f"{name}_shearless": (unit, f"{meaning}, of a lens without shear")}
        alone |= {f"{name}_shearless_std": (unit, f"standard deviation of {name}_shearless")}
        words |= {column: said for column, said in alone.items() if column in table}
    for suffix in (".ecsv", ".vot"):
        write_table(Path(folder) / f"refined{suffix}", table, words, {"written by": "LenStream"})


def _outlines(terms, middle):
    """The `Outlines` of a lens, from the middle of its file's array; middle: that of the fit's pixels from there."""
    lines = outlines(terms["kwargs_model"]["lens_model_list"], terms["kwargs_lens"])
    moved = [[line._replace(x=line.x + middle[0], y=line.y + middle[1]) for line in own] for own in lines]
    return Outlines(*moved)


def _moved(pixels, by):
    """Right ascension and declination [deg] of a place x, y [arcsec] from the centre of `ImagePixels`."""
    from astropy import units
    from astropy.coordinates import SkyCoord

    angle = pixels.orientation.position_angle_of_x + pixels.orientation.sense * np.arctan2(by[1], by[0])
    centre = SkyCoord(*pixels.centre, unit="deg")
    place = centre.directional_offset_by(angle * units.rad, np.hypot(*by) * units.arcsec)
    return float(place.ra.deg), float(place.dec.deg)
