"""Predictions of real lenses handed on to other programs: COOLEST files, regions of DS9, tables with units."""

from typing import NamedTuple

import numpy as np

from ...configs import quantities
from ...configs.names import plain_names
from ...errors import DataError
from ...files.astropy_tables import write as write_table
from ...files.coolest_files import write_coolest
from ...files.fits_writing import card
from ...files.lens_names import file_names
from ...simulate.bridge import psf_and_rays
from ...simulate.exchange.coolest_bridge import of_scene
from ...simulate.exchange.coolest_profiles import check_has_counterpart
from ...simulate.exchange.coolest_template import Described, coolest_template, normal_samples
from ...simulate.exchange.region_file import ImagePixels, outlines, write_regions
from ...simulate.selection import draw

MEAN_OF = 256  # systems, for what is not predicted
ALONE = {"EPL": {"theta_E": np.nan, "gamma": 2.0, "e1": 0.0, "e2": 0.0, "center_x": 0.0, "center_y": 0.0}}
SHEARED = {"SHEAR": {"gamma1": 0.0, "gamma2": 0.0}}
SUFFIXES = {
    "std": "standard deviation",
    "low_68": "lower end of the 68 % interval",
    "high_68": "upper end of the 68 % interval",
    "low_95": "lower end of the 95 % interval",
    "high_95": "upper end of the 95 % interval",
    "published": "published value",
    "difference": "predicted minus published",
    "label": "label of the file",
}


class PredictedLens(NamedTuple):
    """The lens that predictions describe, and the images that show it."""

    profiles: list[str]  # of lenstronomy
    values: list[dict]  # of each profile, where nothing is predicted
    places: dict  # target -> (number of the profile, parameter)
    bands: list  # what a template says of each band: (its terms of lenstronomy, `Described`)

    def not_predicted(self):
        """The names of parameters that no prediction gives."""
        return [name for name, place in plain_names(self.values).items() if place not in self.places.values()]

    def placed(self, of_targets, among=None):
        """Values of targets by name in the places of their parameters: a dict for each profile, among other values."""
        out = [dict(values) for values in among or [{}] * len(self.profiles)]
        for target, (k, name) in self.places.items():
            out[k][name] = of_targets[target]
        return out


def predicted_lens(scene, targets, bands=("",)):
    """The `PredictedLens` of a run's predictions; of what is not predicted it has the population's mean.

    scene: of the run; None where nothing is simulated: the lens is then an isothermal power law in the centre, and
        `bands` are the names of those of the images.

    Raises: DataError for a lens without a theta_E, or with a profile that COOLEST has not.
    """
    if scene is None:
        values = ALONE | (SHEARED if "gamma1" in targets else {})
        if "theta_E" not in targets:
            raise DataError("--export: theta_E is not among the predictions (evaluate.targets), and makes the lens")
        profiles, values = list(values), list(values.values())
    else:
        drawn = draw(scene, np.arange(MEAN_OF)).lens_mass
        profiles = [component.profile for component in scene.config.lens_mass]
        values = [{name: float(np.mean(held)) for name, held in of.items()} for of in drawn]
    for k, profile in enumerate(profiles):
        check_has_counterpart(profile, f"--export: simulate.lens_mass.{k}")
    if "theta_E" not in values[0]:
        raise DataError(f"--export: the first deflector is a {profiles[0]} without a theta_E; expected EPL, SIE or SIS")
    places = {t: at for t, at in plain_names(values).items() if t in targets}
    return PredictedLens(profiles, values, places, _of_bands(scene, bands))


def _of_bands(scene, names):
    """PSF and rays of each band of the run's simulation, and what a template says of all its lenses."""
    if scene is None:
        return [({}, Described(band=name)) for name in names]
    systems = draw(scene, np.arange(1))
    own = {"gain": 1.0, "zero_point": None, "exposure_time": None}  # those of the image's file are not known
    return [
        (psf_and_rays(scene, systems, 0, band=b), of_scene(scene, name)._replace(**own))
        for b, name in enumerate(scene.bands)
    ]


def export_predictions(folder, lens, cutouts, predicted, drawn, table):
    """Write NAME.json with its images (COOLEST) and regions (DS9) of each lens, and table.ecsv and .vot.

    Of several bands each has a file of its own, NAME_BAND.json, with the same lens: COOLEST has one image in a file.
    Regions are NAME.reg, NAME_sky.reg, and NAME_caustics.reg, NAME_caustics_sky.reg. All is in the frame of the array,
    but the table.

    Args:
        folder: to write to, there already, a `Path`. lens: `PredictedLens`.
        cutouts: list of `cutouts.Cutout`. predicted: target -> (mean (n,), standard deviation (n,)).
        drawn: samples (n, s, t) of posteriors, or None: errors are then normal. table: of `published.prediction_table`.

    Returns: sentences on lenses that could not be written, as no lens has the values that are predicted of them.
    Raises: DataError where nothing tells the size of pixels; OSError.
    """
    targets, names, said = list(predicted), file_names([c.name for c in cutouts]), []
    for i, cutout in enumerate(cutouts):
        if cutout.pixel_scale is None:
            raise DataError(f"--export: nothing says how large the pixels of {cutout.name} are, in arcsec")
        values = {t: float(mean[i]) for t, (mean, _) in predicted.items()}
        errors = {t: float(sigma[i]) for t, (_, sigma) in predicted.items()}
        samples = normal_samples(values, errors) if drawn is None else dict(zip(targets, drawn[i].T, strict=True))
        meta = {"units": "those of the image's file", "name": cutout.name, "flags": str(table["flags"].iloc[i])}
        meta["not predicted, but the mean of the population"] = lens.not_predicted()
        try:
            _write_coolest(folder, names[i], lens, cutout, values, samples, meta)
        except DataError as error:
            said.append(f"{cutout.name} is not exported: {error}")
            continue
        pixels = pixels_of_file(cutout.facts) or ImagePixels(cutout.image.shape[-2:], cutout.pixel_scale)
        write_regions(folder, names[i], outlines(lens.profiles, lens.placed(values, lens.values)), pixels)
    for suffix in (".ecsv", ".vot"):
        write_table(folder / f"table{suffix}", table, columns_in_words(table, targets), {"written by": "LenStream"})
    return said


def _write_coolest(folder, name, lens, cutout, values, samples, meta):
    """Write the template of a lens in each band. values, samples: of targets, by name.

    Raises: DataError for what COOLEST has not.
    """
    model = {"lens_model_list": lens.profiles, "source_light_model_list": [], "lens_light_model_list": []}
    own = {"kwargs_model": model, "kwargs_lens": lens.placed(values, lens.values)}
    own |= {"kwargs_source": [], "kwargs_lens_light": []}
    facts, pixels = cutout.facts, ImagePixels(cutout.image.shape[-2:], cutout.pixel_scale)
    if facts is not None:
        pixels = pixels._replace(centre=facts.centre, orientation=facts.orientation)
    place, cards = on_sky(pixels)
    for b, (terms, described) in enumerate(lens.bands):
        told = described._replace(mode="MAP", meta=meta, **place)
        all_terms = own | terms | {"kwargs_data": _data(cutout, b)} | _mask(cutout, b)
        template = coolest_template(all_terms, told, {"kwargs_lens": lens.placed(samples)})
        of_band = name if len(lens.bands) == 1 else f"{name}_{described.band or b + 1}"
        write_coolest(folder / f"{of_band}.json", *template, cards)


def columns_in_words(table, targets):
    """Unit and description of the columns of a table of predictions: column -> (unit, description)."""
    out = {"name": ("", "of the image"), "flags": ("", "what is doubtful"), "masked": ("", "fraction of filled pixels")}
    out["frame"] = ("", "of ellipticities, shears, offsets and angles")
    for target in targets:
        found = quantities.find(target)
        unit, meaning = (found.unit, found.meaning) if found is not None else ("", target)
        out[target] = unit, meaning
        out |= {f"{target}_{suffix}": (unit, f"{words} of {target}") for suffix, words in SUFFIXES.items()}
    return {name: said for name, said in out.items() if name in table}


def _data(cutout, band):
    """kwargs_data of a cut-out in one of its bands."""
    image, noise = (np.asarray(a, float).reshape(-1, *a.shape[-2:])[band] for a in (cutout.image, cutout.noise))
    first = -(len(image) - 1) / 2 * cutout.pixel_scale
    place = {"ra_at_xy_0": first, "dec_at_xy_0": first, "transform_pix2angle": cutout.pixel_scale * np.eye(2)}
    return {"image_data": image, "noise_map": noise} | place


def _mask(cutout, band):
    """Which pixels of a band count; {} where that is not known."""
    if cutout.filled is None:
        return {}
    filled = np.broadcast_to(cutout.filled, cutout.image.shape)
    return {"likelihood_mask": ~filled.reshape(-1, *filled.shape[-2:])[band]}


def pixels_of_file(facts):
    """The `ImagePixels` of a file of which there are `file_facts.FileFacts`; None without these."""
    if facts is None:
        return None
    shape = round(facts.height / facts.pixel_scale), round(facts.width / facts.pixel_scale)
    return ImagePixels(shape, facts.pixel_scale, facts.centre, facts.orientation)


def on_sky(pixels):
    """Where `ImagePixels` are: what a template says of it, and cards of its images; {} and () if that is not known."""
    if pixels.orientation is None or pixels.centre is None:
        return {}, ()
    from astropy.coordinates import SkyCoord

    right_ascension, declination = pixels.centre
    words = SkyCoord(right_ascension, declination, unit="deg").to_string("hmsdms").split(" ")
    scale, middle = pixels.scale / 3600.0, (pixels.shape[-1] + 1) / 2
    along_x = pixels.orientation.position_angle_of_x
    along_y = along_x + pixels.orientation.sense * np.pi / 2
    keys = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg", "RADESYS": "ICRS"}
    keys |= {"CRPIX1": middle, "CRPIX2": middle, "CRVAL1": right_ascension, "CRVAL2": declination}
    for k, angle in ((1, along_x), (2, along_y)):
        keys |= {f"CD1_{k}": scale * np.sin(angle), f"CD2_{k}": scale * np.cos(angle)}
    return {"origin": tuple(words)}, [card(key, value) for key, value in keys.items()]
