"""Refined estimates of a run handed on to other programs: COOLEST files, DS9 regions, scripts for lenstronomy."""

import numpy as np
from threadpoolctl import threadpool_limits

from ..errors import DataError
from ..progress import Stopped, bar
from ..simulate.bridge import to_lenstronomy
from ..simulate.exchange.coolest_bridge import of_scene
from ..simulate.exchange.coolest_profiles import check_has_counterpart
from ..simulate.exchange.region_file import ImagePixels, outlines, write_regions
from ..simulate.selection import draw
from ..simulate.systems.draw import Views, rows_of
from .fitting.fit_files import write_fit
from .fitting.fitted_terms import fitted_terms
from .fitting.image_model import Observed, image_model, joined
from .fitting.refine import refine

TOLD = ("start", "chi2", "agreeing", "converged")  # of the table, in the file's meta


def check_exportable(scene):
    """Refuse a scene whose lenses COOLEST has no counterpart of, with a DataError."""
    for k, component in enumerate(scene.config.lens_mass):
        check_has_counterpart(component.profile, f"--export: simulate.lens_mass.{k}")
    if scene.config.lens_mass[0].profile not in ("EPL", "SIE", "SIS"):
        raise DataError("--export: the first deflector has no theta_E; expected EPL, SIE or SIS")


def export_refined(folder, fits, table, stop=lambda: False):
    """Write lens_INDEX.json with its images (COOLEST), .reg (DS9) and .py (lenstronomy) of each refined lens.

    Of several bands each has its own, lens_INDEX_BAND.json, ..., with the same lens: COOLEST has one image in a file.

    Each is fitted once more, from the estimate with the highest posterior of all starts, as its source is in no table.

    Args:
        folder: to write to, there already, a `Path`. fits: `fitting.fitted_systems.Fits`.
        table: of `tasks.refined.refine_lenses`. stop: asked before every lens.

    Returns: sentences on lenses that were not written. Raises: DataError as `check_exportable`; Stopped; OSError.
    """
    check_exportable(fits.scene)
    names, said = fits.free.names()[: len(fits.free.places)], []
    known = table[np.isfinite(table[names]).all(axis=1)]
    best = known.loc[known.groupby("index").log_posterior.idxmax()]
    left = sorted(set(table["index"]) - set(best["index"]))
    said += [f"lens {index} is not exported: it could not be fitted" for index in left]
    with bar("exporting", len(best)) as progress, threadpool_limits(1):
        for n, (_, row) in enumerate(best.iterrows()):
            if stop():
                raise Stopped(f"stopped the export at {n} of {len(best)}")
            try:
                _export(folder, fits, row, np.array([[row[name] for name in names]], float))
            except DataError as error:
                said.append(f"lens {row['index']} is not exported: {error}")
            progress.update(n + 1)
    return said


def _export(folder, fits, row, proposal):
    """Write the files of one lens. row: of the table. proposal: the parameters of the lens, (1, p)."""
    scene, free, index = fits.scene, fits.free, int(row["index"])
    systems = rows_of(draw(scene, np.array([index], np.uint64), Views()), [0])
    of_bands = [to_lenstronomy(scene, systems, 0, band=b) for b in range(len(scene.bands))]
    model = image_model(scene, free, fits.shapes, {name: values[0, 0] for name, values in systems.optics.items()})
    observed = _observed(of_bands)
    found = refine(model, observed, proposal)
    if not np.isfinite(found.parameters).all():
        raise DataError("it could not be fitted again")
    n = len(free.places)
    covariance = found.covariance[:n, :n] * np.outer(fits.error_scales, fits.error_scales)
    meta = {"index": index} | {t: _plain(row[t]) for t in TOLD}
    for b, (band, terms) in enumerate(zip(scene.bands, of_bands, strict=True)):
        name = f"lens_{index}" if len(scene.bands) == 1 else f"lens_{index}_{band}"
        described = of_scene(scene, band)._replace(mode="MAP", meta=meta)
        own = terms | fitted_terms(model, observed, found, scene, b)
        write_fit(folder, name, own, described, [*zip(free.places, found.parameters, strict=False)], covariance)
        lines = outlines(own["kwargs_model"]["lens_model_list"], own["kwargs_lens"])
        pixels = ImagePixels(own["kwargs_data"]["image_data"].shape, scene.bands[band].pixel_scale)
        write_regions(folder, name, lines, pixels)


def _observed(of_bands):
    """The image of all bands with its noise, as a fit takes it, of terms of lenstronomy for each."""
    data = [terms["kwargs_data"] for terms in of_bands]
    images = [own["image_data"] for own in data]
    good = [terms.get("likelihood_mask", np.ones(own.shape, bool)) for terms, own in zip(of_bands, images, strict=True)]
    noise = [[own[name] for own in data] for name in ("background_rms", "exposure_time")]
    if len(data) == 1:
        return Observed(images[0], noise[0][0], noise[1][0], good[0])
    sizes = [own.size for own in images]
    image, good = (joined([own.ravel() for own in of]) for of in (images, good))
    return Observed(image, *(np.repeat(of, sizes) for of in noise), good)


def _plain(value):
    return value.item() if hasattr(value, "item") else value
