"""Predict lens parameters of real images with the networks of a finished run."""

from pathlib import Path

import numpy as np
import torch

from ...errors import DataError
from ...files.file_groups import counted, lenses_of
from ...files.grouped import grouped
from ..judge import load_predictor
from ..show.report import RealLensResults
from ..tasks import regression
from . import published
from .cutouts import read_cutouts


def predict_folder(config, scene, run, lenses, out=None):
    """Predict the lens parameters of every FITS cut-out of a folder.

    Args:
        config, scene: of the run. run: its folder. lenses: `configs.schema.RealLenses`: folder of images, catalogue.
        out: folder for predictions.csv, summary.csv and real_lenses.png; None is predictions/FOLDER in the run.

    Returns: `RealLensResults`; its summary is None without a catalogue.
    Raises: DataError for a run without a predictor, and for what cannot be read.
    """
    run = Path(run)
    out = Path(out or run / "predictions" / Path(lenses.images).resolve().name)
    catalogue = published.read_catalogue(lenses.catalogue) if lenses.catalogue else None
    kept = load_predictor(regression.make_regression(config, scene), config, scene, run)
    groups = [[(head, np.array(facts["rmse"])) for head, facts in group] for group in kept]
    if not groups:
        raise DataError(f"{run} holds no predictor; expected a finished run (lenstream run, or lenstream evaluate)")
    size, scale = scene.config.image.num_pix, scene.instrument.pixel_scale
    without_light = not config.simulate.lens_light  # the network has then never seen a lens galaxy
    cutouts, skipped = read_cutouts(
        lenses.images, size, scale, lenses.pixel_scale, subtract_light=without_light, bands=band_names(config, scene)
    )
    rms = [instrument.background for instrument in scene.bands.values()]
    background = rms[0] if len(rms) == 1 else np.array(rms)
    mean, std = estimate(groups, cutouts, background)
    targets = config.evaluate.targets
    predictions = {t: (mean[:, k], std[:, k]) for k, t in enumerate(targets)}
    table = published.prediction_table(cutouts, predictions, catalogue)
    out.mkdir(parents=True, exist_ok=True)
    read = how_read(cutouts, lenses)
    (out / "how_read.txt").write_text("".join(f"{sentence}\n" for sentence in read), encoding="utf-8")
    table.to_csv(out / "predictions.csv", index=False, float_format="%.5g")
    summary = None
    if catalogue is not None:
        summary = published.summary(table)
        summary.to_csv(out / "summary.csv", index=False, float_format="%.5g")
    published.draw(cutouts, table, out / "real_lenses.png")
    return RealLensResults(table, summary, out / "real_lenses.png", skipped, read=read)


def how_read(cutouts, lenses):
    """Sentences on which parts of the files were used and which were not, one for each kind of file.

    lenses: `configs.schema.RealLenses`.
    """
    said = [(c.name, c.used + (f"; not used: {', '.join(c.ignored)}" if c.ignored else "")) for c in cutouts]
    known = {Path(lenses.catalogue).resolve()} if lenses.catalogue else set()
    others = [path for path in lenses_of(lenses.images)[1] if path.resolve() not in known]
    return grouped(said) + ([f"nothing of {counted(others)} that lie in {lenses.images}, too"] if others else [])


def band_names(config, scene):
    """Names of the network's bands, "" where a single band has neither a name nor an instrument that tells it."""
    if len(scene.bands) > 1 or next(iter(scene.bands)):
        return tuple(scene.bands)
    return (getattr(config.simulate.observation, "instrument", None) or "",)


def _scaled(cutout, background):
    """The image (bands, num_pix, num_pix) with the noise of each band at what the network knows of it, background."""
    level = np.median(cutout.noise, axis=(-2, -1), keepdims=True)
    if cutout.image.ndim == 2:
        return (cutout.image / level * background)[None]
    return cutout.image / level * np.reshape(background, (-1, 1, 1))


def estimate(groups, cutouts, background):
    """Mean and standard deviation of each target for each cut-out, two float arrays (n, t).

    groups: one for each encoder and protocol, with (regressor, RMSE of each target on simulated lenses) for every seed.
    Each target is taken from the group with the smallest error. The mean is over the group's seeds; the variance adds
    their spread to that squared error, so it holds for lenses such as the simulated ones. Images are scaled so
    that their noise is what the network knows: background, a number or one for each band.
    """
    stack = np.stack([_scaled(c, background) for c in cutouts])
    images = torch.from_numpy(stack.astype(np.float32))
    errors, means, variances = [], [], []
    for group in groups:
        predicted = np.stack([regression.predict(regressor, images) for regressor, _ in group])
        errors.append(np.mean([rmse**2 for _, rmse in group], axis=0))
        means.append(predicted.mean(0))
        variances.append(errors[-1] + predicted.var(0))
    chosen, target = np.argmin(errors, axis=0), np.arange(len(errors[0]))
    return np.stack(means)[chosen, :, target].T, np.sqrt(np.stack(variances)[chosen, :, target].T)
