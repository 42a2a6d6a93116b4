"""Predict lens parameters of real images with the networks of a finished run."""

from pathlib import Path

import numpy as np
import torch

from ...errors import DataError
from ...files.csv_writing import write_csv
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
    size, scale = config.simulate.image.num_pix, scene.instrument.pixel_scale
    without_light = not config.simulate.lens_light  # the network has then never seen a lens galaxy
    cutouts, skipped = read_cutouts(lenses.images, size, scale, lenses.pixel_scale, subtract_light=without_light)
    mean, std = estimate(groups, cutouts, scene.instrument.background)
    targets = config.evaluate.targets
    predictions = {t: (mean[:, k], std[:, k]) for k, t in enumerate(targets)}
    table = published.prediction_table(cutouts, predictions, catalogue)
    out.mkdir(parents=True, exist_ok=True)
    write_csv(table, out / "predictions.csv", float_format="%.5g")
    summary = None
    if catalogue is not None:
        summary = published.summary(table)
        write_csv(summary, out / "summary.csv", float_format="%.5g")
    published.draw(cutouts, table, out / "real_lenses.png")
    return RealLensResults(table, summary, out / "real_lenses.png", skipped)


def estimate(groups, cutouts, background):
    """Mean and standard deviation of each target for each cut-out, two float arrays (n, t).

    groups: one for each encoder and protocol, with (regressor, RMSE of each target on simulated lenses) for every seed.
    Each target is taken from the group with the smallest error. The mean is over the group's seeds; the variance adds
    their spread to that squared error, so it holds for lenses such as the simulated ones. Images are scaled so
    that their noise is what the network knows.
    """
    stack = np.stack([c.image / np.median(c.noise) * background for c in cutouts])
    images = torch.from_numpy(stack.astype(np.float32)).unsqueeze(1)
    errors, means, variances = [], [], []
    for group in groups:
        predicted = np.stack([regression.predict(regressor, images) for regressor, _ in group])
        errors.append(np.mean([rmse**2 for _, rmse in group], axis=0))
        means.append(predicted.mean(0))
        variances.append(errors[-1] + predicted.var(0))
    chosen, target = np.argmin(errors, axis=0), np.arange(len(errors[0]))
    return np.stack(means)[chosen, :, target].T, np.sqrt(np.stack(variances)[chosen, :, target].T)
