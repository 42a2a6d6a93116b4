"""Real lenses refined one by one, shared between cores, a row for each as it is done."""

import json
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from ...errors import DataError
from ...files.cutout_layout import read_planes
from ...files.cutout_psf import psf_of
from ...files.growing_rows import GrowingRows, rows_so_far
from ...files.lens_names import file_names
from ...files.whole import folder_for
from ...locking import locked
from ...progress import Stopped, bar
from ..fitting.coolest_start import CoolestStart
from . import fit_figure, flags
from .cutouts import input_scale, with_light_as_asked
from .exported_fits import export_fit
from .fit_doubts import NetworkValue, doubts_of_fit, images_of
from .fit_images import fit_image
from .lens_fits import fit_lens, population_proposals, posterior_proposals

PROPOSALS = 32  # of the network's posterior
BESIDE = 16  # of the population, as a network may be wrong
FITS = 1.1  # chi2 of a pixel, below which a fit leaves little but noise
SEED = 5
SEPARATOR = flags.SEPARATOR


class RealFiles(NamedTuple):
    """Real lenses that are refined."""

    files: list  # of `files.file_groups.LensFiles`
    # name -> target -> (s,): of a network's posterior, in the frame of the array; or a function from the
    # `FreeParameters` of a fit to lenses where it begins. Without the name of a lens it begins with the population
    samples: dict
    bands: tuple  # names of the network's bands
    pixel_scale: float | None  # of the files [arcsec]; None: as their headers say
    lens_light: str = "subtract"  # as of `configs.schema.RealLenses`


def refine_lenses(fits, lenses, folder, threads=1, stop=lambda: False, export=None):
    """The table of refined lenses, one row each, in the order of their files; of one name the first counts.

    Args: fits: `lens_fits.LensFits`. lenses: `RealFiles`. folder: gets refined.jsonl, which gains a row as each lens is
        done, and from which stopped work goes on, and lenses/NAME.png. stop: asked before every lens. export:
        `exported_fits.Exporting`, to which each fit is written as it is done; None: none is.

    Columns: name; of each parameter of the lens its value and NAME_std, in the frame of the array; chi2, magnification,
    images, light_left, agreeing, seconds; flags, and found, what was measured of each. What could not be fitted has
    NaN; what could not be read has an error. With an export not_exported says why a lens is not, else nothing.

    Raises: Stopped; DataError while another process refines to that folder.
    """
    pictures = folder_for(folder / "lenses")
    with locked(pictures, "give another folder (--out)"):
        return _refined(fits, lenses, folder / "refined.jsonl", pictures, threads, stop, export)


def _refined(fits, lenses, path, pictures, threads, stop, export):
    """The table of `refine_lenses`; path: of the rows so far. pictures: folder."""
    wanted = {lens.name: lens for lens in reversed(lenses.files)}  # the first of each name
    called = dict(zip(reversed(wanted), file_names(reversed(wanted)), strict=True))
    prior = _prior_key(fits)
    keys = {name: _key(prior, lenses, lens) for name, lens in wanted.items()}
    rows = [row for row in rows_so_far(path) if row.get("name") in keys and row.get("key") == keys[row["name"]]]
    rows = [row for row in rows if export is None or _is_exported(export, row)]
    done = {row["name"]: row for row in rows}
    lock = threading.Lock()
    with GrowingRows(path, rows) as kept, bar("refining", len(wanted), len(done)) as progress:

        def work(lens):
            if stop() or lens.name in done:
                return
            row, fit, image = _row(fits, lenses, lens)
            row["key"] = keys[lens.name]
            with lock:  # pictures are no work for threads
                if fit is not None:
                    values = fit.of_lens(fits.error_scales)
                    fit_figure.draw(fit, image, values, _flags(row), pictures / f"{called[lens.name]}.png")
                if export is not None:
                    row |= _exported(export, fits, image, fit, row)
                kept.add(row)
                done[lens.name] = row
                progress.update(len(done), lens.name)

        with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
            for future in [pool.submit(work, lens) for lens in reversed(wanted.values())]:
                future.result()
    if len(done) < len(wanted):
        raise Stopped(f"stopped the refinement at {len(done)} of {len(wanted)}")
    unsaid = {"key", "exported", *(("not_exported",) if export is None else ())}
    return pd.DataFrame([done[name] for name in reversed(wanted)]).drop(columns=unsaid, errors="ignore")


def _exported(export, fits, image, fit, row):
    """Write the fit of a lens, and what its row says of that: where to, and why not if it was not."""
    why = ""
    if fit is None:
        why = "it could not be fitted"
    else:
        try:
            export_fit(export, fits, image, fit, row)
        except DataError as refusal:
            why = str(refusal)
    return {"exported": str(export.folder.resolve()), "not_exported": why}


def _is_exported(export, row):
    """Whether there is nothing to export of a row any more."""
    if row.get("exported") != str(export.folder.resolve()):
        return False
    return bool(row["not_exported"]) or export.has(row["name"])


def _flags(row):
    return [name for name in row["flags"].split(SEPARATOR) if name]


def _prior_key(fits):
    """A number that changes with what a row takes from the run: its population, and how large its errors are."""
    told = [fits.scene.config.model_dump_json(), str(fits.scene.seed), json.dumps(fits.error_scales.tolist())]
    return zlib.crc32(" ".join(told).encode())


def _key(prior, lenses, lens):
    """What a row follows from, as text: the run, its files, what is subtracted, where the fit begins."""
    drawn = lenses.samples.get(lens.name, {})
    begun = drawn.key() if isinstance(drawn, CoolestStart) else callable(drawn)
    means = {} if callable(drawn) else {target: round(float(np.mean(values)), 4) for target, values in drawn.items()}
    files = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in lens.files if path.exists()]
    return json.dumps([prior, files, lenses.lens_light, lenses.pixel_scale, begun, means])


def _row(fits, lenses, lens):
    """The row of a lens, its `lens_fits.LensFit` and `fit_images.FitImage`; None for these where it cannot be read."""
    row, scene = {"name": lens.name}, fits.scene
    largest = scene.instrument.pixel_scale
    field = scene.config.image.num_pix * largest
    try:
        planes = with_light(read_planes(lens.files, lenses.bands), lenses)
        image = fit_image(lens.name, planes, psf_of(lens.files, lenses.bands), largest, field, lenses.pixel_scale)
        drawn = lenses.samples.get(lens.name, {})
        fit = best_fit(fits, image, drawn)  # a start of a file may be refused
    except DataError as error:
        return row | {"flags": "", "found": "", "error": str(error)}, None, None
    network = None
    if not callable(drawn) and "theta_E" in drawn:
        network = NetworkValue(float(np.mean(drawn["theta_E"])), float(np.std(drawn["theta_E"])))
    doubts = doubts_of_fit(fit, image, fits.error_scales, network)
    if image.light is None and fits.free.light:  # lenses of the run have light
        doubts.append(flags.Doubt("light_not_subtracted", ""))
    found, fitted = fit.found, np.isfinite(fit.found.parameters).all()
    for name, (value, sigma) in fit.of_lens(fits.error_scales).items():
        row |= {name: value, f"{name}_std": sigma}
    left = float(np.exp(found.parameters[fit.free.of_remains][0])) if fit.free.remains else np.nan
    half = 0.5 * len(image.image) * image.pixel_scale
    row |= {"chi2": float(found.chi2), "magnification": float(found.magnification)}
    row |= {"images": images_of(fit, half) if fitted else 0, "light_left": left, "agreeing": float(found.agreeing)}
    row |= {"seconds": float(found.seconds), "flags": flags.names(doubts)}
    row |= {"found": SEPARATOR.join(doubt.found for doubt in doubts), "error": ""}
    return row, fit if fitted else None, image


def best_fit(fits, image, samples):
    """The `lens_fits.LensFit` of an image from some samples, as of `proposals`, or the better one from the population.

    That is tried where the first leaves more than noise: a network may lead into a maximum that is none of the lens's.
    """
    fit = fit_lens(fits, image, lambda free: proposals(fits, free, samples))
    if not samples or fit.found.chi2 < FITS:
        return fit
    other = fit_lens(fits, image, lambda free: proposals(fits, free, {}))
    value, of_other = (np.nan_to_num(own.found.log_posterior, nan=-np.inf) for own in (fit, other))
    best = other if of_other > value else fit
    found = best.found._replace(seconds=fit.found.seconds + other.found.seconds)
    return best._replace(found=found, ends=[*fit.ends, *other.ends])


def with_light(planes, lenses):
    """`Planes` with the model of the lens's light that is to be subtracted, as `RealFiles` asks for it."""
    if lenses.lens_light == "as_is":
        return planes._replace(light=None)
    return with_light_as_asked(planes, lenses.lens_light, input_scale(planes.headers, lenses.pixel_scale))


def proposals(fits, free, samples):
    """Lenses where a fit begins, and others of the population beside them; or of that alone.

    samples: of a network's posterior, target -> (s,), or a function from the `FreeParameters` to lenses; {}: neither.
    """
    if callable(samples):
        return np.concatenate([samples(free), population_proposals(fits, free, BESIDE, SEED + 1)])
    if not samples:
        return population_proposals(fits, free, PROPOSALS + BESIDE, SEED)
    first = {target: values[:PROPOSALS] for target, values in samples.items()}
    own = posterior_proposals(fits, free, first, SEED)
    return np.concatenate([own, population_proposals(fits, free, BESIDE, SEED + 1)])
