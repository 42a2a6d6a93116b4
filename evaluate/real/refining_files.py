"""`lenstream predict --refine`: real lenses refined by the simulator of a run, beside published values."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ...errors import DataError, grouped
from ...files.csv_writing import write_csv
from ...files.file_groups import LensFiles
from ...files.lens_names import file_names
from ...files.whole import write_text
from ..fitting.coolest_start import CoolestStart
from ..show.lens_pages import OF_FITS
from . import exported_fits, fit_doubts, flags, frames, published
from .cutouts import fits_files
from .lens_fits import LensFits, check, prepare
from .refined_lenses import RealFiles, refine_lenses
from .simulated_lenses import N_CALIBRATION, error_scales

THREADS = os.cpu_count() or 1
NETWORK, POPULATION = "network", "population"  # where fits begin; anything else is a folder of COOLEST files
KEPT = "real_lens_errors.json"  # in the run's folder
# A lens with shear has about the deflections at theta_E of one without whose e is so much larger: least squares of the
# quadrupole of an isothermal ellipse, -e/3 radially and 2e/3 along the ring, with that of a shear, 1 and -1
SHEAR_AS_E = 1.8
SHEARLESS = {"e1": "gamma1", "e2": "gamma2"}


class RefinedReal(NamedTuple):
    """Real lenses as they were refined."""

    table: pd.DataFrame  # one row a lens
    summary: pd.DataFrame | None  # how it agrees with published values
    doubts: list  # a sentence for each flag
    folder: Path  # with refined.csv and lenses/NAME.png


class Told(NamedTuple):
    """What is known of the lenses before they are refined."""

    cutouts: list  # of `cutouts.Cutout`, of which those in FITS files are refined
    samples: dict  # name -> target -> (s,): of the network's posterior, in the frame of the array
    published: dict  # target -> (n,), in the order of cut-outs and the frame of the array; empty without a catalogue


def refine_files(config, scene, run, lenses, told, start, out, stop=lambda: False, export=None):
    """The `RefinedReal` of the lenses that a run has predicted; writes refined.csv, refined_summary.csv and pictures.

    Args: config, scene: of the run. run: its folder, which keeps how large errors are. lenses:
        `configs.schema.RealLenses`. told: `Told`. start: `NETWORK`, `POPULATION`, or a folder with NAME.json (COOLEST)
        of each lens. out: folder to write to; stopped work goes on from what lies there. stop: asked before every lens.
        export: folder, there already, that gets refined/NAME.json and so on of each lens, as `exported_fits.export_fit`
        writes them, and refined.ecsv and refined.vot; None: it does not.

    Raises: ConfigError where the run's simulation has no model of lenses; DataError; Stopped.
    """
    check(config)
    orientations = {cutout.name: cutout.facts.orientation for cutout in told.cutouts if cutout.facts is not None}
    files = fits_lenses(lenses, told.cutouts)
    fits = with_errors(prepare(scene), scene, run, stop)
    starts = starts_of(start, files, told.samples)
    bands = tuple(scene.bands) if next(iter(scene.bands)) else 1
    real = RealFiles(files, starts, bands, lenses.pixel_scale, lenses.lens_light)
    to = None if export is None else exported_fits.exporting(export, told.cutouts)
    table = refine_lenses(fits, real, Path(out), THREADS, stop, to)
    unexported = dict(zip(table["name"], table.pop("not_exported"), strict=True)) if export is not None else {}
    names = [name for name in fits.free.names()[: len(fits.free.places)] if name in table]
    table = _shearless(table, names)
    ours = [orientations.get(name) for name in table["name"]]
    turned = {name: (table[name].to_numpy(float), table[f"{name}_std"].to_numpy(float)) for name in names}
    table = _in_frame(table, turned, ours, lenses.frame)
    rows = {cutout.name: i for i, cutout in enumerate(told.cutouts)}
    places = [rows[name] for name in table["name"]]
    summary = None
    if told.published:
        known = {t: np.asarray(values, float)[places] for t, values in told.published.items()}
        known = frames.in_frame({t: (v, np.zeros(len(v))) for t, v in known.items()}, ours, lenses.frame)
        known = {t: v for t, (v, _) in known.items() if t in table}
        known |= {f"{t}_shearless": known[t] for t in SHEARLESS if t in known and f"{t}_shearless" in table}
        table = published.beside_published(table, known)
        summary = published.summary(table)
        write_csv(summary, out / "refined_summary.csv", float_format="%.5g")
    write_csv(table, out / "refined.csv", float_format="%.5g")
    if export is not None:
        exported_fits.write_tables(export, table, names)
    said = [f"{name} is not exported as refined: {why}" for name, why in unexported.items() if why]
    said += without_start(start, files, starts)
    return RefinedReal(table, summary, in_words(table) + said, Path(out))


def check_folders(start, export):
    """Refuse with a DataError to write refined lenses over those where fits begin."""
    if export is None or start in (NETWORK, POPULATION):
        return
    if (Path(export) / OF_FITS).resolve() == Path(start).resolve():
        raise DataError(f"--export {export}: refined lenses would replace those of --start; expected another folder")


def fits_lenses(lenses, cutouts):
    """The `LensFiles` of the cut-outs that are FITS files. Raises: DataError where there is none."""
    wanted = {cutout.name for cutout in cutouts}
    try:
        found = fits_files(lenses.images)
    except DataError as error:
        raise DataError(f"--refine: refined are FITS cut-outs, a lens a file or a few; {error}") from None
    files = [LensFiles(lens.name, lens.files) for lens in found if lens.name in wanted]
    if not files:
        raise DataError("--refine: refined are FITS cut-outs, a lens a file or a few, and there is none among these")
    return files


def starts_of(start, files, samples):
    """Where the fits of lenses begin: name -> target -> (s,), or a function from `FreeParameters` to lenses."""
    if start == POPULATION:
        return {}
    if start == NETWORK:
        return samples
    folder = Path(start)
    called = file_names([lens.name for lens in files])
    paths = {lens.name: folder / f"{name}.json" for lens, name in zip(files, called, strict=True)}
    found = {name: path for name, path in paths.items() if path.is_file()}
    if not found:
        raise DataError(
            f"--start {start}: expected {NETWORK}, {POPULATION}, or a folder with a COOLEST file NAME.json of a lens"
        )
    return {name: CoolestStart(path) for name, path in found.items()}


def without_start(start, files, starts):
    """Sentences on the lenses for which a folder where fits begin has no model."""
    if start in (NETWORK, POPULATION):
        return []
    left = [lens.name for lens in files if lens.name not in starts]
    return grouped((name, f"--start has no model of {name}, so its fit began with the population") for name in left)


def with_errors(fits, scene, run, stop=lambda: False) -> LensFits:
    """`LensFits` whose errors hold on simulated lenses of the run; they are found once, and kept in its folder."""
    names, path = fits.free.names()[: len(fits.free.places)], Path(run) / KEPT
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        scales = np.array([float(known["error_scales"][name]) for name in names])
        if not (np.isfinite(scales) & (scales > 0)).all():
            raise ValueError("no error is so large")
    except (OSError, ValueError, KeyError, TypeError):
        scales = error_scales(fits, scene, THREADS, stop)
        held = {"lenses": N_CALIBRATION, "error_scales": dict(zip(names, scales.tolist(), strict=True))}
        with suppress(OSError):  # the run of somebody else: they are found anew each time
            write_text(path, json.dumps(held, indent=1))
    return fits._replace(error_scales=scales)


def _shearless(table, names):
    """The table with e1_shearless and e2_shearless: the ellipticity that a lens without shear would have."""
    out = table.copy()
    for e, shear in SHEARLESS.items():
        if e in names and shear in names:
            out[f"{e}_shearless"] = table[e] - SHEAR_AS_E * table[shear]
            out[f"{e}_shearless_std"] = np.hypot(table[f"{e}_std"], SHEAR_AS_E * table[f"{shear}_std"])
    return out


def _in_frame(table, values, orientations, frame):
    """The table with all values in a frame of `frames.FRAMES`, which the column `frame` names."""
    table = table.assign(frame=frame)
    if frame == frames.ARRAY:
        return table
    turned = frames.in_frame(values, orientations, frame)
    for name, (value, sigma) in turned.items():
        table[name], table[f"{name}_std"] = value, sigma
    return _shearless(table, list(values))


def in_words(table):
    """A sentence for each flag of a table of refined lenses, and for each lens that could not be read."""
    said, separator = [], flags.SEPARATOR
    doubts = [
        [flags.Doubt(flag, found) for flag, found in zip(of.split(separator), held.split(separator), strict=False)]
        for of, held in zip(table["flags"], table["found"], strict=True)
    ]
    said += flags.in_words(table["name"], doubts, meanings=fit_doubts.MEANINGS)
    said += [f"{row['name']} is not refined: {row['error']}" for _, row in table.iterrows() if row["error"]]
    return said
